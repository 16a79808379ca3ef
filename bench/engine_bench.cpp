// What the event-time engine costs a trade: process() alone, and behind the decoding of record values.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "market/record_codec.h"
#include "market/schema.h"
#include "stream/engine.h"
#include "support.h"

namespace {

using namespace penstock;
using market::TradeColumn;

constexpr size_t kBatchRows = 8192;
constexpr size_t kBatches = 128;

// About a million trades a minute-long window each symbol, ids counting over all symbols.
std::vector<market::Batch> make_batches(size_t symbol_count, market::SymbolTable& symbols) {
  std::vector<market::SymbolCode> codes;
  for (size_t i = 0; i < symbol_count; ++i) codes.push_back(symbols.intern(fmt::format("S{}", i)));
  std::vector<market::Batch> batches;
  uint64_t random = bench::kSeed;
  for (size_t b = 0; b < kBatches; ++b) {
    batches.push_back(bench::make_trades(codes, kBatchRows, 1 + static_cast<int64_t>(b * kBatchRows), random));
  }
  return batches;
}

void shift(std::vector<market::Batch>& batches) {
  for (market::Batch& batch : batches) {
    for (int64_t& ts : batch.columns[TradeColumn::ts_event].i64) ts += int64_t{kBatches * kBatchRows} * 1'000'000;
    for (int64_t& id : batch.columns[TradeColumn::id].ids.numbers()) id += int64_t{kBatches * kBatchRows};
  }
}

void require(bool holds) {
  if (!holds) std::abort();
}

void run_process(benchmark::State& state, bool dedup) {
  market::SymbolTable symbols;
  auto batches = make_batches(static_cast<size_t>(state.range(0)), symbols);
  const plan::Plan plan = bench::bars_plan(dedup);
  auto engine = *stream::Engine::create(plan, 0, symbols);
  size_t bars = 0;
  for (auto _ : state) {
    for (const market::Batch& batch : batches) require(engine->process(batch).has_value());
    for (const auto& rows : engine->take_rows()) bars += rows.rows.rows;
    state.PauseTiming();
    benchmark::DoNotOptimize(engine->take_state_changes());
    shift(batches);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(kBatches * kBatchRows));
  state.counters["bars"] = static_cast<double>(bars);
}
void process_bars(benchmark::State& state) { run_process(state, false); }
void process_dedup_bars(benchmark::State& state) { run_process(state, true); }
BENCHMARK(process_bars)->Arg(1)->Arg(500)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(process_dedup_bars)->Arg(1)->Arg(500)->Arg(10'000)->Unit(benchmark::kMillisecond);

struct Encoded {
  std::vector<std::byte> bytes;
  std::vector<uint32_t> ends;
};

Encoded encode(const market::Batch& batch, const market::SymbolTable& symbols) {
  Encoded out;
  out.bytes.resize(batch.rows * 24 + market::kTradeBytesMax);
  size_t at = 0;
  for (size_t row = 0; row < batch.rows; ++row) {
    at += market::encode_trade(market::trade_row(batch, row, symbols), out.bytes.data() + at);
    out.ends.push_back(static_cast<uint32_t>(at));
  }
  return out;
}

void encode_values(benchmark::State& state) {
  market::SymbolTable symbols;
  const auto batches = make_batches(500, symbols);
  std::vector<std::byte> out(kBatchRows * 24 + market::kTradeBytesMax);
  for (auto _ : state) {
    for (const market::Batch& batch : batches) {
      size_t at = 0;
      for (size_t row = 0; row < batch.rows; ++row) {
        at += market::encode_trade(market::trade_row(batch, row, symbols), out.data() + at);
      }
      benchmark::DoNotOptimize(at);
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(kBatches * kBatchRows));
}
BENCHMARK(encode_values)->Unit(benchmark::kMillisecond);

void run_decode(benchmark::State& state, bool process) {
  market::SymbolTable symbols;
  const auto batches = make_batches(static_cast<size_t>(state.range(0)), symbols);
  std::vector<Encoded> encoded;
  for (const market::Batch& batch : batches) encoded.push_back(encode(batch, symbols));
  market::SymbolCache cache(symbols);
  market::TradeAppender appender(cache);
  const plan::Plan plan = bench::bars_plan(false);
  auto engine = *stream::Engine::create(plan, 0, symbols);
  int64_t shift_ms = 0;
  for (auto _ : state) {
    for (size_t b = 0; b < batches.size(); ++b) {
      appender.begin(kBatchRows);
      const auto& codes = batches[b].columns[TradeColumn::symbol].codes;
      const auto& times = batches[b].columns[TradeColumn::ts_event].i64;
      const auto* bytes = reinterpret_cast<const char*>(encoded[b].bytes.data());
      uint32_t begin = 0;
      for (size_t row = 0; row < kBatchRows; ++row) {
        const uint32_t end = encoded[b].ends[row];
        require(
            appender.append(symbols.text(codes[row]), times[row] / 1'000'000 + shift_ms, {bytes + begin, end - begin}));
        begin = end;
      }
      const market::Batch batch = appender.finish();
      if (process) {
        require(engine->process(batch).has_value());
      } else {
        benchmark::DoNotOptimize(batch.rows);
      }
    }
    benchmark::DoNotOptimize(engine->take_rows());
    shift_ms += static_cast<int64_t>(kBatches * kBatchRows);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(kBatches * kBatchRows));
}
void decode_values(benchmark::State& state) { run_decode(state, false); }
void decode_and_process(benchmark::State& state) { run_decode(state, true); }
BENCHMARK(decode_values)->Arg(500)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(decode_and_process)->Arg(1)->Arg(500)->Arg(10'000)->Unit(benchmark::kMillisecond);

// One commit's state after each symbol has traded.
void take_state(benchmark::State& state) {
  market::SymbolTable symbols;
  auto batches = make_batches(static_cast<size_t>(state.range(0)), symbols);
  const plan::Plan plan = bench::bars_plan(false);
  auto engine = *stream::Engine::create(plan, 0, symbols);
  size_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (const market::Batch& batch : batches) require(engine->process(batch).has_value());
    benchmark::DoNotOptimize(engine->take_rows());
    shift(batches);
    state.ResumeTiming();
    bytes = 0;
    for (const auto& [name, blob] : engine->take_state_changes()) bytes += name.size() + blob.size();
  }
  state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(take_state)->Arg(500)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace

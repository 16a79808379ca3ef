// How fast the file source decodes: nanoseconds of one core a row, file to batches, nothing done with them.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <random>
#include <string>

#include "base/clock.h"
#include "feed/file/file_source.h"
#include "feed/file/file_testing.h"
#include "market/symbol_table.h"

namespace {

using namespace penstock;

constexpr size_t kRows = 500'000;
constexpr int kSymbols = 500;

class DroppingEmitter final : public feed::Emitter {
 public:
  size_t rows = 0;
  size_t rejects = 0;
  Result<std::unique_ptr<feed::PreparedChunk>> prepare(feed::Chunk&& chunk) override {
    rows += chunk.rows.rows;
    rejects += chunk.rejects.size();
    return std::make_unique<feed::PreparedChunk>();
  }
  Status publish(std::unique_ptr<feed::PreparedChunk>) override { return {}; }
};

enum class TimeForm : uint8_t { rfc3339, epoch_ms };

// Rows of random symbols in order of time, as a day's tape is.
std::string make_rows(bool json, TimeForm form) {
  std::mt19937_64 random(1);
  std::string out = json ? "" : "symbol,ts_event,price,size,id\n";
  int64_t ns = 1'704'205'800'000'000'000;
  for (size_t i = 0; i < kRows; ++i) {
    ns += static_cast<int64_t>(random() % 5'000'000);
    const std::string time =
        form == TimeForm::epoch_ms ? std::to_string(ns / 1'000'000) : format_rfc3339(Timestamp{ns / 1000 * 1000});
    const std::string price = fmt::format("{}.{:02}", 10 + random() % 500, random() % 100);
    const uint64_t symbol = random() % kSymbols;
    const uint64_t size = 1 + random() % 1000;
    if (json && form == TimeForm::rfc3339) {
      out += fmt::format("{{\"symbol\":\"S{:03}\",\"ts_event\":\"{}\",\"price\":{},\"size\":{},\"id\":{}}}\n", symbol,
                         time, price, size, i);
    } else if (json) {
      out += fmt::format("{{\"symbol\": \"S{:03}\", \"ts_event\": {}, \"price\": {}, \"size\": {}, \"id\": {}}}\n",
                         symbol, time, price, size, i);
    } else {
      out += fmt::format("S{:03},{},{},{},{}\n", symbol, time, price, size, i);
    }
  }
  return out;
}

void decode(benchmark::State& state, bool json, TimeForm form) {
  feed::file::MemoryFiles files;
  const std::string path = json ? "trades.jsonl" : "trades.csv";
  files.contents[path] = make_rows(json, form);
  market::SymbolTable symbols;
  for (auto _ : state) {
    auto source = feed::make_file_source({.path = path, .threads = 1}, symbols, system_clock(), files);
    DroppingEmitter emitter;
    if (!source || !(*source)->run(0, emitter, {}) || emitter.rows != kRows) {
      state.SkipWithError("the rows were not all decoded");
      break;
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(static_cast<size_t>(state.iterations()) * kRows));
  state.SetBytesProcessed(static_cast<int64_t>(static_cast<size_t>(state.iterations()) * files.contents[path].size()));
}

BENCHMARK_CAPTURE(decode, csv_rfc3339, false, TimeForm::rfc3339)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, csv_epoch_ms, false, TimeForm::epoch_ms)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, jsonl_rfc3339, true, TimeForm::rfc3339)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, jsonl_epoch_ms_spaced, true, TimeForm::epoch_ms)->Unit(benchmark::kMillisecond);

}  // namespace

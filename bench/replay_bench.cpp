// Replay of the embedded log to bars, the whole way on one core: segments from the page cache, checksums, frames,
// decoding, one-minute bars by event time. Items are trades.
#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "io/file_system.h"
#include "log/embedded/embedded_log.h"
#include "market/schema.h"
#include "runtime/partition_open.h"
#include "runtime/records.h"
#include "stream/engine.h"

namespace penstock {
namespace {

using market::TradeColumn;

constexpr size_t kBatchRows = 8192;
constexpr size_t kBatches = 256;
const TopicPartition kPartition{"trades", 0};

template <typename T>
T must(Result<T> result) {
  if (!result) assert_failed(result.error().message.c_str(), __FILE__, __LINE__);
  return std::move(*result);
}
void must(const Status& status) {
  if (!status) assert_failed(status.error().message.c_str(), __FILE__, __LINE__);
}

plan::Plan bars_plan() {
  plan::Plan plan;
  plan.sources.push_back({.name = "feed", .topic = "trades"});
  plan.topics.push_back({.name = "trades", .schema = market::trade_schema(), .sources = {0}});
  plan::Stream stream{.name = "bars", .output = market::bar_schema()};
  stream.steps.push_back({.what = plan::Bars{.every = {kMinute}}, .output = market::bar_schema()});
  plan.streams.push_back(std::move(stream));
  plan.tables.push_back(
      {.name = "bars", .inputs = {{plan::Input::From::stream, 0, plan::Port::rows}}, .schema = market::bar_schema()});
  return plan;
}

// A millisecond between trades, symbols in an order that is not to be predicted.
market::Batch make_batch(const std::vector<market::SymbolCode>& codes, int64_t first, uint64_t& random) {
  market::Batch batch = market::make_batch(market::trade_schema());
  for (size_t column = 0; column < batch.columns.size(); ++column) batch.columns[column].all_null = true;
  for (const size_t column :
       {TradeColumn::symbol, TradeColumn::ts_event, TradeColumn::price, TradeColumn::size, TradeColumn::id}) {
    batch.columns[column].all_null = false;
  }
  const auto next = [&random] {
    random ^= random << 13;
    random ^= random >> 7;
    return random ^= random << 17;
  };
  for (size_t row = 0; row < kBatchRows; ++row) {
    const int64_t id = first + static_cast<int64_t>(row);
    batch.columns[TradeColumn::symbol].codes.push_back(codes[next() % codes.size()]);
    batch.columns[TradeColumn::ts_event].i64.push_back(1'570'752'000'000'000'000 + id * 1'000'000);
    batch.columns[TradeColumn::price].i64.push_back(static_cast<int64_t>(10'000 + next() % 1'000) * 10'000'000);
    batch.columns[TradeColumn::size].i64.push_back(static_cast<int64_t>(1 + next() % 500) * 100'000'000);
    batch.columns[TradeColumn::id].ids.append({id, {}});
  }
  batch.rows = kBatchRows;
  return batch;
}

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("penstock-replay-bench-{}", ::getpid())) {
    std::filesystem::remove_all(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// By the number of symbols and the codec: 0 none, 3 lz4.
void BM_LogToBars(benchmark::State& state) {
  const Folder folder;
  market::SymbolTable symbols;
  std::vector<market::SymbolCode> codes;
  for (int64_t i = 0; i < state.range(0); ++i) codes.push_back(symbols.intern(fmt::format("S{}", i)));
  const auto log = must(log::EmbeddedLog::open(io::posix_file_system(), folder.path(), {.fsync = log::Fsync::never}));
  must(log->create_topic(kPartition.topic, 1));
  runtime::RecordWriter writer(plan::RecordKind::trade, static_cast<log::Codec>(state.range(1)), symbols);
  uint64_t random = 88172645463325252U;
  for (size_t batch = 0; batch < kBatches; ++batch) {
    const auto first = static_cast<int64_t>(batch * kBatchRows);
    must(log->append(kPartition, must(writer.encode(make_batch(codes, first, random))), {}));
  }

  const plan::Plan plan = bars_plan();
  const auto sources = runtime::RecordReader::Sources::of(plan);
  size_t bars = 0;
  for (auto _ : state) {
    const auto engine = must(stream::Engine::create(plan, 0, symbols));
    runtime::RecordReader records(sources, kPartition.topic, symbols);
    const auto reader = must(log->reader(kPartition));
    for (Offset from{0};;) {
      log::FetchResult fetched = must(reader->fetch(from, size_t{1} << 20));
      if (fetched.batches.empty()) break;
      for (const log::ReadBatch& batch : fetched.batches) {
        must(runtime::give_to_engine(*engine, kPartition, must(records.decode(batch, from))));
      }
      from = fetched.next;
      reader->recycle(std::move(fetched));
    }
    for (const auto& rows : engine->take_rows()) bars += rows.rows.rows;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatches * kBatchRows));
  state.counters["bars"] = static_cast<double>(bars) / static_cast<double>(state.iterations());
}
BENCHMARK(BM_LogToBars)->ArgsProduct({{1, 500, 10'000}, {0, 3}})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock

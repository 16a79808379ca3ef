// Replay of the embedded log to bars, the whole way on one core: segments from the page cache, checksums, frames,
// decoding, one-minute bars by event time. Items are trades.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <vector>

#include "io/file_system.h"
#include "log/embedded/embedded_log.h"
#include "runtime/partition_open.h"
#include "runtime/records.h"
#include "stream/engine.h"
#include "support.h"

namespace penstock {
namespace {

using bench::must;

constexpr size_t kBatchRows = 8192;
constexpr size_t kBatches = 256;
const TopicPartition kPartition{"trades", 0};

// By the number of symbols and the codec: 0 none, 3 lz4.
void BM_LogToBars(benchmark::State& state) {
  const bench::Folder folder;
  market::SymbolTable symbols;
  std::vector<market::SymbolCode> codes;
  for (int64_t i = 0; i < state.range(0); ++i) codes.push_back(symbols.intern(fmt::format("S{}", i)));
  const auto log = must(log::EmbeddedLog::open(io::posix_file_system(), folder.path(), {.fsync = log::Fsync::never}));
  must(log->create_topic(kPartition.topic, 1));
  runtime::RecordWriter writer(plan::RecordKind::trade, static_cast<log::Codec>(state.range(1)), symbols);
  uint64_t random = bench::kSeed;
  for (size_t batch = 0; batch < kBatches; ++batch) {
    const auto first = static_cast<int64_t>(batch * kBatchRows);
    must(log->append(kPartition, must(writer.encode(bench::make_trades(codes, kBatchRows, first, random))), {}));
  }

  const plan::Plan plan = bench::bars_plan();
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

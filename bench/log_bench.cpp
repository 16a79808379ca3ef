// The embedded log: appending and reading records of the size of a trade, one core. Items are records.
#include <benchmark/benchmark.h>

#include <cstring>

#include "base/crc32c.h"
#include "io/file_system.h"
#include "log/embedded/embedded_log.h"
#include "support.h"

namespace penstock::log {
namespace {

using bench::must;

constexpr size_t kValueBytes = 14;  // with its symbol and its frame a trade takes about 25
constexpr int64_t kBatchRecords = 8192;
const TopicPartition kPartition{"trades", 0};

void fill(RecordBatchBuilder& builder, int64_t first) {
  for (int64_t i = first; i < first + kBatchRecords; ++i) {
    builder.add_written(1'570'752'000'000 + i / 100, "AAPL", kValueBytes, [i](std::byte* out) {
      std::memcpy(out, &i, sizeof i);
      std::memset(out + sizeof i, 7, kValueBytes - sizeof i);
      return kValueBytes;
    });
  }
}

void BM_BuildBatch(benchmark::State& state) {
  const auto codec = static_cast<Codec>(state.range(0));
  RecordBatchBuilder builder;
  size_t bytes = 0;
  for (auto _ : state) {
    fill(builder, 0);
    EncodedBatch batch = must(builder.finish(codec));
    bytes += batch.records.size();
    builder.recycle(std::move(batch));
  }
  state.SetItemsProcessed(state.iterations() * kBatchRecords);
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_BuildBatch)->Arg(0)->Arg(3)->Arg(4);

// Building, summing, stamping and writing, flushed once a million records, as an interval would.
void BM_Append(benchmark::State& state) {
  const bench::Folder folder;
  const auto log = must(EmbeddedLog::open(
      io::posix_file_system(), folder.path(),
      {.fsync = Fsync::interval, .segment_bytes_max = int64_t{1} << 28, .retention_bytes = int64_t{1} << 28}));
  must(log->create_topic(kPartition.topic, 1));
  RecordBatchBuilder builder;
  int64_t sequence = 0;
  size_t bytes = 0;
  for (auto _ : state) {
    fill(builder, sequence);
    EncodedBatch batch = must(builder.finish(Codec::none));
    bytes += batch.records.size();
    must(log->append(kPartition, batch, {1, 0, sequence}));
    builder.recycle(std::move(batch));
    sequence += kBatchRecords;
    if (sequence % (128 * kBatchRecords) == 0) {
      must(log->flush());
      must(log->enforce_retention(Timestamp{0}, {{kPartition, Offset{sequence}}}));
    }
  }
  state.SetItemsProcessed(sequence);
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_Append)->UseRealTime();

// Reading from the page cache: checksums, frames, one look at each value.
void BM_Replay(benchmark::State& state) {
  const bench::Folder folder;
  const auto log = must(EmbeddedLog::open(io::posix_file_system(), folder.path(), {.fsync = Fsync::never}));
  must(log->create_topic(kPartition.topic, 1));
  RecordBatchBuilder builder;
  constexpr int64_t kBatches = 500;
  for (int64_t batch = 0; batch < kBatches; ++batch) {
    fill(builder, batch * kBatchRecords);
    must(log->append(kPartition, must(builder.finish(static_cast<Codec>(state.range(0)))), {}));
  }
  int64_t records_read = 0;
  for (auto _ : state) {
    const auto reader = must(log->reader(kPartition));
    size_t sum = 0;
    for (Offset from{0};;) {
      FetchResult fetched = must(reader->fetch(from, size_t{1} << 20));
      if (fetched.batches.empty()) break;
      for (const ReadBatch& batch : fetched.batches) {
        RecordIterator records(batch);
        for (RecordView record; records.next(record);) {
          sum += record.key.size() + static_cast<unsigned char>(record.value[0]);
          ++records_read;
        }
      }
      from = fetched.next;
      reader->recycle(std::move(fetched));
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(records_read);
}
BENCHMARK(BM_Replay)->Arg(0)->Arg(3)->Arg(4)->Unit(benchmark::kMillisecond);

void BM_Crc32c(benchmark::State& state) {
  const std::vector<std::byte> bytes(static_cast<size_t>(state.range(0)), std::byte{42});
  for (auto _ : state) benchmark::DoNotOptimize(crc32c(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Crc32c)->Arg(64)->Arg(4096)->Arg(1 << 18);

void BM_Crc32cCombine(benchmark::State& state) {
  uint32_t crc = 1;
  for (auto _ : state) benchmark::DoNotOptimize(crc = crc32c_combine(crc, 12345, 213'021));
}
BENCHMARK(BM_Crc32cCombine);

}  // namespace
}  // namespace penstock::log

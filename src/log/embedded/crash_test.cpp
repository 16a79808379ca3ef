// The embedded log under crashes at every change and failures of every call, on files in memory.
#include <gtest/gtest.h>

#include "log/embedded/log_test_support.h"

namespace penstock::log {
namespace {

constexpr int64_t kProducer = 77;
constexpr int64_t kBatchRecords = 3;
constexpr int64_t kBatches = 14;
constexpr size_t kValueBytes = 400;  // uncompressed batches of several disk blocks, so that they tear inside

const std::vector<TopicPartition> kPartitions{{"trades", 0}, {"trades", 1}};

EmbeddedOptions options(Fsync fsync) { return {.fsync = fsync, .segment_bytes_max = 4000}; }

Codec codec_of(int64_t batch) {
  return std::array{Codec::none, Codec::lz4, Codec::zstd}[static_cast<size_t>(batch) % 3];
}

EncodedBatch batch_number(int64_t batch) {
  return encode(numbered(batch * kBatchRecords, kBatchRecords, kValueBytes), codec_of(batch));
}

// How many batches of each partition were acknowledged, and how many of those were surely on the device.
struct Progress {
  std::map<TopicPartition, int64_t> acknowledged;
  std::map<TopicPartition, int64_t> durable;
};

Result<std::unique_ptr<EmbeddedLog>> open(io::FileSystem& files, Fsync fsync) {
  PENSTOCK_TRY_ASSIGN(auto log, EmbeddedLog::open(files, "data/log", options(fsync)));
  PENSTOCK_TRY(log->create_topic("trades", 2));
  return log;
}

// Appends every batch from `first` on with the same sequences each time; stops at the first error.
Status work(EmbeddedLog& log, Fsync fsync, Progress& progress) {
  for (int64_t batch = 0; batch < kBatches; ++batch) {
    for (const TopicPartition& id : kPartitions) {
      PENSTOCK_TRY_ASSIGN(const Appended appended,
                          log.append(id, batch_number(batch), {kProducer, 0, batch * kBatchRecords}));
      if (!appended.duplicate) {
        EXPECT_EQ(appended.base_offset.value, batch * kBatchRecords);
      }
      progress.acknowledged[id] = std::max(progress.acknowledged[id], batch + 1);
      if (fsync == Fsync::always) progress.durable[id] = std::max(progress.durable[id], batch + 1);
    }
    if (batch % 4 == 3) {
      PENSTOCK_TRY(log.flush());
      for (const TopicPartition& id : kPartitions) progress.durable[id] = std::max(progress.durable[id], batch + 1);
    }
  }
  return {};
}

// What is in the partition: batches 0, 1, 2, ... whole, at least `durable_least` of them; reachable from every offset
// and by every time.
void expect_prefix(EmbeddedLog& log, const TopicPartition& id, int64_t durable_least) {
  const std::vector<ReadRecord> all = must(read_all(log, id, Offset{0}, 300));
  ASSERT_EQ(static_cast<int64_t>(all.size()) % kBatchRecords, 0) << "half a batch";
  ASSERT_GE(static_cast<int64_t>(all.size()), durable_least * kBatchRecords);
  const auto expected = numbered(0, static_cast<int64_t>(all.size()), kValueBytes);
  for (size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(all[i].offset, static_cast<int64_t>(i));
    ASSERT_EQ(all[i].record, expected[i]);
  }
  ASSERT_EQ(must(log.info(id)).end.value, static_cast<int64_t>(all.size()));
  ASSERT_EQ(must(log.next_sequence(id, kProducer)), static_cast<int64_t>(all.size()));
  const auto reader = must(log.reader(id));
  for (size_t i = 0; i < all.size(); i += 2) {
    const FetchResult fetched = must(reader->fetch(Offset{all[i].offset}, 1));
    ASSERT_FALSE(fetched.batches.empty());
    ASSERT_EQ(fetched.batches.front().base_offset.value, all[i].offset / kBatchRecords * kBatchRecords);
    ASSERT_EQ(must(reader->offset_for(Timestamp{all[i].record.timestamp_ms * kMillisecond.ns - 1})).value,
              all[i].offset);
  }
}

void crash_everywhere(Fsync fsync, io::MemoryFileSystem::Loss loss, bool after, uint64_t seed) {
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE(fmt::format("crash {} change {}, seed {}", after ? "after" : "before", nth, seed));
    Warnings warnings;
    io::MemoryFileSystem files;
    must(files.create_directories("data"));
    must(files.sync_directory(""));
    files.crash_at_change(nth, after);
    Progress progress;
    bool finished = false;
    if (auto log = open(files, fsync)) finished = work(**log, fsync, progress).has_value();
    if (!files.crashed()) {
      ASSERT_TRUE(finished);
      ASSERT_GT(nth, 50U) << "the workload changes too little for this test to mean anything";
      return;
    }
    warnings.take();
    files.restart(loss, seed * 1000 + nth);

    auto log = must(open(files, fsync));
    for (const TopicPartition& id : kPartitions) expect_prefix(*log, id, progress.durable[id]);
    if (testing::Test::HasFatalFailure()) return;
    // Everything is said again, as after a crash it is: what is there is known, the rest goes on.
    must(work(*log, fsync, progress));
    for (const TopicPartition& id : kPartitions) expect_prefix(*log, id, kBatches);
    log.reset();
    log = must(open(files, fsync));
    EXPECT_TRUE(log->recovery_report().empty() || fsync == Fsync::never);
    for (const TopicPartition& id : kPartitions) expect_prefix(*log, id, kBatches);
    warnings.take();
    if (testing::Test::HasFailure()) return;
  }
}

using Loss = io::MemoryFileSystem::Loss;

TEST(EmbeddedLogCrash, KeepsEveryAcknowledgedBatchWithFsyncAlways) {
  for (const bool after : {false, true}) {
    crash_everywhere(Fsync::always, Loss::everything, after, 0);
    for (uint64_t seed = 1; seed <= 3; ++seed) crash_everywhere(Fsync::always, Loss::some, after, seed);
  }
}

TEST(EmbeddedLogCrash, KeepsWhatWasFlushedAndWholeBatchesOnlyWithFsyncInterval) {
  for (const bool after : {false, true}) {
    crash_everywhere(Fsync::interval, Loss::everything, after, 0);
    for (uint64_t seed = 1; seed <= 3; ++seed) crash_everywhere(Fsync::interval, Loss::some, after, seed);
  }
}

void fail_everywhere(Fsync fsync, ErrorKind kind) {
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE(fmt::format("failure of call {}", nth));
    Warnings warnings;
    io::MemoryFileSystem files;
    must(files.create_directories("data"));
    must(files.sync_directory(""));
    files.fail_call(nth, kind);
    Progress progress;
    const uint64_t calls_before = files.calls();
    bool failed = false;
    // The call fails once. What was refused is tried again in the same process, and then in a new one.
    for (int attempt = 0; attempt < 3; ++attempt) {
      auto log = open(files, fsync);
      if (!log) {
        failed = true;
        continue;
      }
      if (work(**log, fsync, progress)) break;
      failed = true;
      if (work(**log, fsync, progress)) break;
    }
    const bool reached = files.calls() - calls_before >= nth;
    // A power loss shows what was really on the device.
    files.restart(Loss::everything, 0);
    auto log = must(open(files, fsync));
    for (const TopicPartition& id : kPartitions)
      expect_prefix(*log, id, fsync == Fsync::always ? kBatches : kBatches / 4 * 4);
    warnings.take();
    if (testing::Test::HasFailure()) return;
    if (!reached) {
      ASSERT_FALSE(failed);
      ASSERT_GT(nth, 100U);
      return;
    }
  }
}

TEST(EmbeddedLogFailure, LosesAndRepeatsNothingWhicheverCallFails) {
  for (const ErrorKind kind : {ErrorKind::io, ErrorKind::full}) {
    fail_everywhere(Fsync::always, kind);
    fail_everywhere(Fsync::interval, kind);
  }
}

}  // namespace
}  // namespace penstock::log

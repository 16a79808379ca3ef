#include "runtime/worker.h"

#include <gtest/gtest.h>

#include <future>

#include "io/memory_file_system.h"
#include "log/embedded/embedded_log.h"
#include "market/schema.h"

namespace penstock::runtime {
namespace {

// Counts rows as its only result and state; `bytes_per_row` makes results pend.
class CountingEngine final : public stream::Engine {
 public:
  explicit CountingEngine(size_t bytes_per_row) : bytes_per_row_(bytes_per_row) { counts_.streams.resize(1); }
  Status process(const market::Batch& rows) override {
    if (rows.rows == kPoison) return fail(ErrorKind::corrupt, "poisoned");
    counts_.records += rows.rows;
    pending_ += rows.rows;
    return {};
  }
  Status mark(size_t, Timestamp time) override {
    mark_ = time;
    return {};
  }
  void reject(stream::RejectedRecord) override { ++counts_.rejects; }
  std::vector<stream::TableRows> take_rows() override {
    std::vector<stream::TableRows> taken(1);
    taken[0].rows.rows = std::exchange(pending_, 0);
    return taken;
  }
  size_t pending_bytes() const override { return pending_ * bytes_per_row_; }
  stream::StateChanges take_state_changes() override { return {{"records", std::to_string(counts_.records)}}; }
  Status restore(const stream::StateChanges&) override { return {}; }
  const stream::EngineCounts& counts() const override { return counts_; }
  Timestamp watermark() const override { return mark_; }

  static constexpr size_t kPoison = 666;

 private:
  const size_t bytes_per_row_;
  size_t pending_ = 0;
  Timestamp mark_ = Timestamp::min();
  stream::EngineCounts counts_;
};

DecodedBatch rows_at(int64_t offset, size_t rows) {
  DecodedBatch batch;
  batch.base_offset = Offset{offset};
  batch.count = static_cast<int64_t>(rows);
  batch.rows.rows = rows;
  return batch;
}

// A worker of one partition that begins at offset 0 of an empty log: there is nothing to catch up with.
struct Fixture {
  explicit Fixture(size_t bytes_per_row = 0) : log(log::EmbeddedLog::open(files, "log", {}).value()) {
    std::vector<PartitionStart> starts(1);
    starts[0].id = {"trades", 0};
    starts[0].engine = std::make_unique<CountingEngine>(bytes_per_row);
    worker = std::make_unique<Worker>(
        std::move(starts), RecordReader::Sources{}, *log, symbols, [this] { commit_wanted.set_value(); },
        [this](const Error& error) { failure.set_value(error); });
    worker->start();
  }
  io::MemoryFileSystem files;
  std::unique_ptr<log::Log> log;
  market::SymbolTable symbols;
  std::promise<void> commit_wanted;
  std::promise<Error> failure;
  std::unique_ptr<Worker> worker;
};

TEST(Worker, ASnapshotHoldsEverythingProcessedSinceTheLastOne) {
  Fixture f;
  ASSERT_TRUE(f.worker->hand_over(0, rows_at(0, 3)));
  ASSERT_TRUE(f.worker->hand_over(0, rows_at(3, 4)));
  ASSERT_TRUE(f.worker->drain());
  const auto first = f.worker->snapshot();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->at(0).next, Offset{7});
  EXPECT_EQ(first->at(0).rows.at(0).rows.rows, 7u);
  EXPECT_EQ(first->at(0).state.at("records"), "7");
  const auto second = f.worker->snapshot();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->at(0).next, Offset{7});
  EXPECT_EQ(second->at(0).rows.at(0).rows.rows, 0u);
}

TEST(Worker, ResultsBeyondTheirMaximumWaitForACommitThatIsAskedFor) {
  Fixture f(Worker::kPendingBytesMax);
  ASSERT_TRUE(f.worker->hand_over(0, rows_at(0, 2)));
  f.commit_wanted.get_future().wait();
  const auto taken = f.worker->snapshot();
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->at(0).rows.at(0).rows.rows, 2u);
  EXPECT_TRUE(f.worker->drain());
}

TEST(Worker, AnEnginesErrorIsToldAndEndsEveryCall) {
  Fixture f;
  ASSERT_TRUE(f.worker->hand_over(0, rows_at(0, CountingEngine::kPoison)));
  EXPECT_NE(f.failure.get_future().get().message.find("trades-0, in the records from offset 0 on: poisoned"),
            std::string::npos);
  EXPECT_FALSE(f.worker->hand_over(0, rows_at(666, 1)));
  EXPECT_FALSE(f.worker->snapshot());
  EXPECT_FALSE(f.worker->drain());
}

TEST(Worker, AnAbortEndsAWaitForRoom) {
  Fixture f(Worker::kPendingBytesMax);
  // The worker waits for a commit that never comes, so that the queue fills up behind it.
  ASSERT_TRUE(f.worker->hand_over(0, rows_at(0, 2)));
  f.commit_wanted.get_future().wait();
  std::promise<bool> handed;
  std::thread feeder([&] {
    bool more = true;
    for (int64_t at = 2; more; ++at) {
      DecodedBatch batch = rows_at(at, 1);
      batch.rejects.resize(1);
      batch.rejects[0].raw.resize(Worker::kQueueBytesMax / 2);
      more = f.worker->hand_over(0, std::move(batch));
    }
    handed.set_value(more);
  });
  f.worker->abort();
  EXPECT_FALSE(handed.get_future().get());
  feeder.join();
}

TEST(Worker, WhatIsAppendedWhileItCatchesUpIsProcessedOnce) {
  io::MemoryFileSystem files;
  const auto log = log::EmbeddedLog::open(files, "log", {}).value();
  ASSERT_TRUE(log->create_topic("users", 1));
  market::SymbolTable symbols;
  RecordWriter writer(plan::RecordKind::json, log::Codec::none, symbols);
  const auto append = [&] {
    market::Batch rows = market::make_batch(market::json_schema());
    for (market::Column& column : rows.columns) column.all_null = true;
    market::Column& value = rows.columns[market::JsonColumn::value];
    value.all_null = false;
    value.text.append("{}");
    rows.rows = 1;
    return log->append({"users", 0}, writer.encode(rows).value(), {}).value().base_offset;
  };
  append();
  std::vector<PartitionStart> starts(1);
  starts[0].id = {"users", 0};
  starts[0].engine = std::make_unique<CountingEngine>(0);
  starts[0].log_end = log->info({"users", 0}).value().end;
  RecordReader::Sources sources;
  sources.topic_kinds["users"] = plan::RecordKind::json;
  Worker worker(std::move(starts), sources, *log, symbols, [] {}, [](const Error&) {});
  // In the log before the worker reads it, and handed over: as ingest does when it is quicker than the catching up.
  const Offset later = append();
  worker.start();
  ASSERT_TRUE(worker.hand_over(0, rows_at(later.value, 1)));
  ASSERT_TRUE(worker.drain());
  EXPECT_EQ(worker.progress().at(0).next, Offset{2});
  EXPECT_EQ(worker.progress().at(0).counts.records, 2u);
}

}  // namespace
}  // namespace penstock::runtime

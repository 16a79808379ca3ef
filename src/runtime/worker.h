// A thread that owns the engines of some partitions: it feeds each in offset order, first what the log holds beyond
// the last commit, then what ingest hands over, and gives up their results when a commit asks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "log/log.h"
#include "runtime/records.h"
#include "stream/engine.h"

namespace penstock::runtime {

// What one partition has to commit: everything its engine made of the records before `next` since the last snapshot.
struct PartitionSnapshot {
  TopicPartition id;
  Offset next;
  std::vector<stream::TableRows> rows;
  std::vector<stream::TableRows> removed;  // each one row to take out of its table, after `rows` came
  stream::StateChanges state;
};

// A partition as it is handed to its worker.
struct PartitionStart {
  TopicPartition id;
  std::unique_ptr<stream::Engine> engine;  // restored
  Offset next;                             // the first record not processed yet
  Offset log_end;                          // records up to here are read from the log before any hand-over
};

struct PartitionProgress {
  TopicPartition id;
  Offset next;
  stream::EngineCounts counts;
  Timestamp watermark;
};

// Thread-safe but for what the comments name.
class Worker {
 public:
  // Queued records of all partitions of a worker: beyond it `hand_over` blocks.
  static constexpr size_t kQueueBytesMax = size_t{8} << 20;
  // Results not yet taken by a commit: beyond it the worker waits for one and asks for it.
  static constexpr size_t kPendingBytesMax = size_t{12} << 20;

  // `reader_of` opens the log for catching up. `want_commit` asks for a commit soon; `failed` is told the first error,
  // after which the worker only answers snapshots with it. Both are called on the worker's thread.
  Worker(std::vector<PartitionStart> partitions, RecordReader::Sources sources, log::Log& log,
         market::SymbolTable& symbols, std::function<void()> want_commit, std::function<void(const Error&)> failed);
  // Ends the thread; what is queued is dropped (it is in the log).
  ~Worker();

  void start();
  // In offset order per partition. Blocks while the queue is full; false when the worker has failed or is stopping.
  bool hand_over(size_t partition, DecodedBatch batch);
  // The partitions' results since the last snapshot. Waits for the worker's thread to reach it.
  [[nodiscard]] Result<std::vector<PartitionSnapshot>> snapshot();
  // Makes every waiting call, now and later, return at once with an error: nothing will be committed any more.
  void abort();
  // What the engine that failed has to say of it in tables; see stream::Engine::take_failure_rows.
  [[nodiscard]] std::vector<stream::TableRows> take_failure_rows();
  // Aborts, and joins the thread: it calls nobody any more.
  void stop();
  // Waits until everything handed over before the call is processed.
  [[nodiscard]] Status drain();
  [[nodiscard]] std::vector<PartitionProgress> progress() const;
  [[nodiscard]] size_t queued_bytes() const;

 private:
  struct Partition {
    PartitionStart start;
    Offset next;
  };
  struct Item {
    size_t partition;
    DecodedBatch batch;
    size_t bytes;
  };

  void run();
  Status catch_up(Partition& partition);
  Status process(Partition& partition, const DecodedBatch& batch);
  // Publishes progress; then, while results pend beyond the maximum, waits for a snapshot.
  void after_batch(std::unique_lock<std::mutex>& lock);
  void answer_snapshot();
  [[nodiscard]] size_t pending_bytes() const;

  // Constant after construction.
  const RecordReader::Sources sources_;
  log::Log& log_;
  market::SymbolTable& symbols_;
  const std::function<void()> want_commit_;
  const std::function<void(const Error&)> failed_;

  std::vector<Partition> partitions_;  // owned by thread_

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> queue_;  // guarded by mutex_
  size_t queued_bytes_ = 0;  // guarded by mutex_
  bool busy_ = true;  // guarded by mutex_: catching up or processing
  bool stopping_ = false;  // guarded by mutex_
  bool snapshot_wanted_ = false;  // guarded by mutex_
  std::optional<std::vector<PartitionSnapshot>> snapshot_;  // guarded by mutex_
  std::optional<Error> error_;  // guarded by mutex_
  std::vector<stream::TableRows> failure_rows_;  // guarded by mutex_
  std::vector<PartitionProgress> progress_;  // guarded by mutex_

  std::thread thread_;
};

}  // namespace penstock::runtime

// The one place where results become durable: takes what the workers made, flushes the log beneath it, and writes rows,
// offsets, source positions and state in one transaction of the store.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "log/log.h"
#include "runtime/ingest.h"
#include "runtime/worker.h"
#include "store/store.h"

namespace penstock::runtime {

struct CommitStats {
  std::atomic<uint64_t> commits{0};
  std::atomic<uint64_t> rows{0};
  std::atomic<int64_t> last_ns{0};  // how long the last one took
  std::atomic<int64_t> committed_at{0};  // ns since the epoch; 0: never
};

class Committer {
 public:
  struct Options {
    Duration interval = kSecond;
    bool flush_log = true;  // false only with `fsync: never`
    bool retention = false;
  };
  struct NamedIngest {
    std::string source;
    Ingest* ingest;
  };
  // Borrows everything; `committed` is what the store holds at the start. `failed` is called once, on the committer's
  // thread, when a commit fails.
  Committer(Options options, log::Log& log, store::Store& store, std::vector<Worker*> workers,
            std::vector<NamedIngest> sources, const store::Committed& committed, Clock& clock,
            std::function<void(const Error&)> failed);
  ~Committer();

  void start();
  // Asks for a commit soon; any thread.
  void request();
  // Ends the thread; no commit runs after it but those called by commit_now.
  void stop();
  // Commits on the calling thread. One at a time.
  [[nodiscard]] Status commit_now();
  [[nodiscard]] const CommitStats& stats() const { return stats_; }
  // One past the last record of a partition whose results are in the store.
  [[nodiscard]] Offset committed(const TopicPartition& partition) const;

 private:
  void run();
  void enforce_retention();

  const Options options_;
  log::Log& log_;
  store::Store& store_;
  const std::vector<Worker*> workers_;
  const std::vector<NamedIngest> sources_;
  Clock& clock_;
  const std::function<void(const Error&)> failed_;
  CommitStats stats_;

  std::mutex committing_;
  std::map<std::string, store::SourcePosition> positions_;  // guarded by committing_: as committed
  Timestamp retention_due_;  // guarded by committing_

  mutable std::mutex mutex_;
  std::map<TopicPartition, Offset> offsets_;  // guarded by mutex_: as committed
  std::condition_variable changed_;
  bool requested_ = false;  // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace penstock::runtime

#include "runtime/committer.h"

#include <chrono>
#include <exception>

#include "base/kill_point.h"
#include "base/logging.h"
#include "runtime/partition_open.h"

namespace penstock::runtime {
namespace {

constexpr Duration kRetentionEvery = kMinute;

bool same_position(const store::SourcePosition& a, const store::SourcePosition& b) {
  return a.position == b.position && a.finished == b.finished && a.identity == b.identity &&
         a.next_sequence == b.next_sequence;
}

}  // namespace

Committer::Committer(Options options, log::Log& log, store::Store& store, std::vector<Worker*> workers,
                     std::vector<NamedIngest> sources, const store::Committed& committed, Clock& clock,
                     std::function<void(const Error&)> failed)
    : options_(options),
      log_(log),
      store_(store),
      workers_(std::move(workers)),
      sources_(std::move(sources)),
      clock_(clock),
      failed_(std::move(failed)),
      positions_(committed.sources),
      offsets_(committed.offsets) {}

Committer::~Committer() { stop(); }

void Committer::start() {
  thread_ = std::thread([this] { run(); });
}

void Committer::request() {
  std::lock_guard lock(mutex_);
  requested_ = true;
  changed_.notify_all();
}

void Committer::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Committer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait_for(lock, std::chrono::nanoseconds(options_.interval.ns), [&] { return stopping_ || requested_; });
    if (stopping_) return;
    requested_ = false;
    lock.unlock();
    const Status status = commit_now();
    if (!status) {
      failed_(status.error());
      return;
    }
    lock.lock();
  }
}

Status Committer::commit_now() try {
  std::lock_guard lock(committing_);
  const auto began = std::chrono::steady_clock::now();

  // Positions first: what is published after this is in the log, and dropped by its sequence if it is read again.
  std::vector<store::SourcePosition> positions;
  bool changed = false;
  for (const NamedIngest& source : sources_) {
    positions.push_back(source.ingest->position());
    const auto known = positions_.find(source.source);
    changed = changed || known == positions_.end() || !same_position(known->second, positions.back());
  }
  std::vector<PartitionSnapshot> snapshots;
  for (Worker* worker : workers_) {
    PENSTOCK_TRY_ASSIGN(std::vector<PartitionSnapshot> taken, worker->snapshot());
    for (PartitionSnapshot& snapshot : taken) {
      changed = changed || committed(snapshot.id) != snapshot.next || !snapshot.rows.empty() || !snapshot.state.empty();
      snapshots.push_back(std::move(snapshot));
    }
  }
  if (!changed) return {};

  kill_point("before_commit");
  if (options_.flush_log) PENSTOCK_TRY(log_.flush());
  kill_point("after_log_flush");

  PENSTOCK_TRY_ASSIGN(const auto transaction, store_.begin());
  uint64_t rows = 0;
  for (PartitionSnapshot& snapshot : snapshots) {
    PENSTOCK_TRY_ASSIGN(const uint64_t written, write_snapshot(*transaction, snapshot));
    rows += written;
  }
  for (size_t i = 0; i < sources_.size(); ++i) {
    PENSTOCK_TRY(transaction->set_source(sources_[i].source, positions[i]));
  }
  kill_point("mid_commit");
  PENSTOCK_TRY(transaction->commit());
  kill_point("after_commit");

  {
    std::lock_guard offsets(mutex_);
    for (const PartitionSnapshot& snapshot : snapshots) offsets_[snapshot.id] = snapshot.next;
  }
  for (size_t i = 0; i < sources_.size(); ++i) positions_[sources_[i].source] = std::move(positions[i]);
  stats_.commits += 1;
  stats_.rows += rows;
  stats_.last_ns = std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
  stats_.committed_at = clock_.now().ns;
  if (options_.retention) enforce_retention();
  return {};
} catch (const std::exception& e) {
  return fail(ErrorKind::io, "a commit ended by an exception: {}", e.what());
}

Offset Committer::committed(const TopicPartition& partition) const {
  std::lock_guard lock(mutex_);
  const auto found = offsets_.find(partition);
  return found == offsets_.end() ? Offset{} : found->second;
}

void Committer::enforce_retention() {
  const Timestamp now = clock_.now();
  if (now < retention_due_) return;
  retention_due_ = now + kRetentionEvery;
  std::vector<std::pair<TopicPartition, Offset>> keep_from;
  {
    std::lock_guard lock(mutex_);
    keep_from.assign(offsets_.begin(), offsets_.end());
  }
  // A segment that cannot be deleted now is tried again at the next round: the pipeline need not stop for it.
  const auto freed = log_.enforce_retention(now, keep_from);
  if (!freed) log_warning("runtime", "retention: {}", freed.error().message);
}

}  // namespace penstock::runtime

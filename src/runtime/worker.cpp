#include "runtime/worker.h"

#include <exception>

#include "runtime/partition_open.h"

namespace penstock::runtime {
namespace {

constexpr size_t kCatchUpBytes = size_t{4} << 20;  // read from the log at a time

}  // namespace

Worker::Worker(std::vector<PartitionStart> partitions, RecordReader::Sources sources, log::Log& log,
               market::SymbolTable& symbols, std::function<void()> want_commit,
               std::function<void(const Error&)> failed)
    : sources_(std::move(sources)),
      log_(log),
      symbols_(symbols),
      want_commit_(std::move(want_commit)),
      failed_(std::move(failed)) {
  for (PartitionStart& start : partitions) {
    progress_.push_back({start.id, start.next, start.engine->counts(), start.engine->watermark()});
    const Offset next = start.next;
    partitions_.push_back({std::move(start), next});
  }
}

Worker::~Worker() { stop(); }

void Worker::stop() {
  abort();
  if (thread_.joinable()) thread_.join();
}

void Worker::abort() {
  std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

bool Worker::hand_over(size_t partition, DecodedBatch batch) {
  const size_t bytes = batch.byte_size();
  std::unique_lock lock(mutex_);
  // A batch larger than the whole queue still passes when the queue is empty.
  changed_.wait(lock, [&] { return stopping_ || error_ || queue_.empty() || queued_bytes_ + bytes <= kQueueBytesMax; });
  if (stopping_ || error_) return false;
  queued_bytes_ += bytes;
  queue_.push_back({partition, std::move(batch), bytes});
  changed_.notify_all();
  return true;
}

Result<std::vector<PartitionSnapshot>> Worker::snapshot() {
  std::unique_lock lock(mutex_);
  if (error_) return std::unexpected(*error_);
  snapshot_wanted_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return snapshot_.has_value() || error_ || stopping_; });
  if (error_) return std::unexpected(*error_);
  if (!snapshot_) return fail(ErrorKind::closed, "the partition worker has stopped");
  std::vector<PartitionSnapshot> taken = std::move(*snapshot_);
  snapshot_.reset();
  return taken;
}

std::vector<stream::TableRows> Worker::take_failure_rows() {
  std::lock_guard lock(mutex_);
  return std::exchange(failure_rows_, {});
}

Status Worker::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return (queue_.empty() && !busy_) || error_ || stopping_; });
  if (error_) return std::unexpected(*error_);
  if (stopping_) return fail(ErrorKind::closed, "the partition worker has stopped");
  return {};
}

std::vector<PartitionProgress> Worker::progress() const {
  std::lock_guard lock(mutex_);
  return progress_;
}

size_t Worker::queued_bytes() const {
  std::lock_guard lock(mutex_);
  return queued_bytes_;
}

void Worker::run() {
  Status status;
  try {
    for (Partition& partition : partitions_) {
      status = catch_up(partition);
      if (!status) break;
    }
    std::unique_lock lock(mutex_);
    while (status) {
      busy_ = false;
      changed_.notify_all();
      changed_.wait(lock, [&] { return stopping_ || snapshot_wanted_ || !queue_.empty(); });
      if (stopping_) return;
      if (snapshot_wanted_) answer_snapshot();
      if (queue_.empty()) continue;
      Item item = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= item.bytes;
      busy_ = true;
      changed_.notify_all();
      lock.unlock();
      status = process(partitions_[item.partition], item.batch);
      lock.lock();
      if (status) after_batch(lock);
    }
  } catch (const std::exception& e) {
    status = fail(ErrorKind::io, "a partition worker ended by an exception: {}", e.what());
  }
  if (status) return;
  {
    std::lock_guard lock(mutex_);
    error_ = status.error();
    for (Partition& partition : partitions_) {
      for (stream::TableRows& rows : partition.start.engine->take_failure_rows()) {
        failure_rows_.push_back(std::move(rows));
      }
    }
    changed_.notify_all();
  }
  failed_(status.error());
}

Status Worker::catch_up(Partition& partition) {
  if (partition.next >= partition.start.log_end) return {};
  PENSTOCK_TRY_ASSIGN(const auto reader, log_.reader(partition.start.id));
  RecordReader decoder(sources_, partition.start.id.topic, symbols_);
  while (partition.next < partition.start.log_end) {
    PENSTOCK_TRY_ASSIGN(log::FetchResult fetched, reader->fetch(partition.next, kCatchUpBytes));
    if (fetched.batches.empty()) {
      return fail(ErrorKind::corrupt, "the log of {}-{} ends at offset {}, before its recorded end {}",
                  partition.start.id.topic, partition.start.id.partition, partition.next.value,
                  partition.start.log_end.value);
    }
    for (const log::ReadBatch& batch : fetched.batches) {
      // What was appended since the start is handed over as well.
      if (batch.base_offset >= partition.start.log_end) break;
      PENSTOCK_TRY_ASSIGN(const DecodedBatch decoded, decoder.decode(batch, partition.next));
      PENSTOCK_TRY(process(partition, decoded));
      std::unique_lock lock(mutex_);
      after_batch(lock);
      if (stopping_) return {};
    }
  }
  return {};
}

Status Worker::process(Partition& partition, const DecodedBatch& batch) {
  stream::Engine& engine = *partition.start.engine;
  // Ingest and catch-up meet without overlap and without a hole, but for one that the log itself says is lost.
  PENSTOCK_ASSERT(batch.base_offset >= partition.next);
  PENSTOCK_TRY(give_to_engine(engine, partition.start.id, batch));
  partition.next = batch.base_offset + batch.count;
  return {};
}

void Worker::after_batch(std::unique_lock<std::mutex>& lock) {
  for (size_t i = 0; i < partitions_.size(); ++i) {
    const stream::Engine& engine = *partitions_[i].start.engine;
    progress_[i].next = partitions_[i].next;
    progress_[i].counts = engine.counts();
    progress_[i].watermark = engine.watermark();
  }
  if (snapshot_wanted_) answer_snapshot();
  if (stopping_ || pending_bytes() <= kPendingBytesMax) return;
  want_commit_();
  changed_.wait(lock, [&] { return stopping_ || snapshot_wanted_; });
  if (!stopping_) answer_snapshot();
}

void Worker::answer_snapshot() {
  std::vector<PartitionSnapshot> taken;
  taken.reserve(partitions_.size());
  for (Partition& partition : partitions_) {
    stream::Engine& engine = *partition.start.engine;
    taken.push_back(snapshot_of(engine, partition.start.id, partition.next));
  }
  snapshot_ = std::move(taken);
  snapshot_wanted_ = false;
  changed_.notify_all();
}

size_t Worker::pending_bytes() const {
  size_t bytes = 0;
  for (const Partition& partition : partitions_) bytes += partition.start.engine->pending_bytes();
  return bytes;
}

}  // namespace penstock::runtime

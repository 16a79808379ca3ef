#include "log/embedded/partition.h"

#include <algorithm>
#include <array>

#include "base/kill_point.h"
#include "base/logging.h"

namespace penstock::log {
namespace {

// A flush is noted whenever so much more is on the device: what an open after a crash checks.
constexpr uint64_t kFlushNoteBytes = uint64_t{64} << 20;

// Segments of other writers may hold any int64 of ms.
Timestamp saturated(int64_t ms) {
  Timestamp t;
  if (from_epoch(ms, TimeUnit::ms, t) == TimeError::ok) return t;
  return ms < 0 ? Timestamp::min() : Timestamp::max();
}

}  // namespace

Status Partition::write_file(const std::string& path, std::string_view text, bool durable) {
  const std::string temporary = path + ".new";
  {
    PENSTOCK_TRY_ASSIGN(const auto file, files_.open(temporary, io::OpenMode::create));
    PENSTOCK_TRY(file->truncate(0));
    PENSTOCK_TRY(file->write_at(0, std::as_bytes(std::span(text))));
    if (durable) PENSTOCK_TRY(file->sync());
  }
  return files_.rename(temporary, path);
}

Status Partition::usable() const {
  std::lock_guard lock(mutex_);
  if (refused_) return std::unexpected(*refused_);
  if (options_.read_only) return fail(ErrorKind::invalid, "{} is open for reading only", folder_);
  return {};
}

Result<Appended> Partition::append(const EncodedBatch& batch, const ProducerStamp& stamp) {
  std::lock_guard appending(appending_);
  PENSTOCK_TRY(usable());
  const uint64_t total = kBatchHeaderBytes + batch.records.size();
  if (batch.count <= 0 || total > kBatchBytesMax) {
    return fail(ErrorKind::invalid,
                "a batch of {} records in {} bytes cannot be appended: it has 1 record or more, and at most {} bytes",
                batch.count, total, kBatchBytesMax);
  }
  PENSTOCK_TRY_ASSIGN(const ProducerState::Verdict verdict, producers_.judge(stamp, batch.count));
  if (verdict == ProducerState::Verdict::duplicate) {
    return Appended{producers_.offset_of(stamp).value_or(end()), true};
  }
  std::shared_ptr<Segment> newest;
  {
    std::lock_guard lock(mutex_);
    newest = segments_.back();
  }
  const Offset last = newest->end_offset() + (batch.count - 1);
  if (newest->bytes() > 0 && (newest->bytes() + total > static_cast<uint64_t>(options_.segment_bytes_max) ||
                              !newest->fits(last.value, total))) {
    PENSTOCK_TRY(roll(newest->end_offset()));
    kill_point("after_segment_roll");
    std::lock_guard lock(mutex_);
    newest = segments_.back();
  }
  BatchHeader header;
  header.base_offset = newest->end_offset().value;
  header.batch_length = static_cast<int32_t>(total - kLengthFieldEnd);
  header.attributes = static_cast<int16_t>(batch.codec);
  header.last_offset_delta = batch.count - 1;
  header.base_timestamp_ms = batch.base_timestamp_ms;
  header.max_timestamp_ms = batch.max_timestamp_ms;
  header.producer_id = stamp.producer_id;
  header.producer_epoch = stamp.epoch;
  header.base_sequence = stamp.producer_id < 0 ? -1 : static_cast<int32_t>(stamp.sequence % kSequenceModulus);
  header.record_count = batch.count;
  std::array<std::byte, kBatchHeaderBytes> bytes;
  write_header(header, bytes);
  seal_header(bytes, batch.records_crc, batch.records.size());
  PENSTOCK_TRY(newest->append(bytes, header, batch.records));
  producers_.appended(stamp, batch.count, Offset{header.base_offset});
  {
    std::lock_guard lock(mutex_);
    if (unsynced_.empty() || unsynced_.back() != newest) unsynced_.push_back(newest);
  }
  if (options_.fsync == Fsync::always) PENSTOCK_TRY(sync_unsynced());
  return Appended{Offset{header.base_offset}, false};
}

Status Partition::roll(Offset base_offset) {
  std::shared_ptr<Segment> full;
  {
    std::lock_guard lock(mutex_);
    full = segments_.back();
  }
  PENSTOCK_TRY(full->complete());
  PENSTOCK_TRY(full->sync_indexes());
  // On the device before a later segment exists, whatever `fsync` says, so that only the newest can have a torn tail.
  PENSTOCK_TRY(sync_unsynced());
  PENSTOCK_TRY(write_file(segment_path(folder_, base_offset, kProducersExtension), producers_.snapshot(), true));
  PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> next, Segment::create(files_, folder_, base_offset));
  PENSTOCK_TRY(files_.sync_directory(folder_));
  const bool was_empty = full->bytes() == 0;
  {
    std::lock_guard lock(mutex_);
    if (was_empty) segments_.pop_back();
    segments_.push_back(std::move(next));
  }
  if (was_empty) PENSTOCK_TRY(remove_segment(full->base_offset()));
  return {};
}

Status Partition::flush() {
  if (options_.fsync == Fsync::never || options_.read_only) return {};
  return sync_unsynced();
}

Status Partition::close() {
  if (options_.fsync == Fsync::never || options_.read_only) return {};
  std::lock_guard appending(appending_);
  PENSTOCK_TRY(usable());
  std::shared_ptr<Segment> newest;
  {
    std::lock_guard lock(mutex_);
    newest = segments_.back();
  }
  // An open makes the newest segment's indexes anew: they need not be on the device.
  PENSTOCK_TRY(newest->complete());
  PENSTOCK_TRY(sync_unsynced());
  std::lock_guard flushing(flushing_);
  if (flushed_base_ == newest->base_offset() && flushed_bytes_ == newest->bytes()) return {};
  return note_flushed(*newest, newest->bytes());
}

Status Partition::sync_unsynced() {
  std::lock_guard flushing(flushing_);
  PENSTOCK_TRY(usable());
  std::vector<std::shared_ptr<Segment>> segments;
  bool folder = false;
  {
    std::lock_guard lock(mutex_);
    segments.swap(unsynced_);
    folder = std::exchange(folder_changed_, false);
  }
  const uint64_t bytes = segments.empty() ? 0 : segments.back()->bytes();
  Status status;
  if (folder) status = files_.sync_directory(folder_);
  for (const std::shared_ptr<Segment>& segment : segments) {
    if (status) status = segment->sync();
  }
  if (!status) {
    std::lock_guard lock(mutex_);
    refused_ = status.error();
    refused_->message +=
        fmt::format(": {}-{} takes nothing more until the log is opened again", id_.topic, id_.partition);
    return std::unexpected(*refused_);
  }
  if (!segments.empty()) {
    const Segment& newest = *segments.back();
    const uint64_t noted = newest.base_offset() == flushed_base_ ? flushed_bytes_ : 0;
    // A note that cannot be written costs time at the next open, nothing else.
    if (bytes - noted >= kFlushNoteBytes) static_cast<void>(note_flushed(newest, bytes).has_value());
  }
  return {};
}

Status Partition::skip_to(Offset to) {
  std::lock_guard appending(appending_);
  PENSTOCK_TRY(usable());
  if (to < end()) {
    return fail(ErrorKind::invalid, "{}-{} ends at {} already: it cannot skip back to {}", id_.topic, id_.partition,
                end().value, to.value);
  }
  if (to == end()) return {};
  producers_.hole();
  return roll(to);
}

Offset Partition::end() const {
  std::lock_guard lock(mutex_);
  return segments_.back()->end_offset();
}

PartitionInfo Partition::info() const {
  std::lock_guard lock(mutex_);
  PartitionInfo info;
  info.id = id_;
  info.start = segments_.front()->base_offset();
  info.end = segments_.back()->end_offset();
  info.segments = static_cast<uint32_t>(segments_.size());
  for (const std::shared_ptr<Segment>& segment : segments_) info.bytes += segment->bytes();
  if (const int64_t newest = segments_.back()->max_timestamp_ms(); newest >= 0) {
    info.newest = saturated(newest);
  }
  return info;
}

int64_t Partition::next_sequence(int64_t producer_id) const {
  std::lock_guard appending(appending_);
  return producers_.next_sequence(producer_id);
}

Result<std::shared_ptr<Segment>> Partition::segment_of(Offset offset) {
  std::lock_guard lock(mutex_);
  if (offset < segments_.front()->base_offset()) {
    return fail(ErrorKind::not_found, "{}-{} begins at offset {}: {} was deleted by retention", id_.topic,
                id_.partition, segments_.front()->base_offset().value, offset.value);
  }
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    if ((*segment)->base_offset() > offset) continue;
    if (offset < (*segment)->end_offset()) return *segment;
    if (!(*segment)->damage().empty()) return fail(ErrorKind::corrupt, "{}", (*segment)->damage());
    // A hole ends this segment before the offset: what follows it is in the next one that holds anything.
    while (segment != segments_.rbegin()) {
      if (const auto& next = *--segment; next->bytes() > 0) return next;
    }
    return nullptr;
  }
  return nullptr;
}

std::shared_ptr<Segment> Partition::segment_of_time(int64_t ms, Offset from) const {
  std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Segment>& segment : segments_) {
    if (segment->base_offset() >= from && segment->max_timestamp_ms() >= ms) return segment;
  }
  return nullptr;
}

Status Partition::refresh() {
  std::lock_guard refreshing(refreshing_);
  std::shared_ptr<Segment> newest;
  {
    std::lock_guard lock(mutex_);
    newest = segments_.back();
  }
  PENSTOCK_TRY(newest->refresh());
  PENSTOCK_TRY_ASSIGN(const std::vector<Offset> bases, list_segments());
  for (const Offset base : bases) {
    if (base <= newest->base_offset()) continue;
    ProducerState producers;
    Segment::Scan found;
    PENSTOCK_TRY(newest->refresh());
    PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> next,
                        Segment::open_newest(files_, folder_, base, 0, true, producers, found));
    newest = next;
    std::lock_guard lock(mutex_);
    segments_.push_back(std::move(next));
  }
  return {};
}

Status Partition::remove_segment(Offset base_offset) {
  for (const std::string_view extension : {"index", "timeindex", "producers", "log"}) {
    const std::string path = segment_path(folder_, base_offset, extension);
    PENSTOCK_TRY_ASSIGN(const bool there, files_.exists(path));
    if (there) PENSTOCK_TRY(files_.remove(path));
  }
  // Before a newer one goes, so that no hole is left in the middle.
  return files_.sync_directory(folder_);
}

Result<uint64_t> Partition::enforce_retention(Timestamp now, Offset keep_from) {
  uint64_t freed = 0;
  for (;;) {
    std::shared_ptr<Segment> oldest;
    uint64_t bytes = 0;
    {
      std::lock_guard lock(mutex_);
      // The newest is being written to, and what is not processed is kept whatever its age.
      if (segments_.size() == 1 || segments_[1]->base_offset() > keep_from) break;
      oldest = segments_.front();
      for (const std::shared_ptr<Segment>& segment : segments_) bytes += segment->bytes();
    }
    const bool too_old =
        options_.retention_time && saturated(oldest->max_timestamp_ms()) + *options_.retention_time < now;
    const bool too_much =
        options_.retention_bytes && bytes - oldest->bytes() >= static_cast<uint64_t>(*options_.retention_bytes);
    if (!too_old && !too_much) break;
    {
      std::lock_guard lock(mutex_);
      segments_.erase(segments_.begin());
    }
    freed += oldest->bytes();
    PENSTOCK_TRY(remove_segment(oldest->base_offset()));
  }
  return freed;
}

}  // namespace penstock::log

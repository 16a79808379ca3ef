#include "log/embedded/partition.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/kill_point.h"
#include "base/logging.h"

namespace penstock::log {
namespace {

constexpr std::string_view kProducersExtension = "producers";
constexpr size_t kSnapshotBytesMax = size_t{16} << 20;

}  // namespace

Result<std::unique_ptr<Partition>> Partition::open(io::FileSystem& files, const std::string& folder, TopicPartition id,
                                                   const EmbeddedOptions& options, std::vector<RecoveryCut>& cuts) {
  auto partition = std::unique_ptr<Partition>(new Partition(files, folder, std::move(id), options));
  if (!options.read_only) PENSTOCK_TRY(partition->create_files());
  PENSTOCK_TRY(partition->open_segments(cuts));
  return partition;
}

Status Partition::write_file(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  {
    PENSTOCK_TRY_ASSIGN(const auto file, files_.open(temporary, io::OpenMode::create));
    PENSTOCK_TRY(file->truncate(0));
    PENSTOCK_TRY(file->write_at(0, std::as_bytes(std::span(text))));
    if (options_.fsync != Fsync::never) PENSTOCK_TRY(file->sync());
  }
  return files_.rename(temporary, path);
}

Status Partition::create_files() {
  PENSTOCK_TRY(files_.create_directories(folder_));
  const std::string metadata = folder_ + "/partition.metadata";
  PENSTOCK_TRY_ASSIGN(const bool there, files_.exists(metadata));
  if (!there) {
    // Kafka's topic id is 16 bytes in base64; one log has one topic of a name, so that none need be drawn.
    PENSTOCK_TRY(write_file(metadata, "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA"));
    PENSTOCK_TRY(write_file(folder_ + "/leader-epoch-checkpoint", "0\n1\n0 0\n"));
    if (options_.fsync != Fsync::never) PENSTOCK_TRY(files_.sync_directory(folder_));
  }
  return {};
}

Result<std::vector<Offset>> Partition::list_segments() {
  PENSTOCK_TRY_ASSIGN(const std::vector<std::string> names, files_.list(folder_));
  std::vector<Offset> bases;
  for (const std::string_view name : names) {
    int64_t base = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), base);
    const std::string_view extension(end, static_cast<size_t>(name.data() + name.size() - end));
    if (error == std::errc{} && extension == ".log") bases.emplace_back(base);
  }
  return bases;
}

Status Partition::open_segments(std::vector<RecoveryCut>& cuts) {
  PENSTOCK_TRY_ASSIGN(const std::vector<Offset> bases, list_segments());
  if (bases.empty()) {
    if (options_.read_only) return fail(ErrorKind::not_found, "{} has no segment", folder_);
    PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> first, Segment::create(files_, folder_, Offset{0}));
    segments_.push_back(first);
    folder_changed_ = true;
    return {};
  }
  for (size_t i = 0; i + 1 < bases.size(); ++i) {
    PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> segment,
                        Segment::open_complete(files_, folder_, bases[i], options_.read_only));
    segments_.push_back(std::move(segment));
  }
  PENSTOCK_TRY(load_producers(bases));
  // A hole before the newest segment: records were lost, and sequences with them.
  if (!segments_.empty() && segments_.back()->end_offset() < bases.back()) producers_.hole();
  Segment::Scan found;
  PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> newest,
                      Segment::open_newest(files_, folder_, bases.back(), options_.read_only, producers_, found));
  if (found.bytes_file > found.bytes_whole && !options_.read_only) {
    PENSTOCK_TRY(newest->cut(found.bytes_whole));
    cuts.push_back({id_, newest->end_offset(), found.bytes_file - found.bytes_whole, found.why});
    log_warning("log", "{}: the last {} bytes were {}, left by a crash; they were cut, and {}-{} goes on at offset {}",
                newest->path(), found.bytes_file - found.bytes_whole, found.why, id_.topic, id_.partition,
                newest->end_offset().value);
  }
  segments_.push_back(std::move(newest));
  return {};
}

Status Partition::load_producers(const std::vector<Offset>& bases) {
  const std::string path = segment_path(folder_, bases.back(), kProducersExtension);
  PENSTOCK_TRY_ASSIGN(const bool there, files_.exists(path));
  if (there) {
    PENSTOCK_TRY_ASSIGN(const auto file, files_.open(path, io::OpenMode::read));
    PENSTOCK_TRY_ASSIGN(const uint64_t size, file->size());
    if (size <= kSnapshotBytesMax) {
      std::string text(size, '\0');
      PENSTOCK_TRY(file->read_at(0, std::as_writable_bytes(std::span(text))));
      if (auto state = ProducerState::from_snapshot(text)) {
        producers_ = std::move(*state);
        return {};
      }
    }
  } else if (bases.size() == 1 && bases.front() == Offset{0}) {
    return {};
  }
  if (options_.read_only) return {};
  // The snapshot is lost: the headers of all older segments tell the same.
  log_warning("log", "{} is missing or damaged: the producers of {}-{} are read from the segments again", path, id_.topic,
              id_.partition);
  for (const std::shared_ptr<Segment>& segment : segments_) {
    std::array<std::byte, kBatchHeaderBytes> bytes;
    for (uint64_t position = 0; position < segment->bytes();) {
      PENSTOCK_TRY_ASSIGN(const size_t read, segment->file().read_at(position, bytes));
      BatchHeader header;
      if (read < bytes.size() || !read_header(bytes, header)) {
        return fail(ErrorKind::corrupt, "{} holds no batch at byte {}", segment->path(), position);
      }
      producers_.scanned(header);
      position += header.total_bytes();
    }
  }
  return {};
}

Result<Appended> Partition::append(const EncodedBatch& batch, const ProducerStamp& stamp) {
  std::lock_guard appending(appending_);
  PENSTOCK_TRY_ASSIGN(const ProducerState::Verdict verdict, producers_.judge(stamp, batch.count));
  if (verdict == ProducerState::Verdict::duplicate) {
    return Appended{producers_.offset_of(stamp).value_or(end()), true};
  }
  std::shared_ptr<Segment> newest;
  {
    std::lock_guard lock(mutex_);
    newest = segments_.back();
  }
  const uint64_t total = kBatchHeaderBytes + batch.records.size();
  if (newest->bytes() > 0 && newest->bytes() + total > static_cast<uint64_t>(options_.segment_bytes_max)) {
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
  if (options_.fsync == Fsync::always) PENSTOCK_TRY(flush());
  return Appended{Offset{header.base_offset}, false};
}

Status Partition::roll(Offset base_offset) {
  std::shared_ptr<Segment> full;
  {
    std::lock_guard lock(mutex_);
    full = segments_.back();
  }
  PENSTOCK_TRY(full->complete());
  // On the device before a later segment exists, so that only the newest can have a torn tail.
  if (options_.fsync != Fsync::never) PENSTOCK_TRY(flush());
  PENSTOCK_TRY(write_file(segment_path(folder_, base_offset, kProducersExtension), producers_.snapshot()));
  PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> next, Segment::create(files_, folder_, base_offset));
  std::lock_guard lock(mutex_);
  segments_.push_back(std::move(next));
  folder_changed_ = true;
  return {};
}

Status Partition::flush() {
  std::lock_guard flushing(flushing_);
  std::vector<std::shared_ptr<Segment>> segments;
  bool folder = false;
  {
    std::lock_guard lock(mutex_);
    segments.swap(unsynced_);
    folder = std::exchange(folder_changed_, false);
  }
  Status status;
  if (folder) status = files_.sync_directory(folder_);
  for (const std::shared_ptr<Segment>& segment : segments) {
    if (status) status = segment->sync();
  }
  if (!status) {
    std::lock_guard lock(mutex_);
    unsynced_.insert(unsynced_.begin(), segments.begin(), segments.end());
    folder_changed_ = folder_changed_ || folder;
  }
  return status;
}

Status Partition::skip_to(Offset to) {
  std::lock_guard appending(appending_);
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
    info.newest = Timestamp{newest * kMillisecond.ns};
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
    return fail(ErrorKind::not_found, "{}-{} begins at offset {}: {} was deleted by retention", id_.topic, id_.partition,
                segments_.front()->base_offset().value, offset.value);
  }
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    if ((*segment)->base_offset() > offset) continue;
    // A hole ends this segment before the offset: what follows it is in the next one.
    if (offset >= (*segment)->end_offset()) return segment == segments_.rbegin() ? nullptr : *std::prev(segment);
    return *segment;
  }
  return nullptr;
}

std::shared_ptr<Segment> Partition::segment_of_time(int64_t ms) const {
  std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Segment>& segment : segments_) {
    if (segment->max_timestamp_ms() >= ms) return segment;
  }
  return nullptr;
}

Status Partition::refresh() {
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
    PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> next, Segment::open_newest(files_, folder_, base, true, producers, found));
    newest = next;
    std::lock_guard lock(mutex_);
    segments_.push_back(std::move(next));
  }
  return {};
}

Status Partition::remove_segment(const Segment& segment) {
  for (const std::string_view extension : {"index", "timeindex", "producers", "log"}) {
    const std::string path = segment_path(folder_, segment.base_offset(), extension);
    PENSTOCK_TRY_ASSIGN(const bool there, files_.exists(path));
    if (there) PENSTOCK_TRY(files_.remove(path));
  }
  return {};
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
    const bool too_old = options_.retention_time &&
                         Timestamp{oldest->max_timestamp_ms() * kMillisecond.ns} + *options_.retention_time < now;
    const bool too_much = options_.retention_bytes &&
                          bytes - oldest->bytes() >= static_cast<uint64_t>(*options_.retention_bytes);
    if (!too_old && !too_much) break;
    {
      std::lock_guard lock(mutex_);
      segments_.erase(segments_.begin());
    }
    freed += oldest->bytes();
    PENSTOCK_TRY(remove_segment(*oldest));
  }
  return freed;
}

}  // namespace penstock::log

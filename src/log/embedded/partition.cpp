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
// A flush is noted whenever so much more is on the device: what an open after a crash checks, at some 4 GB/s.
constexpr uint64_t kFlushNoteBytes = uint64_t{64} << 20;
constexpr size_t kFlushNoteBytesMax = 128;

// Segments of other writers may hold any int64 of ms.
Timestamp saturated(int64_t ms) {
  Timestamp t;
  if (from_epoch(ms, TimeUnit::ms, t) == TimeError::ok) return t;
  return ms < 0 ? Timestamp::min() : Timestamp::max();
}

// 16 bytes from the topic's name, in base64 as Kafka writes a topic's id: the same name is the same topic.
std::string topic_id(std::string_view topic) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<uint8_t, 18> bytes{};  // the last two stay 0: they are the padding of the text
  for (size_t half = 0; half < 2; ++half) {
    uint64_t hash = 0xcbf29ce484222325 + half;
    for (const char c : topic) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    for (size_t i = 0; i < 8; ++i) bytes[8 * half + i] = static_cast<uint8_t>(hash >> (8 * i));
  }
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x80);  // a UUID of version 8: made from something known
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const uint32_t three =
        static_cast<uint32_t>(bytes[i]) << 16 | static_cast<uint32_t>(bytes[i + 1]) << 8 | bytes[i + 2];
    for (const int shift : {18, 12, 6, 0}) text += kDigits[(three >> shift) & 63];
  }
  text.resize(22);
  return text;
}

// What the file `flushed` says: so many bytes of that segment are on the device.
std::string flush_note(Offset base_offset, uint64_t bytes) {
  std::string text = fmt::format("penstock-flushed 1\n{} {}\n", base_offset.value, bytes);
  text += fmt::format("crc {}\n", crc32c(std::as_bytes(std::span(text))));
  return text;
}

}  // namespace

Result<std::unique_ptr<Partition>> Partition::open(io::FileSystem& files, const std::string& folder, TopicPartition id,
                                                   const EmbeddedOptions& options, std::vector<RecoveryCut>& cuts) {
  auto partition = std::unique_ptr<Partition>(new Partition(files, folder, std::move(id), options));
  if (!options.read_only) PENSTOCK_TRY(partition->create_files());
  PENSTOCK_TRY(partition->open_segments(cuts));
  return partition;
}

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

Status Partition::create_files() {
  PENSTOCK_TRY(files_.create_directories(folder_));
  const std::string metadata = folder_ + "/partition.metadata";
  PENSTOCK_TRY_ASSIGN(const bool there, files_.exists(metadata));
  if (!there) {
    PENSTOCK_TRY(write_file(folder_ + "/leader-epoch-checkpoint", "0\n1\n0 0\n", true));
    PENSTOCK_TRY(write_file(metadata, fmt::format("version: 0\ntopic_id: {}", topic_id(id_.topic)), true));
    PENSTOCK_TRY(files_.sync_directory(folder_));
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
  PENSTOCK_TRY_ASSIGN(std::vector<Offset> bases, list_segments());
  if (bases.empty()) {
    if (options_.read_only) return fail(ErrorKind::not_found, "{} has no segment", folder_);
    PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> first, Segment::create(files_, folder_, Offset{0}));
    segments_.push_back(first);
    folder_changed_ = true;
    if (options_.fsync == Fsync::always) return sync_unsynced();
    return {};
  }
  for (size_t i = 0; i + 1 < bases.size(); ++i) {
    PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> segment,
                        Segment::open_complete(files_, folder_, bases[i], options_.read_only));
    segments_.push_back(std::move(segment));
  }
  PENSTOCK_TRY(drop_unused_newest(bases));
  PENSTOCK_TRY(load_producers(bases));
  // A hole before the newest segment: records were lost, and sequences with them.
  if (!segments_.empty() && segments_.back()->end_offset() < bases.back()) producers_.hole();
  Segment::Scan found;
  PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> newest,
                      Segment::open_newest(files_, folder_, bases.back(), flushed_bytes(bases.back()),
                                           options_.read_only, producers_, found));
  if (found.bytes_file > found.bytes_whole && !options_.read_only) {
    PENSTOCK_TRY(newest->cut(found.bytes_whole));
    cuts.push_back({id_, newest->end_offset(), found.bytes_file - found.bytes_whole, found.why});
    log_warning("log", "{}: the last {} bytes were {}, left by a crash; they were cut, and {}-{} goes on at offset {}",
                newest->path(), found.bytes_file - found.bytes_whole, found.why, id_.topic, id_.partition,
                newest->end_offset().value);
  }
  segments_.push_back(newest);
  if (options_.read_only) return {};
  // What an earlier process wrote may not be on the device yet, names included: the next flush takes care of it.
  unsynced_.push_back(std::move(newest));
  folder_changed_ = true;
  if (options_.fsync == Fsync::always) return sync_unsynced();
  return {};
}

Status Partition::drop_unused_newest(std::vector<Offset>& bases) {
  // A roll that failed half-way (a full disk) leaves an empty segment, and appends went on in the one before it.
  if (segments_.empty()) return {};
  const Segment& before = *segments_.back();
  PENSTOCK_TRY_ASSIGN(const auto file, files_.open(segment_path(folder_, bases.back(), "log"), io::OpenMode::read));
  PENSTOCK_TRY_ASSIGN(const uint64_t size, file->size());
  if (size == 0 && (before.end_offset() > bases.back() || !before.damage().empty())) {
    if (!options_.read_only) PENSTOCK_TRY(remove_segment(bases.back()));
    bases.pop_back();
    segments_.pop_back();
    return {};
  }
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (segments_[i]->end_offset() > bases[i + 1]) {
      return fail(ErrorKind::corrupt,
                  "{} holds records up to offset {}, but the next segment begins at {}: take one away",
                  segments_[i]->path(), segments_[i]->end_offset().value - 1, bases[i + 1].value);
    }
  }
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
  log_warning("log", "{} is missing or damaged: the producers of {}-{} are read from the segments again", path,
              id_.topic, id_.partition);
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

uint64_t Partition::flushed_bytes(Offset base_offset) {
  const auto file = files_.open(folder_ + "/flushed", io::OpenMode::read);
  if (!file) return 0;
  std::string text(kFlushNoteBytesMax, '\0');
  const auto read = (*file)->read_at(0, std::as_writable_bytes(std::span(text)));
  if (!read) return 0;
  text.resize(*read);
  const size_t second_line = text.find('\n') + 1;
  const size_t crc_line = text.find("crc ");
  int64_t base = 0;
  uint64_t bytes = 0;
  if (second_line == 0 || crc_line == std::string::npos) return 0;
  const char* const end = text.data() + crc_line;
  const auto [space, error] = std::from_chars(text.data() + second_line, end, base);
  if (error != std::errc{} || space == end) return 0;
  std::from_chars(space + 1, end, bytes);
  return text == flush_note(Offset{base}, bytes) && base == base_offset.value ? bytes : 0;
}

Status Partition::note_flushed(const Segment& segment, uint64_t bytes) {
  // Not durable itself: an older note, or none, costs time at the next open, and a torn one does not check out.
  PENSTOCK_TRY(write_file(folder_ + "/flushed", flush_note(segment.base_offset(), bytes), false));
  flushed_base_ = segment.base_offset();
  flushed_bytes_ = bytes;
  return {};
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

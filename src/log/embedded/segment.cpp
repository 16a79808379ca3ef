#include "log/embedded/segment.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/logging.h"

namespace penstock::log {
namespace {

constexpr size_t kScanBytes = size_t{4} << 20;
constexpr size_t kIndexEntryBytes = 8;   // relative offset int32, position int32
constexpr size_t kTimeEntryBytes = 12;   // timestamp int64, relative offset int32
// An index position and a relative offset are int32: a segment may not grow past what they hold.
constexpr uint64_t kSegmentBytesLimit = (uint64_t{1} << 31) - 1;
constexpr int64_t kRelativeOffsetMax = (int64_t{1} << 31) - 1;
// What is read to see headers alone: several where batches are small, little more than one where they are large.
constexpr size_t kHeaderWindowBytes = size_t{16} << 10;

Result<std::vector<std::byte>> read_whole(io::FileSystem& files, const std::string& path, uint64_t bytes_max) {
  PENSTOCK_TRY_ASSIGN(const auto file, files.open(path, io::OpenMode::read));
  PENSTOCK_TRY_ASSIGN(const uint64_t size, file->size());
  if (size > bytes_max) return fail(ErrorKind::corrupt, "{} has {} bytes, more than it ever can", path, size);
  std::vector<std::byte> bytes(size);
  PENSTOCK_TRY_ASSIGN(const size_t read, file->read_at(0, bytes));
  bytes.resize(read);
  return bytes;
}

}  // namespace

std::string segment_path(const std::string& folder, Offset base_offset, std::string_view extension) {
  return fmt::format("{}/{:020}.{}", folder, base_offset.value, extension);
}

Segment::Segment(io::FileSystem& files, std::string folder, Offset base_offset, std::unique_ptr<io::File> file)
    : files_(files),
      folder_(std::move(folder)),
      base_offset_(base_offset),
      path_(segment_path(folder_, base_offset, "log")),
      file_(std::move(file)),
      end_offset_(base_offset.value) {}

Result<std::unique_ptr<Segment>> Segment::create(io::FileSystem& files, const std::string& folder, Offset base_offset) {
  PENSTOCK_TRY_ASSIGN(auto file, files.open(segment_path(folder, base_offset, "log"), io::OpenMode::create));
  auto segment = std::unique_ptr<Segment>(new Segment(files, folder, base_offset, std::move(file)));
  // Empty indexes from the beginning: Kafka's tools expect them beside every segment.
  PENSTOCK_TRY(segment->write_indexes());
  return segment;
}

Result<std::unique_ptr<Segment>> Segment::open_complete(io::FileSystem& files, const std::string& folder,
                                                        Offset base_offset, bool read_only) {
  PENSTOCK_TRY_ASSIGN(auto file, files.open(segment_path(folder, base_offset, "log"), io::OpenMode::read));
  auto segment = std::unique_ptr<Segment>(new Segment(files, folder, base_offset, std::move(file)));
  PENSTOCK_TRY_ASSIGN(const bool fits, segment->load_indexes());
  if (fits) return segment;
  Scan found;
  // By headers alone: a batch whose checksum does not hold is an error for who reads it, not the end of what follows.
  PENSTOCK_TRY(segment->scan(0, std::numeric_limits<uint64_t>::max(), nullptr, found));
  segment->note_time_entry();
  if (found.bytes_whole < found.bytes_file) {
    segment->damage_ =
        fmt::format("{} holds {} at byte {} of {}: bring the file back from a copy, or read on after offset {}",
                    segment->path_, found.why, found.bytes_whole, found.bytes_file, segment->end_offset().value);
    log_warning("log", "{}", segment->damage_);
  }
  if (!read_only) PENSTOCK_TRY(segment->write_indexes());
  return segment;
}

Result<std::unique_ptr<Segment>> Segment::open_newest(io::FileSystem& files, const std::string& folder,
                                                      Offset base_offset, uint64_t flushed, bool read_only,
                                                      ProducerState& producers, Scan& found) {
  const auto mode = read_only ? io::OpenMode::read : io::OpenMode::read_write;
  PENSTOCK_TRY_ASSIGN(auto file, files.open(segment_path(folder, base_offset, "log"), mode));
  auto segment = std::unique_ptr<Segment>(new Segment(files, folder, base_offset, std::move(file)));
  PENSTOCK_TRY(segment->scan(0, flushed, &producers, found));
  if (!read_only) PENSTOCK_TRY(segment->write_indexes());
  return segment;
}

Status Segment::scan(uint64_t from, uint64_t trusted, ProducerState* producers, Scan& result) {
  PENSTOCK_TRY_ASSIGN(result.bytes_file, file_->size());
  uint64_t position = from;
  std::vector<std::byte> buffer;
  uint64_t buffer_at = from;  // where the buffer's first byte stands in the file
  size_t buffered = 0;
  // Makes the buffer hold `bytes` bytes from `position` on; false when the file has not so many.
  const auto hold = [&](uint64_t bytes) -> Result<bool> {
    if (position + bytes > result.bytes_file) return false;
    if (position + bytes <= buffer_at + buffered) return true;
    const uint64_t window = std::max<uint64_t>(bytes, position < trusted ? kHeaderWindowBytes : kScanBytes);
    const auto wanted = static_cast<size_t>(std::min(window, result.bytes_file - position));
    if (buffer.size() < wanted) buffer.resize(wanted);
    PENSTOCK_TRY_ASSIGN(buffered, file_->read_at(position, std::span(buffer).first(wanted)));
    buffer_at = position;
    return buffered >= bytes;
  };
  while (position < result.bytes_file) {
    PENSTOCK_TRY_ASSIGN(const bool has_header, hold(kBatchHeaderBytes));
    if (!has_header) {
      result.why = "less than a batch's header";
      break;
    }
    BatchHeader header;
    const std::byte* at = buffer.data() + (position - buffer_at);
    if (!read_header(std::span<const std::byte, kBatchHeaderBytes>(at, kBatchHeaderBytes), header) ||
        header.base_offset != end_offset_.load(std::memory_order_relaxed)) {
      result.why = "not a batch of this place";
      break;
    }
    if (position + header.total_bytes() <= std::min(trusted, result.bytes_file)) {
      note(header, position);
      if (producers != nullptr) producers->scanned(header);
      position += header.total_bytes();
      continue;
    }
    PENSTOCK_TRY_ASSIGN(const bool whole, hold(header.total_bytes()));
    if (!whole) {
      result.why = "a batch that is cut short";
      break;
    }
    at = buffer.data() + (position - buffer_at);
    if (!checksum_holds({at, header.total_bytes()}, header)) {
      result.why = "a batch whose checksum does not hold";
      break;
    }
    note(header, position);
    if (producers != nullptr) producers->scanned(header);
    position += header.total_bytes();
  }
  result.bytes_whole = position;
  writeback_begun_ = position;
  return {};
}

void Segment::note(const BatchHeader& header, uint64_t position) {
  if (header.max_timestamp_ms > max_timestamp_ms_.load(std::memory_order_relaxed)) {
    max_timestamp_offset_ = header.last_offset();
    max_timestamp_ms_.store(header.max_timestamp_ms, std::memory_order_release);
  }
  bytes_since_index_ += header.total_bytes();
  if (bytes_since_index_ > kIndexIntervalBytes) {
    bytes_since_index_ = 0;
    {
      std::lock_guard lock(mutex_);
      index_.push_back({header.last_offset(), position});
    }
    note_time_entry();
  }
  end_offset_.store(header.last_offset() + 1, std::memory_order_release);
  bytes_.store(position + header.total_bytes(), std::memory_order_release);
}

void Segment::note_time_entry() {
  const int64_t newest = max_timestamp_ms_.load(std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  if (newest >= 0 && (times_.empty() || times_.back().timestamp_ms < newest)) {
    times_.push_back({newest, max_timestamp_offset_});
  }
}

Status Segment::append(std::span<const std::byte, kBatchHeaderBytes> header_bytes, const BatchHeader& header,
                       std::span<const std::byte> records) {
  const uint64_t position = bytes();
  if (const Status written = file_->write_at(position, header_bytes, records); !written) {
    // A tail that cannot be cut now is overwritten by the next batch, or cut when the segment is completed or opened.
    tail_left_ = !file_->truncate(position).has_value();
    return written;
  }
  note(header, position);
  if (position + header.total_bytes() - writeback_begun_ >= kWritebackBytes) {
    file_->start_writeback(writeback_begun_, position + header.total_bytes() - writeback_begun_);
    writeback_begun_ = position + header.total_bytes();
  }
  // The batch stands: an index that fails to take its entry must not make it seem as if it did not.
  static_cast<void>(append_index_entries().has_value());
  return {};
}

bool Segment::fits(int64_t last_offset, uint64_t total) const {
  return last_offset - base_offset_.value <= kRelativeOffsetMax && bytes() + total <= kSegmentBytesLimit;
}

Status Segment::append_index_entries() {
  // One thread writes: the vectors are read here without the lock that guards them against its own changes.
  if (index_written_ < index_.size()) {
    std::vector<std::byte> bytes((index_.size() - index_written_) * kIndexEntryBytes);
    for (size_t i = index_written_; i < index_.size(); ++i) {
      std::byte* at = bytes.data() + (i - index_written_) * kIndexEntryBytes;
      put_big_endian(at, static_cast<int32_t>(index_[i].last_offset - base_offset_.value));
      put_big_endian(at + 4, static_cast<int32_t>(index_[i].position));
    }
    if (!index_file_) {
      PENSTOCK_TRY_ASSIGN(index_file_, files_.open(segment_path(folder_, base_offset_, "index"), io::OpenMode::create));
    }
    PENSTOCK_TRY(index_file_->write_at(index_written_ * kIndexEntryBytes, bytes));
    index_written_ = index_.size();
  }
  if (times_written_ < times_.size()) {
    std::vector<std::byte> bytes((times_.size() - times_written_) * kTimeEntryBytes);
    for (size_t i = times_written_; i < times_.size(); ++i) {
      std::byte* at = bytes.data() + (i - times_written_) * kTimeEntryBytes;
      put_big_endian(at, times_[i].timestamp_ms);
      put_big_endian(at + 8, static_cast<int32_t>(times_[i].last_offset - base_offset_.value));
    }
    if (!time_file_) {
      PENSTOCK_TRY_ASSIGN(time_file_,
                          files_.open(segment_path(folder_, base_offset_, "timeindex"), io::OpenMode::create));
    }
    PENSTOCK_TRY(time_file_->write_at(times_written_ * kTimeEntryBytes, bytes));
    times_written_ = times_.size();
  }
  return {};
}

Status Segment::write_indexes() {
  for (const std::string_view extension : {"index", "timeindex"}) {
    PENSTOCK_TRY_ASSIGN(const auto file,
                        files_.open(segment_path(folder_, base_offset_, extension), io::OpenMode::create));
    PENSTOCK_TRY(file->truncate(0));
  }
  index_written_ = 0;
  times_written_ = 0;
  return append_index_entries();
}

Result<bool> Segment::load_indexes() {
  PENSTOCK_TRY_ASSIGN(const uint64_t size, file_->size());
  auto index = read_whole(files_, segment_path(folder_, base_offset_, "index"),
                          size / kBatchHeaderBytes * kIndexEntryBytes + kIndexEntryBytes);
  auto times = read_whole(files_, segment_path(folder_, base_offset_, "timeindex"),
                          size / kBatchHeaderBytes * kTimeEntryBytes + kTimeEntryBytes);
  if (!index || !times || index->size() % kIndexEntryBytes != 0 || times->size() % kTimeEntryBytes != 0) return false;
  IndexEntry last{base_offset_.value - 1, 0};
  for (size_t at = 0; at < index->size(); at += kIndexEntryBytes) {
    const IndexEntry entry{base_offset_.value + get_big_endian<int32_t>(index->data() + at),
                           static_cast<uint64_t>(get_big_endian<uint32_t>(index->data() + at + 4))};
    if (entry.last_offset <= last.last_offset || (at > 0 && entry.position <= last.position) ||
        entry.position >= size) {
      index_.clear();
      return false;
    }
    index_.push_back(last = entry);
  }
  TimeEntry last_time{-1, base_offset_.value - 1};
  for (size_t at = 0; at < times->size(); at += kTimeEntryBytes) {
    const TimeEntry entry{get_big_endian<int64_t>(times->data() + at),
                          base_offset_.value + get_big_endian<int32_t>(times->data() + at + 8)};
    if (entry.timestamp_ms <= last_time.timestamp_ms) {
      index_.clear();
      times_.clear();
      return false;
    }
    times_.push_back(last_time = entry);
  }
  // From the last entry on, headers tell the end; a batch that does not fit there means that the index is of no use.
  uint64_t position = index_.empty() ? 0 : index_.back().position;
  int64_t newest = times_.empty() ? -1 : times_.back().timestamp_ms;
  int64_t end = base_offset_.value;
  while (position < size) {
    std::array<std::byte, kBatchHeaderBytes> bytes;
    PENSTOCK_TRY_ASSIGN(const size_t read, file_->read_at(position, bytes));
    BatchHeader header;
    if (read < bytes.size() || !read_header(bytes, header) || position + header.total_bytes() > size ||
        header.base_offset < end) {
      index_.clear();
      times_.clear();
      return false;
    }
    end = header.last_offset() + 1;
    newest = std::max(newest, header.max_timestamp_ms);
    position += header.total_bytes();
  }
  bytes_.store(size, std::memory_order_release);
  end_offset_.store(end, std::memory_order_release);
  max_timestamp_ms_.store(newest, std::memory_order_release);
  index_written_ = index_.size();
  times_written_ = times_.size();
  return true;
}

Status Segment::cut(uint64_t bytes) {
  PENSTOCK_TRY(file_->truncate(bytes));
  return file_->sync();
}

Status Segment::complete() {
  if (tail_left_) {
    PENSTOCK_TRY(file_->truncate(bytes()));
    tail_left_ = false;
  }
  note_time_entry();
  return append_index_entries();
}

Status Segment::sync_indexes() {
  if (index_file_) PENSTOCK_TRY(index_file_->sync());
  if (time_file_) PENSTOCK_TRY(time_file_->sync());
  return {};
}

Status Segment::sync() { return file_->sync(); }

Status Segment::refresh() {
  Scan found;
  return scan(bytes(), 0, nullptr, found);
}

uint64_t Segment::position_before(Offset offset) const {
  std::lock_guard lock(mutex_);
  const auto after = std::ranges::upper_bound(index_, offset.value, {}, &IndexEntry::last_offset);
  return after == index_.begin() ? 0 : std::prev(after)->position;
}

uint64_t Segment::position_before_time(int64_t ms) const {
  Offset before = base_offset_;
  {
    std::lock_guard lock(mutex_);
    const auto at = std::ranges::lower_bound(times_, ms, {}, &TimeEntry::timestamp_ms);
    if (at != times_.begin()) before = Offset{std::prev(at)->last_offset};
  }
  return position_before(before);
}

}  // namespace penstock::log

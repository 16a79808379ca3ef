#include "log/embedded/partition_reader.h"

#include <algorithm>
#include <array>

#include "log/compression.h"

namespace penstock::log {
namespace {

// A fetch reads at least so much at once: many small batches cost few calls.
constexpr size_t kFetchBytesMin = size_t{64} << 10;
// Buffers kept for later fetches: one to read into and a few for decompressed batches.
constexpr size_t kSpareBuffersMax = 64;

std::unexpected<Error> no_batch(const Segment& segment, uint64_t position) {
  return fail(ErrorKind::corrupt,
              "{} holds no batch at byte {}: bring the file back from a copy, or read on from a later offset",
              segment.path(), position);
}

Result<BatchHeader> header_at(const Segment& segment, uint64_t position) {
  std::array<std::byte, kBatchHeaderBytes> bytes;
  PENSTOCK_TRY_ASSIGN(const size_t read, segment.file().read_at(position, bytes));
  BatchHeader header;
  if (read < bytes.size() || !read_header(bytes, header) || position + header.total_bytes() > segment.bytes()) {
    return no_batch(segment, position);
  }
  return header;
}

}  // namespace

Result<FetchResult> PartitionReader::fetch(Offset from, size_t bytes_max) {
  PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> segment, partition_.segment_of(from));
  if (segment == nullptr && refreshes_) {
    PENSTOCK_TRY(partition_.refresh());
    PENSTOCK_TRY_ASSIGN(segment, partition_.segment_of(from));
  }
  if (segment == nullptr) return FetchResult{.batches = {}, .memory = {}, .next = from};
  if (segment != segment_ || from != next_) {
    PENSTOCK_TRY_ASSIGN(position_, find_batch(*segment, from));
    segment_ = std::move(segment);
  }
  return fetch_from(*segment_, from, bytes_max);
}

Result<uint64_t> PartitionReader::find_batch(const Segment& segment, Offset from) {
  uint64_t position = segment.position_before(from);
  for (;;) {
    PENSTOCK_TRY_ASSIGN(const BatchHeader header, header_at(segment, position));
    if (header.last_offset() >= from.value) return position;
    position += header.total_bytes();
  }
}

Result<FetchResult> PartitionReader::fetch_from(const Segment& segment, Offset from, size_t bytes_max) {
  FetchResult result;
  result.next = from;
  const uint64_t available = segment.bytes() - position_;
  std::vector<std::byte> buffer = take_buffer(
      static_cast<size_t>(std::min<uint64_t>(std::clamp(bytes_max, kFetchBytesMin, kBatchBytesMax), available)));
  PENSTOCK_TRY_ASSIGN(size_t held, segment.file().read_at(position_, buffer));
  size_t at = 0;
  size_t given = 0;
  while (at + kBatchHeaderBytes <= held && (given == 0 || given < bytes_max)) {
    BatchHeader header;
    const std::span<const std::byte, kBatchHeaderBytes> bytes(buffer.data() + at, kBatchHeaderBytes);
    if (!read_header(bytes, header) || position_ + header.total_bytes() > segment.bytes() ||
        header.last_offset() < result.next.value) {
      if (!result.batches.empty()) break;  // what is whole is given first: the next fetch gives the error
      return no_batch(segment, position_);
    }
    if (at + header.total_bytes() > held) {
      if (!result.batches.empty()) break;
      // The first batch is larger than what was asked for: it is read whole all the same.
      buffer.resize(header.total_bytes());
      PENSTOCK_TRY_ASSIGN(held, segment.file().read_at(position_, buffer));
      if (held < header.total_bytes()) {
        return fail(ErrorKind::corrupt, "{} ends within the batch at byte {}", segment.path(), position_);
      }
    }
    const std::span<const std::byte> batch(buffer.data() + at, header.total_bytes());
    if (!checksum_holds(batch, header)) {
      if (!result.batches.empty()) break;
      return fail(
          ErrorKind::corrupt,
          "{}: the checksum of the batch at byte {} does not hold: bring the file back from a copy, or read on from "
          "offset {}",
          segment.path(), position_, header.last_offset() + 1);
    }
    ReadBatch read{.base_offset = Offset{header.base_offset},
                   .count = header.record_count,
                   .codec = static_cast<Codec>(header.codec()),
                   .base_timestamp_ms = header.base_timestamp_ms,
                   .records = batch.subspan(kBatchHeaderBytes)};
    if (read.codec != Codec::none) {
      std::vector<std::byte> plain = take_buffer(0);
      if (auto status = decompress(read.codec, read.records, plain); !status) {
        if (!result.batches.empty()) break;
        return with_context(std::move(status).error(), fmt::format("{} at byte {}", segment.path(), position_));
      }
      result.memory.push_back(std::move(plain));
      read.records = result.memory.back();
    }
    given += read.records.size();
    result.batches.push_back(read);
    result.next = Offset{header.last_offset() + 1};
    at += header.total_bytes();
    position_ += header.total_bytes();
  }
  // Moving a vector keeps its bytes where they are, and so the spans into them.
  result.memory.push_back(std::move(buffer));
  next_ = result.next;
  return result;
}

std::vector<std::byte> PartitionReader::take_buffer(size_t bytes) {
  std::vector<std::byte> buffer;
  if (!spare_.empty()) {
    buffer = std::move(spare_.back());
    spare_.pop_back();
  }
  buffer.resize(bytes);
  return buffer;
}

void PartitionReader::recycle(FetchResult&& done) {
  // The buffer that the file was read into is the last: it is the first to be taken again.
  for (std::vector<std::byte>& buffer : done.memory) {
    if (spare_.size() < kSpareBuffersMax) spare_.push_back(std::move(buffer));
  }
  done = {};
}

Result<Offset> PartitionReader::offset_for(Timestamp t) {
  const int64_t ms = t.ns / kMillisecond.ns + (t.ns % kMillisecond.ns > 0 ? 1 : 0);
  if (refreshes_) PENSTOCK_TRY(partition_.refresh());
  for (Offset from{0};;) {
    const std::shared_ptr<Segment> segment = partition_.segment_of_time(ms, from);
    if (segment == nullptr) return partition_.end();
    for (uint64_t position = segment->position_before_time(ms); position < segment->bytes();) {
      PENSTOCK_TRY_ASSIGN(const BatchHeader header, header_at(*segment, position));
      if (header.max_timestamp_ms >= ms) {
        PENSTOCK_TRY_ASSIGN(const FetchResult fetched, fetch(Offset{header.base_offset}, 1));
        if (fetched.batches.empty()) return partition_.end();
        RecordIterator records(fetched.batches.front());
        for (RecordView record; records.next(record);) {
          if (record.timestamp_ms >= ms) return record.offset;
        }
        PENSTOCK_TRY(records.status());
      }
      position += header.total_bytes();
    }
    from = segment->base_offset() + 1;
  }
}

}  // namespace penstock::log

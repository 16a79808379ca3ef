#include "log/record_batch.h"

#include "base/crc32c.h"
#include "log/compression.h"

namespace penstock::log {

bool RecordBatchBuilder::grow(size_t bytes) {
  if (bytes > kRecordsBytesMax - size_) {
    overflowed_ = true;
    return false;
  }
  buffer_.resize(std::clamp(2 * buffer_.size(), std::max(size_ + bytes, size_t{64} << 10), kRecordsBytesMax));
  return true;
}

Result<EncodedBatch> RecordBatchBuilder::finish(Codec codec) {
  if (overflowed_) {
    clear();
    return fail(ErrorKind::full, "the records of one batch pass {} bytes: finish batches earlier", kRecordsBytesMax);
  }
  if (count_ == 0) return fail(ErrorKind::invalid, "a batch needs at least one record");
  EncodedBatch batch{
      .codec = codec, .count = count_, .base_timestamp_ms = base_timestamp_ms_, .max_timestamp_ms = max_timestamp_ms_};
  if (codec == Codec::none) {
    buffer_.resize(size_);
    batch.records = std::exchange(buffer_, {});
  } else {
    PENSTOCK_TRY_ASSIGN(batch.records, compress(codec, std::span(buffer_).first(size_)));
  }
  batch.records_crc = crc32c(batch.records);
  clear();
  return batch;
}

void RecordBatchBuilder::recycle(EncodedBatch&& done) {
  if (size_ != 0 || done.records.capacity() <= buffer_.capacity()) return;
  buffer_ = std::move(done.records);
  buffer_.resize(buffer_.capacity());
}

void RecordBatchBuilder::clear() {
  size_ = 0;
  count_ = 0;
  overflowed_ = false;
}

Status RecordIterator::malformed() const {
  if (index_ == count_) {
    return fail(ErrorKind::corrupt, "{} bytes follow the {} records of the batch at offset {}", end_ - at_, count_,
                base_offset_.value);
  }
  return fail(ErrorKind::corrupt, "record {} of the {} in the batch at offset {} is malformed (byte {} of {})", index_,
              count_, base_offset_.value, at_ - begin_, end_ - begin_);
}

namespace {

// Calls `visit(key, has_value, value)` for each header until it gives true. False when the bytes are malformed.
template <typename Visit>
bool walk_headers(std::span<const std::byte> headers, Visit visit) {
  const std::byte* at = headers.data();
  const std::byte* const end = at + headers.size();
  int64_t count = 0;
  if (!take_varint<32>(at, end, count) || count < 0) return false;
  for (int64_t i = 0; i < count; ++i) {
    bool has_key = false;
    bool has_value = false;
    std::string_view key;
    std::string_view value;
    if (!record_batch::take_nullable(at, end, has_key, key) || !has_key) return false;
    if (!record_batch::take_nullable(at, end, has_value, value)) return false;
    if (visit(key, has_value, value)) return true;
  }
  return at == end;
}

}  // namespace

std::optional<std::string_view> find_among_headers(std::span<const std::byte> headers, std::string_view key) {
  std::optional<std::string_view> found;
  static_cast<void>(walk_headers(headers, [&](std::string_view name, bool has_value, std::string_view value) {
    if (name != key) return false;
    if (has_value) found = value;
    return true;
  }));
  return found;
}

bool headers_well_formed(std::span<const std::byte> headers) {
  return walk_headers(headers, [](std::string_view, bool, std::string_view) { return false; });
}

}  // namespace penstock::log

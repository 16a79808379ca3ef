// Kafka's record batch v2 in memory: building one, and reading its records. See docs/formats/log.md.
// Header-only where records are looped over: replay reads 20 M records a second through this.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"

namespace penstock::log {

enum class Codec : uint8_t { none = 0, lz4 = 3, zstd = 4 };  // the values of the format's attributes

struct Header {
  std::string_view key;
  std::string_view value;
};

// A batch whose records are framed, compressed and summed, but which has no place in a partition yet: base offset and
// producer stamp are put in at append. Made on any thread.
struct EncodedBatch {
  std::vector<std::byte> records;  // compressed by `codec`
  Codec codec = Codec::none;
  uint32_t records_crc = 0;        // CRC-32C over `records`
  int32_t count = 0;
  int64_t base_timestamp_ms = 0;
  int64_t max_timestamp_ms = 0;
};

// One record read from a batch; borrows the batch's bytes.
struct RecordView {
  Offset offset;
  int64_t timestamp_ms = 0;
  bool has_key = false;
  std::string_view key;
  bool has_value = false;  // false: a tombstone
  std::string_view value;
  int64_t header_count = 0;
  std::span<const std::byte> headers;  // framed; see find_header
};

// A batch's records may take so many bytes before compression: an int32 length must hold them.
inline constexpr size_t kBatchBytesMax = size_t{1} << 30;

namespace varint {

inline constexpr size_t kBytesMax = 10;

[[nodiscard]] constexpr uint64_t zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
[[nodiscard]] constexpr int64_t unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}
[[nodiscard]] constexpr size_t size(int64_t value) {
  size_t bytes = 1;
  for (uint64_t rest = zigzag(value) >> 7; rest != 0; rest >>= 7) ++bytes;
  return bytes;
}
inline std::byte* write(std::byte* out, int64_t value) {
  uint64_t rest = zigzag(value);
  for (; rest >= 0x80; rest >>= 7) *out++ = static_cast<std::byte>(rest | 0x80);
  *out++ = static_cast<std::byte>(rest);
  return out;
}
// Advances `at`; false when the varint is cut or longer than 10 bytes.
inline bool read(const std::byte*& at, const std::byte* end, int64_t& value) {
  if (at == end) return false;
  uint64_t raw = static_cast<uint8_t>(*at++);
  if (raw < 0x80) {
    value = unzigzag(raw);
    return true;
  }
  raw &= 0x7f;
  for (int shift = 7; shift < 64; shift += 7) {
    if (at == end) return false;
    const auto byte = static_cast<uint8_t>(*at++);
    raw |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      value = unzigzag(raw);
      return true;
    }
  }
  return false;
}

}  // namespace varint

// Frames records one after the other. One thread; keeps no record after finish().
class RecordBatchBuilder {
 public:
  // Gives room for about so many bytes of records at once.
  void reserve(size_t bytes) { bytes_.resize(std::max(bytes_.size(), bytes)); }

  void add(int64_t timestamp_ms, std::optional<std::string_view> key, std::string_view value,
           std::span<const Header> headers = {}) {
    if (count_ == 0) base_timestamp_ms_ = max_timestamp_ms_ = timestamp_ms;
    if (timestamp_ms > max_timestamp_ms_) max_timestamp_ms_ = timestamp_ms;
    const int64_t timestamp_delta = timestamp_ms - base_timestamp_ms_;
    const size_t key_bytes = key ? key->size() : 0;
    size_t bound = kFramingBytesMax + key_bytes + value.size();
    for (const Header& header : headers) bound += 2 * varint::kBytesMax + header.key.size() + header.value.size();
    if (size_ + bound > bytes_.size()) bytes_.resize(std::max(bytes_.size() * 2, size_ + bound));

    std::byte* const record = bytes_.data() + size_;
    // Most records are shorter than 64 bytes, whose length is one byte: the body is written behind it at once.
    std::byte* const body = record + 1;
    std::byte* at = body;
    *at++ = std::byte{0};  // attributes
    at = varint::write(at, timestamp_delta);
    at = varint::write(at, count_);
    at = varint::write(at, key ? static_cast<int64_t>(key_bytes) : -1);
    if (key) at = put(at, *key);
    at = varint::write(at, static_cast<int64_t>(value.size()));
    at = put(at, value);
    at = varint::write(at, static_cast<int64_t>(headers.size()));
    for (const Header& header : headers) {
      at = varint::write(at, static_cast<int64_t>(header.key.size()));
      at = put(at, header.key);
      at = varint::write(at, static_cast<int64_t>(header.value.size()));
      at = put(at, header.value);
    }
    const auto body_bytes = static_cast<size_t>(at - body);
    if (body_bytes < 64) [[likely]] {
      varint::write(record, static_cast<int64_t>(body_bytes));
      size_ += 1 + body_bytes;
    } else {
      const size_t length_bytes = varint::size(static_cast<int64_t>(body_bytes));
      std::memmove(record + length_bytes, body, body_bytes);
      varint::write(record, static_cast<int64_t>(body_bytes));
      size_ += length_bytes + body_bytes;
    }
    ++count_;
  }

  [[nodiscard]] int32_t count() const { return count_; }
  [[nodiscard]] size_t byte_size() const { return size_; }

  // The batch of all records added, compressed and summed; the builder is empty again. `full` beyond kBatchBytesMax.
  [[nodiscard]] Result<EncodedBatch> finish(Codec codec);

 private:
  // Length, attributes, timestamp and offset deltas, key and value lengths, header count.
  static constexpr size_t kFramingBytesMax = 7 * varint::kBytesMax;

  static std::byte* put(std::byte* at, std::string_view text) {
    std::memcpy(at, text.data(), text.size());
    return at + text.size();
  }

  std::vector<std::byte> bytes_;  // of which size_ are used
  size_t size_ = 0;
  int32_t count_ = 0;
  int64_t base_timestamp_ms_ = 0;
  int64_t max_timestamp_ms_ = 0;
};

// Reads the uncompressed records of one batch, in order. Never reads outside them, whatever they hold.
class RecordIterator {
 public:
  enum class Step : uint8_t { record, end, corrupt };

  RecordIterator(std::span<const std::byte> records, Offset base_offset, int64_t base_timestamp_ms, int32_t count)
      : at_(records.data()),
        end_(records.data() + records.size()),
        base_offset_(base_offset),
        base_timestamp_ms_(base_timestamp_ms),
        left_(count) {}

  [[nodiscard]] Step next(RecordView& record) {
    if (left_ == 0) return at_ == end_ ? Step::end : Step::corrupt;
    int64_t length = 0;
    if (!varint::read(at_, end_, length) || length < 1 || length > end_ - at_) return Step::corrupt;
    const std::byte* at = at_ + 1;  // past the attributes, which have no meaning yet
    const std::byte* const end = at_ + length;
    int64_t timestamp_delta = 0;
    int64_t offset_delta = 0;
    if (!varint::read(at, end, timestamp_delta) || !varint::read(at, end, offset_delta) ||
        !read_bytes(at, end, record.has_key, record.key) || !read_bytes(at, end, record.has_value, record.value) ||
        !varint::read(at, end, record.header_count) || record.header_count < 0) {
      return Step::corrupt;
    }
    record.headers = {at, end};
    record.offset = base_offset_ + offset_delta;
    if (__builtin_add_overflow(base_timestamp_ms_, timestamp_delta, &record.timestamp_ms)) return Step::corrupt;
    at_ = end;
    --left_;
    return Step::record;
  }

 private:
  static bool read_bytes(const std::byte*& at, const std::byte* end, bool& present, std::string_view& bytes) {
    int64_t length = 0;
    if (!varint::read(at, end, length) || length < -1 || length > end - at) return false;
    present = length >= 0;
    const auto size = static_cast<size_t>(present ? length : 0);
    bytes = {reinterpret_cast<const char*>(at), size};
    at += size;
    return true;
  }

  const std::byte* at_;
  const std::byte* const end_;
  const Offset base_offset_;
  const int64_t base_timestamp_ms_;
  int32_t left_;
};

// The value of the first header named `key`; nothing when there is none or the headers are malformed.
[[nodiscard]] std::optional<std::string_view> find_header(const RecordView& record, std::string_view key);

// Compressed bytes as they were before. `corrupt` when they are no such frame or give more than kBatchBytesMax.
[[nodiscard]] Result<std::vector<std::byte>> decompress(Codec codec, std::span<const std::byte> bytes);

}  // namespace penstock::log

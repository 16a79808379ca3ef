// Kafka's record batch v2 in memory: building one, and reading its records. See docs/formats/log.md.
// Header-only where records are looped over: replay reads 20 M records a second through this.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "log/varint.h"

namespace penstock::log {

enum class Codec : uint8_t { none = 0, lz4 = 3, zstd = 4 };  // the values of the format's attributes

// A batch's records, uncompressed; what a compressed batch may grow to when it is read.
inline constexpr size_t kRecordsBytesMax = size_t{64} << 20;
// A batch as stored. A codec adds less than 1 % to what it cannot compress.
inline constexpr size_t kBatchBytesMax = size_t{72} << 20;

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
  std::span<const std::byte> headers;  // framed, with their count before them; see find_header
};

// A batch as read from the log: decompressed, its CRC checked.
struct ReadBatch {
  Offset base_offset;
  int32_t count = 0;
  Codec codec = Codec::none;  // it was stored with
  int64_t base_timestamp_ms = 0;
  std::span<const std::byte> records;  // uncompressed, borrowed
};

// A short key with its length before it, as a record has it: made once for a key of many records.
struct FramedKey {
  static constexpr size_t kBytesMax = 15;  // a length of one byte and the key are stored by one instruction
  std::array<std::byte, kBytesMax + 1> bytes{};
  uint8_t size = 0;  // of `bytes` that are used; 0: none
  FramedKey() = default;
  // `key` has at most kBytesMax bytes.
  explicit FramedKey(std::string_view key);
};

// Frames records one after another into one buffer. One thread; reused from batch to batch.
class RecordBatchBuilder {
 public:
  // Adds a record; an absent key or value is null. Beyond kRecordsBytesMax nothing is added and `finish` says so.
  void add(int64_t timestamp_ms, std::optional<std::string_view> key, std::optional<std::string_view> value,
           std::span<const Header> headers = {});

  // Adds a record whose value `write(std::byte* out)` puts at `out` itself, giving how many bytes it took: at most
  // `value_bytes_max`, all of which it may scribble on. Spares a copy of each value. The hot path of ingest.
  template <typename Write>
  void add_written(int64_t timestamp_ms, std::optional<std::string_view> key, size_t value_bytes_max, Write&& write);
  template <typename Write>
  void add_written(int64_t timestamp_ms, const FramedKey& key, size_t value_bytes_max, Write&& write);

  [[nodiscard]] int32_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] size_t byte_size() const { return size_; }  // uncompressed, so far

  // The batch of what was added; the builder is empty again. `invalid` when there is no record, `full` when they
  // passed kRecordsBytesMax (all are dropped then).
  [[nodiscard]] Result<EncodedBatch> finish(Codec codec);
  // Gives back the memory of a batch that is appended, so that the next one needs no new pages.
  void recycle(EncodedBatch&& done);
  // Drops what was added.
  void clear();

 private:
  // Length, attributes, both deltas, both lengths and the header count, each at its widest.
  static constexpr size_t kFrameBytesMax = 3 * kVarintBytesMax + kVarlongBytesMax + 3 * kVarintBytesMax + 1;

  // Makes room for `bytes` more; false when that would pass kRecordsBytesMax.
  [[nodiscard]] bool ensure(size_t bytes) { return buffer_.size() - size_ >= bytes || grow(bytes); }
  [[nodiscard]] bool grow(size_t bytes);

  // Puts attributes and deltas at `out`.
  std::byte* put_start(std::byte* out, int64_t timestamp_ms);
  // The rest of a record that begins at `begin` and whose key ends at `value_length`.
  template <typename Write>
  void finish_written(std::byte* begin, std::byte* value_length, int64_t timestamp_ms, size_t value_bytes_max,
                      Write&& write);
  // Closes the record whose body is [begin + length_width, end): puts its length before it.
  void close_record(std::byte* begin, size_t length_width, std::byte* end, int64_t timestamp_ms);

  std::vector<std::byte> buffer_;  // its size is what may be written to without growing
  size_t size_ = 0;                // of which so many bytes are records
  bool overflowed_ = false;
  int32_t count_ = 0;
  int64_t base_timestamp_ms_ = 0;
  int64_t max_timestamp_ms_ = 0;
};

// Walks over a batch's records, never reading outside their bytes. One thread.
//
//   RecordIterator records(batch);
//   for (RecordView record; records.next(record);) use(record);
//   PENSTOCK_TRY(records.status());
class RecordIterator {
 public:
  explicit RecordIterator(const ReadBatch& batch)
      : base_offset_(batch.base_offset),
        base_timestamp_ms_(batch.base_timestamp_ms),
        count_(batch.count),
        begin_(batch.records.data()),
        at_(begin_),
        end_(begin_ + batch.records.size()) {}

  // The next record; false after the last, or at bytes that are no record: ask `status`. A record that follows such
  // bytes is not reached.
  [[nodiscard]] bool next(RecordView& record);
  // `corrupt` when the records did not check out so far.
  [[nodiscard]] Status status() const { return malformed_ ? malformed() : Status{}; }

 private:
  [[nodiscard]] bool parse(RecordView& record);
  [[nodiscard]] Status malformed() const;

  Offset base_offset_;
  int64_t base_timestamp_ms_;
  int32_t count_;
  int32_t index_ = 0;
  bool malformed_ = false;
  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
};

// The value of the first header named `key`; none when there is no such header or its value is null.
// Replay asks it of every record, and nearly none has more than a count of headers.
[[nodiscard]] std::optional<std::string_view> find_among_headers(std::span<const std::byte> headers,
                                                                 std::string_view key);
[[nodiscard]] inline std::optional<std::string_view> find_header(std::span<const std::byte> headers,
                                                                 std::string_view key) {
  return headers.size() <= 1 ? std::nullopt : find_among_headers(headers, key);
}

// Whether `headers` is a count and that many headers and nothing else.
[[nodiscard]] bool headers_well_formed(std::span<const std::byte> headers);

// ---------------------------------------------------------------------------------------------------------------------

namespace record_batch {

inline std::byte* put_bytes(std::byte* out, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

inline std::byte* put_nullable(std::byte* out, std::optional<std::string_view> bytes) {
  if (!bytes) return put_varint(out, -1);
  return put_bytes(put_varint(out, static_cast<int64_t>(bytes->size())), *bytes);
}

// A length and as many bytes; a length of -1 is null. False when they do not fit before `end`.
inline bool take_nullable(const std::byte*& at, const std::byte* end, bool& present, std::string_view& bytes) {
  int64_t length = 0;
  if (!take_varint<32>(at, end, length) || length < -1 || length > end - at) return false;
  present = length >= 0;
  bytes = {reinterpret_cast<const char*>(at), present ? static_cast<size_t>(length) : 0};
  at += bytes.size();
  return true;
}

}  // namespace record_batch

inline FramedKey::FramedKey(std::string_view key) {
  PENSTOCK_ASSERT(key.size() <= kBytesMax);
  const std::byte* end = record_batch::put_bytes(put_varint(bytes.data(), static_cast<int64_t>(key.size())), key);
  size = static_cast<uint8_t>(end - bytes.data());
}

inline std::byte* RecordBatchBuilder::put_start(std::byte* out, int64_t timestamp_ms) {
  if (count_ == 0) base_timestamp_ms_ = max_timestamp_ms_ = timestamp_ms;
  *out++ = std::byte{0};  // attributes
  // Modulo 2^64: the reader's sum wraps back.
  out = put_varint(
      out, static_cast<int64_t>(static_cast<uint64_t>(timestamp_ms) - static_cast<uint64_t>(base_timestamp_ms_)));
  return put_varint(out, count_);
}

inline void RecordBatchBuilder::close_record(std::byte* begin, size_t length_width, std::byte* end,
                                             int64_t timestamp_ms) {
  const std::byte* body = begin + length_width;
  const auto length = static_cast<size_t>(end - body);
  const size_t width = varint_size(static_cast<int64_t>(length));
  if (width != length_width) [[unlikely]]
    std::memmove(begin + width, body, length);
  put_varint(begin, static_cast<int64_t>(length));
  size_ += width + length;
  ++count_;
  max_timestamp_ms_ = std::max(max_timestamp_ms_, timestamp_ms);
}

template <typename Write>
inline void RecordBatchBuilder::add_written(int64_t timestamp_ms, std::optional<std::string_view> key,
                                            size_t value_bytes_max, Write&& write) {
  if (!ensure(kFrameBytesMax + (key ? key->size() : 0) + value_bytes_max)) [[unlikely]]
    return;
  std::byte* const begin = buffer_.data() + size_;
  std::byte* const key_at = put_start(begin + 1, timestamp_ms);
  finish_written(begin, record_batch::put_nullable(key_at, key), timestamp_ms, value_bytes_max,
                 std::forward<Write>(write));
}

template <typename Write>
inline void RecordBatchBuilder::add_written(int64_t timestamp_ms, const FramedKey& key, size_t value_bytes_max,
                                            Write&& write) {
  if (!ensure(kFrameBytesMax + sizeof key.bytes + value_bytes_max)) [[unlikely]]
    return;
  std::byte* const begin = buffer_.data() + size_;
  std::byte* const key_at = put_start(begin + 1, timestamp_ms);
  std::memcpy(key_at, key.bytes.data(), sizeof key.bytes);
  finish_written(begin, key_at + key.size, timestamp_ms, value_bytes_max, std::forward<Write>(write));
}

template <typename Write>
inline void RecordBatchBuilder::finish_written(std::byte* begin, std::byte* value_length, int64_t timestamp_ms,
                                               size_t value_bytes_max, Write&& write) {
  // A record under 64 bytes has lengths of one byte; a longer one is moved up when its length is known.
  std::byte* value = value_length + 1;
  const auto length = static_cast<size_t>(std::forward<Write>(write)(value));
  PENSTOCK_ASSERT(length <= value_bytes_max);
  if (const size_t width = varint_size(static_cast<int64_t>(length)); width != 1) [[unlikely]] {
    std::memmove(value_length + width, value, length);
    value = value_length + width;
  }
  put_varint(value_length, static_cast<int64_t>(length));
  std::byte* end = value + length;
  *end++ = std::byte{0};  // no headers
  close_record(begin, 1, end, timestamp_ms);
}

inline void RecordBatchBuilder::add(int64_t timestamp_ms, std::optional<std::string_view> key,
                                    std::optional<std::string_view> value, std::span<const Header> headers) {
  size_t content = (key ? key->size() : 0) + (value ? value->size() : 0);
  for (const Header& header : headers) content += header.key.size() + header.value.size() + 2 * kVarintBytesMax;
  if (!ensure(kFrameBytesMax + content)) [[unlikely]]
    return;
  std::byte* const begin = buffer_.data() + size_;
  const size_t length_width = varint_size(static_cast<int64_t>(content + 6));  // most often right
  std::byte* out = put_start(begin + length_width, timestamp_ms);
  out = record_batch::put_nullable(record_batch::put_nullable(out, key), value);
  out = put_varint(out, static_cast<int64_t>(headers.size()));
  for (const Header& header : headers) {
    out = record_batch::put_nullable(out, header.key);
    out = record_batch::put_nullable(out, header.value);
  }
  close_record(begin, length_width, out, timestamp_ms);
}

inline bool RecordIterator::next(RecordView& record) {
  if (index_ == count_) [[unlikely]] {
    if (at_ != end_) malformed_ = true;
    return false;
  }
  if (malformed_ || !parse(record)) [[unlikely]] {
    malformed_ = true;
    return false;
  }
  ++index_;
  return true;
}

inline bool RecordIterator::parse(RecordView& record) {
  const std::byte* at = at_;
  int64_t length = 0;
  if (!take_varint<32>(at, end_, length) || length < 1 || length > end_ - at) return false;
  const std::byte* const end = at + length;
  ++at;  // attributes: none are defined
  int64_t timestamp_delta = 0;
  int64_t offset_delta = 0;
  if (!take_varint<64>(at, end, timestamp_delta)) return false;
  if (!take_varint<32>(at, end, offset_delta) || offset_delta != index_) return false;
  if (!record_batch::take_nullable(at, end, record.has_key, record.key)) return false;
  if (!record_batch::take_nullable(at, end, record.has_value, record.value)) return false;
  record.headers = {at, end};
  if (record.headers.size() != 1 || *at != std::byte{0}) [[unlikely]] {
    if (!headers_well_formed(record.headers)) return false;
  }
  record.offset = base_offset_ + index_;
  record.timestamp_ms =
      static_cast<int64_t>(static_cast<uint64_t>(base_timestamp_ms_) + static_cast<uint64_t>(timestamp_delta));
  at_ = end;
  return true;
}

}  // namespace penstock::log

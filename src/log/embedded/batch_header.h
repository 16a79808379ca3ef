// The 61 bytes before a batch's records, big-endian, as Kafka keeps them: docs/formats/log.md.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#include "base/crc32c.h"
#include "base/error.h"
#include "log/record_batch.h"

namespace penstock::log {

inline constexpr size_t kBatchHeaderBytes = 61;
inline constexpr size_t kLengthFieldEnd = 12;  // the batch length counts what follows it
inline constexpr size_t kCrcBegin = 21;        // the checksum covers from here to the end
inline constexpr uint8_t kMagic = 2;
inline constexpr int64_t kSequenceModulus = int64_t{1} << 31;

template <typename Int>
void put_big_endian(std::byte* at, Int value) {
  auto bits = static_cast<std::make_unsigned_t<Int>>(value);
  if constexpr (sizeof(Int) > 1) bits = std::byteswap(bits);
  std::memcpy(at, &bits, sizeof bits);
}
template <typename Int>
[[nodiscard]] Int get_big_endian(const std::byte* at) {
  std::make_unsigned_t<Int> bits;
  std::memcpy(&bits, at, sizeof bits);
  if constexpr (sizeof(Int) > 1) bits = std::byteswap(bits);
  return static_cast<Int>(bits);
}

struct BatchHeader {
  int64_t base_offset = 0;
  int32_t batch_length = 0;
  uint32_t crc = 0;
  int16_t attributes = 0;
  int32_t last_offset_delta = 0;
  int64_t base_timestamp_ms = 0;
  int64_t max_timestamp_ms = 0;
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;
  int32_t base_sequence = -1;
  int32_t record_count = 0;

  [[nodiscard]] int64_t last_offset() const { return base_offset + last_offset_delta; }
  // Of the whole batch in the file.
  [[nodiscard]] uint64_t total_bytes() const { return kLengthFieldEnd + static_cast<uint64_t>(batch_length); }
  [[nodiscard]] size_t records_bytes() const { return total_bytes() - kBatchHeaderBytes; }
  [[nodiscard]] uint8_t codec() const { return static_cast<uint8_t>(attributes & 7); }
};

// Writes all fields; leaves `crc` for seal_header.
inline void write_header(const BatchHeader& header, std::span<std::byte, kBatchHeaderBytes> out) {
  std::byte* at = out.data();
  put_big_endian(at, header.base_offset);
  put_big_endian(at + 8, header.batch_length);
  put_big_endian(at + 12, int32_t{0});  // partition leader epoch: one leader for ever
  at[16] = std::byte{kMagic};
  put_big_endian(at + 17, header.crc);
  put_big_endian(at + 21, header.attributes);
  put_big_endian(at + 23, header.last_offset_delta);
  put_big_endian(at + 27, header.base_timestamp_ms);
  put_big_endian(at + 35, header.max_timestamp_ms);
  put_big_endian(at + 43, header.producer_id);
  put_big_endian(at + 51, header.producer_epoch);
  put_big_endian(at + 53, header.base_sequence);
  put_big_endian(at + 57, header.record_count);
}

// The checksum of the header's covered part followed by records whose own checksum is known, put in its place.
inline void seal_header(std::span<std::byte, kBatchHeaderBytes> header, uint32_t records_crc, uint64_t records_bytes) {
  const uint32_t own = crc32c(header.subspan(kCrcBegin));
  put_big_endian(header.data() + 17, crc32c_combine(own, records_crc, records_bytes));
}

// Reads the fields; false when they cannot be those of a batch (a torn or foreign piece of file).
[[nodiscard]] inline bool read_header(std::span<const std::byte, kBatchHeaderBytes> bytes, BatchHeader& header) {
  const std::byte* at = bytes.data();
  if (at[16] != std::byte{kMagic}) return false;
  header.base_offset = get_big_endian<int64_t>(at);
  header.batch_length = get_big_endian<int32_t>(at + 8);
  header.crc = get_big_endian<uint32_t>(at + 17);
  header.attributes = get_big_endian<int16_t>(at + 21);
  header.last_offset_delta = get_big_endian<int32_t>(at + 23);
  header.base_timestamp_ms = get_big_endian<int64_t>(at + 27);
  header.max_timestamp_ms = get_big_endian<int64_t>(at + 35);
  header.producer_id = get_big_endian<int64_t>(at + 43);
  header.producer_epoch = get_big_endian<int16_t>(at + 51);
  header.base_sequence = get_big_endian<int32_t>(at + 53);
  header.record_count = get_big_endian<int32_t>(at + 57);
  // Offsets stay so far from their type's end that adding a batch never overflows.
  constexpr int64_t kBaseOffsetMax = std::numeric_limits<int64_t>::max() - (int64_t{1} << 33);
  return header.base_offset >= 0 && header.base_offset <= kBaseOffsetMax &&
         header.batch_length >= static_cast<int32_t>(kBatchHeaderBytes - kLengthFieldEnd) &&
         header.total_bytes() <= kBatchBytesMax && header.last_offset_delta >= 0 &&
         header.last_offset_delta < std::numeric_limits<int32_t>::max() && header.record_count >= 0;
}

// Whether `batch` (header and records) is as its checksum says.
[[nodiscard]] inline bool checksum_holds(std::span<const std::byte> batch, const BatchHeader& header) {
  return crc32c(batch.subspan(kCrcBegin)) == header.crc;
}

}  // namespace penstock::log

// Zigzag LEB128 as Kafka's records use it: `varint` of 32 and `varlong` of 64 bits. Header-only: every field of every
// record passes through.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace penstock::log {

inline constexpr size_t kVarintBytesMax = 5;
inline constexpr size_t kVarlongBytesMax = 10;

constexpr uint64_t zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
constexpr int64_t unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// How many bytes `value` takes. A varint is the varlong of the same number.
constexpr size_t varint_size(int64_t value) { return (static_cast<size_t>(std::bit_width(zigzag(value) | 1)) + 6) / 7; }

// Writes `value` at `out`, which has room for it; gives one past it.
inline std::byte* put_varint(std::byte* out, int64_t value) {
  uint64_t rest = zigzag(value);
  while (rest >= 0x80) [[unlikely]] {
    *out++ = static_cast<std::byte>(rest | 0x80);
    rest >>= 7;
  }
  *out++ = static_cast<std::byte>(rest);
  return out;
}

// Reads a number from [at, end) and moves `at` past it. False, with `at` undefined, when it does not end there or has
// bits beyond `Bits`.
template <int Bits>
inline bool take_varint(const std::byte*& at, const std::byte* end, int64_t& value) {
  if (at != end && std::to_integer<uint8_t>(*at) < 0x80) [[likely]] {
    value = unzigzag(std::to_integer<uint64_t>(*at++));
    return true;
  }
  uint64_t sum = 0;
  for (int shift = 0; shift < Bits; shift += 7) {
    if (at == end) return false;
    const auto byte = std::to_integer<uint64_t>(*at++);
    const uint64_t bits = byte & 0x7F;
    if (shift + 7 > Bits && bits >> (Bits - shift) != 0) return false;
    sum |= bits << shift;
    if (byte < 0x80) {
      value = unzigzag(sum);
      return true;
    }
  }
  return false;
}

}  // namespace penstock::log

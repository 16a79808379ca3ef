#include "base/crc32c.h"

#include <array>
#include <cstring>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

// All arithmetic is on reflected polynomials over GF(2): bit 31 of a word is the coefficient of x^0.
namespace penstock {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;  // Castagnoli, reflected
constexpr uint32_t kOne = uint32_t{1} << 31;

constexpr uint32_t times_x(uint32_t a) { return (a >> 1) ^ (kPolynomial & (0U - (a & 1U))); }

// a * b mod P.
constexpr uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (int bit = 31; bit >= 0; --bit) {
    product ^= b & (0U - ((a >> bit) & 1U));
    b = times_x(b);
  }
  return product;
}

// x^(8 * n) mod P for n = digit * 256^place: a length takes one multiplication for each of its bytes that is not zero.
// Lengths of any size: the table covers all 64 bits.
constexpr auto kShiftOf = [] {
  std::array<std::array<uint32_t, 256>, 8> table{};
  uint32_t unit = kOne;
  for (int i = 0; i < 8; ++i) unit = times_x(unit);
  for (auto& place : table) {
    place[0] = kOne;
    for (size_t digit = 1; digit < 256; ++digit) place[digit] = multiply(place[digit - 1], unit);
    unit = multiply(place[255], unit);
  }
  return table;
}();

constexpr uint32_t shift(uint32_t crc, uint64_t bytes) {
  for (size_t place = 0; bytes != 0; ++place, bytes >>= 8)
    if ((bytes & 255) != 0) crc = multiply(kShiftOf[place][bytes & 255], crc);
  return crc;
}

#if defined(__SSE4_2__)

// A shift by a fixed length as four look-ups.
using FixedShift = std::array<std::array<uint32_t, 256>, 4>;
constexpr FixedShift fixed_shift(uint64_t bytes) {
  FixedShift table{};
  const uint32_t by = shift(kOne, bytes);
  for (size_t place = 0; place < 4; ++place) {
    // Linear in the byte: the entries of the powers of two give all others.
    for (uint32_t bit = 0; bit < 8; ++bit)
      table[place][size_t{1} << bit] = multiply(by, uint32_t{1} << (8 * place + bit));
    for (size_t digit = 1; digit < 256; ++digit)
      table[place][digit] = table[place][digit & (digit - 1)] ^ table[place][digit & (~digit + 1)];
  }
  return table;
}

// The instruction has a latency of three cycles and a throughput of one: three lanes of these lengths hide it.
constexpr size_t kLongLane = 2048;
constexpr size_t kShortLane = 256;
constexpr FixedShift kByLongLane = fixed_shift(kLongLane);
constexpr FixedShift kByShortLane = fixed_shift(kShortLane);

uint64_t apply(const FixedShift& by, uint64_t crc) {
  return by[0][crc & 255] ^ by[1][(crc >> 8) & 255] ^ by[2][(crc >> 16) & 255] ^ by[3][(crc >> 24) & 255];
}

uint64_t load(const std::byte* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

template <size_t kLane>
uint64_t three_lanes(uint64_t crc, const std::byte*& at, size_t& left, const FixedShift& by_lane) {
  while (left >= 3 * kLane) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t i = 0; i < kLane; i += 8) {
      crc = _mm_crc32_u64(crc, load(at + i));
      second = _mm_crc32_u64(second, load(at + kLane + i));
      third = _mm_crc32_u64(third, load(at + 2 * kLane + i));
    }
    crc = apply(by_lane, crc) ^ second;
    crc = apply(by_lane, crc) ^ third;
    at += 3 * kLane;
    left -= 3 * kLane;
  }
  return crc;
}

uint32_t update(uint32_t state, std::span<const std::byte> bytes) {
  uint64_t crc = state;
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  crc = three_lanes<kLongLane>(crc, at, left, kByLongLane);
  crc = three_lanes<kShortLane>(crc, at, left, kByShortLane);
  for (; left >= 8; left -= 8, at += 8) crc = _mm_crc32_u64(crc, load(at));
  auto last = static_cast<uint32_t>(crc);
  for (; left > 0; --left, ++at) last = _mm_crc32_u8(last, std::to_integer<uint8_t>(*at));
  return last;
}

#else

// Eight bytes a step by look-up.
constexpr auto kByteTable = [] {
  std::array<std::array<uint32_t, 256>, 8> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = times_x(crc);
    table[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k)
    for (size_t byte = 0; byte < 256; ++byte)
      table[k][byte] = (table[k - 1][byte] >> 8) ^ table[0][table[k - 1][byte] & 255];
  return table;
}();

uint32_t update(uint32_t crc, std::span<const std::byte> bytes) {
  const auto byte_at = [&](size_t i) { return std::to_integer<uint32_t>(bytes[i]); };
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    const uint32_t low = crc ^ (byte_at(i) | byte_at(i + 1) << 8 | byte_at(i + 2) << 16 | byte_at(i + 3) << 24);
    crc = kByteTable[7][low & 255] ^ kByteTable[6][(low >> 8) & 255] ^ kByteTable[5][(low >> 16) & 255] ^
          kByteTable[4][low >> 24] ^ kByteTable[3][byte_at(i + 4)] ^ kByteTable[2][byte_at(i + 5)] ^
          kByteTable[1][byte_at(i + 6)] ^ kByteTable[0][byte_at(i + 7)];
  }
  for (; i < bytes.size(); ++i) crc = (crc >> 8) ^ kByteTable[0][(crc ^ byte_at(i)) & 255];
  return crc;
}

#endif

}  // namespace

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t crc) { return ~update(~crc, bytes); }

uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) { return shift(crc_a, length_b) ^ crc_b; }

}  // namespace penstock

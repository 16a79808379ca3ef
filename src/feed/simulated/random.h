// Random numbers in integers alone. What a seed gives must be the same bytes on every machine and compiler, and neither
// std::normal_distribution, libm nor contracted floating point promise that.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/int128.h"

namespace penstock::feed {

// SplitMix64: a 64-bit counter through a mixing function. Fast, full period, good enough for a market that is invented.
class Random {
 public:
  explicit constexpr Random(uint64_t seed) : state_(seed) {}

  constexpr uint64_t next() {
    state_ += 0x9e37'79b9'7f4a'7c15u;
    return mix(state_);
  }
  // Uniform in [0, n), n > 0.
  constexpr uint64_t below(uint64_t n) { return static_cast<uint64_t>((Uint128{next()} * n) >> 64); }
  // Uniform in [low, high].
  constexpr int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
  }
  // True `per_2_32` times of 2^32.
  constexpr bool chance(uint64_t per_2_32) { return (next() >> 32) < per_2_32; }

  // Exponential with mean 1, in 2^-32. At most 64 ln 2 = 44.4.
  constexpr uint64_t exponential_q32();
  // Near normal, mean 0 and deviation 1, in 2^-16: the sum of four uniforms, so never beyond 3.47 deviations.
  constexpr int64_t normal_q16() {
    const uint64_t r = next();
    const auto sum =
        static_cast<int64_t>((r & 0xffff) + ((r >> 16) & 0xffff) + ((r >> 32) & 0xffff) + ((r >> 48) & 0xffff));
    constexpr int64_t kMean = 2 * 0xffff;
    constexpr int64_t kSqrt3Q16 = 113'512;  // the sum's deviation is 2^16 / sqrt(3)
    return ((sum - kMean) * kSqrt3Q16) >> 16;
  }

  static constexpr uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9u;
    x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11ebu;
    return x ^ (x >> 31);
  }

 private:
  uint64_t state_;
};

// log2(1 + i/256) in 2^-32, i = 0..256, by repeated squaring.
inline constexpr std::array<uint64_t, 257> kLog2Q32 = [] {
  std::array<uint64_t, 257> table{};
  for (uint64_t i = 0; i < 256; ++i) {
    Uint128 x = (Uint128{1} << 60) + (Uint128{i} << 52);  // in 2^-60
    uint64_t log = 0;
    for (int bit = 31; bit >= 0; --bit) {
      x = (x * x) >> 60;
      if (x >= (Uint128{1} << 61)) {
        x >>= 1;
        log |= uint64_t{1} << bit;
      }
    }
    table[i] = log;
  }
  table[256] = uint64_t{1} << 32;
  return table;
}();

constexpr uint64_t Random::exponential_q32() {
  const uint64_t u = next() | 1;  // never 0, whose logarithm has no value
  const int zeros = std::countl_zero(u);
  const uint64_t fraction = (u << zeros) << 1;  // the bits below the leading one
  const uint64_t index = fraction >> 56;
  const uint64_t between = (fraction >> 32) & 0xff'ffff;
  const uint64_t log2 = kLog2Q32[index] + (((kLog2Q32[index + 1] - kLog2Q32[index]) * between) >> 24);
  const uint64_t minus_log2 = (static_cast<uint64_t>(zeros + 1) << 32) - log2;  // of u / 2^64
  constexpr uint64_t kLn2Q32 = 2'977'044'472;
  return static_cast<uint64_t>((Uint128{minus_log2} * kLn2Q32) >> 32);
}

// The greatest integer whose square is at most `x`.
constexpr uint64_t integer_sqrt(uint64_t x) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 31; bit != 0; bit >>= 1) {
    const uint64_t next = root | bit;
    if (next * next <= x) root = next;
  }
  return root;
}

}  // namespace penstock::feed

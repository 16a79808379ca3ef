// Exact fixed-point numbers: Price is int64 in 1e-9, Size int64 in 1e-8. No price passes through a double.
// Range: |Price| up to 9,223,372,036.854775807; |Size| up to 92,233,720,368.54775807. Outside it, a record is
// quarantined, never rounded.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/int128.h"

namespace penstock::market {

inline constexpr int kPriceScale = 9;
inline constexpr int kSizeScale = 8;

inline constexpr int64_t kPow10[19] = {1,
                                       10,
                                       100,
                                       1'000,
                                       10'000,
                                       100'000,
                                       1'000'000,
                                       10'000'000,
                                       100'000'000,
                                       1'000'000'000,
                                       10'000'000'000,
                                       100'000'000'000,
                                       1'000'000'000'000,
                                       10'000'000'000'000,
                                       100'000'000'000'000,
                                       1'000'000'000'000'000,
                                       10'000'000'000'000'000,
                                       100'000'000'000'000'000,
                                       1'000'000'000'000'000'000};

enum class DecimalError : uint8_t {
  ok,
  not_a_number,     // text where a number belongs
  too_many_digits,  // a non-zero digit finer than the scale: keeping it is impossible, dropping it is not allowed
  out_of_range,
};
[[nodiscard]] std::string_view to_string(DecimalError error);

// Reads a decimal (`-12.5`, `.5`, `5.`, `1e-7`, `+3`) as a count of 10^-scale. `scale` is 0 to 18.
[[nodiscard]] DecimalError parse_decimal(std::string_view text, int scale, int64_t& out);

// A double, as the shortest decimal that reads back as the same double, taken exactly: what a Parquet or JSON writer
// that had `123.45` meant by its double.
[[nodiscard]] DecimalError from_double(double value, int scale, int64_t& out);

// The digits without trailing zeros after the point: `123.45`, `-0.5`, `7`.
[[nodiscard]] std::string format_decimal(Int128 value, int scale);

template <typename Tag, int Scale>
struct FixedPoint {
  static constexpr int kScale = Scale;
  int64_t units = 0;  // of 10^-Scale
  constexpr FixedPoint() = default;
  constexpr explicit FixedPoint(int64_t u) : units(u) {}
  friend constexpr auto operator<=>(FixedPoint, FixedPoint) = default;
  [[nodiscard]] std::string to_string() const { return format_decimal(units, Scale); }
};
using Price = FixedPoint<struct PriceTag, kPriceScale>;
using Size = FixedPoint<struct SizeTag, kSizeScale>;

}  // namespace penstock::market

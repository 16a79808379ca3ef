#include "feed/file/parquet_values.h"

#include <fmt/core.h>

#include <bit>
#include <charconv>
#include <cmath>

namespace penstock::feed::file {
namespace {

// Below 2^53 / 10 units every decimal of the scale has a double of its own, with a digit to spare.
constexpr double kUnitsMost = 9e14;

// Adding it rounds a double below 2^51 to the nearest integer, which the sum's low bits then hold. Unlike a conversion
// to int64 the compiler makes vectors of it without AVX-512.
constexpr double kRounder = 0x1.8p52;

}  // namespace

bool fast_from_double(double value, int scale, int64_t& out) { return fast_from_doubles(&value, 1, scale, &out); }

bool fast_from_doubles(const double* values, size_t count, int scale, int64_t* out) {
  const auto power = static_cast<double>(market::kPow10[scale]);
  // Counted as 64-bit lanes, like the values.
  int64_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    const double value = values[i];
    const double scaled = value * power;
    const double sum = scaled + kRounder;
    out[i] = std::bit_cast<int64_t>(sum) - std::bit_cast<int64_t>(kRounder);
    const bool within = std::abs(scaled) < kUnitsMost;
    const bool same = (sum - kRounder) / power == value;
    kept += static_cast<int64_t>(within & same);
  }
  return kept == static_cast<int64_t>(count);
}

market::DecimalError from_float(float value, int scale, int64_t& out) {
  if (!std::isfinite(value)) return market::DecimalError::not_a_number;
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  if (error != std::errc{}) return market::DecimalError::not_a_number;
  return market::parse_decimal({text, static_cast<size_t>(end - text)}, scale, out);
}

std::string not_kept_reason(std::string_view name, std::string_view text) {
  return fmt::format("{}: {} cannot be kept exactly", name, text);
}

}  // namespace penstock::feed::file

#include "market/decimal.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace penstock::market {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The digits of a decimal text as mantissa * 10^exponent, or why not.
DecimalError read_mantissa(std::string_view text, bool& negative, uint64_t& mantissa, int& exponent) {
  size_t at = 0;
  negative = false;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) negative = text[at++] == '-';
  mantissa = 0;
  exponent = 0;
  bool any = false;
  bool point = false;
  int pending_zeros = 0;  // held back, so that `1.50000000000000000000` is no longer than `1.5`
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!is_digit(c)) break;
    any = true;
    if (point) --exponent;
    if (c == '0') {
      ++pending_zeros;
      continue;
    }
    for (; pending_zeros > 0; --pending_zeros) {
      if (__builtin_mul_overflow(mantissa, uint64_t{10}, &mantissa)) return DecimalError::out_of_range;
    }
    if (__builtin_mul_overflow(mantissa, uint64_t{10}, &mantissa) ||
        __builtin_add_overflow(mantissa, static_cast<uint64_t>(c - '0'), &mantissa)) {
      return point ? DecimalError::too_many_digits : DecimalError::out_of_range;
    }
  }
  if (!any) return DecimalError::not_a_number;
  exponent += pending_zeros;
  if (at == text.size()) return DecimalError::ok;
  if (text[at] != 'e' && text[at] != 'E') return DecimalError::not_a_number;
  ++at;
  if (at < text.size() && text[at] == '+') ++at;
  int written = 0;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), written);
  if (error == std::errc::result_out_of_range) return DecimalError::out_of_range;
  if (error != std::errc{} || end != text.data() + text.size()) return DecimalError::not_a_number;
  if (written > 100'000 || written < -100'000) return mantissa == 0 ? DecimalError::ok : DecimalError::out_of_range;
  exponent += written;
  return DecimalError::ok;
}

}  // namespace

std::string_view to_string(DecimalError error) {
  switch (error) {
    case DecimalError::ok: return "ok";
    case DecimalError::not_a_number: return "not a number";
    case DecimalError::too_many_digits: return "more digits after the point than can be kept exactly";
    case DecimalError::out_of_range: return "number out of range";
  }
  return "not a number";
}

DecimalError parse_decimal(std::string_view text, int scale, int64_t& out) {
  bool negative = false;
  uint64_t mantissa = 0;
  int exponent = 0;
  if (const DecimalError error = read_mantissa(text, negative, mantissa, exponent); error != DecimalError::ok) {
    return error;
  }
  if (mantissa == 0) {
    out = 0;
    return DecimalError::ok;
  }
  int shift = exponent + scale;
  for (; shift < 0; ++shift) {
    if (mantissa % 10 != 0) return DecimalError::too_many_digits;
    mantissa /= 10;
  }
  if (shift > 18 || __builtin_mul_overflow(mantissa, static_cast<uint64_t>(kPow10[shift]), &mantissa) ||
      mantissa > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return DecimalError::out_of_range;
  }
  out = negative ? -static_cast<int64_t>(mantissa) : static_cast<int64_t>(mantissa);
  return DecimalError::ok;
}

DecimalError from_double(double value, int scale, int64_t& out) {
  if (!std::isfinite(value)) return DecimalError::not_a_number;
  // 17 digits, a sign, a point and an exponent of three digits fit.
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  if (error != std::errc{}) return DecimalError::not_a_number;
  return parse_decimal(std::string_view(text, static_cast<size_t>(end - text)), scale, out);
}

std::string format_decimal(Int128 value, int scale) {
  std::string digits = penstock::to_string(value < 0 ? -value : value);
  if (static_cast<int>(digits.size()) <= scale) digits.insert(0, static_cast<size_t>(scale) + 1 - digits.size(), '0');
  if (scale > 0) {
    digits.insert(digits.size() - static_cast<size_t>(scale), 1, '.');
    while (digits.back() == '0') digits.pop_back();
    if (digits.back() == '.') digits.pop_back();
  }
  if (value < 0) digits.insert(0, 1, '-');
  return digits;
}

}  // namespace penstock::market

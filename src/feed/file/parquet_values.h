// What both of Parquet's readers make of the values of a file, so that they make the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "market/decimal.h"

namespace penstock::feed::file {

// How a column's values become those of a field.
enum class ParquetForm : uint8_t {
  text,            // strings, and with DuckDB whatever else it can print
  integer,         // of any width
  scaled_integer,  // a DECIMAL of up to 64 bits
  real,            // DOUBLE
  short_real,      // FLOAT
  time,            // a timestamp
};

// `value` as units of 10^-scale, when it is the double next to a decimal of few digits: the shortest decimal that reads
// back as this double has at most 15 digits then, and is `units`. False sends it to market::from_double.
[[nodiscard]] bool fast_from_double(double value, int scale, int64_t& out);
// The same for each of `values`; false when it is false for any, and then `out` holds nothing of use.
[[nodiscard]] bool fast_from_doubles(const double* values, size_t count, int scale, int64_t* out);

// The shortest decimal that reads back as the same float, taken exactly.
[[nodiscard]] market::DecimalError from_float(float value, int scale, int64_t& out);

// `value` of `from` fraction digits with `to` of them, exactly.
[[nodiscard]] inline bool rescale(int64_t value, int from, int to, int64_t& out) {
  if (from <= to) return to - from <= 18 && !__builtin_mul_overflow(value, market::kPow10[to - from], &out);
  if (value % market::kPow10[from - to] != 0) return false;
  out = value / market::kPow10[from - to];
  return true;
}

// Why a row is rejected whose column `name` holds a number, `text`, that its field cannot.
[[nodiscard]] std::string not_kept_reason(std::string_view name, std::string_view text);

}  // namespace penstock::feed::file

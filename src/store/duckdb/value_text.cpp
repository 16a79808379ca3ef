#include "store/duckdb/value_text.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "base/int128.h"

namespace penstock::store::duck {
namespace {

template <typename T>
T value(const ColumnView& column, idx_t row) {
  return static_cast<const T*>(column.data)[row];
}

void append_decimal(std::string& out, Int128 units, int scale) {
  const bool negative = units < 0;
  std::string digits = to_string(units);
  if (negative) digits.erase(0, 1);
  const auto places = static_cast<size_t>(scale);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  if (negative) out += '-';
  out.append(digits, 0, digits.size() - places);
  if (places > 0) out.append(1, '.').append(digits, digits.size() - places);
}

template <typename T>
void append_double(std::string& out, T number) {
  if (std::isnan(number)) {
    out += "nan";
  } else if (std::isinf(number)) {
    out += number < 0 ? "-inf" : "inf";
  } else {
    const size_t begin = out.size();
    fmt::format_to(std::back_inserter(out), "{}", number);
    if (out.find_first_of(".e", begin) == std::string::npos) out += ".0";
  }
}

// Howard Hinnant's days-to-civil, for every day that DuckDB can hold.
void append_date(std::string& out, int64_t days, bool& before_christ) {
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  before_christ = year <= 0;
  if (before_christ) year = 1 - year;
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}", year, month, day);
  if (before_christ) out += " (BC)";
}

// `units` since 1970, `per_second` of them a second, `digits` fraction digits.
void append_timestamp(std::string& out, int64_t units, int64_t per_second, int digits) {
  if (units == std::numeric_limits<int64_t>::max()) {
    out += "infinity";
    return;
  }
  if (units == -std::numeric_limits<int64_t>::max()) {
    out += "-infinity";
    return;
  }
  int64_t seconds = units / per_second;
  int64_t fraction = units % per_second;
  if (fraction < 0) {
    fraction += per_second;
    --seconds;
  }
  int64_t days = seconds / 86'400;
  int64_t second = seconds % 86'400;
  if (second < 0) {
    second += 86'400;
    --days;
  }
  bool before_christ = false;
  append_date(out, days, before_christ);
  fmt::format_to(std::back_inserter(out), " {:02}:{:02}:{:02}", second / 3'600, second / 60 % 60, second % 60);
  if (fraction == 0) return;
  fmt::format_to(std::back_inserter(out), ".{:0{}}", fraction, digits);
  while (out.back() == '0') out.pop_back();
}

void append_date_value(std::string& out, int32_t days) {
  if (days == std::numeric_limits<int32_t>::max()) {
    out += "infinity";
  } else if (days == -std::numeric_limits<int32_t>::max()) {
    out += "-infinity";
  } else {
    bool before_christ = false;
    append_date(out, days, before_christ);
  }
}

void append_blob(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 32 && byte < 127 && c != '\\' && c != '\'' && c != '"') {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02X}", byte);
    }
  }
}

}  // namespace

bool has_text(duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DECIMAL:
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_NS: return true;
    default: return false;
  }
}

bool ColumnInfo::is_number() const {
  switch (type) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DECIMAL: return true;
    default: return false;
  }
}

void append_text(std::string& out, const ColumnInfo& info, const ColumnView& column, idx_t row) {
  const auto integer = [&](auto number) { fmt::format_to(std::back_inserter(out), "{}", number); };
  switch (info.type) {
    case DUCKDB_TYPE_BOOLEAN: out += value<bool>(column, row) ? "true" : "false"; return;
    case DUCKDB_TYPE_TINYINT: integer(int{value<int8_t>(column, row)}); return;
    case DUCKDB_TYPE_SMALLINT: integer(value<int16_t>(column, row)); return;
    case DUCKDB_TYPE_INTEGER: integer(value<int32_t>(column, row)); return;
    case DUCKDB_TYPE_BIGINT: integer(value<int64_t>(column, row)); return;
    case DUCKDB_TYPE_UTINYINT: integer(unsigned{value<uint8_t>(column, row)}); return;
    case DUCKDB_TYPE_USMALLINT: integer(value<uint16_t>(column, row)); return;
    case DUCKDB_TYPE_UINTEGER: integer(value<uint32_t>(column, row)); return;
    case DUCKDB_TYPE_UBIGINT: integer(value<uint64_t>(column, row)); return;
    case DUCKDB_TYPE_HUGEINT: out += to_string(value<Int128>(column, row)); return;
    case DUCKDB_TYPE_FLOAT: append_double(out, value<float>(column, row)); return;
    case DUCKDB_TYPE_DOUBLE: append_double(out, value<double>(column, row)); return;
    case DUCKDB_TYPE_DECIMAL:
      switch (info.storage) {
        case DUCKDB_TYPE_SMALLINT: append_decimal(out, value<int16_t>(column, row), info.scale); return;
        case DUCKDB_TYPE_INTEGER: append_decimal(out, value<int32_t>(column, row), info.scale); return;
        case DUCKDB_TYPE_BIGINT: append_decimal(out, value<int64_t>(column, row), info.scale); return;
        default: append_decimal(out, value<Int128>(column, row), info.scale); return;
      }
    case DUCKDB_TYPE_DATE: append_date_value(out, value<int32_t>(column, row)); return;
    case DUCKDB_TYPE_TIMESTAMP: append_timestamp(out, value<int64_t>(column, row), 1'000'000, 6); return;
    case DUCKDB_TYPE_TIMESTAMP_NS: append_timestamp(out, value<int64_t>(column, row), 1'000'000'000, 9); return;
    case DUCKDB_TYPE_BLOB: append_blob(out, view_of(static_cast<const duckdb_string_t*>(column.data)[row])); return;
    default: out += view_of(static_cast<const duckdb_string_t*>(column.data)[row]); return;
  }
}

}  // namespace penstock::store::duck

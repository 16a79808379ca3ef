// Conversions between types.
#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/time.h"
#include "plan/evaluation.h"

namespace penstock::plan {

using market::Column;
using market::Kind;

namespace {

bool is_textual(Kind kind) {
  return kind == Kind::symbol || kind == Kind::id || kind == Kind::text || kind == Kind::json;
}
bool is_decimal(Kind kind) { return kind == Kind::decimal || kind == Kind::decimal128; }
bool is_number(Kind kind) { return is_decimal(kind) || kind == Kind::int64 || kind == Kind::float64; }

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::optional<bool> parse_boolean(std::string_view text) {
  std::string lower(text.substr(0, 8));
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower == "true" || lower == "t" || lower == "yes" || lower == "y" || lower == "1") return true;
  if (lower == "false" || lower == "f" || lower == "no" || lower == "n" || lower == "0") return false;
  return std::nullopt;
}

template <typename Number>
std::optional<Number> parse_whole(std::string_view text) {
  Number value{};
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

double to_double(Int128 units, int scale) {
  // Through the decimal text: the nearest double to the exact value, which a division of doubles need not give.
  const std::string text = market::format_decimal(units, scale);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

struct Caster {
  Evaluation& evaluation;
  const Value& from;
  market::Type to;
  bool tolerant;
  size_t rows;
  Column out;

  [[nodiscard]] const Column& source() const { return from.column(); }
  [[nodiscard]] bool skip(size_t r) const { return out.is_null(r); }

  void failed(size_t r, std::string_view value, std::string_view why) {
    set_null(out, r, rows);
    if (tolerant) return;
    evaluation.fail_row(r, rows, fmt::format("cast to {}: '{}': {}", market::to_string(to), shown_value(value), why));
  }

  // Calls `body(r)` for each row that has a value.
  template <typename Body>
  void each(Body body) {
    for (size_t r = 0; r < rows; ++r) {
      if (!skip(r)) body(r);
    }
  }

  void to_boolean() {
    out.u8.resize(rows);
    if (is_textual(from.kind())) {
      TextArg text(from, evaluation.symbols());
      each([&](size_t r) {
        const std::string_view value = text[r];
        if (const auto parsed = parse_boolean(trim(value))) {
          out.u8[r] = *parsed ? 1 : 0;
        } else {
          failed(r, value, "neither true nor false");
        }
      });
    } else if (from.kind() == Kind::float64) {
      each([&](size_t r) { out.u8[r] = source().f64[from.row(r)] != 0 ? 1 : 0; });
    } else {
      each([&](size_t r) { out.u8[r] = units_at(from, r) != 0 ? 1 : 0; });
    }
  }

  void to_int64() {
    out.i64.resize(rows);
    if (is_textual(from.kind())) {
      TextArg text(from, evaluation.symbols());
      each([&](size_t r) {
        const std::string_view value = text[r];
        if (const auto parsed = parse_whole<int64_t>(trim(value))) {
          out.i64[r] = *parsed;
        } else {
          failed(r, value, "not a whole number of 64 bits");
        }
      });
    } else if (from.kind() == Kind::boolean) {
      each([&](size_t r) { out.i64[r] = source().u8[from.row(r)]; });
    } else if (from.kind() == Kind::float64) {
      each([&](size_t r) {
        const double value = std::trunc(source().f64[from.row(r)]);
        if (value >= -0x1p63 && value < 0x1p63) {
          out.i64[r] = static_cast<int64_t>(value);
        } else {
          failed(r, fmt::format("{}", value), "out of range");
        }
      });
    } else {
      const Int128 divisor = power_of_ten(source().type.scale);
      each([&](size_t r) {
        const Int128 value = units_at(from, r) / divisor;
        if (value >= std::numeric_limits<int64_t>::min() && value <= std::numeric_limits<int64_t>::max()) {
          out.i64[r] = static_cast<int64_t>(value);
        } else {
          failed(r, to_string(value), "out of range");
        }
      });
    }
  }

  void to_float64() {
    out.f64.resize(rows);
    if (is_textual(from.kind())) {
      TextArg text(from, evaluation.symbols());
      each([&](size_t r) {
        const std::string_view value = text[r];
        const auto parsed = parse_whole<double>(trim(value));
        if (parsed && std::isfinite(*parsed)) {
          out.f64[r] = *parsed;
        } else {
          failed(r, value, "not a finite number");
        }
      });
    } else if (from.kind() == Kind::boolean) {
      each([&](size_t r) { out.f64[r] = source().u8[from.row(r)]; });
    } else if (from.kind() == Kind::int64) {
      each([&](size_t r) { out.f64[r] = static_cast<double>(source().i64[from.row(r)]); });
    } else {
      const int scale = source().type.scale;
      each([&](size_t r) { out.f64[r] = to_double(units_at(from, r), scale); });
    }
  }

  // `shown()` is the value for a message: made only where one is needed.
  template <typename Shown>
  void keep_units(size_t r, Int128 units, int digits, Shown shown) {
    const bool narrow = to.kind == Kind::decimal;
    const bool fits = narrow
                          ? units >= std::numeric_limits<int64_t>::min() && units <= std::numeric_limits<int64_t>::max()
                          : fits_decimal(units);
    const Int128 limit = digits > 0 ? power_of_ten(digits) : Int128{0};
    if (!fits || (digits > 0 && (units >= limit || units <= -limit))) {
      failed(r, shown(), "out of range");
    } else if (narrow) {
      out.i64[r] = static_cast<int64_t>(units);
    } else {
      out.i128[r] = units;
    }
  }

  void to_decimal(int digits) {
    if (to.kind == Kind::decimal) {
      out.i64.resize(rows);
    } else {
      out.i128.resize(rows);
    }
    if (is_textual(from.kind())) {
      TextArg text(from, evaluation.symbols());
      each([&](size_t r) {
        const std::string_view value = text[r];
        Int128 units = 0;
        const market::DecimalError error = parse_wide_decimal(trim(value), to.scale, units);
        if (error == market::DecimalError::ok) {
          keep_units(r, units, digits, [&] { return value; });
        } else {
          failed(r, value, market::to_string(error));
        }
      });
    } else if (from.kind() == Kind::float64) {
      each([&](size_t r) {
        // The shortest decimal that is this double, rounded to the scale.
        const double value = source().f64[from.row(r)];
        const std::string shown = fmt::format("{}", value);
        Int128 wide = 0;
        Int128 units = 0;
        const auto error =
            std::isfinite(value) ? parse_wide_decimal(shown, 20, wide) : market::DecimalError::not_a_number;
        if (error == market::DecimalError::ok && rescale(wide, to.scale - 20, units)) {
          keep_units(r, units, digits, [&] { return std::string_view(shown); });
        } else if (std::isfinite(value) && parse_wide_decimal(shown, to.scale, units) == market::DecimalError::ok) {
          keep_units(r, units, digits, [&] { return std::string_view(shown); });
        } else if (std::isfinite(value) && std::fabs(value) < 1) {
          keep_units(r, 0, digits, [&] { return std::string_view(shown); });
        } else {
          failed(r, shown, "out of range");
        }
      });
    } else {
      const int shift = to.scale - source().type.scale;
      each([&](size_t r) {
        Int128 units = 0;
        const Int128 value = units_at(from, r);
        if (rescale(value, shift, units)) {
          keep_units(r, units, digits, [&] { return market::format_decimal(value, source().type.scale); });
        } else {
          failed(r, market::format_decimal(value, source().type.scale), "out of range");
        }
      });
    }
  }

  void to_timestamp() {
    out.i64.resize(rows);
    TextArg text(from, evaluation.symbols());
    each([&](size_t r) {
      const std::string_view value = text[r];
      Timestamp time;
      if (const TimeError error = parse_rfc3339(trim(value), time); error == TimeError::ok) {
        out.i64[r] = time.ns;
      } else {
        failed(r, value, penstock::to_string(error));
      }
    });
  }

  void to_text() {
    TextArg text(from, evaluation.symbols());
    for (size_t r = 0; r < rows; ++r) {
      if (skip(r)) {
        out.text.append({});
        continue;
      }
      const size_t row = from.row(r);
      switch (from.kind()) {
        case Kind::boolean: out.text.append(source().u8[row] != 0 ? "true" : "false"); break;
        case Kind::int64: {
          char digits[24];
          const auto [end, error] = std::to_chars(digits, digits + sizeof digits, source().i64[row]);
          out.text.append(std::string_view(digits, static_cast<size_t>(end - digits)));
          break;
        }
        case Kind::float64: out.text.append(fmt::format("{}", source().f64[row])); break;
        case Kind::decimal:
        case Kind::decimal128: out.text.append(market::format_decimal(units_at(from, r), source().type.scale)); break;
        case Kind::timestamp: out.text.append(format_rfc3339(Timestamp{source().i64[row]})); break;
        default: out.text.append(text[r]);
      }
    }
  }

  void to_symbol() {
    out.codes.assign(rows, market::kNoSymbol);
    TextArg text(from, evaluation.symbols());
    each([&](size_t r) {
      out.codes[r] = evaluation.symbols().intern(text[r]);
      if (out.codes[r] == market::kNoSymbol) {
        evaluation.symbols_full();
        set_null(out, r, rows);
      }
    });
  }

  void to_id() {
    TextArg text(from, evaluation.symbols());
    for (size_t r = 0; r < rows; ++r) out.ids.append(skip(r) ? market::Id{} : market::parse_id(text[r]));
  }
};

}  // namespace

bool can_cast(market::Type from, market::Type to) {
  if (from == to) return true;
  switch (to.kind) {
    case Kind::boolean:
    case Kind::int64:
    case Kind::float64: return is_textual(from.kind) || is_number(from.kind) || from.kind == Kind::boolean;
    case Kind::decimal:
    case Kind::decimal128: return is_textual(from.kind) || is_number(from.kind);
    case Kind::timestamp:
    case Kind::symbol:
    case Kind::id: return is_textual(from.kind);
    case Kind::text: return from.kind != Kind::bytes;
    case Kind::json:
    case Kind::bytes: return false;
  }
  return false;
}

Column cast_column(Evaluation& evaluation, const Value& from, market::Type to, int digits, bool tolerant, size_t rows) {
  Caster caster{evaluation, from, to, tolerant, rows, make_column(to, strict_validity(std::span(&from, 1), rows))};
  if (caster.out.all_null) return std::move(caster.out);
  switch (to.kind) {
    case Kind::boolean: caster.to_boolean(); break;
    case Kind::int64: caster.to_int64(); break;
    case Kind::float64: caster.to_float64(); break;
    case Kind::decimal:
    case Kind::decimal128: caster.to_decimal(digits); break;
    case Kind::timestamp: caster.to_timestamp(); break;
    case Kind::symbol: caster.to_symbol(); break;
    case Kind::id: caster.to_id(); break;
    case Kind::text: caster.to_text(); break;
    case Kind::json:
    case Kind::bytes: return null_column(to);
  }
  return std::move(caster.out);
}

}  // namespace penstock::plan

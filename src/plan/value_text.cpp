#include "plan/value_text.h"

#include <fmt/core.h>

#include <charconv>

#include "base/time.h"
#include "plan/evaluation.h"

namespace penstock::plan {

using market::Column;
using market::Kind;

std::optional<std::string> append_value_text(Column& column, size_t rows, const std::string* text,
                                             market::SymbolTable& symbols) {
  Column one{.type = column.type};
  if (text == nullptr) {
    one.all_null = true;
  } else {
    switch (column.type.kind) {
      case Kind::boolean:
        if (*text != "true" && *text != "false") return fmt::format("'{}' is neither true nor false", *text);
        one.u8.push_back(*text == "true" ? 1 : 0);
        break;
      case Kind::int64: {
        int64_t value = 0;
        const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
        if (error != std::errc{} || end != text->data() + text->size())
          return fmt::format("'{}' is not a whole number", *text);
        one.i64.push_back(value);
        break;
      }
      case Kind::float64: {
        double value = 0;
        const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
        if (error != std::errc{} || end != text->data() + text->size())
          return fmt::format("'{}' is not a number", *text);
        one.f64.push_back(value);
        break;
      }
      case Kind::decimal: {
        int64_t units = 0;
        const auto error = market::parse_decimal(*text, column.type.scale, units);
        if (error != market::DecimalError::ok) return fmt::format("'{}': {}", *text, market::to_string(error));
        one.i64.push_back(units);
        break;
      }
      case Kind::decimal128: {
        Int128 units = 0;
        const auto error = parse_wide_decimal(*text, column.type.scale, units);
        if (error != market::DecimalError::ok) return fmt::format("'{}': {}", *text, market::to_string(error));
        one.i128.push_back(units);
        break;
      }
      case Kind::timestamp: {
        Timestamp time;
        const TimeError error = parse_time(*text, TimeUnit::detect, time);
        if (error != TimeError::ok) return fmt::format("'{}': {}", *text, to_string(error));
        one.i64.push_back(time.ns);
        break;
      }
      case Kind::symbol: {
        const market::SymbolCode code = symbols.intern(*text);
        if (code == market::kNoSymbol) return "the symbol table is full";
        one.codes.push_back(code);
        break;
      }
      case Kind::id: one.ids.append(market::parse_id(*text)); break;
      case Kind::text:
      case Kind::json:
      case Kind::bytes: one.text.append(*text); break;
    }
  }
  append_from(column, rows, Value{.borrowed = &one, .constant = true}, 0);
  return std::nullopt;
}

}  // namespace penstock::plan

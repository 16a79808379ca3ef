#include "market/adjusted_columns.h"

#include <algorithm>
#include <array>

namespace penstock::market {
namespace {

constexpr std::array<std::string_view, 13> kPrices{"open",     "high",     "low",      "close",     "vwap",
                                                   "bid_open", "bid_high", "bid_low",  "bid_close", "ask_open",
                                                   "ask_high", "ask_low",  "ask_close"};
constexpr std::array<std::string_view, 3> kSizes{"volume", "bid_size", "ask_size"};
constexpr std::array<std::string_view, 3> kCounts{"trades", "quotes", "revision"};

bool is_one_of(std::string_view name, const auto& names) { return std::ranges::find(names, name) != names.end(); }

bool is_text(Kind kind) { return kind == Kind::symbol || kind == Kind::text; }

Adjusting adjusting(const Field& field) {
  const Kind kind = field.type.kind;
  const bool number = kind == Kind::decimal || kind == Kind::decimal128 || kind == Kind::float64 || kind == Kind::int64;
  if (!number) return Adjusting::as_is;
  if (kind == Kind::decimal && is_one_of(field.name, kPrices)) return Adjusting::price;
  if ((kind == Kind::decimal || kind == Kind::decimal128) && is_one_of(field.name, kSizes)) return Adjusting::size;
  return kind == Kind::int64 && is_one_of(field.name, kCounts) ? Adjusting::as_is : Adjusting::left_out;
}

}  // namespace

std::vector<Adjusting> adjusted_columns(const Schema& schema) {
  const auto has = [&](std::string_view name, auto is_right) {
    const auto column = schema.find(name);
    return column.has_value() && is_right(schema.fields[*column].type.kind);
  };
  if (!has("symbol", is_text) || !has("every", is_text) ||
      !has("start", [](Kind kind) { return kind == Kind::timestamp; })) {
    return {};
  }
  std::vector<Adjusting> columns;
  for (const Field& field : schema.fields) columns.push_back(adjusting(field));
  if (std::ranges::find(columns, Adjusting::price) == columns.end()) return {};
  return columns;
}

}  // namespace penstock::market

#include "market/schema.h"

#include "base/error.h"

namespace penstock::market {
namespace {

constexpr Type kText{Kind::text};
constexpr Type kTime{Kind::timestamp};
constexpr Type kSymbol{Kind::symbol};
constexpr Type kInteger{Kind::int64};

SchemaPtr make(std::vector<Field> fields, size_t count) {
  PENSTOCK_ASSERT(fields.size() == count);
  return std::make_shared<const Schema>(Schema{std::move(fields)});
}

}  // namespace

const SchemaPtr& trade_schema() {
  static const SchemaPtr schema = make({{"symbol", kSymbol},
                                        {"venue", kSymbol},
                                        {"ts_event", kTime},
                                        {"ts_recv", kTime},
                                        {"price", kPriceType},
                                        {"size", kSizeType},
                                        {"id", {Kind::id}},
                                        {"side", kSymbol},
                                        {"conditions", kText},
                                        {"tape", kSymbol},
                                        {"action", kSymbol},
                                        {"ref_id", {Kind::id}}},
                                       TradeColumn::count);
  return schema;
}

const SchemaPtr& quote_schema() {
  static const SchemaPtr schema = make({{"symbol", kSymbol},
                                        {"venue", kSymbol},
                                        {"ts_event", kTime},
                                        {"ts_recv", kTime},
                                        {"bid", kPriceType},
                                        {"bid_size", kSizeType},
                                        {"ask", kPriceType},
                                        {"ask_size", kSizeType}},
                                       QuoteColumn::count);
  return schema;
}

const SchemaPtr& json_schema() {
  static const SchemaPtr schema =
      make({{"key", kText}, {"value", {Kind::json}}, {"ts_recv", kTime}}, JsonColumn::count);
  return schema;
}

const SchemaPtr& bar_schema() {
  static const SchemaPtr schema = make({{"symbol", kSymbol},
                                        {"every", kSymbol},
                                        {"start", kTime},
                                        {"open", kPriceType},
                                        {"high", kPriceType},
                                        {"low", kPriceType},
                                        {"close", kPriceType},
                                        {"volume", {Kind::decimal128, kSizeScale}},
                                        {"vwap", kPriceType},
                                        {"trades", kInteger},
                                        {"revision", kInteger},
                                        {"final", {Kind::boolean}},
                                        {"edge", kSymbol}},
                                       BarColumn::count);
  return schema;
}

bool has_revisions(const Schema& schema) {
  const auto is = [&](std::string_view name, Kind kind) {
    const auto column = schema.find(name);
    return column.has_value() && schema.fields[*column].type.kind == kind;
  };
  const auto is_text = [&](std::string_view name) {
    return is(name, Kind::symbol) || is(name, Kind::text) || is(name, Kind::id);
  };
  return is_text("symbol") && is_text("every") && is("start", Kind::timestamp) && is("revision", Kind::int64) &&
         is("final", Kind::boolean) && !schema.find(kNewest).has_value();
}

const SchemaPtr& quote_bar_schema() {
  static const SchemaPtr schema = make({{"symbol", kSymbol},
                                        {"every", kSymbol},
                                        {"start", kTime},
                                        {"bid_open", kPriceType},
                                        {"bid_high", kPriceType},
                                        {"bid_low", kPriceType},
                                        {"bid_close", kPriceType},
                                        {"ask_open", kPriceType},
                                        {"ask_high", kPriceType},
                                        {"ask_low", kPriceType},
                                        {"ask_close", kPriceType},
                                        {"bid_size", kSizeType},
                                        {"ask_size", kSizeType},
                                        {"quotes", kInteger},
                                        {"revision", kInteger},
                                        {"final", {Kind::boolean}},
                                        {"edge", kSymbol}},
                                       QuoteBarColumn::count);
  return schema;
}

const SchemaPtr& quarantine_schema() {
  static const SchemaPtr schema =
      make({{"stream", kText}, {"source", kText}, {"position", kText}, {"reason", kText}, {"raw", {Kind::bytes}}},
           QuarantineColumn::count);
  return schema;
}

const SchemaPtr& late_schema() {
  static const SchemaPtr schema = make({{"stream", kText},
                                        {"symbol", kSymbol},
                                        {"venue", kSymbol},
                                        {"ts_event", kTime},
                                        {"price", kPriceType},
                                        {"size", kSizeType},
                                        {"id", {Kind::id}},
                                        {"watermark", kTime},
                                        {"lateness_ns", kInteger},
                                        {"bid", kPriceType},
                                        {"bid_size", kSizeType},
                                        {"ask", kPriceType},
                                        {"ask_size", kSizeType}},
                                       LateColumn::count);
  return schema;
}

const SchemaPtr& quality_schema() {
  static const SchemaPtr schema = make({{"stream", kText},
                                        {"rule", kText},
                                        {"kind", kText},
                                        {"action", kText},
                                        {"symbol", kSymbol},
                                        {"ts_event", kTime},
                                        {"value", kText},
                                        {"bound", kText},
                                        {"record", {Kind::json}}},
                                       QualityColumn::count);
  return schema;
}

}  // namespace penstock::market

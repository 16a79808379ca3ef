#include "stream/trade_fields.h"

#include <algorithm>

#include "market/schema.h"

namespace penstock::stream {

using market::Batch;
using market::Kind;
using market::LateColumn;

namespace {

Result<size_t> find_field(const market::Schema& schema, std::string_view name, market::Type type,
                          const std::string& stream) {
  const auto field = schema.find(name);
  if (!field) {
    return fail(ErrorKind::invalid, "stream '{}': bars need a column '{}': add it to its select", stream, name);
  }
  if (schema.fields[*field].type != type) {
    return fail(ErrorKind::invalid, "stream '{}': bars need '{}' as {}, but it is {}: cast it", stream, name,
                to_string(type), to_string(schema.fields[*field].type));
  }
  return *field;
}

}  // namespace

Result<TradeFields> TradeFields::of(const market::Schema& schema, const std::string& stream) {
  TradeFields fields;
  PENSTOCK_TRY_ASSIGN(fields.symbol, find_field(schema, "symbol", {Kind::symbol}, stream));
  PENSTOCK_TRY_ASSIGN(fields.ts_event, find_field(schema, "ts_event", {Kind::timestamp}, stream));
  PENSTOCK_TRY_ASSIGN(fields.price, find_field(schema, "price", market::kPriceType, stream));
  PENSTOCK_TRY_ASSIGN(fields.size, find_field(schema, "size", market::kSizeType, stream));
  fields.id = schema.find("id", Kind::id);
  fields.action = schema.find("action", Kind::symbol);
  fields.venue = schema.find("venue", Kind::symbol);
  return fields;
}

void add_late_trade(const LateTrade& trade, const Flow& flow, size_t row, int64_t watermark, BarOutput& out) {
  const Batch& batch = *flow.batch;
  auto& columns = out.late.rows.columns;
  columns[LateColumn::stream].text.append(trade.stream);
  columns[LateColumn::symbol].codes.push_back(batch.columns[trade.fields.symbol].codes[row]);
  const bool has_venue = trade.fields.venue && !batch.columns[*trade.fields.venue].is_null(row);
  columns[LateColumn::venue].valid.push_back(has_venue ? 1 : 0);
  columns[LateColumn::venue].codes.push_back(has_venue ? batch.columns[*trade.fields.venue].codes[row]
                                                       : market::kNoSymbol);
  columns[LateColumn::ts_event].i64.push_back(trade.ts);
  columns[LateColumn::price].i64.push_back(trade.price);
  columns[LateColumn::size].i64.push_back(trade.size);
  columns[LateColumn::id].valid.push_back(trade.id.number == kNullId ? 0 : 1);
  columns[LateColumn::id].ids.append(trade.id.number <= kTextId0
                                         ? market::Id{0, trade.id.text}
                                         : market::Id{std::max<int64_t>(trade.id.number, 0), {}});
  columns[LateColumn::watermark].i64.push_back(watermark);
  // Windows end behind their trades, so the watermark is beyond the trade's time: only the far past can overflow.
  int64_t lateness = 0;
  if (__builtin_sub_overflow(watermark, trade.ts, &lateness)) lateness = INT64_MAX;
  columns[LateColumn::lateness_ns].i64.push_back(lateness);
  out.late.origins.push_back(flow.origin(row));
  ++out.late.rows.rows;
}

}  // namespace penstock::stream

#include "market/record_codec.h"

#include <utility>

namespace penstock::market {
namespace {

// A view that is not null, so that an empty text stays apart from none.
std::string_view present(std::string_view text) { return text.data() == nullptr ? std::string_view("") : text; }

std::string_view symbol_text(const Column& column, size_t row, const SymbolTable& symbols) {
  return column.is_null(row) ? std::string_view{} : present(symbols.text(column.codes[row]));
}

// Makes a column that had no value so far hold its `rows` nulls.
void begin_values(Column& column, size_t rows) {
  if (!column.all_null) return;
  column.all_null = false;
  column.valid.assign(rows, 0);
  switch (column.type.kind) {
    case Kind::symbol: column.codes.assign(rows, kNoSymbol); break;
    case Kind::timestamp:
    case Kind::decimal: column.i64.assign(rows, 0); break;
    case Kind::id: column.ids.numbers().assign(rows, 0); break;
    default:
      for (size_t i = 0; i < rows; ++i) column.text.append({});
  }
}

// `value` null: no value. A column that never had a null has no `valid`; here every nullable column has.
void push_code(Column& column, size_t rows, bool has, SymbolCode code) {
  if (!has && column.all_null) return;
  begin_values(column, rows);
  column.valid.push_back(has ? 1 : 0);
  column.codes.push_back(has ? code : kNoSymbol);
}
void push_i64(Column& column, size_t rows, bool has, int64_t value) {
  if (!has && column.all_null) return;
  begin_values(column, rows);
  column.valid.push_back(has ? 1 : 0);
  column.i64.push_back(has ? value : 0);
}
void push_text(Column& column, size_t rows, std::string_view value) {
  if (value.data() == nullptr && column.all_null) return;
  begin_values(column, rows);
  column.valid.push_back(value.data() != nullptr ? 1 : 0);
  column.text.append(value);
}

void push_id(Column& column, size_t rows, bool has, const Id& value) {
  if (!has && column.all_null) return;
  begin_values(column, rows);
  column.valid.push_back(has ? 1 : 0);
  column.ids.append(has ? value : Id{});
}

// The code of a nullable text; false when the table is full.
bool intern(SymbolCache& symbols, std::string_view text, SymbolCode& code) {
  if (text.data() == nullptr) return true;
  code = symbols.intern(text);
  return code != kNoSymbol;
}

}  // namespace

TradeRow trade_row(const Batch& batch, size_t row, const SymbolTable& symbols) {
  const auto& columns = batch.columns;
  TradeRow trade{.ts_event = Timestamp{columns[TradeColumn::ts_event].i64[row]},
                 .price = Price{columns[TradeColumn::price].i64[row]},
                 .size = Size{columns[TradeColumn::size].i64[row]}};
  if (const Column& recv = columns[TradeColumn::ts_recv]; !recv.is_null(row)) {
    trade.has_ts_recv = true;
    trade.ts_recv = Timestamp{recv.i64[row]};
  }
  if (const Column& id = columns[TradeColumn::id]; !id.is_null(row)) {
    trade.has_id = true;
    trade.id = id.ids[row];
  }
  trade.venue = symbol_text(columns[TradeColumn::venue], row, symbols);
  trade.side = symbol_text(columns[TradeColumn::side], row, symbols);
  if (const Column& conditions = columns[TradeColumn::conditions]; !conditions.is_null(row)) {
    trade.conditions = present(conditions.text[row]);
  }
  trade.tape = symbol_text(columns[TradeColumn::tape], row, symbols);
  trade.action = symbol_text(columns[TradeColumn::action], row, symbols);
  if (const Column& ref = columns[TradeColumn::ref_id]; !ref.is_null(row)) {
    trade.has_ref_id = true;
    trade.ref_id = ref.ids[row];
  }
  return trade;
}

QuoteRow quote_row(const Batch& batch, size_t row, const SymbolTable& symbols) {
  const auto& columns = batch.columns;
  QuoteRow quote{.ts_event = Timestamp{columns[QuoteColumn::ts_event].i64[row]}};
  const auto value = [&](size_t column, bool& has, auto& out) {
    has = !columns[column].is_null(row);
    if (has) out = std::remove_reference_t<decltype(out)>{columns[column].i64[row]};
  };
  value(QuoteColumn::ts_recv, quote.has_ts_recv, quote.ts_recv);
  value(QuoteColumn::bid, quote.has_bid, quote.bid);
  value(QuoteColumn::bid_size, quote.has_bid_size, quote.bid_size);
  value(QuoteColumn::ask, quote.has_ask, quote.ask);
  value(QuoteColumn::ask_size, quote.has_ask_size, quote.ask_size);
  quote.venue = symbol_text(columns[QuoteColumn::venue], row, symbols);
  return quote;
}

void TradeAppender::begin(size_t rows_max) {
  batch_ = make_batch(trade_schema());
  rows_ = 0;
  rows_max_ = rows_max;
  optional_ = false;
  const auto sized = [rows_max](auto& values) {
    values.resize(rows_max);
    return values.data();
  };
  symbol_ = sized(batch_.columns[TradeColumn::symbol].codes);
  ts_event_ = sized(batch_.columns[TradeColumn::ts_event].i64);
  price_ = sized(batch_.columns[TradeColumn::price].i64);
  size_ = sized(batch_.columns[TradeColumn::size].i64);
  id_ = sized(batch_.columns[TradeColumn::id].ids.numbers());
  for (const size_t column : {TradeColumn::venue, TradeColumn::ts_recv, TradeColumn::side, TradeColumn::conditions,
                              TradeColumn::tape, TradeColumn::action, TradeColumn::ref_id}) {
    batch_.columns[column].all_null = true;
  }
}

bool TradeAppender::append_any(std::string_view symbol, int64_t timestamp_ms, std::string_view value) {
  TradeRow row;
  if (!decode_trade(value, timestamp_ms, row)) return false;
  const SymbolCode code = symbols_.intern(symbol);
  if (code == kNoSymbol) return false;
  id_[rows_] = row.id.number;
  if (!append_optional(row)) return false;
  symbol_[rows_] = code;
  ts_event_[rows_] = row.ts_event.ns;
  price_[rows_] = row.price.units;
  size_[rows_] = row.size.units;
  ++rows_;
  return true;
}

bool TradeAppender::append_optional(const TradeRow& row) {
  SymbolCode venue = kNoSymbol;
  SymbolCode side = kNoSymbol;
  SymbolCode tape = kNoSymbol;
  SymbolCode action = kNoSymbol;
  if (!intern(symbols_, row.venue, venue) || !intern(symbols_, row.side, side)) return false;
  if (!intern(symbols_, row.tape, tape) || !intern(symbols_, row.action, action)) return false;
  optional_ = true;
  auto& columns = batch_.columns;
  Column& id = columns[TradeColumn::id];
  if (row.has_id && !row.id.is_number()) id.ids.set_text(rows_, row.id.text);
  if (!row.has_id && id.valid.empty()) id.valid.assign(rows_, 1);
  if (!id.valid.empty() || !row.has_id) id.valid.push_back(row.has_id ? 1 : 0);
  push_code(columns[TradeColumn::venue], rows_, row.venue.data() != nullptr, venue);
  push_i64(columns[TradeColumn::ts_recv], rows_, row.has_ts_recv, row.ts_recv.ns);
  push_code(columns[TradeColumn::side], rows_, row.side.data() != nullptr, side);
  push_text(columns[TradeColumn::conditions], rows_, row.conditions);
  push_code(columns[TradeColumn::tape], rows_, row.tape.data() != nullptr, tape);
  push_code(columns[TradeColumn::action], rows_, row.action.data() != nullptr, action);
  push_id(columns[TradeColumn::ref_id], rows_, row.has_ref_id, row.ref_id);
  return true;
}

Batch TradeAppender::finish() {
  auto& columns = batch_.columns;
  columns[TradeColumn::symbol].codes.resize(rows_);
  columns[TradeColumn::ts_event].i64.resize(rows_);
  columns[TradeColumn::price].i64.resize(rows_);
  columns[TradeColumn::size].i64.resize(rows_);
  columns[TradeColumn::id].ids.numbers().resize(rows_);
  batch_.rows = rows_;
  rows_ = rows_max_ = 0;
  return std::exchange(batch_, Batch{});
}

void QuoteAppender::begin(size_t rows_max) {
  batch_ = make_batch(quote_schema());
  for (size_t column = 0; column < QuoteColumn::count; ++column) {
    Column& to = batch_.columns[column];
    if (column == QuoteColumn::symbol) {
      to.codes.reserve(rows_max);
    } else {
      to.all_null = column != QuoteColumn::ts_event;
      if (to.type.kind != Kind::symbol) to.i64.reserve(rows_max);
    }
  }
}

bool QuoteAppender::append(std::string_view symbol, int64_t timestamp_ms, std::string_view value) {
  QuoteRow row;
  if (!decode_quote(value, timestamp_ms, row)) return false;
  const SymbolCode code = symbols_.intern(symbol);
  SymbolCode venue = kNoSymbol;
  if (code == kNoSymbol || !intern(symbols_, row.venue, venue)) return false;
  auto& columns = batch_.columns;
  const size_t rows = batch_.rows;
  columns[QuoteColumn::symbol].codes.push_back(code);
  columns[QuoteColumn::ts_event].i64.push_back(row.ts_event.ns);
  push_code(columns[QuoteColumn::venue], rows, row.venue.data() != nullptr, venue);
  push_i64(columns[QuoteColumn::ts_recv], rows, row.has_ts_recv, row.ts_recv.ns);
  push_i64(columns[QuoteColumn::bid], rows, row.has_bid, row.bid.units);
  push_i64(columns[QuoteColumn::bid_size], rows, row.has_bid_size, row.bid_size.units);
  push_i64(columns[QuoteColumn::ask], rows, row.has_ask, row.ask.units);
  push_i64(columns[QuoteColumn::ask_size], rows, row.has_ask_size, row.ask_size.units);
  ++batch_.rows;
  return true;
}

Batch QuoteAppender::finish() { return std::exchange(batch_, Batch{}); }

}  // namespace penstock::market

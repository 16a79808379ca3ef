#include "stream/quote_bars.h"

#include <fmt/core.h>

#include <span>

#include "base/crc32c.h"
#include "market/schema.h"

namespace penstock::stream {

using market::Batch;
using market::Column;
using market::Kind;
using market::LateColumn;
using market::QuoteBarColumn;
using market::SymbolCode;

namespace {

int64_t saturating_add(int64_t a, int64_t b) { return (Timestamp{a} + Duration{b}).ns; }
int64_t saturating_subtract(int64_t a, int64_t b) { return (Timestamp{a} - Duration{b}).ns; }

Result<std::optional<size_t>> optional_field(const market::Schema& schema, std::string_view name, market::Type type,
                                             const std::string& stream) {
  const auto field = schema.find(name);
  if (field && schema.fields[*field].type != type) {
    return fail(ErrorKind::invalid, "stream '{}': bars of quotes need '{}' as {}, but it is {}: cast it", stream, name,
                to_string(type), to_string(schema.fields[*field].type));
  }
  return field;
}

Result<size_t> field_of(const market::Schema& schema, std::string_view name, market::Type type,
                        const std::string& stream) {
  PENSTOCK_TRY_ASSIGN(const auto field, optional_field(schema, name, type, stream));
  if (field) return *field;
  return fail(ErrorKind::invalid, "stream '{}': bars of quotes need a column '{}': add it to its select", stream, name);
}

std::optional<int64_t> value_at(const Column& column, size_t row) {
  return column.is_null(row) ? std::nullopt : std::optional(column.i64[row]);
}

void put_optional(Column& column, const std::optional<int64_t>& value) {
  column.i64.push_back(value.value_or(0));
  column.valid.push_back(value ? 1 : 0);
}

}  // namespace

Result<QuoteFields> QuoteFields::of(const market::Schema& schema, const std::string& stream) {
  QuoteFields fields;
  PENSTOCK_TRY_ASSIGN(fields.symbol, field_of(schema, "symbol", {Kind::symbol}, stream));
  PENSTOCK_TRY_ASSIGN(fields.ts_event, field_of(schema, "ts_event", {Kind::timestamp}, stream));
  PENSTOCK_TRY_ASSIGN(fields.bid, field_of(schema, "bid", market::kPriceType, stream));
  PENSTOCK_TRY_ASSIGN(fields.ask, field_of(schema, "ask", market::kPriceType, stream));
  PENSTOCK_TRY_ASSIGN(fields.bid_size, optional_field(schema, "bid_size", market::kSizeType, stream));
  PENSTOCK_TRY_ASSIGN(fields.ask_size, optional_field(schema, "ask_size", market::kSizeType, stream));
  fields.venue = schema.find("venue", Kind::symbol);
  return fields;
}

QuoteBars::QuoteBars(std::string stream, QuoteFields fields, market::SymbolTable& symbols, const plan::Bars& bars)
    : stream_(std::move(stream)),
      fields_(fields),
      symbols_(symbols),
      lateness_(bars.lateness.ns),
      calendar_(bars.calendar),
      clock_(bars.calendar),
      shards_(kShards) {}

Result<std::unique_ptr<QuoteBars>> QuoteBars::create(const plan::Bars& bars, const market::Schema& input,
                                                     const std::string& stream, market::SymbolTable& symbols) {
  PENSTOCK_TRY_ASSIGN(const QuoteFields fields, QuoteFields::of(input, stream));
  if (bars.every.empty()) return fail(ErrorKind::invalid, "stream '{}': bars without an interval", stream);
  for (size_t i = 0; i < bars.every.size(); ++i) {
    if (bars.every[i].ns <= 0 || (i > 0 && bars.every[i] <= bars.every[i - 1])) {
      return fail(ErrorKind::invalid, "stream '{}': intervals must be positive, distinct and ascending", stream);
    }
  }
  std::unique_ptr<QuoteBars> made(new QuoteBars(stream, fields, symbols, bars));
  if (!made->set_intervals(bars)) {
    return fail(ErrorKind::full, "more than {} symbols: no room for the names of intervals",
                market::SymbolTable::kSymbolsMax);
  }
  return made;
}

bool QuoteBars::set_intervals(const plan::Bars& bars) {
  for (const Duration every : bars.every) {
    // A session's day is the session, however long; it is made beside the others.
    if (calendar_ != nullptr && every.ns >= kDay.ns) continue;
    intervals_.push_back({.every = every.ns, .code = symbols_.intern(format_duration(every))});
  }
  if (calendar_ != nullptr) {
    intervals_.push_back({.every = kDay.ns, .daily = true, .code = symbols_.intern(format_duration(kDay))});
  }
  edge_codes_ = {market::kNoSymbol, symbols_.intern("first"), symbols_.intern("last"), symbols_.intern("both")};
  return edge_codes_.back() != market::kNoSymbol &&
         std::none_of(intervals_.begin(), intervals_.end(),
                      [](const Interval& interval) { return interval.code == market::kNoSymbol; });
}

QuoteBars::Symbol& QuoteBars::symbol_of(SymbolCode code) {
  if (code < slots_.size() && slots_[code] != kNoSlot) [[likely]]
    return states_[slots_[code]];
  if (code >= slots_.size()) slots_.resize(std::max<size_t>(size_t{code} + 1, slots_.size() * 2), kNoSlot);
  const auto slot = static_cast<uint32_t>(states_.size());
  slots_[code] = slot;
  Symbol& symbol = states_.emplace_back();
  symbol.code = code;
  symbol.windows.resize(intervals_.size());
  const std::string_view text = symbols_.text(code);
  shards_[crc32c(std::as_bytes(std::span(text))) % kShards].push_back(slot);
  return symbol;
}

// The end of a bounded source is no time to wait beyond: it closes everything, lateness or not.
int64_t QuoteBars::mark_watermark() const {
  if (mark_ == INT64_MAX || mark_ == INT64_MIN) return mark_;
  return saturating_subtract(mark_, lateness_);
}

int64_t QuoteBars::watermark(const Symbol& symbol) const {
  const int64_t own = symbol.newest == INT64_MIN ? INT64_MIN : saturating_subtract(symbol.newest, lateness_);
  return std::max(mark_watermark(), own);
}

Timestamp QuoteBars::settled_before() const {
  const int64_t settled = mark_watermark();
  if (settled == INT64_MAX || settled == INT64_MIN) return Timestamp{settled};
  WindowClock clock = clock_;
  if (clock.find(settled) != WindowClock::Place::inside) return Timestamp{settled};
  int64_t least = INT64_MAX;
  for (const Interval& interval : intervals_) {
    // Where windows begin before the range of time, none is settled.
    int64_t start = 0;
    const bool in_range = calendar_ != nullptr || window_start(settled, interval.every, start);
    least = in_range ? std::min(least, clock.bounds(settled, interval.every, interval.daily).start) : INT64_MIN;
    if (!in_range) break;
  }
  return Timestamp{least};
}

Timestamp QuoteBars::closed_mark() const {
  WindowClock clock = clock_;
  int64_t closed = INT64_MIN;
  for (const Symbol& symbol : states_) {
    if (symbol.newest == INT64_MIN || clock.find(symbol.newest) != WindowClock::Place::inside) continue;
    for (const Interval& interval : intervals_) {
      closed = std::max(closed, clock.bounds(symbol.newest, interval.every, interval.daily).end);
    }
  }
  // Marks are judged less the lateness.
  return Timestamp{closed == INT64_MIN ? closed : saturating_add(closed, lateness_)};
}

QuoteBars::Quote QuoteBars::read(const Batch& batch, size_t row) const {
  Quote quote{.row = row, .ts = batch.columns[fields_.ts_event].i64[row]};
  quote.bid = value_at(batch.columns[fields_.bid], row);
  quote.ask = value_at(batch.columns[fields_.ask], row);
  if (fields_.bid_size) quote.bid_size = value_at(batch.columns[*fields_.bid_size], row);
  if (fields_.ask_size) quote.ask_size = value_at(batch.columns[*fields_.ask_size], row);
  return quote;
}

std::optional<std::string> QuoteBars::reason_to_refuse(const Batch& batch, size_t row) {
  if (batch.columns[fields_.symbol].is_null(row)) return "bars: symbol is null";
  if (batch.columns[fields_.ts_event].is_null(row)) return "bars: ts_event is null";
  const int64_t ts = batch.columns[fields_.ts_event].i64[row];
  if (ts < saturating_add(INT64_MIN, intervals_.back().every)) return "bars: ts_event is before the range of time";
  if (clock_.find(ts) == WindowClock::Place::unknown) {
    return "bars: ts_event is beyond the years of the session's calendar";
  }
  return std::nullopt;
}

void QuoteBars::process(const Flow& flow, BarOutput& out) {
  const Batch& batch = *flow.batch;
  const size_t count = flow.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t row = flow.row(i);
    if (auto reason = reason_to_refuse(batch, row)) {
      out.refused.push_back({row, std::move(*reason)});
      continue;
    }
    const Quote quote = read(batch, row);
    if (clock_.find(quote.ts) == WindowClock::Place::outside) {
      ++out.filtered;
      continue;
    }
    Symbol& symbol = symbol_of(batch.columns[fields_.symbol].codes[row]);
    // Into the newest windows, closing none: nearly every quote.
    if (quote.ts < symbol.close_at &&
        std::all_of(
            symbol.windows.begin(), symbol.windows.end(),
            [&](const auto& open) { return quote.ts >= open.back().start && quote.ts < open.back().end; })) [[likely]] {
      for (auto& open : symbol.windows) add(open.back(), quote);
      symbol.newest = std::max(symbol.newest, quote.ts);
      symbol.dirty = true;
      ++out.taken;
    } else {
      take(flow, symbol, quote, out);
    }
  }
}

void QuoteBars::take(const Flow& flow, Symbol& symbol, const Quote& quote, BarOutput& out) {
  const int64_t before = watermark(symbol);
  for (const Interval& interval : intervals_) {
    if (clock_.bounds(quote.ts, interval.every, interval.daily).end <= before) {
      return emit_late(flow, quote, before, out);
    }
  }
  // What the quote closes ends at or before it, less the lateness: none of its own windows.
  if (quote.ts > symbol.newest) {
    symbol.newest = quote.ts;
    close_windows(symbol, watermark(symbol));
  }
  for (size_t i = 0; i < intervals_.size(); ++i) {
    const WindowBounds bounds = clock_.bounds(quote.ts, intervals_[i].every, intervals_[i].daily);
    auto& open = symbol.windows[i];
    auto at = std::lower_bound(open.begin(), open.end(), bounds.start,
                               [](const Window& window, int64_t start) { return window.start < start; });
    if (at == open.end() || at->start != bounds.start) {
      at = open.insert(at, {.start = bounds.start, .end = bounds.end, .edge = bounds.edge});
    }
    add(*at, quote);
  }
  symbol.dirty = true;
  ++out.taken;
  refresh_close_at(symbol);
  emit_closed(flow.origin(quote.row), out);
}

void QuoteBars::Side::add(int64_t ts, int64_t price, const std::optional<int64_t>& its_size) {
  // Of equal times the first to arrive opens and the last closes.
  if (!any || ts < open_ts) {
    open_ts = ts;
    open = price;
  }
  if (!any || ts >= close_ts) {
    close_ts = ts;
    close = price;
    size = its_size.value_or(0);
    has_size = its_size.has_value();
  }
  high = any ? std::max(high, price) : price;
  low = any ? std::min(low, price) : price;
  any = true;
}

void QuoteBars::add(Window& window, const Quote& quote) {
  if (quote.bid) window.bid.add(quote.ts, *quote.bid, quote.bid_size);
  if (quote.ask) window.ask.add(quote.ts, *quote.ask, quote.ask_size);
  ++window.quotes;
}

void QuoteBars::close_windows(Symbol& symbol, int64_t watermark) {
  for (size_t i = 0; i < intervals_.size(); ++i) {
    auto& open = symbol.windows[i];
    size_t gone = 0;
    while (gone < open.size() && open[gone].end <= watermark) closed_.push_back({i, symbol.code, open[gone++]});
    if (gone == 0) continue;
    open.erase(open.begin(), open.begin() + static_cast<ptrdiff_t>(gone));
    symbol.dirty = true;
  }
}

void QuoteBars::refresh_close_at(Symbol& symbol) {
  int64_t end = INT64_MAX;
  bool every_interval = true;
  for (const auto& open : symbol.windows) {
    every_interval = every_interval && !open.empty();
    if (!open.empty()) end = std::min(end, open.front().end);
  }
  earliest_end_ = std::min(earliest_end_, end);
  symbol.close_at = every_interval ? saturating_add(end, lateness_) : INT64_MIN;
}

void QuoteBars::mark(Timestamp mark, uint64_t origin, BarOutput& out) {
  mark_ = std::max(mark_, mark.ns);
  const int64_t watermark = mark_watermark();
  if (watermark == INT64_MIN || watermark < earliest_end_) return;
  earliest_end_ = INT64_MAX;
  for (Symbol& symbol : states_) {
    close_windows(symbol, watermark);
    refresh_close_at(symbol);
  }
  emit_closed(origin, out);
}

void QuoteBars::emit_closed(uint64_t origin, BarOutput& out) {
  if (closed_.empty()) return;
  std::sort(closed_.begin(), closed_.end(), [this](const Closed& a, const Closed& b) {
    if (a.window.end != b.window.end) return a.window.end < b.window.end;
    if (a.interval != b.interval) return a.interval < b.interval;
    if (a.code != b.code) return symbols_.text(a.code) < symbols_.text(b.code);
    return a.window.start < b.window.start;
  });
  auto& columns = out.bars.rows.columns;
  const auto put_side = [&](const Side& side, size_t open, size_t size) {
    const int64_t prices[] = {side.open, side.high, side.low, side.close};
    for (size_t i = 0; i < std::size(prices); ++i) {
      put_optional(columns[open + i], side.any ? std::optional(prices[i]) : std::nullopt);
    }
    put_optional(columns[size], side.has_size ? std::optional(side.size) : std::nullopt);
  };
  for (const Closed& closed : closed_) {
    const Window& window = closed.window;
    columns[QuoteBarColumn::symbol].codes.push_back(closed.code);
    columns[QuoteBarColumn::every].codes.push_back(intervals_[closed.interval].code);
    columns[QuoteBarColumn::start].i64.push_back(window.start);
    put_side(window.bid, QuoteBarColumn::bid_open, QuoteBarColumn::bid_size);
    put_side(window.ask, QuoteBarColumn::ask_open, QuoteBarColumn::ask_size);
    columns[QuoteBarColumn::quotes].i64.push_back(window.quotes);
    columns[QuoteBarColumn::revision].i64.push_back(0);
    columns[QuoteBarColumn::final].u8.push_back(1);
    columns[QuoteBarColumn::edge].codes.push_back(edge_codes_[static_cast<size_t>(window.edge)]);
    columns[QuoteBarColumn::edge].valid.push_back(window.edge == Edge::none ? 0 : 1);
    out.bars.origins.push_back(origin);
    ++out.bars.rows.rows;
  }
  closed_.clear();
}

void QuoteBars::emit_late(const Flow& flow, const Quote& quote, int64_t watermark, BarOutput& out) const {
  const Batch& batch = *flow.batch;
  auto& columns = out.late.rows.columns;
  columns[LateColumn::stream].text.append(stream_);
  columns[LateColumn::symbol].codes.push_back(batch.columns[fields_.symbol].codes[quote.row]);
  const bool has_venue = fields_.venue && !batch.columns[*fields_.venue].is_null(quote.row);
  columns[LateColumn::venue].valid.push_back(has_venue ? 1 : 0);
  columns[LateColumn::venue].codes.push_back(has_venue ? batch.columns[*fields_.venue].codes[quote.row]
                                                       : market::kNoSymbol);
  columns[LateColumn::ts_event].i64.push_back(quote.ts);
  for (const size_t of_trades : {LateColumn::price, LateColumn::size, LateColumn::id}) {
    columns[of_trades].all_null = true;
  }
  columns[LateColumn::watermark].i64.push_back(watermark);
  int64_t lateness = 0;
  if (__builtin_sub_overflow(watermark, quote.ts, &lateness)) lateness = INT64_MAX;
  columns[LateColumn::lateness_ns].i64.push_back(lateness);
  for (const auto& [column, value] :
       {std::pair{LateColumn::bid, quote.bid}, std::pair{LateColumn::bid_size, quote.bid_size},
        std::pair{LateColumn::ask, quote.ask}, std::pair{LateColumn::ask_size, quote.ask_size}}) {
    columns[column].all_null = false;
    put_optional(columns[column], value);
  }
  out.late.origins.push_back(flow.origin(quote.row));
  ++out.late.rows.rows;
}

}  // namespace penstock::stream

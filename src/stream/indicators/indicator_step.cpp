#include "stream/indicators/indicator_step.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>

#include "base/crc32c.h"
#include "market/schema.h"

namespace penstock::stream {

using market::BarColumn;
using plan::IndicatorColumn;

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double price(const market::Batch& batch, size_t column, size_t row) {
  const market::Column& prices = batch.columns[column];
  if (prices.is_null(row)) return kNone;
  return static_cast<double>(prices.i64[row]) / static_cast<double>(market::kPow10[market::kPriceScale]);
}

double volume(const market::Batch& batch, size_t row) {
  const market::Column& volumes = batch.columns[BarColumn::volume];
  if (volumes.is_null(row)) return kNone;
  return static_cast<double>(volumes.i128[row]) / static_cast<double>(market::kPow10[market::kSizeScale]);
}

}  // namespace

IndicatorStep::IndicatorStep(const plan::Indicators& indicators, const market::Calendar& calendar, std::string stream,
                             market::SymbolTable& symbols)
    : stream_(std::move(stream)),
      calendar_(calendar),
      symbols_(symbols),
      output_(plan::indicator_schema(indicators)),
      revised_within_(indicators.revised_within),
      shards_(kShards) {
  for (const plan::Indicator& indicator : indicators.items) {
    formulas_.emplace_back(indicator);
    definition_ += plan::call_text(indicator) + "; ";
  }
  definition_ += indicators.session;
  columns_ = Formula::lay_out(formulas_);
  outputs_before_.resize(columns_.outputs);
}

Result<std::unique_ptr<IndicatorStep>> IndicatorStep::create(const plan::Indicators& indicators,
                                                             const market::Schema& input, const std::string& stream,
                                                             market::SymbolTable& symbols) {
  if (input.fields != market::bar_schema()->fields) {
    return fail(ErrorKind::invalid, "stream '{}': indicators need bars", stream);
  }
  PENSTOCK_TRY_ASSIGN(const market::Calendar* calendar, market::Calendar::find(indicators.session));
  return std::unique_ptr<IndicatorStep>(new IndicatorStep(indicators, *calendar, stream, symbols));
}

IndicatorStep::Series& IndicatorStep::series_of(market::SymbolCode symbol, market::SymbolCode every) {
  const auto [found, added] =
      index_.try_emplace(uint64_t{symbol} << 32 | uint64_t{every}, static_cast<uint32_t>(series_.size()));
  if (!added) return series_[found->second];
  const std::string_view text = symbols_.text(symbol);
  shards_[crc32c(std::as_bytes(std::span(text))) % kShards].push_back(found->second);
  Series& series = series_.emplace_back(Series{.symbol = symbol,
                                               .every = every,
                                               .length = parse_duration(symbols_.text(every)).value_or(Duration{}),
                                               .kept = {},
                                               .bars = ValueColumns(columns_.bar_columns()),
                                               .results = ValueColumns(columns_.result_columns())});
  series.results.insert(0);
  for (size_t c = 0; c < columns_.result_columns(); ++c) series.results.column(c)[0] = kNone;
  return series;
}

double IndicatorStep::session_of(Timestamp start, Duration length) const {
  if (const auto session = calendar_.at(start)) return session->day;
  const auto next = calendar_.next(start);
  return next && next->open < start + length ? next->day : kNone;
}

IndicatorStep::Bar IndicatorStep::read(const market::Batch& batch, size_t row, Duration length) const {
  using Value = FormulaColumns::Value;
  Bar bar;
  bar.start = batch.columns[BarColumn::start].i64[row];
  bar.final = batch.columns[BarColumn::final].u8[row] != 0;
  bar.removed = batch.columns[BarColumn::trades].i64[row] == 0;
  if (bar.removed) return bar;
  bar.close = batch.columns[BarColumn::close].i64[row];
  bar.values[Value::open] = price(batch, BarColumn::open, row);
  const double high = bar.values[Value::high] = price(batch, BarColumn::high, row);
  const double low = bar.values[Value::low] = price(batch, BarColumn::low, row);
  const double close = bar.values[Value::close] = price(batch, BarColumn::close, row);
  bar.values[Value::volume] = volume(batch, row);
  bar.values[Value::vwap] = price(batch, BarColumn::vwap, row);
  bar.values[Value::typical] = (high + low + close) / 3;
  bar.values[Value::session] = session_of(Timestamp{bar.start}, length);
  return bar;
}

void IndicatorStep::process(const Flow& flow, Timestamp mark, IndicatorOutput& out) {
  const market::Batch& batch = *flow.batch;
  const size_t count = flow.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t row = flow.row(i);
    Series& series = series_of(batch.columns[BarColumn::symbol].codes[row], batch.columns[BarColumn::every].codes[row]);
    settle(series, mark);
    if (take(series, read(batch, row, series.length), flow.origin(row), out)) {
      ++out.taken;
    } else {
      out.refused.push_back(
          {row, fmt::format("indicators: the bar cannot change what is settled, up to the bar that starts at {}",
                            format_rfc3339(Timestamp{series.settled}))});
    }
  }
}

size_t IndicatorStep::result_of(const Series& series, size_t kept) {
  // A bar behind all others: nearly every one.
  if (kept == series.kept.size()) return series.results.rows();
  const auto begin = series.kept.begin();
  return 1 + static_cast<size_t>(std::count_if(begin, begin + static_cast<std::ptrdiff_t>(kept),
                                               [](const Kept& each) { return each.present; }));
}

bool IndicatorStep::take(Series& series, const Bar& bar, uint64_t origin, IndicatorOutput& out) {
  if (bar.start <= series.settled) return false;
  auto& kept = series.kept;
  auto at = std::lower_bound(kept.begin(), kept.end(), bar.start,
                             [](const Kept& each, int64_t start) { return each.start < start; });
  const bool known = at != kept.end() && at->start == bar.start;
  if (bar.removed && (!known || !at->present)) return true;  // of a bar that is not there

  series.dirty = true;
  const auto index = static_cast<size_t>(at - kept.begin());
  const size_t result = result_of(series, index);
  if (!known) at = kept.insert(at, Kept{.start = bar.start});
  const bool was_present = at->present;
  const bool other = !was_present || at->close != bar.close || at->final != bar.final;
  at->close = bar.close;
  at->final = bar.final;
  at->present = !bar.removed;
  if (bar.removed) {
    series.bars.erase(series.bar_of(result));
    series.results.erase(result);
    emit(series, *at, 0, origin, out);
    recompute(series, index + 1, false, origin, out);
    return true;
  }
  if (!was_present) {
    series.bars.insert(series.bar_of(result));
    series.results.insert(result);
  }
  put_values(series, result, bar);
  recompute(series, index, other, origin, out);
  if (kept.size() > kKeptMax) settle_oldest(series, kept.size() - kKeptMax);
  return true;
}

void IndicatorStep::put_values(Series& series, size_t result, const Bar& bar) const {
  const size_t row = series.bar_of(result);
  for (size_t c = 0; c < columns_.values.size(); ++c) series.bars.column(c)[row] = bar.values[columns_.values[c]];
}

void IndicatorStep::recompute(Series& series, size_t from, bool given, uint64_t origin, IndicatorOutput& out) {
  if (from == series.kept.size()) return;
  size_t result = result_of(series, from);
  for (size_t i = from; i < series.kept.size(); ++i) {
    Kept& kept = series.kept[i];
    if (!kept.present) continue;
    const FormulaRow row{series.bars, series.bar_of(result), series.results, result};
    for (size_t c = 0; c < columns_.outputs; ++c) {
      outputs_before_[c] = series.results.column(columns_.carries + c)[result];
    }
    for (const Formula& formula : formulas_) formula.compute(row);
    bool changed = given && i == from;
    for (size_t c = 0; c < columns_.outputs && !changed; ++c) {
      changed = std::bit_cast<uint64_t>(outputs_before_[c]) !=
                std::bit_cast<uint64_t>(series.results.column(columns_.carries + c)[result]);
    }
    if (changed) emit(series, kept, result, origin, out);
    ++result;
  }
}

void IndicatorStep::emit(const Series& series, Kept& kept, size_t result, uint64_t origin, IndicatorOutput& out) const {
  auto& columns = out.rows.rows.columns;
  ++kept.revision;
  columns[IndicatorColumn::symbol].codes.push_back(series.symbol);
  columns[IndicatorColumn::every].codes.push_back(series.every);
  columns[IndicatorColumn::start].i64.push_back(kept.start);
  columns[IndicatorColumn::close].i64.push_back(kept.present ? kept.close : 0);
  columns[IndicatorColumn::close].valid.push_back(kept.present ? 1 : 0);
  columns[IndicatorColumn::revision].i64.push_back(kept.revision);
  columns[IndicatorColumn::final].u8.push_back(kept.final ? 1 : 0);
  for (size_t c = 0; c < columns_.outputs; ++c) {
    const double value = kept.present ? series.results.column(columns_.carries + c)[result] : kNone;
    market::Column& column = columns[IndicatorColumn::count + c];
    column.f64.push_back(std::isnan(value) ? 0 : value);
    column.valid.push_back(std::isnan(value) ? 0 : 1);
  }
  out.rows.origins.push_back(origin);
  ++out.rows.rows.rows;
}

void IndicatorStep::settle(Series& series, Timestamp mark) const {
  const auto newest_final =
      std::find_if(series.kept.rbegin(), series.kept.rend(), [](const Kept& kept) { return kept.final; });
  Timestamp until = mark;  // what starts before it is settled
  if (revised_within_ && newest_final != series.kept.rend()) {
    // Its symbol's time is beyond the newest final bar's start; others end at the latest a length behind theirs.
    until = std::max(until, Timestamp{newest_final->start} - series.length - *revised_within_ + Duration{1});
  }
  const auto first = std::find_if(series.kept.begin(), series.kept.end(),
                                  [&](const Kept& kept) { return Timestamp{kept.start} >= until; });
  const auto count = static_cast<size_t>(first - series.kept.begin());
  // Where many wait, a few at a time would move the others each time.
  if (count > series.kept.size() / 8) settle_oldest(series, count);
}

void IndicatorStep::settle_oldest(Series& series, size_t count) const {
  const auto begin = series.kept.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(count);
  series.settled = std::prev(end)->start;
  series.results.drop_front(
      static_cast<size_t>(std::count_if(begin, end, [](const Kept& kept) { return kept.present; })));
  series.kept.erase(begin, end);
  const size_t settled = series.bars.rows() - (series.results.rows() - 1);
  if (settled > columns_.look_back) series.bars.drop_front(settled - columns_.look_back);
  series.dirty = true;
}

}  // namespace penstock::stream

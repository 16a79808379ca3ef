#include "stream/bar_builder.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/crc32c.h"
#include "market/schema.h"

namespace penstock::stream {

using market::BarColumn;
using market::Batch;
using market::Column;
using market::SymbolCode;

namespace {

int64_t saturating_add(int64_t a, int64_t b) { return (Timestamp{a} + Duration{b}).ns; }
int64_t saturating_subtract(int64_t a, int64_t b) { return (Timestamp{a} - Duration{b}).ns; }

}  // namespace

BarBuilder::BarBuilder(std::string stream, TradeFields fields, market::SymbolTable& symbols)
    : stream_(std::move(stream)), fields_(fields), symbols_(symbols), shards_(kShards) {}

Result<std::unique_ptr<BarBuilder>> BarBuilder::create(const plan::Bars& bars, const market::Schema& input,
                                                       const std::string& stream, market::SymbolTable& symbols) {
  PENSTOCK_TRY_ASSIGN(const TradeFields fields, TradeFields::of(input, stream));
  if (bars.every.empty()) return fail(ErrorKind::invalid, "stream '{}': bars without an interval", stream);
  for (size_t i = 0; i < bars.every.size(); ++i) {
    if (bars.every[i].ns <= 0 || (i > 0 && bars.every[i] <= bars.every[i - 1])) {
      return fail(ErrorKind::invalid, "stream '{}': intervals must be positive, distinct and ascending", stream);
    }
  }
  std::unique_ptr<BarBuilder> builder(new BarBuilder(stream, fields, symbols));
  builder->set_intervals(bars);
  for (const SymbolCode code : builder->every_codes_) {
    if (code == market::kNoSymbol) {
      return fail(ErrorKind::full, "more than {} symbols: no room for the names of intervals",
                  market::SymbolTable::kSymbolsMax);
    }
  }
  return builder;
}

void BarBuilder::set_intervals(const plan::Bars& bars) {
  lateness_ = bars.lateness.ns;
  for (size_t i = 0; i < bars.every.size(); ++i) {
    const int64_t every = bars.every[i].ns;
    everys_.push_back(every);
    every_codes_.push_back(symbols_.intern(format_duration(bars.every[i])));
    const auto base =
        std::find_if(bases_.begin(), bases_.end(), [&](const Base& b) { return every % everys_[b.every] == 0; });
    if (base == bases_.end()) {
      bases_.push_back({.every = i, .derived = {}});
    } else {
      base->derived.push_back(i);
    }
  }
  // A merged window is the sum of at most `parts` others, each within 2^127 / parts. At least two parts, so that
  // adding one trade, of at most 2^126, to a window cannot overflow before it is compared.
  const int64_t parts = std::max<int64_t>(2, everys_.back() / everys_.front());
  limit_high_ = INT64_MAX / parts - 1;
}

// Compares the high halves only: one comparison of 64 bits for each trade.
bool BarBuilder::within_limit(Int128 notional) const {
  const auto high = static_cast<int64_t>(notional >> 64);
  return high <= limit_high_ && high >= -limit_high_;
}

uint32_t BarBuilder::slot_of(SymbolCode code) {
  if (code < slots_.size() && slots_[code] != kNoSlot) [[likely]]
    return slots_[code];
  return add_symbol(code);
}

uint32_t BarBuilder::add_symbol(SymbolCode code) {
  if (code >= slots_.size()) slots_.resize(std::max<size_t>(size_t{code} + 1, slots_.size() * 2), kNoSlot);
  const auto slot = static_cast<uint32_t>(hot_.size());
  slots_[code] = slot;
  hot_.emplace_back();
  Cold& cold = cold_.emplace_back();
  cold.code = code;
  if (everys_.size() > 1) {
    cold.more = std::make_unique<Cold::More>();
    cold.more->open.resize(bases_.size() - 1);
    cold.more->merged.resize(everys_.size());
  }
  const std::string_view text = symbols_.text(code);
  shards_[crc32c(std::as_bytes(std::span(text))) % kShards].push_back(slot);
  return slot;
}

int64_t BarBuilder::newest_of(uint32_t slot) const {
  const OpenBar& bar = hot_[slot].bar;
  return bar.trades == 0 ? cold_[slot].newest : std::max(cold_[slot].newest, bar.close_ts);
}

// The end of a bounded source is no time to wait beyond: it closes everything, lateness or not.
int64_t BarBuilder::mark_watermark() const {
  if (mark_ == INT64_MAX || mark_ == INT64_MIN) return mark_;
  return saturating_subtract(mark_, lateness_);
}

int64_t BarBuilder::watermark(int64_t newest) const {
  return std::max(mark_watermark(), newest == INT64_MIN ? INT64_MIN : saturating_subtract(newest, lateness_));
}

Timestamp BarBuilder::settled_before() const {
  const int64_t mark = mark_watermark();
  if (mark == INT64_MAX || mark == INT64_MIN) return Timestamp{mark};
  int64_t settled = INT64_MAX;
  for (const int64_t every : everys_) {
    int64_t start = 0;
    settled = std::min(settled, window_start(mark, every, start) ? start : INT64_MIN);
  }
  return Timestamp{settled};
}

Timestamp BarBuilder::closed_mark() const {
  int64_t closed = INT64_MIN;
  for (uint32_t slot = 0; slot < hot_.size(); ++slot) {
    const int64_t newest = newest_of(slot);
    int64_t start = 0;
    for (const int64_t every : everys_) {
      if (newest != INT64_MIN && window_start(newest, every, start))
        closed = std::max(closed, window_end(start, every));
    }
  }
  // Marks are judged less the lateness.
  return Timestamp{closed == INT64_MIN ? closed : saturating_add(closed, lateness_)};
}

std::optional<std::string> BarBuilder::reason_to_refuse(const Batch& batch, size_t row) const {
  for (const auto& [field, name] : {std::pair{fields_.symbol, "symbol"}, std::pair{fields_.ts_event, "ts_event"},
                                    std::pair{fields_.price, "price"}, std::pair{fields_.size, "size"}}) {
    if (batch.columns[field].is_null(row)) return fmt::format("bars: {} is null", name);
  }
  if (batch.columns[fields_.ts_event].i64[row] < saturating_add(INT64_MIN, everys_.back())) {
    return "bars: ts_event is before the range of time";
  }
  if (fields_.action && !batch.columns[*fields_.action].is_null(row)) {
    return "bars: cancels and corrections need bars that are revised; write `revise_for`";
  }
  return std::nullopt;
}

void BarBuilder::process(const Flow& flow, BarOutput& out) {
  const Batch& batch = *flow.batch;
  const Column* ids = fields_.id ? &batch.columns[*fields_.id] : nullptr;
  bool plain = ids != nullptr && !ids->all_null && ids->valid.empty() && ids->ids.all_numbers();
  plain = plain && (!fields_.action || batch.columns[*fields_.action].all_null);
  for (const size_t field : {fields_.symbol, fields_.ts_event, fields_.price, fields_.size}) {
    plain = plain && !batch.columns[field].all_null && batch.columns[field].valid.empty();
  }
  if (plain) {
    flow.selection == nullptr ? process_rows<true, false>(flow, out) : process_rows<true, true>(flow, out);
  } else {
    flow.selection == nullptr ? process_rows<false, false>(flow, out) : process_rows<false, true>(flow, out);
  }
}

// kPlainIds: no value is null and every id is a number.
template <bool kPlainIds, bool kSelected>
void BarBuilder::process_rows(const Flow& flow, BarOutput& out) {
  const Batch& batch = *flow.batch;
  const Column& symbol = batch.columns[fields_.symbol];
  const Column& times = batch.columns[fields_.ts_event];
  const Column& prices = batch.columns[fields_.price];
  const Column& sizes = batch.columns[fields_.size];
  const Column* ids = fields_.id ? &batch.columns[*fields_.id] : nullptr;
  const int64_t* numbers = kPlainIds ? ids->ids.numbers().data() : nullptr;
  const auto every = static_cast<uint64_t>(everys_[bases_.front().every]);
  const bool one_base = bases_.size() == 1;
  const size_t count = flow.size();
  const bool far = hot_.size() > kPrefetchSymbols && count > kPrefetchRows && !symbol.all_null;
  uint64_t fast = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t row = kSelected ? (*flow.selection)[i] : i;
    if (far && i + kPrefetchRows < count) {
      prefetch(symbol.codes[kSelected ? (*flow.selection)[i + kPrefetchRows] : i + kPrefetchRows]);
    }
    Trade trade{.row = row};
    if constexpr (kPlainIds) {
      trade.id.number = numbers[row];
    } else {
      if (auto reason = reason_to_refuse(batch, row)) {
        out.refused.push_back({row, std::move(*reason)});
        continue;
      }
      if (ids != nullptr && !ids->is_null(row)) {
        const market::Id id = ids->ids[row];
        trade.id = id.is_number() ? RecordId{.number = id.number} : RecordId{.number = kTextId0, .text = id.text};
      }
    }
    trade.ts = times.i64[row];
    trade.price = prices.i64[row];
    trade.size = sizes.i64[row];
    const uint32_t slot = slot_of(symbol.codes[row]);
    Hot& hot = hot_[slot];
    // Into the newest window, which is open, and far enough behind to close none: nearly every trade.
    if (static_cast<uint64_t>(trade.ts) - static_cast<uint64_t>(hot.bar.start) < every && trade.ts < hot.close_at &&
        one_base) [[likely]] {
      const Int128 notional = hot.bar.notional + Int128{trade.price} * trade.size;
      if (within_limit(notional)) [[likely]] {
        add_trade(hot.bar, trade.ts, trade.id, trade.price, trade.size, notional, pool_);
        hot.dirty = 1;
        ++fast;
        continue;
      }
    }
    if constexpr (kPlainIds) {
      if (auto reason = reason_to_refuse(batch, row)) {
        out.refused.push_back({row, std::move(*reason)});
        continue;
      }
    }
    take_slowly(flow, slot, trade, out);
  }
  out.taken += fast;
}

void BarBuilder::take_slowly(const Flow& flow, uint32_t slot, const Trade& trade, BarOutput& out) {
  const int64_t newest = newest_of(slot);
  const int64_t watermark_before = watermark(newest);
  std::array<int64_t, 8> starts_inline;
  std::vector<int64_t> starts_more;
  int64_t* starts = starts_inline.data();
  if (bases_.size() > starts_inline.size()) {
    starts_more.resize(bases_.size());
    starts = starts_more.data();
  }
  for (size_t base = 0; base < bases_.size(); ++base) {
    const int64_t every = everys_[bases_[base].every];
    // In range: reason_to_refuse saw to it.
    (void)window_start(trade.ts, every, starts[base]);
    if (window_end(starts[base], every) <= watermark_before) return emit_late(flow, trade, watermark_before, out);
  }
  const Int128 product = Int128{trade.price} * trade.size;
  for (size_t base = 0; base < bases_.size(); ++base) {
    const OpenBar* bar = find_window(slot, base, starts[base]);
    if (!within_limit(product + (bar == nullptr ? 0 : bar->notional))) {
      out.refused.push_back({trade.row, "bars: price times size, summed over the bar, is too large"});
      return;
    }
  }
  // What the trade closes ends at or before it, less the lateness: none of its own windows. Closing first mostly spares
  // two windows of a symbol side by side.
  cold_[slot].newest = std::max(newest, trade.ts);
  if (cold_[slot].newest > newest) close_windows(slot, watermark(cold_[slot].newest));
  for (size_t base = 0; base < bases_.size(); ++base) {
    if (OpenBar* bar = find_window(slot, base, starts[base])) {
      add_trade(*bar, trade.ts, trade.id, trade.price, trade.size, bar->notional + product, pool_);
    } else {
      open_window(slot, base, starts[base], trade);
    }
  }
  ++out.taken;
  hot_[slot].dirty = 1;
  refresh_close_at(slot);
  if (!closed_.empty()) emit_closed(flow.origin(trade.row), out);
}

void BarBuilder::prefetch(SymbolCode code) const {
  if (code >= slots_.size() || slots_[code] == kNoSlot) return;
  const auto* hot = reinterpret_cast<const char*>(&hot_[slots_[code]]);
  __builtin_prefetch(hot, 1);
  __builtin_prefetch(hot + 64, 1);
  __builtin_prefetch(&cold_[slots_[code]], 1);
}

OpenBar* BarBuilder::find_window(uint32_t slot, size_t base, int64_t start) {
  OpenBar& newest = hot_[slot].bar;
  if (base == 0 && newest.trades != 0 && newest.start == start) return &newest;
  auto& open = cold_[slot].open(base);
  const auto at =
      std::lower_bound(open.begin(), open.end(), start, [](const OpenBar& bar, int64_t s) { return bar.start < s; });
  return at != open.end() && at->start == start ? &*at : nullptr;
}

void BarBuilder::open_window(uint32_t slot, size_t base, int64_t start, const Trade& trade) {
  OpenBar bar;
  begin_bar(bar, start, trade.ts, trade.id, trade.price, trade.size, pool_);
  earliest_end_ = std::min(earliest_end_, window_end(start, everys_[bases_[base].every]));
  auto& open = cold_[slot].open(base);
  if (base == 0) {
    OpenBar& newest = hot_[slot].bar;
    if (newest.trades == 0 || start > newest.start) {
      std::swap(bar, newest);
      if (bar.trades == 0) return;
    }
  }
  const auto at = std::upper_bound(open.begin(), open.end(), bar.start,
                                   [](int64_t s, const OpenBar& other) { return s < other.start; });
  open.insert(at, bar);
}

// `which` is a base, or with `merged` an interval.
bool BarBuilder::next_end(uint32_t slot, int64_t& end, bool& merged, size_t& which) const {
  const Cold& cold = cold_[slot];
  bool any = false;
  size_t interval = 0;
  const auto offer = [&](int64_t candidate, size_t every, bool is_merged, size_t index) {
    if (any && (candidate > end || (candidate == end && every >= interval))) return;
    any = true;
    end = candidate;
    interval = every;
    merged = is_merged;
    which = index;
  };
  for (size_t base = 0; base < bases_.size(); ++base) {
    const OpenBar* oldest = !cold.open(base).empty()                  ? &cold.open(base).front()
                            : base == 0 && hot_[slot].bar.trades != 0 ? &hot_[slot].bar
                                                                      : nullptr;
    const size_t every = bases_[base].every;
    if (oldest != nullptr) offer(window_end(oldest->start, everys_[every]), every, false, base);
    for (const size_t derived : bases_[base].derived) {
      const OpenBar& bar = cold.more->merged[derived];
      if (bar.trades != 0) offer(window_end(bar.start, everys_[derived]), derived, true, derived);
    }
  }
  return any;
}

void BarBuilder::close_windows(uint32_t slot, int64_t watermark) {
  Cold& cold = cold_[slot];
  Hot& hot = hot_[slot];
  int64_t end = 0;
  bool merged = false;
  size_t which = 0;
  while (next_end(slot, end, merged, which) && end <= watermark) {
    hot.dirty = 1;
    if (merged) {
      closed_.push_back({end, which, cold.code, cold.more->merged[which]});
      cold.more->merged[which] = OpenBar{};
      continue;
    }
    auto& open = cold.open(which);
    const Base& base = bases_[which];
    OpenBar bar;
    if (!open.empty()) {
      bar = open.front();
      open.erase(open.begin());
    } else {
      cold.newest = std::max(cold.newest, hot.bar.close_ts);
      bar = std::exchange(hot.bar, OpenBar{});
    }
    closed_.push_back({end, base.every, cold.code, bar});
    // Each interval's bar holds its own slots of text ids: they are released as it is emitted.
    for (const size_t derived : base.derived) {
      OpenBar part = bar;
      if (part.open_id <= kTextId0) part.open_id = pool_.add(std::string(pool_.text(bar.open_id)));
      if (part.close_id <= kTextId0) part.close_id = pool_.add(std::string(pool_.text(bar.close_id)));
      int64_t start = 0;
      (void)window_start(bar.start, everys_[derived], start);
      merge_bar(cold.more->merged[derived], part, start, pool_);
    }
  }
}

void BarBuilder::refresh_close_at(uint32_t slot) {
  Hot& hot = hot_[slot];
  int64_t end = 0;
  bool merged = false;
  size_t which = 0;
  const bool any = next_end(slot, end, merged, which);
  hot.close_at = any && hot.bar.trades != 0 ? saturating_add(end, lateness_) : INT64_MIN;
  if (any) earliest_end_ = std::min(earliest_end_, end);
}

void BarBuilder::mark(Timestamp mark, uint64_t origin, BarOutput& out) {
  mark_ = std::max(mark_, mark.ns);
  const int64_t watermark = mark_watermark();
  if (watermark == INT64_MIN || watermark < earliest_end_) return;
  earliest_end_ = INT64_MAX;
  for (uint32_t slot = 0; slot < hot_.size(); ++slot) {
    close_windows(slot, watermark);
    refresh_close_at(slot);
  }
  std::sort(closed_.begin(), closed_.end(), [this](const Closed& a, const Closed& b) {
    if (a.end != b.end) return a.end < b.end;
    if (a.every != b.every) return a.every < b.every;
    return symbols_.text(a.code) < symbols_.text(b.code);
  });
  emit_closed(origin, out);
}

void BarBuilder::emit_closed(uint64_t origin, BarOutput& out) {
  auto& columns = out.bars.rows.columns;
  columns[BarColumn::edge].all_null = true;
  const auto i64 = [&](size_t column, int64_t value) { columns[column].i64.push_back(value); };
  for (const Closed& closed : closed_) {
    const OpenBar& bar = closed.bar;
    columns[BarColumn::symbol].codes.push_back(closed.code);
    columns[BarColumn::every].codes.push_back(every_codes_[closed.every]);
    i64(BarColumn::start, bar.start);
    i64(BarColumn::open, bar.open);
    i64(BarColumn::high, bar.high);
    i64(BarColumn::low, bar.low);
    i64(BarColumn::close, bar.close);
    columns[BarColumn::volume].i128.push_back(bar.volume);
    int64_t price = 0;
    const bool has_vwap = vwap(bar.notional, bar.volume, price);
    i64(BarColumn::vwap, price);
    columns[BarColumn::vwap].valid.push_back(has_vwap ? 1 : 0);
    i64(BarColumn::trades, bar.trades);
    i64(BarColumn::revision, 0);
    columns[BarColumn::final].u8.push_back(1);
    out.bars.origins.push_back(origin);
    ++out.bars.rows.rows;
    pool_.release(bar.open_id);
    pool_.release(bar.close_id);
  }
  closed_.clear();
}

void BarBuilder::emit_late(const Flow& flow, const Trade& trade, int64_t watermark, BarOutput& out) {
  add_late_trade({stream_, fields_, trade.ts, trade.price, trade.size, trade.id}, flow, trade.row, watermark, out);
}

}  // namespace penstock::stream

#include "stream/tape_bars.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/crc32c.h"
#include "market/schema.h"

namespace penstock::stream {

using market::BarColumn;
using market::Batch;
using market::Column;
using market::LateColumn;
using market::SymbolCode;

namespace {

constexpr size_t kJudged = 256;
// Different unknown conditions that are counted each by itself; the rest are counted together.
constexpr size_t kUnknownMax = 100;

int64_t saturating_add(int64_t a, int64_t b) { return (Timestamp{a} + Duration{b}).ns; }
int64_t saturating_subtract(int64_t a, int64_t b) { return (Timestamp{a} - Duration{b}).ns; }

// The first multiple of `step` behind `ts`.
int64_t next_multiple(int64_t ts, int64_t step) {
  int64_t start = 0;
  return window_start(ts, step, start) ? window_end(start, step) : INT64_MAX;
}

}  // namespace

bool TapeBars::Sums::shows_same(const Sums& other) const {
  if (is_bar() != other.is_bar()) return false;
  return !is_bar() ||
         (open == other.open && high == other.high && low == other.low && close == other.close &&
          volume == other.volume && notional == other.notional && weight == other.weight && trades == other.trades);
}

bool TapeBars::needed(const plan::Bars& bars) {
  return bars.revise_for.ns > 0 || bars.early || bars.calendar != nullptr || bars.conditions != nullptr;
}

TapeBars::TapeBars(std::string stream, TradeFields fields, market::SymbolTable& symbols, const plan::Bars& bars)
    : stream_(std::move(stream)),
      fields_(fields),
      symbols_(symbols),
      lateness_(bars.lateness.ns),
      revise_for_(bars.revise_for.ns),
      early_(bars.early ? bars.early->ns : 0),
      kept_max_(bars.kept_max),
      calendar_(bars.calendar),
      conditions_(bars.conditions.get()),
      form_t_(bars.form_t),
      vwap_rule_(bars.vwap),
      clock_(bars.calendar),
      shards_(kShards),
      judged_(kJudged) {}

Result<std::unique_ptr<TapeBars>> TapeBars::create(const plan::Bars& bars, const market::Schema& input,
                                                   const std::string& stream, market::SymbolTable& symbols) {
  PENSTOCK_TRY_ASSIGN(const TradeFields fields, TradeFields::of(input, stream));
  if (bars.every.empty()) return fail(ErrorKind::invalid, "stream '{}': bars without an interval", stream);
  for (size_t i = 0; i < bars.every.size(); ++i) {
    if (bars.every[i].ns <= 0 || (i > 0 && bars.every[i] <= bars.every[i - 1])) {
      return fail(ErrorKind::invalid, "stream '{}': intervals must be positive, distinct and ascending", stream);
    }
  }
  std::unique_ptr<TapeBars> made(new TapeBars(stream, fields, symbols, bars));
  made->conditions_field_ = input.find("conditions", market::Kind::text);
  made->tape_field_ = input.find("tape", market::Kind::symbol);
  made->ref_field_ = input.find("ref_id", market::Kind::id);
  made->set_intervals(bars);
  made->edge_codes_ = {market::kNoSymbol, symbols.intern("first"), symbols.intern("last"), symbols.intern("both")};
  made->cancel_code_ = symbols.intern(market::kCancel);
  made->correct_code_ = symbols.intern(market::kCorrect);
  bool full = made->cancel_code_ == market::kNoSymbol || made->correct_code_ == market::kNoSymbol ||
              made->edge_codes_.back() == market::kNoSymbol;
  for (const Interval& interval : made->intervals_) full = full || interval.code == market::kNoSymbol;
  if (full) {
    return fail(ErrorKind::full, "more than {} symbols: no room for the names of intervals",
                market::SymbolTable::kSymbolsMax);
  }
  return made;
}

void TapeBars::set_intervals(const plan::Bars& bars) {
  for (const Duration every : bars.every) {
    // A session's day is the session, however long; it is made beside the others.
    if (bars.calendar != nullptr && every.ns >= kDay.ns) continue;
    Interval interval{.every = every.ns, .code = symbols_.intern(format_duration(every))};
    // Of the greatest that it is a multiple of, so that a chain has few parts.
    for (size_t i = intervals_.size(); i-- > 0 && interval.child == kNoChild;) {
      if (every.ns % intervals_[i].every == 0) interval.child = static_cast<int>(i);
    }
    intervals_.push_back(interval);
  }
  if (bars.calendar != nullptr) {
    const int child = intervals_.empty() ? kNoChild : static_cast<int>(intervals_.size()) - 1;
    intervals_.push_back(
        {.every = kDay.ns, .daily = true, .child = child, .code = symbols_.intern(format_duration(kDay))});
  }
  for (size_t i = 0; i < intervals_.size(); ++i) {
    if (!merges(intervals_[i])) roots_.push_back(i);
  }
  // As in BarBuilder: a window that is put together of others stays within 2^127.
  const int64_t parts = std::max<int64_t>(2, intervals_.back().every / intervals_.front().every);
  limit_high_ = INT64_MAX / parts - 1;
}

bool TapeBars::within_limit(Int128 notional) const {
  const auto high = static_cast<int64_t>(notional >> 64);
  return high <= limit_high_ && high >= -limit_high_;
}

uint32_t TapeBars::slot_of(SymbolCode code) {
  if (code < slots_.size() && slots_[code] != kNoSlot) [[likely]]
    return slots_[code];
  return add_symbol(code);
}

uint32_t TapeBars::add_symbol(SymbolCode code) {
  if (code >= slots_.size()) slots_.resize(std::max<size_t>(size_t{code} + 1, slots_.size() * 2), kNoSlot);
  const auto slot = static_cast<uint32_t>(states_.size());
  slots_[code] = slot;
  Symbol& symbol = states_.emplace_back();
  symbol.code = code;
  symbol.windows.resize(intervals_.size());
  const std::string_view text = symbols_.text(code);
  shards_[crc32c(std::as_bytes(std::span(text))) % kShards].push_back(slot);
  return slot;
}

// --- time ------------------------------------------------------------------------------------------------------------

// The end of a bounded source is no time to wait beyond: it closes everything, lateness or not.
int64_t TapeBars::mark_watermark() const {
  if (mark_ == INT64_MAX || mark_ == INT64_MIN) return mark_;
  return saturating_subtract(mark_, lateness_);
}

int64_t TapeBars::watermark(const Symbol& symbol) const {
  const int64_t own = symbol.newest == INT64_MIN ? INT64_MIN : saturating_subtract(symbol.newest, lateness_);
  return std::max(mark_watermark(), own);
}

int64_t TapeBars::horizon(int64_t watermark) const {
  if (watermark == INT64_MAX || watermark == INT64_MIN) return watermark;
  return saturating_subtract(watermark, revise_for_);
}

Timestamp TapeBars::settled_before() const {
  const int64_t settled = horizon(mark_watermark());
  if (settled == INT64_MAX || settled == INT64_MIN) return Timestamp{settled};
  WindowClock clock = clock_;
  if (clock.find(settled) != WindowClock::Place::inside) return Timestamp{settled};
  int64_t least = INT64_MAX;
  for (const Interval& interval : intervals_) {
    least = std::min(least, clock.bounds(settled, interval.every, interval.daily).start);
  }
  return Timestamp{least};
}

Timestamp TapeBars::closed_mark() const {
  WindowClock clock = clock_;
  int64_t closed = INT64_MIN;
  for (const Symbol& symbol : states_) {
    if (symbol.newest == INT64_MIN || clock.find(symbol.newest) != WindowClock::Place::inside) continue;
    for (const Interval& interval : intervals_) {
      closed = std::max(closed, clock.bounds(symbol.newest, interval.every, interval.daily).end);
    }
  }
  // Marks are judged less the lateness, and changes wait for revise_for.
  return Timestamp{closed == INT64_MIN ? closed : saturating_add(saturating_add(closed, lateness_), revise_for_)};
}

// --- records ---------------------------------------------------------------------------------------------------------

std::optional<std::string> TapeBars::reason_to_refuse(const Batch& batch, size_t row) const {
  for (const auto& [field, name] : {std::pair{fields_.symbol, "symbol"}, std::pair{fields_.ts_event, "ts_event"},
                                    std::pair{fields_.price, "price"}, std::pair{fields_.size, "size"}}) {
    if (batch.columns[field].is_null(row)) return fmt::format("bars: {} is null", name);
  }
  if (batch.columns[fields_.ts_event].i64[row] < saturating_add(INT64_MIN, intervals_.back().every)) {
    return "bars: ts_event is before the range of time";
  }
  return std::nullopt;
}

RecordId TapeBars::id_at(const Column* ids, size_t row) const {
  if (ids == nullptr || ids->is_null(row)) return {};
  const market::Id id = ids->ids[row];
  return id.is_number() ? RecordId{.number = id.number} : RecordId{.number = kTextId0, .text = id.text};
}

uint16_t TapeBars::venue_number(SymbolCode code) {
  if (code < venue_numbers_.size() && venue_numbers_[code] != 0) [[likely]]
    return venue_numbers_[code];
  if (venues_.size() == UINT16_MAX) return 0;
  if (code >= venue_numbers_.size()) venue_numbers_.resize(size_t{code} + 1);
  venues_.push_back(code);
  return venue_numbers_[code] = static_cast<uint16_t>(venues_.size());
}

uint8_t TapeBars::judge(const Batch& batch, size_t row) {
  if (conditions_ == nullptr) return market::kUpdatesAll;
  std::string_view text;
  if (conditions_field_ && !batch.columns[*conditions_field_].is_null(row)) {
    text = batch.columns[*conditions_field_].text[row];
  }
  SymbolCode tape = market::kNoSymbol;
  if (tape_field_ && !batch.columns[*tape_field_].is_null(row)) tape = batch.columns[*tape_field_].codes[row];
  uint64_t key = 0;
  const bool is_short = text.size() <= sizeof key;
  if (is_short && !text.empty()) std::memcpy(&key, text.data(), text.size());
  JudgedConditions& known = judged_[(key * 0x9e37'79b9'7f4a'7c15 ^ tape) >> 8 & (kJudged - 1)];
  if (is_short && known.text == key && known.length == text.size() && known.tape == tape) return known.updates;
  const std::string_view tape_text = tape == market::kNoSymbol ? std::string_view() : symbols_.text(tape);
  const market::Verdict verdict = conditions_->judge(text, tape_text, form_t_, vwap_rule_);
  if (verdict.unknown) {
    std::string name = fmt::format("{}/{}", tape_text.empty() ? "-" : tape_text, verdict.unknown_code);
    if (unknown_.size() >= kUnknownMax && !unknown_.contains(name)) name = "others";
    ++unknown_[std::move(name)];
  } else if (is_short) {
    known = {key, static_cast<uint32_t>(text.size()), tape, verdict.updates};
  }
  return verdict.updates;
}

void TapeBars::process(const Flow& flow, BarOutput& out) {
  const Batch& batch = *flow.batch;
  const Column* ids = fields_.id ? &batch.columns[*fields_.id] : nullptr;
  const Column* actions = fields_.action ? &batch.columns[*fields_.action] : nullptr;
  if (actions != nullptr && actions->all_null) actions = nullptr;
  bool nulls = false;
  for (const size_t field : {fields_.symbol, fields_.ts_event, fields_.price, fields_.size}) {
    nulls = nulls || batch.columns[field].all_null || !batch.columns[field].valid.empty();
  }
  const int64_t* const numbers = ids != nullptr && !ids->all_null && ids->valid.empty() && ids->ids.all_numbers()
                                     ? ids->ids.numbers().data()
                                     : nullptr;
  const Column* venues = fields_.venue && revise_for_ > 0 ? &batch.columns[*fields_.venue] : nullptr;
  if (venues != nullptr && venues->all_null) venues = nullptr;
  const int64_t earliest = saturating_add(INT64_MIN, intervals_.back().every);
  const size_t count = flow.size();
  for (size_t i = 0; i < count; ++i) {
    Trade trade{.row = flow.row(i)};
    if (nulls || batch.columns[fields_.ts_event].i64[trade.row] < earliest) [[unlikely]] {
      if (auto reason = reason_to_refuse(batch, trade.row)) {
        out.refused.push_back({trade.row, std::move(*reason)});
        continue;
      }
    }
    trade.ts = batch.columns[fields_.ts_event].i64[trade.row];
    trade.price = batch.columns[fields_.price].i64[trade.row];
    trade.size = batch.columns[fields_.size].i64[trade.row];
    trade.id = numbers != nullptr ? RecordId{.number = numbers[trade.row]} : id_at(ids, trade.row);
    if (venues != nullptr && !venues->is_null(trade.row)) trade.venue = venue_number(venues->codes[trade.row]);
    Symbol& symbol = states_[slot_of(batch.columns[fields_.symbol].codes[trade.row])];
    if (actions != nullptr && !actions->is_null(trade.row)) [[unlikely]] {
      const SymbolCode action = actions->codes[trade.row];
      if (action == cancel_code_ || action == correct_code_) {
        take_back(flow, symbol, trade, action == correct_code_, out);
      } else {
        out.refused.push_back({trade.row, fmt::format("bars: action '{}' is neither {} nor {}", symbols_.text(action),
                                                      market::kCancel, market::kCorrect)});
      }
      continue;
    }
    switch (clock_.find(trade.ts)) {
      case WindowClock::Place::inside: break;
      case WindowClock::Place::outside: ++out.filtered; continue;
      case WindowClock::Place::unknown:
        out.refused.push_back({trade.row, "bars: ts_event is beyond the years of the session's calendar"});
        continue;
    }
    trade.updates = judge(batch, trade.row);
    take_trade(flow, symbol, trade, out);
  }
}

void TapeBars::take_trade(const Flow& flow, Symbol& symbol, const Trade& trade, BarOutput& out) {
  const Int128 product = Int128{trade.price} * trade.size;
  // Into the newest window, with nothing to close or to show: nearly every trade.
  if (trade.ts < symbol.next_at) [[likely]] {
    Window& window = *symbol.hot;
    if (trade.ts >= window.start && trade.ts < window.end && within_limit(window.sums.notional + product)) [[likely]] {
      symbol.newest = std::max(symbol.newest, trade.ts);
      add(window.sums, trade.ts, trade.id, trade.price, trade.size, trade.updates);
      if (early_ > 0) {
        for (auto& windows : symbol.windows) windows.back().changed = true;
      }
      if (revise_for_ > 0) keep(symbol, trade);
      symbol.dirty = true;
      ++out.taken;
      return;
    }
  }
  const int64_t before = watermark(symbol);
  if (past_revising(trade.ts, horizon(before))) return emit_late(flow, trade, before, out);
  for (const size_t root : roots_) {
    const WindowBounds at = clock_.bounds(trade.ts, intervals_[root].every, intervals_[root].daily);
    const Window* window = find_window(symbol, root, at.start);
    if (!within_limit(product + (window == nullptr ? Int128{0} : window->sums.notional))) {
      out.refused.push_back({trade.row, "bars: price times size, summed over the bar, is too large"});
      return;
    }
  }
  if (trade.ts > symbol.newest) {
    symbol.newest = trade.ts;
    advance(symbol, trade.ts, watermark(symbol));
  }
  const Touched touched = touch(symbol, trade.ts);
  for (const size_t root : roots_) {
    add(touched.windows[root]->sums, trade.ts, trade.id, trade.price, trade.size, trade.updates);
  }
  if (revise_for_ > 0) keep(symbol, trade);
  reissue(symbol, touched);
  refresh_next(symbol);
  symbol.dirty = true;
  ++out.taken;
  emit_made(flow.origin(trade.row), out);
}

// A cancel or a correction. It has no event time of its own: that of the trade counts.
void TapeBars::take_back(const Flow& flow, Symbol& symbol, const Trade& event, bool correct, BarOutput& out) {
  const Batch& batch = *flow.batch;
  const std::string_view what = correct ? market::kCorrect : market::kCancel;
  const RecordId own = event.id;
  RecordId target = id_at(ref_field_ ? &batch.columns[*ref_field_] : nullptr, event.row);
  if (target.number == kNullId) target = own;
  const auto refuse = [&](std::string reason) {
    out.refused.push_back({event.row, fmt::format("bars: {} of trade {}: {}", what,
                                                  target.number <= kTextId0 ? std::string(target.text)
                                                  : target.number < 0       ? "without an id"
                                                                            : std::to_string(target.number),
                                                  std::move(reason))});
  };
  if (target.number == kNullId) return refuse("give its id as ref_id");
  if (revise_for_ == 0) return refuse("bars of this stream are not revised; write `revise_for`");
  const int64_t now = watermark(symbol);
  const Found found = find_kept(symbol, target, event.venue, horizon(now));
  if (found.at_other_venue) return refuse("trades of several venues have it: give the venue of the one that is meant");
  KeptTrade* const kept = found.trade;
  if (kept == nullptr) {
    if (clock_.find(event.ts) == WindowClock::Place::inside && past_revising(event.ts, horizon(now))) {
      Trade late = event;
      late.id = target;
      return emit_late(flow, late, now, out);
    }
    return refuse(fmt::format("there is none among those that can still be revised (revise_for {})",
                              format_duration(Duration{revise_for_})));
  }
  if (!kept->alive()) return refuse("it was cancelled already");
  const bool renames = correct && own.number != kNullId && compare_ids(own, kept->id, pool_) != 0;
  if (renames && find_kept(symbol, own, kept->venue, horizon(now)).trade != nullptr) {
    return refuse("the correction came before: its own id is known already");
  }
  (void)clock_.find(kept->ts);
  for (const size_t root : roots_) {
    const WindowBounds at = clock_.bounds(kept->ts, intervals_[root].every, intervals_[root].daily);
    const Window* window = find_window(symbol, root, at.start);
    PENSTOCK_ASSERT(window != nullptr);
    if (window->sealed) return refuse("its bar has more trades than are kept; run `penstock repair` over it");
    const Int128 product = Int128{event.price} * event.size;
    if (correct && !within_limit(window->sums.notional + product)) {
      return refuse("price times size, summed over the bar, is too large");
    }
  }
  const Touched touched = touch(symbol, kept->ts);
  if (correct) {
    kept->price = event.price;
    kept->size = event.size;
    kept->flags = static_cast<uint8_t>(judge(batch, event.row) | KeptTrade::kCorrected);
    if (renames) rename(symbol, *kept, own);
    note_event(symbol, *kept, own);
  } else {
    kept->flags |= KeptTrade::kDead;
    note_event(symbol, *kept, {});
  }
  for (const size_t root : roots_) recompute(symbol, root, *touched.windows[root]);
  reissue(symbol, touched);
  refresh_next(symbol);
  symbol.dirty = true;
  ++out.taken;
  emit_made(flow.origin(event.row), out);
}

// --- what is kept ----------------------------------------------------------------------------------------------------

TapeBars::Found TapeBars::find_kept(Symbol& symbol, const RecordId& id, uint16_t venue, int64_t horizon) {
  // What is past revising is forgotten a little later than that: until then it is as if it were.
  const auto find = [&](auto is_it) {
    Found found;
    for (size_t i = symbol.kept.size(); i-- > 0;) {
      KeptTrade& trade = symbol.kept[i];
      if (trade.id == kNullId || !is_it(trade) || past_revising(trade.ts, horizon)) continue;
      // The newest, as ids come again; but where the venue is not said, of one venue only.
      if (found.trade == nullptr) found.trade = &trade;
      found.at_other_venue = found.at_other_venue || trade.venue != found.trade->venue;
    }
    return found;
  };
  const auto fits = [venue](uint16_t other) { return venue == 0 || other == 0 || venue == other; };
  for (size_t i = symbol.renamed.size(); i-- > 0;) {
    const Renamed& entry = symbol.renamed[i];
    if (!fits(entry.venue) || compare_ids(id, entry.own, pool_) != 0) continue;
    const Found found =
        find([&](const KeptTrade& trade) { return trade.id == entry.id && trade.venue == entry.venue; });
    if (found.trade != nullptr) return found;
  }
  return find([&](const KeptTrade& trade) { return fits(trade.venue) && compare_ids(id, trade.id, pool_) == 0; });
}

void TapeBars::rename(Symbol& symbol, const KeptTrade& trade, const RecordId& own) {
  const int64_t stored = own.number <= kTextId0 ? pool_.add(own.text) : own.number;
  symbol.renamed.push_back({stored, trade.id, trade.venue});
}

void TapeBars::keep(Symbol& symbol, const Trade& trade) {
  if (kept_ >= kept_max_ && !drop_oldest(symbol)) {
    for (const size_t root : roots_) {
      const WindowBounds at = clock_.bounds(trade.ts, intervals_[root].every, intervals_[root].daily);
      if (Window* window = find_window(symbol, root, at.start)) window->sealed = true;
    }
    return;
  }
  KeptTrade& kept = symbol.kept.push_back({.ts = trade.ts,
                                           .price = trade.price,
                                           .size = trade.size,
                                           .blob = blob_,
                                           .flags = trade.updates,
                                           .venue = trade.venue},
                                          spare_);
  keep_id(kept.id, trade.id, pool_);
  text_ids_ = text_ids_ || kept.id <= kTextId0;
  ++symbol.fresh;
  ++kept_;
}

bool TapeBars::drop_oldest(Symbol& symbol) {
  if (symbol.kept.empty()) return false;
  WindowClock clock = clock_;
  for (size_t i = 0; i < symbol.kept.front_size(); ++i) {
    const int64_t ts = symbol.kept[i].ts;
    (void)clock.find(ts);
    for (const size_t root : roots_) {
      const WindowBounds at = clock.bounds(ts, intervals_[root].every, intervals_[root].daily);
      if (Window* window = find_window(symbol, root, at.start)) window->sealed = true;
    }
  }
  pop_kept(symbol);
  return true;
}

void TapeBars::pop_kept(Symbol& symbol) {
  const size_t count = symbol.kept.front_size();
  for (size_t i = 0; i < count && (text_ids_ || !symbol.renamed.empty()); ++i) {
    const KeptTrade& trade = symbol.kept[i];
    std::erase_if(symbol.renamed, [&](const Renamed& entry) {
      if (entry.id != trade.id || entry.venue != trade.venue) return false;
      pool_.release(entry.own);
      return true;
    });
    pool_.release(trade.id);
  }
  symbol.kept.pop_block(spare_);
  symbol.fresh = std::min(symbol.fresh, symbol.kept.size());
  kept_ -= count;
}

// A kept trade before it has no window any more: its windows are there until they are forgotten.
int64_t TapeBars::oldest_start(const Symbol& symbol) const {
  int64_t oldest = INT64_MAX;
  for (const size_t root : roots_) {
    if (!symbol.windows[root].empty()) oldest = std::min(oldest, symbol.windows[root].front().start);
  }
  return oldest;
}

bool TapeBars::past_revising(int64_t ts, int64_t horizon) {
  (void)clock_.find(ts);
  return std::any_of(roots_.begin(), roots_.end(), [&](size_t root) {
    return clock_.bounds(ts, intervals_[root].every, intervals_[root].daily).end <= horizon;
  });
}

void TapeBars::recompute(Symbol& symbol, size_t interval, Window& window) {
  PENSTOCK_ASSERT(!merges(intervals_[interval]));
  pool_.release(window.sums.open_id);
  pool_.release(window.sums.close_id);
  window.sums = {};
  std::string text;  // a copy: the pool moves its texts as it grows, and the sums put theirs into it
  for (size_t i = 0; i < symbol.kept.size(); ++i) {
    const KeptTrade& trade = symbol.kept[i];
    if (!trade.alive() || trade.ts < window.start || trade.ts >= window.end) continue;
    if (trade.id <= kTextId0) text = pool_.text(trade.id);
    const RecordId id = trade.id <= kTextId0 ? RecordId{kTextId0, text} : RecordId{trade.id, {}};
    add(window.sums, trade.ts, id, trade.price, trade.size, trade.flags);
  }
}

// --- windows ---------------------------------------------------------------------------------------------------------

void TapeBars::add(Sums& sums, int64_t ts, const RecordId& id, int64_t price, int64_t size, uint8_t updates) {
  if ((updates & market::kUpdatesOpenClose) != 0) {
    if (!sums.has_open) [[unlikely]] {
      sums.has_open = true;
      sums.open_ts = sums.close_ts = ts;
      sums.open = sums.close = price;
      keep_id(sums.open_id, id, pool_);
      keep_id(sums.close_id, id, pool_);
    } else {
      // Among equals the first to arrive opens and the last closes.
      if (ts > sums.close_ts || (ts == sums.close_ts && compare_ids(id, sums.close_id, pool_) >= 0)) {
        sums.close_ts = ts;
        sums.close = price;
        keep_id(sums.close_id, id, pool_);
      }
      if (ts < sums.open_ts || (ts == sums.open_ts && compare_ids(id, sums.open_id, pool_) < 0)) {
        sums.open_ts = ts;
        sums.open = price;
        keep_id(sums.open_id, id, pool_);
      }
    }
  }
  if ((updates & market::kUpdatesHighLow) != 0) {
    sums.high = sums.has_high ? std::max(sums.high, price) : price;
    sums.low = sums.has_high ? std::min(sums.low, price) : price;
    sums.has_high = true;
  }
  if ((updates & market::kUpdatesVolume) != 0) sums.volume += size;
  if ((updates & market::kUpdatesVwap) != 0) {
    sums.notional += Int128{price} * size;
    sums.weight += size;
  }
  if ((updates & market::kUpdatesAll) != 0) ++sums.trades;
}

// `part` is later than all of `whole`, which keeps no ids: nothing is compared with it any more.
void TapeBars::merge(Sums& whole, const Sums& part) {
  if (part.has_open) {
    if (!whole.has_open) whole.open = part.open;
    whole.close = part.close;
    whole.has_open = true;
  }
  if (part.has_high) {
    whole.high = whole.has_high ? std::max(whole.high, part.high) : part.high;
    whole.low = whole.has_high ? std::min(whole.low, part.low) : part.low;
    whole.has_high = true;
  }
  whole.volume += part.volume;
  whole.notional += part.notional;
  whole.weight += part.weight;
  whole.trades += part.trades;
}

TapeBars::Sums TapeBars::sums_of(const Symbol& symbol, size_t interval, const Window& window) const {
  Sums sums = window.sums;
  if (!merges(intervals_[interval])) return sums;
  const auto child = static_cast<size_t>(intervals_[interval].child);
  const auto& parts = symbol.windows[child];
  auto part = std::lower_bound(parts.begin(), parts.end(), window.start,
                               [](const Window& w, int64_t start) { return w.start < start; });
  for (; part != parts.end() && part->start < window.end; ++part) merge(sums, sums_of(symbol, child, *part));
  return sums;
}

TapeBars::Window* TapeBars::find_window(Symbol& symbol, size_t interval, int64_t start) const {
  auto& windows = symbol.windows[interval];
  if (!windows.empty() && windows.back().start == start) [[likely]]
    return &windows.back();
  const auto at =
      std::lower_bound(windows.begin(), windows.end(), start, [](const Window& w, int64_t s) { return w.start < s; });
  return at != windows.end() && at->start == start ? &*at : nullptr;
}

TapeBars::Window& TapeBars::open_window(Symbol& symbol, size_t interval, const WindowBounds& bounds, int64_t ts) {
  auto& windows = symbol.windows[interval];
  const auto at = std::upper_bound(windows.begin(), windows.end(), bounds.start,
                                   [](int64_t s, const Window& w) { return s < w.start; });
  Window window{.start = bounds.start, .end = bounds.end, .edge = bounds.edge};
  window.closed = bounds.end <= watermark(symbol);
  if (early_ > 0) window.early_due = next_multiple(ts, early_);
  return *windows.insert(at, window);
}

TapeBars::Touched TapeBars::touch(Symbol& symbol, int64_t ts) {
  Touched touched;
  (void)clock_.find(ts);
  // All are opened first: opening one moves others of its interval only.
  std::vector<int64_t> starts;
  for (size_t i = 0; i < intervals_.size(); ++i) {
    const WindowBounds bounds = clock_.bounds(ts, intervals_[i].every, intervals_[i].daily);
    Window* window = find_window(symbol, i, bounds.start);
    touched.windows.push_back(window != nullptr ? window : &open_window(symbol, i, bounds, ts));
  }
  for (size_t i = 0; i < intervals_.size(); ++i) {
    Window& window = *touched.windows[i];
    window.changed = true;
    touched.before.push_back(window.closed ? sums_of(symbol, i, window) : Sums{});
  }
  return touched;
}

void TapeBars::reissue(const Symbol& symbol, const Touched& touched) {
  for (size_t i = 0; i < intervals_.size(); ++i) {
    Window& window = *touched.windows[i];
    if (!window.closed) continue;
    const Sums sums = sums_of(symbol, i, window);
    if (sums.shows_same(touched.before[i])) continue;
    ++window.revision;
    make(symbol, i, window, sums, true);
  }
}

void TapeBars::advance(Symbol& symbol, int64_t seen, int64_t watermark) {
  for (size_t i = 0; i < intervals_.size(); ++i) {
    for (Window& window : symbol.windows[i]) {
      if (window.closed) continue;
      if (window.end <= watermark) {
        window.closed = true;
        symbol.dirty = true;
        const Sums sums = sums_of(symbol, i, window);
        if (!sums.is_bar()) continue;
        window.revision = 0;
        make(symbol, i, window, sums, true);
      } else if (window.changed && window.early_due <= seen) {
        window.changed = false;
        window.early_due = next_multiple(seen, early_);
        symbol.dirty = true;
        const Sums sums = sums_of(symbol, i, window);
        if (sums.is_bar()) make(symbol, i, window, sums, false);
      }
    }
  }
  forget(symbol, horizon(watermark));
}

void TapeBars::forget(Symbol& symbol, int64_t horizon) {
  // What a window held goes to those that are made of it: a part is forgotten before its whole.
  for (size_t i = 0; i < intervals_.size(); ++i) {
    auto& windows = symbol.windows[i];
    size_t gone = 0;
    for (; gone < windows.size() && windows[gone].end <= horizon; ++gone) {
      Window& window = windows[gone];
      for (size_t p = i + 1; p < intervals_.size(); ++p) {
        if (intervals_[p].child != static_cast<int>(i)) continue;
        auto& wholes = symbol.windows[p];
        const auto behind = std::upper_bound(wholes.begin(), wholes.end(), window.start,
                                             [](int64_t start, const Window& w) { return start < w.start; });
        if (behind != wholes.begin() && window.start < std::prev(behind)->end)
          merge(std::prev(behind)->sums, window.sums);
      }
      if (!merges(intervals_[i])) {
        pool_.release(window.sums.open_id);
        pool_.release(window.sums.close_id);
      }
      symbol.dirty = true;
    }
    windows.erase(windows.begin(), windows.begin() + static_cast<ptrdiff_t>(gone));
  }
  while (!symbol.kept.empty() && symbol.kept.front_newest() < oldest_start(symbol)) pop_kept(symbol);
}

void TapeBars::refresh_next(Symbol& symbol) {
  int64_t next = INT64_MAX;
  bool any = true;
  for (const auto& windows : symbol.windows) {
    any = any && !windows.empty();
    if (windows.empty()) continue;
    if (windows.front().closed) {
      next = std::min(next, saturating_add(saturating_add(windows.front().end, lateness_), revise_for_));
    }
    for (const Window& window : windows) {
      if (window.closed) continue;
      next = std::min({next, saturating_add(window.end, lateness_), window.early_due});
    }
  }
  // The fast way adds to the newest windows, which must be there and open.
  for (const auto& windows : symbol.windows) any = any && !windows.empty() && !windows.back().closed;
  any = any && roots_.size() == 1;
  symbol.hot = any ? &symbol.windows[roots_[0]].back() : nullptr;
  symbol.next_at = any ? next : INT64_MIN;
}

void TapeBars::mark(Timestamp mark, uint64_t origin, BarOutput& out) {
  mark_ = std::max(mark_, mark.ns);
  if (mark_ == INT64_MIN) return;
  for (Symbol& symbol : states_) {
    if (symbol.next_at > mark_ || symbol.windows.empty()) continue;
    advance(symbol, mark_, watermark(symbol));
    refresh_next(symbol);
  }
  emit_made(origin, out);
}

// --- output ----------------------------------------------------------------------------------------------------------

void TapeBars::make(const Symbol& symbol, size_t interval, const Window& window, const Sums& sums, bool closed) {
  made_.push_back({.end = window.end,
                   .interval = interval,
                   .code = symbol.code,
                   .sums = sums,
                   .start = window.start,
                   .revision = std::max(window.revision, 0),
                   .edge = window.edge,
                   .closed = closed});
}

void TapeBars::emit_made(uint64_t origin, BarOutput& out) {
  if (made_.empty()) return;
  std::stable_sort(made_.begin(), made_.end(), [this](const Made& a, const Made& b) {
    if (a.end != b.end) return a.end < b.end;
    if (a.interval != b.interval) return a.interval < b.interval;
    return a.code != b.code && symbols_.text(a.code) < symbols_.text(b.code);
  });
  auto& columns = out.bars.rows.columns;
  for (const Made& made : made_) {
    const Sums& sums = made.sums;
    // A bar whose last trade was taken back: a row without prices and trades says that it is none any more.
    const bool is_bar = sums.is_bar();
    columns[BarColumn::symbol].codes.push_back(made.code);
    columns[BarColumn::every].codes.push_back(intervals_[made.interval].code);
    columns[BarColumn::start].i64.push_back(made.start);
    for (const auto& [column, price] : {std::pair{BarColumn::open, sums.open}, std::pair{BarColumn::high, sums.high},
                                        std::pair{BarColumn::low, sums.low}, std::pair{BarColumn::close, sums.close}}) {
      columns[column].i64.push_back(is_bar ? price : 0);
      columns[column].valid.push_back(is_bar ? 1 : 0);
    }
    columns[BarColumn::volume].i128.push_back(is_bar ? sums.volume : Int128{0});
    int64_t price = 0;
    const bool has_vwap = is_bar && vwap(sums.notional, sums.weight, price);
    columns[BarColumn::vwap].i64.push_back(price);
    columns[BarColumn::vwap].valid.push_back(has_vwap ? 1 : 0);
    columns[BarColumn::trades].i64.push_back(is_bar ? sums.trades : 0);
    columns[BarColumn::revision].i64.push_back(made.revision);
    columns[BarColumn::final].u8.push_back(made.closed ? 1 : 0);
    columns[BarColumn::edge].codes.push_back(edge_codes_[static_cast<size_t>(made.edge)]);
    columns[BarColumn::edge].valid.push_back(made.edge == Edge::none ? 0 : 1);
    out.bars.origins.push_back(origin);
    ++out.bars.rows.rows;
  }
  made_.clear();
}

void TapeBars::emit_late(const Flow& flow, const Trade& trade, int64_t watermark, BarOutput& out) {
  add_late_trade(
      {.stream = stream_, .fields = fields_, .ts = trade.ts, .price = trade.price, .size = trade.size, .id = trade.id},
      flow, trade.row, watermark, out);
}

}  // namespace penstock::stream

// The state of TapeBars: the windows, a blob a shard of symbols, and the kept trades, a blob for those that came
// between two commits. See docs/formats/state.md.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "stream/blob.h"
#include "stream/tape_bars.h"

namespace penstock::stream {
namespace {

// Trades' blobs have the numbers behind those of the shards.
constexpr uint32_t kFirstTradesBlob = 256;
// Beyond so many, the trades of symbols that hold up the oldest are written again.
constexpr size_t kTradesBlobsMax = 4096;

// What begins a blob of windows: BarBuilder's begin with the number of its intervals, which is never so large.
constexpr uint64_t kTapeBarsTag = 1'000'002;

void put_id(BlobWriter& out, int64_t id, std::string_view text) {
  out.put_signed(std::max(id, kTextId0));
  if (id <= kTextId0) out.put_text(text);
}

RecordId get_id(BlobReader& in) {
  const int64_t number = in.get_signed();
  return number <= kTextId0 ? RecordId{kTextId0, in.get_text()} : RecordId{number, {}};
}

}  // namespace

std::string TapeBars::settings() const {
  std::string text = fmt::format("lateness {} revise_for {} early {}", lateness_, revise_for_, early_);
  for (const Interval& interval : intervals_) text += fmt::format(" {}{}", interval.every, interval.daily ? "d" : "");
  if (calendar_ != nullptr) text += " session " + calendar_->name();
  if (conditions_ != nullptr) {
    text += fmt::format(" conditions {:08x} {} {}", conditions_->fingerprint(), static_cast<int>(form_t_),
                        static_cast<int>(vwap_rule_));
  }
  return text;
}

void TapeBars::take_state(const std::string& prefix, StateChanges& changes) {
  write_windows(prefix, changes);
  if (revise_for_ > 0) write_trades(prefix, changes);
}

void TapeBars::write_windows(const std::string& prefix, StateChanges& changes) {
  for (size_t shard = 0; shard < kShards; ++shard) {
    const auto& slots = shards_[shard];
    if (std::none_of(slots.begin(), slots.end(), [this](uint32_t slot) { return states_[slot].dirty; })) continue;
    BlobWriter out;
    out.put(kTapeBarsTag);
    out.put_text(settings());
    out.put(slots.size());
    for (const uint32_t slot : slots) {
      Symbol& symbol = states_[slot];
      symbol.dirty = false;
      out.put_text(symbols_.text(symbol.code));
      out.put_signed(symbol.newest);
      for (const auto& windows : symbol.windows) {
        out.put(windows.size());
        for (const Window& window : windows) {
          const Sums& sums = window.sums;
          out.put_signed(window.start);
          out.put_signed(window.end - window.start);
          out.put(static_cast<uint64_t>(window.edge) | (window.closed ? 4 : 0) | (window.changed ? 8 : 0) |
                  (window.sealed ? 16 : 0) | (sums.has_open ? 32 : 0) | (sums.has_high ? 64 : 0));
          out.put_signed(window.revision);
          out.put_signed(window.early_due);
          out.put_signed(sums.open_ts);
          put_id(out, sums.open_id, sums.open_id <= kTextId0 ? pool_.text(sums.open_id) : "");
          out.put_signed(sums.close_ts);
          put_id(out, sums.close_id, sums.close_id <= kTextId0 ? pool_.text(sums.close_id) : "");
          for (const int64_t price : {sums.open, sums.high, sums.low, sums.close}) out.put_signed(price);
          out.put_int128(sums.volume);
          out.put_int128(sums.weight);
          out.put_int128(sums.notional);
          out.put_signed(sums.trades);
        }
      }
    }
    changes[prefix + std::to_string(shard)] = out.sealed();
  }
}

Status TapeBars::restore_windows(const std::string& name, BlobReader& in) {
  const bool same = in.get() == kTapeBarsTag && in.get_text() == settings();
  if (!same && in.ok()) {
    return fail(
        ErrorKind::invalid,
        "stream '{}': its open bars were made with other intervals, another lateness, session, time of revision "
        "or table of conditions: put those back, or give the stream another name",
        stream_);
  }
  const uint64_t count = in.get();
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const market::SymbolCode code = symbols_.intern(in.get_text());
    if (code == market::kNoSymbol) {
      return fail(ErrorKind::full, "state '{}' names more than {} symbols", name, market::SymbolTable::kSymbolsMax);
    }
    Symbol& symbol = states_[slot_of(code)];
    symbol.newest = in.get_signed();
    for (auto& windows : symbol.windows) {
      const uint64_t size = in.get();
      for (uint64_t w = 0; w < size && in.ok(); ++w) {
        Window window{.start = in.get_signed()};
        window.end = (Timestamp{window.start} + Duration{in.get_signed()}).ns;
        const uint64_t flags = in.get();
        window.edge = static_cast<Edge>(flags & 3);
        window.closed = (flags & 4) != 0;
        window.changed = (flags & 8) != 0;
        window.sealed = (flags & 16) != 0;
        Sums& sums = window.sums;
        sums.has_open = (flags & 32) != 0;
        sums.has_high = (flags & 64) != 0;
        window.revision = static_cast<int32_t>(in.get_signed());
        window.early_due = in.get_signed();
        sums.open_ts = in.get_signed();
        keep_id(sums.open_id, get_id(in), pool_);
        sums.close_ts = in.get_signed();
        keep_id(sums.close_id, get_id(in), pool_);
        for (int64_t* price : {&sums.open, &sums.high, &sums.low, &sums.close}) *price = in.get_signed();
        sums.volume = in.get_int128();
        sums.weight = in.get_int128();
        sums.notional = in.get_int128();
        sums.trades = in.get_signed();
        if (window.end <= window.start || (!windows.empty() && windows.back().start >= window.start)) {
          return fail(ErrorKind::corrupt, "state '{}' is malformed", name);
        }
        windows.push_back(window);
      }
    }
    refresh_next(symbol);
  }
  return in.finish(name);
}

void TapeBars::note_event(const Symbol& symbol, const KeptTrade& trade, const RecordId& own) {
  Event event{.slot = slots_[symbol.code], .trade = trade};
  event.of_written = trade.blob != blob_;
  if (trade.id <= kTextId0) event.id = pool_.text(trade.id);
  event.own = own.number;
  event.own_text = own.text;
  events_.push_back(std::move(event));
}

void TapeBars::write_trades(const std::string& prefix, StateChanges& changes) {
  // Symbols that hold up the oldest pieces.
  std::set<uint32_t> whole;
  if (blobs_.size() > kTradesBlobsMax) {
    const uint32_t until = *std::next(blobs_.begin(), kTradesBlobsMax / 2);
    for (uint32_t slot = 0; slot < states_.size(); ++slot) {
      Symbol& symbol = states_[slot];
      if (symbol.kept.size() == symbol.fresh || symbol.kept[0].blob >= until) continue;
      whole.insert(slot);
      for (size_t i = 0; i < symbol.kept.size() - symbol.fresh; ++i) symbol.kept[i].blob = blob_;
      symbol.fresh = symbol.kept.size();
    }
  }
  BlobWriter out;
  // The names of venues by the numbers that stand below.
  out.put(venues_.size());
  for (const market::SymbolCode venue : venues_) out.put_text(symbols_.text(venue));
  uint64_t changed = 0;
  for (const Event& event : events_) changed += event.of_written && !whole.contains(event.slot) ? 1u : 0u;
  out.put(changed);
  for (const Event& event : events_) {
    if (!event.of_written || whole.contains(event.slot)) continue;
    out.put_text(symbols_.text(states_[event.slot].code));
    put_id(out, event.trade.id, event.id);
    out.put(event.trade.venue);
    out.put_signed(event.trade.price);
    out.put_signed(event.trade.size);
    out.put(event.trade.flags);
  }
  uint64_t with_trades = 0;
  for (const Symbol& symbol : states_) with_trades += symbol.fresh > 0 ? 1u : 0u;
  out.put(with_trades);
  for (uint32_t slot = 0; slot < states_.size(); ++slot) {
    Symbol& symbol = states_[slot];
    if (symbol.fresh == 0) continue;
    out.put_text(symbols_.text(symbol.code));
    out.put(whole.contains(slot) ? 1 : 0);
    out.put(symbol.fresh);
    for (size_t i = symbol.kept.size() - symbol.fresh; i < symbol.kept.size(); ++i) {
      const KeptTrade& trade = symbol.kept[i];
      out.put_signed(trade.ts);
      put_id(out, trade.id, trade.id <= kTextId0 ? pool_.text(trade.id) : "");
      out.put_signed(trade.price);
      out.put_signed(trade.size);
      out.put(trade.flags);
      out.put(trade.venue);
    }
    symbol.fresh = 0;
  }
  uint64_t renamed = 0;
  for (const Event& event : events_) renamed += event.own != kNullId ? 1u : 0u;
  out.put(renamed);
  for (const Event& event : events_) {
    if (event.own == kNullId) continue;
    out.put_text(symbols_.text(states_[event.slot].code));
    put_id(out, event.own, event.own_text);
    put_id(out, event.trade.id, event.id);
    out.put(event.trade.venue);
  }
  if (with_trades > 0 || !events_.empty()) {
    changes[prefix + std::to_string(kFirstTradesBlob + blob_)] = out.sealed();
    blobs_.insert(blob_++);
    events_.clear();
  }
  // In their order only: a later piece may hold what became of an earlier one's trades.
  uint32_t oldest = blob_;
  for (const Symbol& symbol : states_) {
    size_t first = 0;
    for (const int64_t start = oldest_start(symbol); first < symbol.kept.size() && symbol.kept[first].ts < start;)
      ++first;
    if (first < symbol.kept.size()) oldest = std::min(oldest, symbol.kept[first].blob);
  }
  while (!blobs_.empty() && *blobs_.begin() < oldest) {
    changes[prefix + std::to_string(kFirstTradesBlob + *blobs_.begin())] = "";
    blobs_.erase(blobs_.begin());
  }
}

KeptTrade* TapeBars::find_exactly(Symbol& symbol, const RecordId& id, uint16_t venue) const {
  for (size_t i = symbol.kept.size(); i-- > 0;) {
    KeptTrade& trade = symbol.kept[i];
    if (trade.venue == venue && compare_ids(id, trade.id, pool_) == 0) return &trade;
  }
  return nullptr;
}

Status TapeBars::restore_trades(const std::string& name, uint32_t number, BlobReader& in) {
  const auto symbol_of = [&](std::string_view text) -> Symbol* {
    const market::SymbolCode code = symbols_.intern(text);
    return code == market::kNoSymbol ? nullptr : &states_[slot_of(code)];
  };
  const auto malformed = [&] { return fail(ErrorKind::corrupt, "state '{}' is malformed", name); };
  std::vector<uint16_t> venues = {0};
  for (uint64_t left = in.get(); left > 0 && in.ok(); --left) {
    const market::SymbolCode code = symbols_.intern(in.get_text());
    if (code == market::kNoSymbol) return malformed();
    venues.push_back(venue_number(code));
  }
  const auto get_venue = [&]() -> uint16_t {
    const uint64_t number_read = in.get();
    return number_read < venues.size() ? venues[number_read] : uint16_t{0};
  };
  for (uint64_t left = in.get(); left > 0 && in.ok(); --left) {
    Symbol* symbol = symbol_of(in.get_text());
    const RecordId id = get_id(in);
    const uint16_t venue = get_venue();
    // A trade that was forgotten meanwhile is looked for in vain.
    KeptTrade* trade = symbol == nullptr ? nullptr : find_exactly(*symbol, id, venue);
    const int64_t price = in.get_signed();
    const int64_t size = in.get_signed();
    const auto flags = static_cast<uint8_t>(in.get());
    if (trade == nullptr) continue;
    trade->price = price;
    trade->size = size;
    trade->flags = flags;
  }
  for (uint64_t left = in.get(); left > 0 && in.ok(); --left) {
    Symbol* symbol = symbol_of(in.get_text());
    if (symbol == nullptr) return malformed();
    if (in.get() != 0) {
      while (!symbol->kept.empty()) pop_kept(*symbol);
    }
    for (uint64_t trades = in.get(); trades > 0 && in.ok(); --trades) {
      KeptTrade trade{.ts = in.get_signed(), .blob = number};
      keep_id(trade.id, get_id(in), pool_);
      text_ids_ = text_ids_ || trade.id <= kTextId0;
      trade.price = in.get_signed();
      trade.size = in.get_signed();
      trade.flags = static_cast<uint8_t>(in.get());
      trade.venue = get_venue();
      symbol->kept.push_back(trade, spare_);
      ++kept_;
    }
  }
  for (uint64_t left = in.get(); left > 0 && in.ok(); --left) {
    Symbol* symbol = symbol_of(in.get_text());
    if (symbol == nullptr) return malformed();
    const RecordId own = get_id(in);
    const RecordId id = get_id(in);
    const KeptTrade* trade = find_exactly(*symbol, id, get_venue());
    if (trade != nullptr) rename(*symbol, *trade, own);
  }
  blobs_.insert(number);
  blob_ = std::max(blob_, number + 1);
  PENSTOCK_TRY(in.finish(name));
  // What had been forgotten by then comes back with the piece that held it, and goes again.
  for (Symbol& symbol : states_) {
    if (!symbol.kept.empty()) forget(symbol, horizon(watermark(symbol)));
  }
  return {};
}

Status TapeBars::restore(const std::string& name, std::string_view blob) {
  uint32_t number = 0;
  std::from_chars(name.data() + name.rfind('/') + 1, name.data() + name.size(), number);
  PENSTOCK_TRY_ASSIGN(BlobReader in, BlobReader::open(name, blob));
  return number < kFirstTradesBlob ? restore_windows(name, in) : restore_trades(name, number - kFirstTradesBlob, in);
}

}  // namespace penstock::stream

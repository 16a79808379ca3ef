// The open windows of quotes as blobs: one a shard of symbols, written when any symbol of it changed. See
// docs/formats/state.md.
#include <fmt/core.h>

#include "stream/blob.h"
#include "stream/quote_bars.h"

namespace penstock::stream {
namespace {

// What begins a blob; those of trades' bars begin otherwise.
constexpr uint64_t kQuoteBarsTag = 1'000'002;

constexpr uint64_t kHasBid = 4;
constexpr uint64_t kHasBidSize = 8;
constexpr uint64_t kHasAsk = 16;
constexpr uint64_t kHasAskSize = 32;

}  // namespace

std::string QuoteBars::settings() const {
  std::string text = fmt::format("lateness {}", lateness_);
  for (const Interval& interval : intervals_) text += fmt::format(" {}{}", interval.every, interval.daily ? "d" : "");
  return text + (calendar_ == nullptr ? "" : " session " + calendar_->name());
}

void QuoteBars::take_state(const std::string& prefix, StateChanges& changes) {
  for (size_t shard = 0; shard < kShards; ++shard) {
    const auto& slots = shards_[shard];
    if (std::none_of(slots.begin(), slots.end(), [this](uint32_t slot) { return states_[slot].dirty; })) continue;
    BlobWriter out;
    out.put(kQuoteBarsTag);
    out.put_text(settings());
    out.put(slots.size());
    for (const uint32_t slot : slots) {
      Symbol& symbol = states_[slot];
      symbol.dirty = false;
      out.put_text(symbols_.text(symbol.code));
      out.put_signed(symbol.newest);
      for (const auto& open : symbol.windows) {
        out.put(open.size());
        for (const Window& window : open) {
          out.put_signed(window.start);
          out.put_signed(window.end);
          out.put(static_cast<uint64_t>(window.edge) | (window.bid.any ? kHasBid : 0) |
                  (window.bid.has_size ? kHasBidSize : 0) | (window.ask.any ? kHasAsk : 0) |
                  (window.ask.has_size ? kHasAskSize : 0));
          out.put_signed(window.quotes);
          for (const Side& side : {window.bid, window.ask}) {
            if (!side.any) continue;
            for (const int64_t value : {side.open_ts, side.close_ts, side.open, side.high, side.low, side.close}) {
              out.put_signed(value);
            }
            if (side.has_size) out.put_signed(side.size);
          }
        }
      }
    }
    changes[prefix + std::to_string(shard)] = out.sealed();
  }
}

Status QuoteBars::restore(const std::string& name, std::string_view blob) {
  PENSTOCK_TRY_ASSIGN(BlobReader in, BlobReader::open(name, blob));
  const bool same = in.get() == kQuoteBarsTag && in.get_text() == settings();
  if (!same) {
    return fail(ErrorKind::invalid,
                "stream '{}': its open bars were made of trades, or with other intervals, another lateness or session: "
                "put those back, or give the stream another name",
                stream_);
  }
  const uint64_t count = in.get();
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const market::SymbolCode code = symbols_.intern(in.get_text());
    if (code == market::kNoSymbol) {
      return fail(ErrorKind::full, "state '{}' names more than {} symbols", name, market::SymbolTable::kSymbolsMax);
    }
    Symbol& symbol = symbol_of(code);
    symbol.newest = in.get_signed();
    for (auto& open : symbol.windows) {
      const uint64_t windows = in.get();
      for (uint64_t w = 0; w < windows && in.ok(); ++w) {
        Window window;
        window.start = in.get_signed();
        window.end = in.get_signed();
        const uint64_t flags = in.get();
        window.edge = static_cast<Edge>(flags & 3);
        window.bid.any = (flags & kHasBid) != 0;
        window.bid.has_size = (flags & kHasBidSize) != 0;
        window.ask.any = (flags & kHasAsk) != 0;
        window.ask.has_size = (flags & kHasAskSize) != 0;
        window.quotes = in.get_signed();
        for (Side* side : {&window.bid, &window.ask}) {
          if (!side->any) continue;
          for (int64_t* value : {&side->open_ts, &side->close_ts, &side->open, &side->high, &side->low, &side->close}) {
            *value = in.get_signed();
          }
          if (side->has_size) side->size = in.get_signed();
        }
        if (window.quotes <= 0 || window.end <= window.start || (!open.empty() && open.back().start >= window.start)) {
          return fail(ErrorKind::corrupt, "state '{}' is malformed", name);
        }
        open.push_back(window);
      }
    }
    refresh_close_at(symbol);
  }
  return in.finish(name);
}

}  // namespace penstock::stream

// A bar while its window is open: exact sums, and open and close decided by (event time, id).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/int128.h"
#include "market/batch.h"

namespace penstock::stream {

// An id as open bars keep it: a number, or kNullId, or at and below kTextId0 a text in a TextPool. Null comes before
// numbers, numbers before texts.
inline constexpr int64_t kNullId = -1;
inline constexpr int64_t kTextId0 = -2;

// The text ids of open bars; slots are used again.
class TextPool {
 public:
  [[nodiscard]] int64_t add(std::string_view text) {
    if (free_.empty()) {
      texts_.emplace_back(text);
      return kTextId0 - static_cast<int64_t>(texts_.size() - 1);
    }
    const int64_t id = free_.back();
    free_.pop_back();
    texts_[slot(id)].assign(text);
    return id;
  }
  void release(int64_t id) {
    if (id <= kTextId0) free_.push_back(id);
  }
  // Valid until the next call that puts a text in.
  [[nodiscard]] std::string_view text(int64_t id) const { return texts_[slot(id)]; }
  // Makes `stored` hold `text`, in the slot it has if it has one.
  void assign(int64_t& stored, std::string_view text) {
    if (stored <= kTextId0) {
      texts_[slot(stored)].assign(text);
    } else {
      stored = add(text);
    }
  }

 private:
  static size_t slot(int64_t id) { return static_cast<size_t>(kTextId0 - id); }
  std::vector<std::string> texts_;
  std::vector<int64_t> free_;
};

// A record's id, compared with those of open bars.
struct RecordId {
  int64_t number = kNullId;     // kTextId0: `text`
  std::string_view text{};
};
// Less than, equal to or greater than 0, as `a` comes before, with or after `b`.
[[nodiscard]] inline int compare_ids(const RecordId& a, int64_t b, const TextPool& pool) {
  if (a.number > kTextId0 || b > kTextId0) [[likely]] {
    // A text, being the most negative here, comes last.
    const bool a_text = a.number <= kTextId0;
    const bool b_text = b <= kTextId0;
    if (a_text != b_text) return a_text ? 1 : -1;
    return a.number < b ? -1 : a.number > b ? 1 : 0;
  }
  return a.text.compare(pool.text(b));
}

struct OpenBar {
  Int128 notional = 0;  // sum of price times size, in 1e-17
  Int128 volume = 0;    // in 1e-8
  int64_t start = 0;
  int64_t open_ts = 0;
  int64_t open_id = kNullId;
  int64_t close_ts = 0;
  int64_t close_id = kNullId;
  int64_t open = 0;
  int64_t high = 0;
  int64_t low = 0;
  int64_t close = 0;
  int64_t trades = 0;   // 0: there is no bar
};
static_assert(sizeof(OpenBar) == 112, "one bar and its symbol's two hot words are two cache lines");

inline void keep_id(int64_t& stored, const RecordId& id, TextPool& pool) {
  if (id.number > kTextId0) [[likely]] {
    pool.release(stored);
    stored = id.number;
  } else {
    pool.assign(stored, id.text);
  }
}

// The first trade of a bar.
inline void begin_bar(OpenBar& bar, int64_t start, int64_t ts, const RecordId& id, int64_t price, int64_t size,
                      TextPool& pool) {
  bar = OpenBar{};
  bar.notional = Int128{price} * size;
  bar.volume = size;
  bar.start = start;
  bar.open_ts = bar.close_ts = ts;
  bar.open = bar.high = bar.low = bar.close = price;
  bar.trades = 1;
  keep_id(bar.open_id, id, pool);
  keep_id(bar.close_id, id, pool);
}

// One more trade; `notional` is the bar's with it. Among equals the first to arrive opens and the last closes.
inline void add_trade(OpenBar& bar, int64_t ts, const RecordId& id, int64_t price, int64_t size, Int128 notional,
                      TextPool& pool) {
  if (ts > bar.close_ts || (ts == bar.close_ts && compare_ids(id, bar.close_id, pool) >= 0)) {
    bar.close_ts = ts;
    bar.close = price;
    keep_id(bar.close_id, id, pool);
  }
  if (ts < bar.open_ts || (ts == bar.open_ts && compare_ids(id, bar.open_id, pool) < 0)) {
    bar.open_ts = ts;
    bar.open = price;
    keep_id(bar.open_id, id, pool);
  }
  bar.high = std::max(bar.high, price);
  bar.low = std::min(bar.low, price);
  bar.volume += size;
  bar.notional = notional;
  ++bar.trades;
}

// Puts the closed bar `part`, later than all of `whole`, into `whole`, which takes over its ids.
inline void merge_bar(OpenBar& whole, const OpenBar& part, int64_t start, TextPool& pool) {
  if (whole.trades == 0) {
    whole = part;
    whole.start = start;
    return;
  }
  pool.release(whole.close_id);
  pool.release(part.open_id);
  whole.close_ts = part.close_ts;
  whole.close_id = part.close_id;
  whole.close = part.close;
  whole.high = std::max(whole.high, part.high);
  whole.low = std::min(whole.low, part.low);
  whole.volume += part.volume;
  whole.notional += part.notional;
  whole.trades += part.trades;
}

// notional / volume in 1e-9, rounded half up; false when the volume is zero or the quotient is beyond a price.
[[nodiscard]] inline bool vwap(Int128 notional, Int128 volume, int64_t& out) {
  if (volume == 0) return false;
  if (volume < 0) {
    volume = -volume;
    notional = -notional;
  }
  Int128 quotient = notional / volume;
  Int128 rest = notional - quotient * volume;
  if (rest < 0) {
    rest += volume;
    --quotient;
  }
  if (rest >= volume - rest) ++quotient;
  if (quotient > INT64_MAX || quotient < INT64_MIN) return false;
  out = static_cast<int64_t>(quotient);
  return true;
}

// The start of the window of `every` that `ts` is in; false where it lies before the range of time.
[[nodiscard]] inline bool window_start(int64_t ts, int64_t every, int64_t& start) {
  int64_t into = ts % every;
  if (into < 0) into += every;
  return !__builtin_sub_overflow(ts, into, &start);
}
// Its end, or the greatest time.
[[nodiscard]] inline int64_t window_end(int64_t start, int64_t every) {
  int64_t end = 0;
  return __builtin_add_overflow(start, every, &end) ? INT64_MAX : end;
}

}  // namespace penstock::stream

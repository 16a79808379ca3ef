// The last prices of a symbol, in order of arrival and of size: their median and median absolute deviation, exactly.
//
// A window of n prices lies in 2 n numbers of the caller's memory: a ring, then the same prices sorted. A new price
// takes a search, a move of what lies between its place and that of the one it displaces, and a search for the
// deviation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/int128.h"

namespace penstock::stream {

// Twice the median and four times the median absolute deviation: whole numbers, as both may lie halfway.
template <typename Wide>
struct MedianOf {
  Wide median2 = 0;
  Wide deviation4 = 0;
};

// Of the `count` numbers at `sorted`, ascending, at least one. Of an even count a median is the mean of the middle two,
// of the deviations too. `Wide` must hold four times the difference of the greatest and the least, and twice either.
template <typename Wide>
[[nodiscard]] MedianOf<Wide> median_of(const int64_t* sorted, size_t count) {
  const Wide median2 = Wide{sorted[(count - 1) / 2]} + Wide{sorted[count / 2]};
  const auto below = [&](size_t i) { return median2 - 2 * Wide{sorted[i]}; };
  const auto above = [&](size_t i) { return 2 * Wide{sorted[i]} - median2; };
  // The k + 1 numbers nearest to the median stand side by side: the window of so many whose farther end is nearest.
  // Moved to the right its left end comes nearer and its right end goes away, so that the best place is where they
  // meet.
  const size_t k = (count - 1) / 2;
  size_t first = 0;
  size_t last = count - 1 - k;  // of the places a window may begin at
  while (first < last) {
    const size_t middle = (first + last) / 2;
    if (below(middle) > above(middle + k)) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  size_t begin = first;
  Wide farthest = std::max(below(begin), above(begin + k));
  if (begin > 0) {
    const Wide other = std::max(below(begin - 1), above(begin - 1 + k));
    if (other < farthest) {
      farthest = other;
      --begin;
    }
  }
  if (count % 2 == 1) return {median2, 2 * farthest};
  // The next one is at either side of the window: there all are at least as far as the farthest in it.
  const size_t end = begin + k;
  const bool left = begin > 0;
  const bool right = end + 1 < count;
  const Wide next = left && right ? std::min(below(begin - 1), above(end + 1))
                    : left        ? below(begin - 1)
                                  : above(end + 1);
  return {median2, farthest + next};
}

// Puts `price` into the sorted `count` numbers, in the place of `displaced` which is one of them.
inline void replace_sorted(int64_t* sorted, size_t count, int64_t displaced, int64_t price) {
  const auto from = static_cast<size_t>(std::lower_bound(sorted, sorted + count, displaced) - sorted);
  if (price > displaced) {
    const auto to = static_cast<size_t>(std::lower_bound(sorted + from, sorted + count, price) - sorted) - 1;
    std::memmove(sorted + from, sorted + from + 1, (to - from) * sizeof(int64_t));
    sorted[to] = price;
  } else {
    const auto to = static_cast<size_t>(std::upper_bound(sorted, sorted + from, price) - sorted);
    std::memmove(sorted + to + 1, sorted + to, (from - to) * sizeof(int64_t));
    sorted[to] = price;
  }
}

// Puts `price` among the sorted `count` numbers, of which there is then one more.
inline void insert_sorted(int64_t* sorted, size_t count, int64_t price) {
  const auto to = static_cast<size_t>(std::upper_bound(sorted, sorted + count, price) - sorted);
  std::memmove(sorted + to + 1, sorted + to, (count - to) * sizeof(int64_t));
  sorted[to] = price;
}

}  // namespace penstock::stream

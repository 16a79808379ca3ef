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

// The first of `count` places at which `holds` no longer does; it must hold up to some place and nowhere behind it.
// Without branches: where prices go is not to be predicted, and a wrong guess costs more than a step.
template <typename Holds>
[[nodiscard]] inline size_t first_without(size_t count, Holds holds) {
  size_t base = 0;
  while (count > 1) {
    const size_t half = count / 2;
    base += half & (size_t{0} - static_cast<size_t>(holds(base + half - 1)));
    count -= half;
  }
  return base + static_cast<size_t>(count == 1 && holds(base));
}

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
  const size_t first = first_without(count - 1 - k, [&](size_t i) { return below(i) > above(i + k); });
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

// How many of the sorted `count` numbers are below `price`, or at most it.
[[nodiscard]] inline size_t count_below(const int64_t* sorted, size_t count, int64_t price) {
  return first_without(count, [&](size_t i) { return sorted[i] < price; });
}
[[nodiscard]] inline size_t count_up_to(const int64_t* sorted, size_t count, int64_t price) {
  return first_without(count, [&](size_t i) { return sorted[i] <= price; });
}

// Puts `price` into the sorted `count` numbers, in the place of `displaced` which is one of them.
inline void replace_sorted(int64_t* sorted, size_t count, int64_t displaced, int64_t price) {
  const size_t from = count_below(sorted, count, displaced);
  if (price > displaced) {
    const size_t to = count_below(sorted, count, price) - 1;
    std::memmove(sorted + from, sorted + from + 1, (to - from) * sizeof(int64_t));
    sorted[to] = price;
  } else {
    const size_t to = count_up_to(sorted, from, price);
    std::memmove(sorted + to + 1, sorted + to, (from - to) * sizeof(int64_t));
    sorted[to] = price;
  }
}

// Puts `price` among the sorted `count` numbers, of which there is then one more.
inline void insert_sorted(int64_t* sorted, size_t count, int64_t price) {
  const size_t to = count_up_to(sorted, count, price);
  std::memmove(sorted + to + 1, sorted + to, (count - to) * sizeof(int64_t));
  sorted[to] = price;
}

}  // namespace penstock::stream

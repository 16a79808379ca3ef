// The last prices of a symbol, in order of arrival and of size: their median and median absolute deviation, exactly.
//
// A window of n prices lies in 2 n numbers of the caller's memory: a ring, then the same prices sorted. A new price
// takes two searches and a move of what lies between its place and that of the one it displaces. The deviation takes a
// search too, and is seldom needed: a bound on it from two prices says of nearly all that they are not far.
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

// What four times the median absolute deviation is not below, from a few of the numbers: at least two, else 0. Between
// any two that stand k + 1 places apart there are too few for the deviation to lie among them.
template <typename Wide>
[[nodiscard]] Wide least_deviation4(const int64_t* sorted, size_t count) {
  if (count < 2) return 0;
  const Wide median2 = Wide{sorted[(count - 1) / 2]} + Wide{sorted[count / 2]};
  const size_t k = (count - 1) / 2;
  const auto nearer_end = [&](size_t low) {
    return std::min(median2 - 2 * Wide{sorted[low]}, 2 * Wide{sorted[low + k + 1]} - median2);
  };
  // In the middle, and to either side of it, for where prices lie closer together on one side of the median.
  const size_t middle = (count - 2 - k) / 2;
  return 2 * std::max({nearer_end(middle), nearer_end(middle / 2), nearer_end(count - 2 - k - middle / 2)});
}

// How many of the sorted `count` numbers are below `price`.
[[nodiscard]] inline size_t count_below(const int64_t* sorted, size_t count, int64_t price) {
  return first_without(count, [&](size_t i) { return sorted[i] < price; });
}

// Puts `price` into the sorted `count` numbers, in the place of `displaced` which is one of them.
inline void replace_sorted(int64_t* sorted, size_t count, int64_t displaced, int64_t price) {
  size_t from = 0;
  size_t to = 0;
  // So few numbers are looked at side by side sooner than one after the other.
  constexpr size_t kFew = 128;
  if (count <= kFew) {
    int64_t below_displaced = 0;
    int64_t below_price = 0;
    for (size_t i = 0; i < count; ++i) {
      below_displaced += static_cast<int64_t>(sorted[i] < displaced);
      below_price += static_cast<int64_t>(sorted[i] < price);
    }
    from = static_cast<size_t>(below_displaced);
    to = static_cast<size_t>(below_price);
  } else {
    from = count_below(sorted, count, displaced);
    to = count_below(sorted, count, price);
  }
  // What lies between the two places moves by one, up or down; which is not to be predicted.
  const auto up = static_cast<size_t>(price > displaced);
  to -= up;
  const size_t least = std::min(from, to);
  std::memmove(sorted + least + (1 - up), sorted + least + up, (std::max(from, to) - least) * sizeof(int64_t));
  sorted[to] = price;
}

// Puts `price` among the sorted `count` numbers, of which there is then one more.
inline void insert_sorted(int64_t* sorted, size_t count, int64_t price) {
  const size_t to = count_below(sorted, count, price);
  std::memmove(sorted + to + 1, sorted + to, (count - to) * sizeof(int64_t));
  sorted[to] = price;
}

}  // namespace penstock::stream

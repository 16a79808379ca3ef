#include "stream/checks/median_window.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace penstock::stream {
namespace {

// By the definition: sort, take the middle two, sort the distances, take the middle two.
MedianOf<Int128> naive(std::vector<int64_t> prices) {
  std::ranges::sort(prices);
  const size_t n = prices.size();
  const Int128 median2 = Int128{prices[(n - 1) / 2]} + prices[n / 2];
  std::vector<Int128> distances;
  for (const int64_t price : prices) {
    const Int128 off = 2 * Int128{price} - median2;
    distances.push_back(off < 0 ? -off : off);
  }
  std::ranges::sort(distances);
  return {median2, distances[(n - 1) / 2] + distances[n / 2]};
}

TEST(MedianWindow, IsWhatSortingGivesForEveryWindowAndEverySpread) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 3000; ++round) {
    const size_t window = 1 + random() % (round % 10 == 0 ? 300 : 60);
    const uint64_t spread = uint64_t{1} << (random() % 40);
    std::vector<int64_t> ring;
    std::vector<int64_t> sorted(window);
    for (size_t i = 0; i < window; ++i) {
      ring.push_back(static_cast<int64_t>(random() % spread) - static_cast<int64_t>(spread / 3));
      insert_sorted(sorted.data(), i, ring[i]);
    }
    for (size_t step = 0; step < 20; ++step) {
      ASSERT_TRUE(std::ranges::is_sorted(sorted));
      const MedianOf<Int128> expected = naive(ring);
      const MedianOf<int64_t> found = median_of<int64_t>(sorted.data(), window);
      ASSERT_EQ(Int128{found.median2}, expected.median2);
      ASSERT_EQ(Int128{found.deviation4}, expected.deviation4) << "window " << window << " spread " << spread;
      const int64_t least = least_deviation4<int64_t>(sorted.data(), window);
      ASSERT_LE(Int128{least}, expected.deviation4) << "window " << window << " spread " << spread;
      ASSERT_GE(least, 0);
      const auto price = static_cast<int64_t>(random() % spread) - static_cast<int64_t>(spread / 3);
      replace_sorted(sorted.data(), window, ring[step % window], price);
      ring[step % window] = price;
    }
  }
}

TEST(MedianWindow, HoldsTheWholeRangeOfPricesInWideNumbers) {
  std::mt19937_64 random(12);
  for (int round = 0; round < 500; ++round) {
    std::vector<int64_t> prices(3 + random() % 9);
    for (int64_t& price : prices) {
      price = round % 2 == 0 ? static_cast<int64_t>(random()) : (random() % 2 == 0 ? INT64_MIN : INT64_MAX);
    }
    std::vector<int64_t> sorted = prices;
    std::ranges::sort(sorted);
    const MedianOf<Int128> expected = naive(prices);
    const MedianOf<Int128> found = median_of<Int128>(sorted.data(), sorted.size());
    ASSERT_EQ(found.median2, expected.median2);
    ASSERT_EQ(found.deviation4, expected.deviation4);
  }
}

}  // namespace
}  // namespace penstock::stream

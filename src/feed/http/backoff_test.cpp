#include "feed/http/backoff.h"

#include <gtest/gtest.h>

#include "feed/http/id_memory.h"

namespace penstock::feed::http {
namespace {

TEST(Backoff, GrowsToItsMaximumAndBeginsAgainAfterReset) {
  constexpr Duration kMin = kSecond;
  constexpr Duration kMax{16 * kSecond.ns};
  std::array<Duration, 8> longest{};
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Backoff backoff(kMin, kMax, seed);
    static_cast<void>(backoff.next());
    backoff.reset();
    for (size_t n = 0; n < longest.size(); ++n) {
      const Duration pause = backoff.next();
      EXPECT_GE(pause, kMin);
      EXPECT_LE(pause, std::min(kMax, Duration{kMin.ns << (n + 1)}));
      longest[n] = std::max(longest[n], pause);
    }
    EXPECT_EQ(backoff.failures(), longest.size());
  }
  // The jitter uses the whole range: of 300 draws the longest comes near its end.
  for (size_t n = 0; n < longest.size(); ++n)
    EXPECT_GT(longest[n].ns, std::min(kMax.ns, kMin.ns << (n + 1)) * 9 / 10) << n;
}

TEST(Backoff, TheLongestPauseDoesNotOverflow) {
  Backoff backoff(Duration{1}, Duration{std::numeric_limits<int64_t>::max()}, 1);
  for (int i = 0; i < 200; ++i) EXPECT_GE(backoff.next(), Duration{1});
  Backoff fixed(kSecond, kSecond, 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fixed.next(), kSecond);
}

TEST(RetryAfter, IsSecondsOrADate) {
  const Timestamp now{784'111'777 * kSecond.ns};
  EXPECT_EQ(parse_retry_after("120", now), Duration{120 * kSecond.ns});
  EXPECT_EQ(parse_retry_after("0", now), Duration{});
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), kMinute);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Duration{});
  for (const std::string_view text :
       {"", "-1", "1.5", "soon", "9999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"})
    EXPECT_EQ(parse_retry_after(text, now), std::nullopt) << text;
}

TEST(IdMemory, ForgetsTheOldestOnly) {
  IdMemory memory(3);
  for (const auto* id : {"a", "b", "c"}) EXPECT_TRUE(memory.remember(id));
  for (const auto* id : {"a", "b", "c"}) EXPECT_FALSE(memory.remember(id));
  EXPECT_TRUE(memory.remember("d"));
  EXPECT_FALSE(memory.remember("b"));
  EXPECT_TRUE(memory.remember("a"));
  EXPECT_TRUE(memory.remember("b"));
}

}  // namespace
}  // namespace penstock::feed::http

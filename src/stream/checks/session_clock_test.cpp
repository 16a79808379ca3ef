#include "stream/checks/session_clock.h"

#include <gtest/gtest.h>

#include <random>

namespace penstock::stream {
namespace {

int64_t at(const std::string& text) {
  Timestamp time;
  EXPECT_EQ(parse_rfc3339(text, time), TimeError::ok) << text;
  return time.ns;
}

const market::Calendar* calendar(std::string_view name) {
  const auto found = market::Calendar::find(name);
  EXPECT_TRUE(found) << found.error().message;
  return *found;
}

TEST(SessionClock, WithoutACalendarAllTimeCounts) {
  SessionClock clock(nullptr);
  EXPECT_EQ(clock.elapsed(5, 17), 12);
  EXPECT_EQ(clock.elapsed(17, 5), 0);
  EXPECT_EQ(clock.latest(5, 12), 17);
  EXPECT_EQ(clock.latest(INT64_MAX - 5, 12), INT64_MAX);
  EXPECT_EQ(clock.elapsed(INT64_MIN, INT64_MAX), INT64_MAX);
}

TEST(SessionClock, StandsStillOverNightAndOverAWeekend) {
  SessionClock clock(calendar("XNYS"));
  // New York closed on Friday 2024-01-05 at 21:00Z and opened on Monday at 14:30Z.
  const int64_t friday = at("2024-01-05T20:59:00Z");
  EXPECT_EQ(clock.elapsed(friday, at("2024-01-08T14:31:30Z")), 150 * kSecond.ns);
  EXPECT_EQ(clock.elapsed(at("2024-01-05T22:00:00Z"), at("2024-01-07T22:00:00Z")), 0);
  EXPECT_EQ(clock.latest(friday, 30 * kSecond.ns), at("2024-01-05T20:59:30Z"));
  EXPECT_EQ(clock.latest(friday, 90 * kSecond.ns), at("2024-01-08T14:30:30Z"));
  // All that is left of the day: the night adds nothing.
  EXPECT_EQ(clock.latest(friday, 60 * kSecond.ns), at("2024-01-08T14:30:00Z"));
}

TEST(SessionClock, StandsStillInABreak) {
  SessionClock clock(calendar("XTKS"));
  // Tokyo broke from 11:30 to 12:30 (02:30Z to 03:30Z) on 2024-01-09.
  const int64_t before = at("2024-01-09T02:29:00Z");
  EXPECT_EQ(clock.elapsed(before, at("2024-01-09T03:31:00Z")), 2 * kMinute.ns);
  EXPECT_EQ(clock.latest(before, kMinute.ns), at("2024-01-09T03:30:00Z"));
  EXPECT_EQ(clock.elapsed(at("2024-01-09T02:45:00Z"), at("2024-01-09T03:00:00Z")), 0);
}

TEST(SessionClock, BeyondWhatTheCalendarCoversNoTimePasses) {
  const market::Calendar* known = calendar("XNYS");
  SessionClock clock(known);
  EXPECT_EQ(clock.latest(known->covers_to().ns, 1), INT64_MAX);
  EXPECT_EQ(clock.elapsed(known->covers_to().ns, INT64_MAX), 0);
}

TEST(SessionClock, LatestIsTheLastMomentByWhichNoMoreHasElapsed) {
  std::mt19937_64 random(7);
  for (const std::string_view name : {"XNYS", "XTKS", "24/7"}) {
    SessionClock clock(calendar(name));
    const int64_t begin = at("2024-03-05T00:00:00Z");
    for (int i = 0; i < 2000; ++i) {
      const int64_t from = begin + static_cast<int64_t>(random() % static_cast<uint64_t>(20 * kDay.ns));
      const int64_t length = static_cast<int64_t>(random() % static_cast<uint64_t>(40 * kHour.ns));
      const int64_t latest = clock.latest(from, length);
      ASSERT_EQ(clock.elapsed(from, latest), length) << name << " from " << from;
      ASSERT_GT(clock.elapsed(from, latest + 1), length) << name << " from " << from;
    }
  }
}

}  // namespace
}  // namespace penstock::stream

#include "market/time_zone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::market {
namespace {

using namespace std::chrono_literals;

Timestamp at(std::string_view text) {
  Timestamp t;
  EXPECT_EQ(parse_rfc3339(text, t), TimeError::ok) << text;
  return t;
}
int32_t day(std::string_view text) { return static_cast<int32_t>(at(text).ns / kDay.ns); }

TimeZone load(const std::string& name) {
  auto zone = TimeZone::load(name, at("2024-01-01"), at("2025-01-01"));
  EXPECT_TRUE(zone) << zone.error().message;
  return std::move(*zone);
}

Duration hours(int64_t count) { return Duration{count * kHour.ns}; }

TEST(TimeZone, OffsetsChangeAtTheInstantTheClocksDo) {
  const TimeZone zone = load("America/New_York");
  EXPECT_EQ(zone.offset_at(at("2024-03-10T06:59:59.999999999Z")), hours(-5));
  EXPECT_EQ(zone.offset_at(at("2024-03-10T07:00:00Z")), hours(-4));
  EXPECT_EQ(zone.offset_at(at("2024-11-03T05:59:59.999999999Z")), hours(-4));
  EXPECT_EQ(zone.offset_at(at("2024-11-03T06:00:00Z")), hours(-5));
}

TEST(TimeZone, OutsideItsSpanTheNearestOffsetHolds) {
  const TimeZone zone = load("Asia/Kolkata");
  const Duration offset{5 * kHour.ns + 30 * kMinute.ns};
  for (const Timestamp t : {Timestamp::min(), at("2024-06-01"), Timestamp::max()}) EXPECT_EQ(zone.offset_at(t), offset);
}

TEST(TimeZone, CanBeKnownForAllTime) {
  const auto zone = TimeZone::load("America/New_York", Timestamp::min(), Timestamp::max());
  ASSERT_TRUE(zone) << zone.error().message;
  EXPECT_EQ(zone->offset_at(Timestamp::min()), Duration{-(4 * kHour.ns + 56 * kMinute.ns + 2 * kSecond.ns)});
  EXPECT_EQ(zone->offset_at(at("2024-07-01")), hours(-4));
}

TEST(TimeZone, LocalTimesAreThoseOfTheDaysOffset) {
  const TimeZone zone = load("Europe/London");
  EXPECT_EQ(zone.to_utc(day("2024-03-30"), 23h), at("2024-03-30T23:00:00Z"));
  EXPECT_EQ(zone.to_utc(day("2024-03-31"), 0min), at("2024-03-31T00:00:00Z"));
  EXPECT_EQ(zone.to_utc(day("2024-03-31"), 2h), at("2024-03-31T01:00:00Z"));
  EXPECT_EQ(zone.to_utc(day("2024-03-31"), 23h), at("2024-03-31T22:00:00Z"));
  EXPECT_EQ(zone.to_utc(day("2024-10-27"), 0min), at("2024-10-26T23:00:00Z"));
  EXPECT_EQ(zone.to_utc(day("2024-10-27"), 3h), at("2024-10-27T03:00:00Z"));
}

TEST(TimeZone, AroundAChangeEveryLocalTimeThatIsThereIsFound) {
  for (const char* name : {"America/New_York", "Europe/Berlin", "Asia/Tokyo", "Australia/Sydney"}) {
    const TimeZone zone = load(name);
    for (Timestamp t = at("2024-02-01"); t < at("2024-12-01"); t = t + Duration{30 * kMinute.ns}) {
      const Timestamp local = t + zone.offset_at(t);
      const auto number = static_cast<int32_t>(local.ns / kDay.ns);
      const Timestamp back = zone.to_utc(number, std::chrono::minutes{local.ns % kDay.ns / kMinute.ns});
      // An hour that comes twice may be given back as the other one: the clocks show the same.
      ASSERT_EQ(back + zone.offset_at(back), local) << name << " " << format_rfc3339(t);
    }
  }
}

TEST(TimeZone, AnUnknownZoneSaysWhatToInstall) {
  const auto zone = TimeZone::load("Atlantis/Capital", at("2024-01-01"), at("2025-01-01"));
  ASSERT_FALSE(zone);
  EXPECT_EQ(zone.error().kind, ErrorKind::io);
  EXPECT_THAT(zone.error().message,
              testing::AllOf(testing::HasSubstr("Atlantis/Capital"), testing::HasSubstr("tzdata")));
}

TEST(TimeZone, ADayBeginsWhenItsMidnightFirstComes) {
  EXPECT_EQ(load("America/New_York").start_of(day("2024-03-10")), at("2024-03-10T05:00:00Z"));
  EXPECT_EQ(load("America/New_York").start_of(day("2024-03-11")), at("2024-03-11T04:00:00Z"));
  EXPECT_EQ(load("America/New_York").start_of(day("2024-11-04")), at("2024-11-04T05:00:00Z"));
  EXPECT_EQ(load("Asia/Tokyo").start_of(day("2024-11-04")), at("2024-11-03T15:00:00Z"));
  // Havana's clocks go from 01:00 back to 00:00, and from 00:00 forward to 01:00.
  EXPECT_EQ(load("America/Havana").start_of(day("2024-11-03")), at("2024-11-03T04:00:00Z"));
  EXPECT_EQ(load("America/Havana").start_of(day("2024-03-10")), at("2024-03-10T05:00:00Z"));
}

}  // namespace
}  // namespace penstock::market

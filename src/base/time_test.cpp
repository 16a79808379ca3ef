#include "base/time.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

int64_t ns_of(std::string_view text, TimeUnit unit = TimeUnit::detect) {
  Timestamp t;
  EXPECT_EQ(parse_time(text, unit, t), TimeError::ok) << text;
  return t.ns;
}

TimeError error_of(std::string_view text, TimeUnit unit = TimeUnit::detect) {
  Timestamp t;
  return parse_time(text, unit, t);
}

TEST(Time, Rfc3339KeepsEveryNanosecond) {
  EXPECT_EQ(ns_of("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ns_of("2021-02-22T15:51:44.208123456Z"), 1614009104208123456);
  EXPECT_EQ(ns_of("2021-02-22T15:51:44.2081234560000Z"), 1614009104208123456);
  EXPECT_EQ(error_of("2021-02-22T15:51:44.2081234561Z"), TimeError::malformed);
}

TEST(Time, Rfc3339OffsetsSpacesAndDates) {
  EXPECT_EQ(ns_of("2021-02-22 17:51:44+02:00"), ns_of("2021-02-22T15:51:44Z"));
  EXPECT_EQ(ns_of("2021-02-22T10:51:44-0500"), ns_of("2021-02-22T15:51:44"));
  EXPECT_EQ(ns_of("2020-02-29"), ns_of("2020-02-29T00:00:00Z"));
}

TEST(Time, WhatIsNoTimeIsRefused) {
  for (const char* text : {"", "-", "abc", "2021-02-29", "2021-13-01", "2021-02-22T24:00:00Z", "2021-02-22T15:51",
                           "2021-02-22T15:51:44.Z", "2021-02-22T15:51:44Zx", "2021-02-22T15:51:44+2", "12x", "1.2.3"}) {
    EXPECT_EQ(error_of(text), TimeError::malformed) << text;
  }
  EXPECT_EQ(error_of("9999-01-01T00:00:00Z"), TimeError::out_of_range);
  EXPECT_EQ(error_of("99999999999999999999"), TimeError::out_of_range);
  EXPECT_EQ(error_of("253370764800", TimeUnit::s), TimeError::out_of_range);
}

TEST(Time, EpochUnitsAreDetectedByMagnitudeOrStated) {
  EXPECT_EQ(ns_of("1570752004"), 1570752004000000000);
  EXPECT_EQ(ns_of("1570752004123"), 1570752004123000000);
  EXPECT_EQ(ns_of("1570752004123456"), 1570752004123456000);
  EXPECT_EQ(ns_of("1570752004123456789"), 1570752004123456789);
  EXPECT_EQ(ns_of("1570752004.123456789"), 1570752004123456789);
  EXPECT_EQ(ns_of("1000", TimeUnit::ms), 1000000000);
  EXPECT_EQ(ns_of("-1.5", TimeUnit::s), -1500000000);
}

TEST(Time, FormatReadsBackAndIsShortest) {
  EXPECT_EQ(format_rfc3339(Timestamp{0}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_rfc3339(Timestamp{1570752004123000000}), "2019-10-11T00:00:04.123Z");
  for (int64_t ns :
       {int64_t{-1}, int64_t{951782399999999999}, int64_t{1}, Timestamp::max().ns, Timestamp::min().ns + 1}) {
    EXPECT_EQ(ns_of(format_rfc3339(Timestamp{ns})), ns);
  }
}

TEST(Time, DurationsReadBack) {
  for (const char* text : {"250ms", "2s", "5m", "1h", "1d", "7us", "3ns", "0s", "90s"}) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parse_duration(format_duration(*parsed)).value(), *parsed);
  }
  EXPECT_EQ(format_duration(kMinute), "1m");
  for (const char* text : {"", "5", "m", "-1s", "1.5s", "1w", "9999999999d"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Time, SumsSaturate) {
  EXPECT_EQ(Timestamp::max() + kSecond, Timestamp::max());
  EXPECT_EQ(Timestamp::min() - kSecond, Timestamp::min());
}

}  // namespace
}  // namespace penstock

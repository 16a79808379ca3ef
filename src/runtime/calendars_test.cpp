#include "runtime/calendars.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::runtime {
namespace {

using store::Format;

Timestamp at(std::string_view text) {
  Timestamp t;
  EXPECT_EQ(parse_rfc3339(text, t), TimeError::ok) << text;
  return t;
}

std::string describe(std::string_view name, const CalendarRange& range, Format format,
                     std::string_view now = "2024-06-03T12:00:00Z") {
  ManualClock clock(at(now));
  const auto text = describe_calendar(name, range, format, clock);
  return text ? *text : std::string(to_string(text.error().kind)) + ": " + text.error().message;
}

TEST(Calendars, ATableShowsLocalTimesHalfDaysAndClosedWeekdays) {
  EXPECT_EQ(describe("XNYS", {"2024-11-27", "2024-12-02"}, Format::table),
            "XNYS, America/New_York\n"
            "date        day  open   break        close  open (UTC)            close (UTC)           note\n"
            "2024-11-27  Wed  09:30  -            16:00  2024-11-27T14:30:00Z  2024-11-27T21:00:00Z\n"
            "2024-11-28  Thu  -      -            -      -                     -                     closed\n"
            "2024-11-29  Fri  09:30  -            13:00  2024-11-29T14:30:00Z  2024-11-29T18:00:00Z  early close\n"
            "2024-12-02  Mon  09:30  -            16:00  2024-12-02T14:30:00Z  2024-12-02T21:00:00Z\n");
  EXPECT_THAT(describe("XTKS", {"2024-11-05", "2024-11-05"}, Format::table),
              testing::HasSubstr("2024-11-05  Tue  09:00  11:30-12:30  15:30  2024-11-05T00:00:00Z"));
}

TEST(Calendars, CsvAndJsonHoldTheSessionsInUtc) {
  EXPECT_EQ(describe("XHKG", {"2024-02-08", "2024-02-12"}, Format::csv),
            "session,time_zone,open,break_start,break_end,close,early_close,late_open\n"
            "2024-02-08,Asia/Hong_Kong,2024-02-08T01:30:00Z,2024-02-08T04:00:00Z,2024-02-08T05:00:00Z,"
            "2024-02-08T08:00:00Z,false,false\n"
            "2024-02-09,Asia/Hong_Kong,2024-02-09T01:30:00Z,,,2024-02-09T04:00:00Z,true,false\n");
  EXPECT_EQ(
      describe("XHKG", {"2024-02-08", "2024-02-12"}, Format::json),
      "[\n"
      R"({"session":"2024-02-08","time_zone":"Asia/Hong_Kong","open":"2024-02-08T01:30:00Z",)"
      R"("break_start":"2024-02-08T04:00:00Z","break_end":"2024-02-08T05:00:00Z","close":"2024-02-08T08:00:00Z",)"
      R"("early_close":false,"late_open":false},)"
      "\n"
      R"({"session":"2024-02-09","time_zone":"Asia/Hong_Kong","open":"2024-02-09T01:30:00Z",)"
      R"("break_start":null,"break_end":null,"close":"2024-02-09T04:00:00Z","early_close":true,"late_open":false})"
      "\n]\n");
  EXPECT_EQ(describe("XHKG", {"2024-02-10", "2024-02-12"}, Format::json), "[\n]\n");
}

std::vector<std::string> days_shown(std::string_view name, const CalendarRange& range, std::string_view now) {
  std::vector<std::string> days;
  const std::string text = describe(name, range, Format::csv, now);
  for (size_t line = text.find('\n') + 1; line < text.size(); line = text.find('\n', line) + 1) {
    days.push_back(text.substr(line, 10));
  }
  return days;
}

TEST(Calendars, WithoutDatesTheNextThirtyDaysAreShown) {
  const auto days = days_shown("24/7", {}, "2024-06-03T12:00:00Z");
  ASSERT_EQ(days.size(), 31u);
  EXPECT_EQ(days.front(), "2024-06-03");
  EXPECT_EQ(days.back(), "2024-07-03");
  EXPECT_EQ(days_shown("XNYS", {"2027-12-20", ""}, "2024-06-03T12:00:00Z").back(), "2027-12-31");
  EXPECT_EQ(days_shown("XNYS", {"", "2024-01-03"}, "2024-06-03T12:00:00Z"), std::vector<std::string>{"2024-01-03"});
}

TEST(Calendars, TodayIsThatOfTheVenue) {
  EXPECT_EQ(days_shown("XTKS", {"", ""}, "2024-06-03T15:00:00Z").front(), "2024-06-04");
  EXPECT_EQ(days_shown("XNYS", {"", ""}, "2024-06-04T03:59:59Z").front(), "2024-06-03");
}

TEST(Calendars, WhatCannotBeShownIsWrongUsage) {
  EXPECT_EQ(describe("NYSE", {}, Format::table),
            "invalid: no calendar is named 'NYSE'; there are 24/7, XETR, XHKG, XLON, XNAS, XNYS, XTKS");
  EXPECT_EQ(describe("XNYS", {"2024-02-30", ""}, Format::table),
            "invalid: --from '2024-02-30' is not a date: write YYYY-MM-DD");
  EXPECT_EQ(describe("XNYS", {"", "2024-02-03T10:00:00Z"}, Format::table),
            "invalid: --to '2024-02-03T10:00:00Z' is not a date: write YYYY-MM-DD");
  EXPECT_EQ(describe("XNYS", {"2024-02-03", "2024-02-02"}, Format::table),
            "invalid: --to '2024-02-02' is before --from '2024-02-03'");
  EXPECT_EQ(describe("XNYS", {"2005-12-31", "2006-01-02"}, Format::table),
            "invalid: XNYS is known from 2006-01-01 to 2027-12-31, not from 2005-12-31 to 2006-01-02");
  EXPECT_EQ(describe("XNYS", {}, Format::table, "2028-02-01T00:00:00Z"),
            "invalid: XNYS is known from 2006-01-01 to 2027-12-31, not from 2028-01-31 to 2028-01-31");
  EXPECT_EQ(describe("XNYS", {}, Format::parquet), "invalid: a calendar is written as table, csv or json");
}

TEST(Calendars, AlwaysOpenIsShownToTheEndOfTime) {
  EXPECT_EQ(days_shown("24/7", {"1677-09-22", "1677-09-23"}, "2024-06-03T12:00:00Z").size(), 2u);
  EXPECT_THAT(describe("24/7", {"2262-04-11", ""}, Format::csv),
              testing::HasSubstr("2262-04-11,UTC,2262-04-11T00:00:00Z,,,2262-04-11T23:47:16.854775807Z,false,false\n"));
  EXPECT_EQ(describe("24/7", {"1677-09-20", ""}, Format::csv),
            "invalid: --from '1677-09-20': time outside 1677-09-21 to 2262-04-11");
}

TEST(Calendars, TheListNamesThemAll) {
  const auto text = list_calendars();
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, testing::HasSubstr("XNYS      America/New_York  2006-01-01  2027-12-31\n"));
  EXPECT_THAT(*text, testing::HasSubstr("24/7      UTC               1677-09-21  2262-04-11\n"));
}

}  // namespace
}  // namespace penstock::runtime

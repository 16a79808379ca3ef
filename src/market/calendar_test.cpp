#include "market/calendar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "market/calendar_rules.h"

namespace penstock::market {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Calendar& calendar(std::string_view name) {
  const auto found = Calendar::find(name);
  EXPECT_TRUE(found) << found.error().message;
  return **found;
}

Timestamp at(std::string_view text) {
  Timestamp t;
  EXPECT_EQ(parse_rfc3339(text, t), TimeError::ok) << text;
  return t;
}
int32_t day(std::string_view text) { return static_cast<int32_t>(at(text).ns / kDay.ns); }

std::string date_text(int32_t number) { return format_rfc3339(Timestamp{number * kDay.ns}).substr(0, 10); }

// `open..close` in UTC without the date's repetition, or `closed`.
std::string hours(std::string_view name, std::string_view date) {
  const auto session = calendar(name).on(day(date));
  if (!session) return "closed";
  const auto clock = [](Timestamp t) { return format_rfc3339(t).substr(11, 5); };
  std::string text = clock(session->open);
  if (session->has_break()) text += ".." + clock(session->break_start) + " " + clock(session->break_end);
  return text + ".." + clock(session->close) + (session->early_close ? " early" : "");
}

// The weekdays of a year on which a venue is closed, and those on which it closes early, as `MM-DD`.
struct Special {
  std::string closed;
  std::string early;
};
Special special_days(std::string_view name, int year) {
  using namespace std::chrono;
  Special special;
  for (sys_days date = std::chrono::year{year} / 1 / 1; date < sys_days{std::chrono::year{year + 1} / 1 / 1};
       date += days{1}) {
    if (weekday{date}.iso_encoding() > 5) continue;
    const auto number = static_cast<int32_t>(date.time_since_epoch().count());
    const auto session = calendar(name).on(number);
    if (session && !session->early_close) continue;
    std::string& list = session ? special.early : special.closed;
    list += (list.empty() ? "" : " ") + date_text(number).substr(5);
  }
  return special;
}

TEST(Calendar, KnowsItsNames) {
  EXPECT_THAT(Calendar::names(), ElementsAre("24/7", "XETR", "XHKG", "XLON", "XNAS", "XNYS", "XTKS"));
  for (const std::string& name : Calendar::names()) EXPECT_EQ(calendar(name).name(), name);
}

TEST(Calendar, AnUnknownNameIsAnsweredWithTheKnownOnes) {
  for (const std::string_view name : {"NYSE", "xnys", "", "XNYS "}) {
    const auto found = Calendar::find(name);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind, ErrorKind::not_found);
    EXPECT_THAT(found.error().message, HasSubstr("24/7, XETR, XHKG, XLON, XNAS, XNYS, XTKS"));
  }
}

TEST(Calendar, IsMadeOnceAndSharedByThreads) {
  std::array<const Calendar*, 8> found{};
  {
    std::vector<std::jthread> threads;
    threads.reserve(found.size());
    for (const Calendar*& calendar : found) threads.emplace_back([&calendar] { calendar = *Calendar::find("XLON"); });
  }
  EXPECT_THAT(found, testing::Each(&calendar("XLON")));
}

TEST(Calendar, HoursFollowTheVenuesClocks) {
  // New York's clocks change two to three weeks before Europe's in March, and one after them in autumn.
  EXPECT_EQ(hours("XNYS", "2024-03-08"), "14:30..21:00");
  EXPECT_EQ(hours("XNYS", "2024-03-11"), "13:30..20:00");
  EXPECT_EQ(hours("XLON", "2024-03-28"), "08:00..16:30");
  EXPECT_EQ(hours("XLON", "2024-04-02"), "07:00..15:30");
  EXPECT_EQ(hours("XETR", "2024-10-25"), "07:00..15:30");
  EXPECT_EQ(hours("XETR", "2024-10-28"), "08:00..16:30");
  EXPECT_EQ(hours("XNYS", "2024-11-01"), "13:30..20:00");
  EXPECT_EQ(hours("XNYS", "2024-11-04"), "14:30..21:00");
  // By the rules of that year, which were others.
  EXPECT_EQ(hours("XNYS", "2006-03-31"), "14:30..21:00");
  EXPECT_EQ(hours("XNYS", "2006-04-03"), "13:30..20:00");
  EXPECT_EQ(hours("XTKS", "2024-03-11"), hours("XTKS", "2024-03-08"));
}

TEST(Calendar, HoursFollowTheVenuesDecisions) {
  EXPECT_EQ(hours("XTKS", "2024-11-01"), "00:00..02:30 03:30..06:00");
  EXPECT_EQ(hours("XTKS", "2024-11-05"), "00:00..02:30 03:30..06:30");
  EXPECT_EQ(hours("XHKG", "2011-03-04"), "02:00..04:00 05:00..08:00");
  EXPECT_EQ(hours("XHKG", "2011-03-07"), "01:30..04:00 05:00..08:00");
}

TEST(Calendar, AHalfDayEndsEarlyAndHasNoBreak) {
  EXPECT_EQ(hours("XNYS", "2024-11-29"), "14:30..18:00 early");
  EXPECT_EQ(hours("XNAS", "2024-07-03"), "13:30..17:00 early");
  EXPECT_EQ(hours("XLON", "2022-12-23"), "08:00..12:30 early");
  EXPECT_EQ(hours("XETR", "2012-12-28"), "08:00..13:00 early");
  EXPECT_EQ(hours("XETR", "2009-12-30"), "08:00..16:30");
  EXPECT_EQ(hours("XHKG", "2010-12-24"), "02:00..04:30 early");
  EXPECT_EQ(hours("XHKG", "2024-02-09"), "01:30..04:00 early");
}

TEST(Calendar, ABreakIsInTheSessionButNotContained) {
  const auto session = calendar("XTKS").at(at("2024-06-03T02:45:00Z"));
  ASSERT_TRUE(session);
  EXPECT_TRUE(session->contains(at("2024-06-03T02:29:59.999999999Z")));
  EXPECT_FALSE(session->contains(at("2024-06-03T02:30:00Z")));
  EXPECT_FALSE(session->contains(at("2024-06-03T03:29:59.999999999Z")));
  EXPECT_TRUE(session->contains(at("2024-06-03T03:30:00Z")));
}

TEST(Calendar, ASessionBeginsWithItsOpenAndEndsBeforeItsClose) {
  const Calendar& nyse = calendar("XNYS");
  EXPECT_FALSE(nyse.at(at("2024-06-03T13:29:59.999999999Z")));
  const auto session = nyse.at(at("2024-06-03T13:30:00Z"));
  ASSERT_TRUE(session);
  EXPECT_EQ(date_text(session->day), "2024-06-03");
  EXPECT_FALSE(session->has_break());
  EXPECT_TRUE(session->contains(at("2024-06-03T19:59:59.999999999Z")));
  EXPECT_FALSE(session->contains(at("2024-06-03T20:00:00Z")));
  EXPECT_TRUE(nyse.at(at("2024-06-03T19:59:59.999999999Z")));
  EXPECT_FALSE(nyse.at(at("2024-06-03T20:00:00Z")));
}

TEST(Calendar, NextIsTheFirstThatOpensAtOrAfter) {
  const Calendar& nyse = calendar("XNYS");
  const auto next_day = [&](std::string_view text) {
    const auto session = nyse.next(at(text));
    return session ? date_text(session->day) : "none";
  };
  EXPECT_EQ(next_day("2024-06-03T13:30:00Z"), "2024-06-03");
  EXPECT_EQ(next_day("2024-06-03T13:30:00.000000001Z"), "2024-06-04");
  EXPECT_EQ(next_day("2024-08-30T20:00:00Z"), "2024-09-03");  // over Labor Day's weekend
  EXPECT_EQ(next_day("2006-01-01T05:00:00Z"), "2006-01-03");
  EXPECT_EQ(next_day("2027-12-31T15:00:00Z"), "none");
}

TEST(Calendar, LookupsAgreeWithTheListOfSessions) {
  for (const std::string& name : Calendar::names()) {
    const Calendar& known = calendar(name);
    const auto sessions = known.sessions(day("2019-12-20"), day("2020-05-15"));
    ASSERT_GT(sessions.size(), 80u);
    size_t next = 0;
    // Steps that meet every minute of the hour, hence opens and closes.
    for (Timestamp t = at("2019-12-21T00:00:00Z"); t < at("2020-05-12T00:00:00Z"); t = t + Duration{7 * kMinute.ns}) {
      while (sessions[next].open < t) ++next;
      ASSERT_EQ(known.next(t), sessions[next]) << name << " " << format_rfc3339(t);
      const Session* in = next > 0 && t < sessions[next - 1].close ? &sessions[next - 1] : nullptr;
      if (sessions[next].open == t) in = &sessions[next];
      ASSERT_EQ(known.at(t), in == nullptr ? std::nullopt : std::optional(*in)) << name << " " << format_rfc3339(t);
    }
  }
}

TEST(Calendar, OutsideItsYearsNothingIsKnown) {
  for (const std::string& name : Calendar::names()) {
    if (name == "24/7") continue;
    const Calendar& known = calendar(name);
    EXPECT_EQ(date_text(known.first_day()), "2006-01-01");
    EXPECT_EQ(date_text(known.last_day()), "2027-12-31");
    for (const Timestamp t :
         {Timestamp::min(), known.covers_from() - Duration{1}, known.covers_to(), Timestamp::max()}) {
      EXPECT_FALSE(known.covers(t));
      EXPECT_FALSE(known.at(t));
      EXPECT_FALSE(known.next(t));
    }
    EXPECT_TRUE(known.covers(known.covers_from()));
    EXPECT_TRUE(known.next(known.covers_from()));
    EXPECT_TRUE(known.covers(known.covers_to() - Duration{1}));
    EXPECT_FALSE(known.next(known.covers_to() - Duration{1}));
    for (const int32_t number : {std::numeric_limits<int32_t>::min(), day("2005-12-30"), day("2028-01-03"),
                                 std::numeric_limits<int32_t>::max()}) {
      EXPECT_FALSE(known.on(number)) << number;
    }
    const auto all = known.sessions(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
    EXPECT_GT(all.size(), 5300u) << name;
    EXPECT_TRUE(std::ranges::is_sorted(all, {}, &Session::open));
    EXPECT_EQ(all.size(), known.sessions(known.first_day(), known.last_day()).size());
    EXPECT_THAT(known.sessions(day("2024-01-06"), day("2024-01-07")), testing::IsEmpty());
    EXPECT_THAT(known.sessions(day("2024-01-12"), day("2024-01-11")), testing::IsEmpty());
  }
  // The day's bounds are those of the venue's clocks.
  EXPECT_EQ(calendar("XNYS").covers_from(), at("2006-01-01T05:00:00Z"));
  EXPECT_EQ(calendar("XTKS").covers_from(), at("2005-12-31T15:00:00Z"));
  EXPECT_EQ(calendar("XTKS").covers_to(), at("2027-12-31T15:00:00Z"));
}

TEST(Calendar, AlwaysOpenHasOneSessionAUtcDay) {
  const Calendar& always = calendar("24/7");
  EXPECT_EQ(always.time_zone(), "UTC");
  const auto session = always.at(at("2024-02-29T23:59:59.999999999Z"));
  ASSERT_TRUE(session);
  EXPECT_EQ(session->day, day("2024-02-29"));
  EXPECT_EQ(session->open, at("2024-02-29T00:00:00Z"));
  EXPECT_EQ(session->close, at("2024-03-01T00:00:00Z"));
  EXPECT_FALSE(session->has_break());
  EXPECT_EQ(always.on(day("2024-02-29")), session);
  EXPECT_EQ(always.next(session->open), session);
  EXPECT_EQ(always.next(session->open + Duration{1}), always.on(day("2024-03-01")));
  EXPECT_EQ(always.at(Timestamp{-1})->day, -1);
  EXPECT_EQ(always.sessions(day("2024-01-01"), day("2024-12-31")).size(), 366u);
}

TEST(Calendar, AlwaysOpenReachesToTheEndsOfTime) {
  const Calendar& always = calendar("24/7");
  const auto first = always.at(Timestamp::min());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->day, -106752);  // 1677-09-21
  EXPECT_EQ(first->open, Timestamp::min());
  EXPECT_EQ(first->close, at("1677-09-22T00:00:00Z"));
  EXPECT_EQ(always.next(Timestamp::min()), first);
  const auto last = always.at(Timestamp::max() - Duration{1});
  ASSERT_TRUE(last);
  EXPECT_EQ(date_text(last->day), "2262-04-11");
  EXPECT_EQ(last->close, Timestamp::max());
  EXPECT_FALSE(always.at(Timestamp::max()));
  EXPECT_FALSE(always.next(Timestamp::max() - Duration{1}));
  EXPECT_FALSE(always.on(first->day - 1));
  EXPECT_FALSE(always.on(last->day + 1));
}

// Years at both ends, of which no recorded schedule tells all: 2006 has New Year on a Sunday, 2027 Christmas on a
// Saturday.
TEST(CalendarRules, NewYork) {
  EXPECT_EQ(special_days("XNYS", 2006).closed, "01-02 01-16 02-20 04-14 05-29 07-04 09-04 11-23 12-25");
  EXPECT_EQ(special_days("XNYS", 2006).early, "07-03 11-24");
  EXPECT_EQ(special_days("XNYS", 2027).closed, "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24");
  EXPECT_EQ(special_days("XNYS", 2027).early, "11-26");
  // One-off closings, and a New Year's Day on a Saturday that is not made up for.
  for (const auto date : {"2007-01-02", "2012-10-29", "2012-10-30", "2018-12-05", "2025-01-09"}) {
    EXPECT_EQ(hours("XNYS", date), "closed") << date;
  }
  EXPECT_EQ(hours("XNYS", "2021-12-31"), "14:30..21:00");
  EXPECT_EQ(hours("XNYS", "2021-06-18"), "13:30..20:00");  // the last year without Juneteenth
}

TEST(CalendarRules, London) {
  EXPECT_EQ(special_days("XLON", 2006).closed, "01-02 04-14 04-17 05-01 05-29 08-28 12-25 12-26");
  EXPECT_EQ(special_days("XLON", 2006).early, "12-22 12-29");
  EXPECT_EQ(special_days("XLON", 2027).closed, "01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28");
  EXPECT_EQ(special_days("XLON", 2027).early, "12-24 12-31");
  EXPECT_EQ(special_days("XLON", 2012).closed, "01-02 04-06 04-09 05-07 06-04 06-05 08-27 12-25 12-26");
  EXPECT_EQ(special_days("XLON", 2020).closed, "01-01 04-10 04-13 05-08 05-25 08-31 12-25 12-28");
  EXPECT_EQ(special_days("XLON", 2022).closed, "01-03 04-15 04-18 05-02 06-02 06-03 08-29 09-19 12-26 12-27");
}

TEST(CalendarRules, Xetra) {
  EXPECT_EQ(special_days("XETR", 2006).closed, "04-14 04-17 05-01 12-25 12-26");
  EXPECT_EQ(special_days("XETR", 2006).early, "");
  EXPECT_EQ(special_days("XETR", 2027).closed, "01-01 03-26 03-29 12-24 12-31");
  EXPECT_EQ(special_days("XETR", 2027).early, "12-30");
  EXPECT_EQ(special_days("XETR", 2017).closed, "04-14 04-17 05-01 06-05 10-03 10-31 12-25 12-26");
}

TEST(CalendarRules, Tokyo) {
  EXPECT_EQ(special_days("XTKS", 2006).closed,
            "01-02 01-03 01-09 03-21 05-03 05-04 05-05 07-17 09-18 10-09 11-03 11-23");
  EXPECT_EQ(special_days("XTKS", 2027).closed,
            "01-01 01-11 02-11 02-23 03-22 04-29 05-03 05-04 05-05 07-19 08-11 09-20 09-23 10-11 11-03 11-23 12-31");
  // A new emperor between two holidays makes ten days without trading.
  EXPECT_EQ(calendar("XTKS").sessions(day("2019-04-27"), day("2019-05-06")).size(), 0u);
  // A day between two holidays in September.
  EXPECT_EQ(hours("XTKS", "2026-09-22"), "closed");
  EXPECT_EQ(hours("XTKS", "2020-10-01"), "closed");
}

TEST(CalendarRules, HongKong) {
  EXPECT_EQ(special_days("XHKG", 2006).closed,
            "01-02 01-30 01-31 04-05 04-14 04-17 05-01 05-05 05-31 10-02 10-30 12-25 12-26");
  EXPECT_EQ(special_days("XHKG", 2027).closed,
            "01-01 02-08 02-09 03-26 03-29 04-05 05-13 06-09 07-01 09-16 10-01 10-08 12-27");
  EXPECT_EQ(special_days("XHKG", 2027).early, "02-05 12-24 12-31");
  // Ching Ming on Easter Monday, and Mid-Autumn's following day on National Day, move on by a day.
  EXPECT_EQ(hours("XHKG", "2010-04-06"), "closed");
  EXPECT_EQ(hours("XHKG", "2012-10-02"), "closed");
  // A Sunday was made up for on the Saturday before until 2011, since then after it.
  EXPECT_EQ(hours("XHKG", "2010-02-17"), "02:00..04:00 05:00..08:00");
  EXPECT_EQ(hours("XHKG", "2013-02-13"), "closed");
}

TEST(CalendarRules, HoursOfEveryVenueAreInOrder) {
  for (const VenueRules& rules : venue_rules()) {
    EXPECT_TRUE(std::ranges::is_sorted(rules.hours, {}, [](const Hours& entry) { return entry.since; })) << rules.name;
    for (const Hours& entry : rules.hours) {
      EXPECT_LT(entry.open, entry.early_close) << rules.name;
      EXPECT_LE(entry.early_close, entry.close) << rules.name;
      EXPECT_LE(entry.break_start, entry.break_end) << rules.name;
    }
  }
}

}  // namespace
}  // namespace penstock::market

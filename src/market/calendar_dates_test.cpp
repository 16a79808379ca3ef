#include "market/calendar_dates.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

namespace penstock::market {
namespace {

using namespace std::chrono;

TEST(CalendarDates, EasterIsThatOfTheChurchsTables) {
  // Among them the earliest and latest dates that can be, and the three cases of the tables' exceptions.
  for (const year_month_day easter :
       {1818y / 3 / 22, 1943y / 4 / 25, 1954y / 4 / 18, 1981y / 4 / 19, 2006y / 4 / 16, 2008y / 3 / 23, 2011y / 4 / 24,
        2016y / 3 / 27, 2019y / 4 / 21, 2024y / 3 / 31, 2025y / 4 / 20, 2027y / 3 / 28, 2038y / 4 / 25, 2049y / 4 / 18,
        2076y / 4 / 19, 2285y / 3 / 22}) {
    EXPECT_EQ(year_month_day{easter_sunday(easter.year())}, easter) << static_cast<int>(easter.year());
  }
}

TEST(CalendarDates, EquinoxesInJapanAreThoseTheObservatoryGave) {
  for (const year_month_day equinox :
       {2006y / 3 / 21, 2008y / 3 / 20, 2011y / 3 / 21, 2012y / 3 / 20, 2024y / 3 / 20, 2027y / 3 / 21}) {
    EXPECT_EQ(year_month_day{vernal_equinox(equinox.year())}, equinox) << static_cast<int>(equinox.year());
  }
  for (const year_month_day equinox : {2006y / 9 / 23, 2008y / 9 / 23, 2012y / 9 / 22, 2016y / 9 / 22, 2023y / 9 / 23,
                                       2024y / 9 / 22, 2027y / 9 / 23}) {
    EXPECT_EQ(year_month_day{autumnal_equinox(equinox.year())}, equinox) << static_cast<int>(equinox.year());
  }
}

TEST(CalendarDates, ChingMingIsTheFourthOrFifthOfApril) {
  for (const year_month_day date :
       {2006y / 4 / 5, 2008y / 4 / 4, 2009y / 4 / 4, 2010y / 4 / 5, 2012y / 4 / 4, 2014y / 4 / 5, 2017y / 4 / 4,
        2021y / 4 / 4, 2022y / 4 / 5, 2025y / 4 / 4, 2027y / 4 / 5}) {
    EXPECT_EQ(year_month_day{ching_ming(date.year())}, date) << static_cast<int>(date.year());
  }
}

// Days from a mean new moon to noon of `day` in China (UTC+8), from the nearest one.
double moon_age(sys_days day) {
  constexpr double kNewMoon = 10962.5977;  // the mean one of 2000-01-06T14:20Z, in days since 1970
  constexpr double kMonth = 29.530588861;
  const double noon = static_cast<double>(day.time_since_epoch().count()) + 0.5 - 8.0 / 24;
  const double months = (noon - kNewMoon) / kMonth;
  return (months - std::round(months)) * kMonth;
}

// A month of the Chinese calendar begins with the new moon, and has the number of the solar term that falls into it.
void expect_month(sys_days first_day, year_month_day term) {
  // The true new moon is up to 0.6 days off the mean one, and may have any hour of its day.
  EXPECT_LT(std::abs(moon_age(first_day)), 1.1) << static_cast<int>(term.year());
  EXPECT_LE(first_day, sys_days{term} + days{1}) << static_cast<int>(term.year());
  EXPECT_GE(first_day + days{30}, sys_days{term}) << static_cast<int>(term.year());
}

TEST(CalendarDates, ChineseFestivalsAgreeWithMoonAndSun) {
  for (year year = 2006y; year <= 2027y; ++year) {
    const ChineseFestivals festivals = chinese_festivals(year);
    expect_month(festivals.new_year, year / 2 / 19);
    expect_month(festivals.buddha_birthday - days{7}, year / 5 / 21);
    expect_month(festivals.dragon_boat - days{4}, year / 6 / 21);
    expect_month(festivals.mid_autumn - days{14}, year / 9 / 23);
    expect_month(festivals.double_ninth - days{8}, year / 10 / 23);
  }
}

}  // namespace
}  // namespace penstock::market

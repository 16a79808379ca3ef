#include "market/calendar_dates.h"

#include <array>
#include <cmath>

#include "base/error.h"

namespace penstock::market {
namespace {

using namespace std::chrono;

// The day in `month` of an event that comes once a tropical year (365.242194 days): `day_1980` is when it came in 1980,
// as a day of that month with its fraction; every leap year since has put the calendar back by a day.
sys_days solar_day(year year, month month, double day_1980) {
  const int years = static_cast<int>(year) - 1980;
  const int day = static_cast<int>(std::floor(day_1980 + 0.242194 * years)) - years / 4;
  return year / month / day;
}

struct MonthDay {
  uint8_t month;
  uint8_t day;
};
struct LunarYear {
  MonthDay new_year, buddha_birthday, dragon_boat, mid_autumn, double_ninth;
};
constexpr int kFirstLunarYear = 2006;
// The months of the Chinese calendar begin on the day of the new moon in China, some of them decided by minutes (the
// new moon of 2027-02-06 comes at 23:56), so dates are tabled and not computed. calendar_dates_test.cpp holds them
// against the moon.
constexpr std::array<LunarYear, 22> kLunarYears{{
    {{1, 29}, {5, 5}, {5, 31}, {10, 6}, {10, 30}},  // 2006
    {{2, 18}, {5, 24}, {6, 19}, {9, 25}, {10, 19}},  // 2007
    {{2, 7}, {5, 12}, {6, 8}, {9, 14}, {10, 7}},  // 2008
    {{1, 26}, {5, 2}, {5, 28}, {10, 3}, {10, 26}},  // 2009
    {{2, 14}, {5, 21}, {6, 16}, {9, 22}, {10, 16}},  // 2010
    {{2, 3}, {5, 10}, {6, 6}, {9, 12}, {10, 5}},  // 2011
    {{1, 23}, {4, 28}, {6, 23}, {9, 30}, {10, 23}},  // 2012
    {{2, 10}, {5, 17}, {6, 12}, {9, 19}, {10, 13}},  // 2013
    {{1, 31}, {5, 6}, {6, 2}, {9, 8}, {10, 2}},  // 2014
    {{2, 19}, {5, 25}, {6, 20}, {9, 27}, {10, 21}},  // 2015
    {{2, 8}, {5, 14}, {6, 9}, {9, 15}, {10, 9}},  // 2016
    {{1, 28}, {5, 3}, {5, 30}, {10, 4}, {10, 28}},  // 2017
    {{2, 16}, {5, 22}, {6, 18}, {9, 24}, {10, 17}},  // 2018
    {{2, 5}, {5, 12}, {6, 7}, {9, 13}, {10, 7}},  // 2019
    {{1, 25}, {4, 30}, {6, 25}, {10, 1}, {10, 25}},  // 2020
    {{2, 12}, {5, 19}, {6, 14}, {9, 21}, {10, 14}},  // 2021
    {{2, 1}, {5, 8}, {6, 3}, {9, 10}, {10, 4}},  // 2022
    {{1, 22}, {5, 26}, {6, 22}, {9, 29}, {10, 23}},  // 2023
    {{2, 10}, {5, 15}, {6, 10}, {9, 17}, {10, 11}},  // 2024
    {{1, 29}, {5, 5}, {5, 31}, {10, 6}, {10, 29}},  // 2025
    {{2, 17}, {5, 24}, {6, 19}, {9, 25}, {10, 18}},  // 2026
    {{2, 6}, {5, 13}, {6, 9}, {9, 15}, {10, 8}},  // 2027
}};

}  // namespace

sys_days easter_sunday(year year) {
  // The first Sunday after the first full moon on or after 21 March, by the church's own tables of the moon: the moon's
  // age repeats every 19 years (`golden`), but for a shift that the centuries add to it.
  const int y = static_cast<int>(year);
  const int golden = y % 19;
  const int century = y / 100;
  const int leap_days_left_out = century - century / 4;  // since the Julian calendar
  const int moon_shift = (8 * century + 13) / 25;  // 8 days in 2500 years
  // Days from 21 March to the full moon, which the tables put before 19 April and, in 19 years, on no day twice.
  int days_to_moon = (leap_days_left_out - moon_shift + 19 * golden + 15) % 30;
  if (days_to_moon == 29 || (days_to_moon == 28 && golden > 10)) --days_to_moon;
  const sys_days after_moon = sys_days{year / March / 22} + days{days_to_moon};
  return after_moon + (Sunday - weekday{after_moon});
}

sys_days vernal_equinox(year year) { return solar_day(year, March, 20.8431); }
sys_days autumnal_equinox(year year) { return solar_day(year, September, 23.2488); }
sys_days ching_ming(year year) { return solar_day(year, April, 4.9661); }

ChineseFestivals chinese_festivals(year year) {
  const int index = static_cast<int>(year) - kFirstLunarYear;
  PENSTOCK_ASSERT(index >= 0 && index < static_cast<int>(kLunarYears.size()));
  const LunarYear& dates = kLunarYears[static_cast<size_t>(index)];
  const auto date = [year](MonthDay day) { return sys_days{year / month{day.month} / day.day}; };
  return {date(dates.new_year), date(dates.buddha_birthday), date(dates.dragon_boat), date(dates.mid_autumn),
          date(dates.double_ninth)};
}

}  // namespace penstock::market

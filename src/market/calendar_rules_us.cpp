// New York Stock Exchange and Nasdaq: NYSE's Rule 7.2 and what both closed for beside it.
#include <array>

#include "market/calendar_dates.h"
#include "market/calendar_rules.h"

namespace penstock::market {
namespace {

using namespace std::chrono;

constexpr std::array<Hours, 1> kHours{{{2006y / 1 / 1, 9h + 30min, 0min, 0min, 16h, 13h}}};

constexpr std::array kOneOff{
    2007y / 1 / 2,    // day of mourning for President Ford
    2012y / 10 / 29,  // hurricane Sandy
    2012y / 10 / 30,  //
    2018y / 12 / 5,   // day of mourning for President G. H. W. Bush
    2025y / 1 / 9,    // day of mourning for President Carter
};

// A holiday on a Saturday is kept on the Friday, one on a Sunday on the Monday.
sys_days nearest_weekday(sys_days day) {
  return weekday{day} == Saturday ? weekday_on_or_before(day) : weekday_on_or_after(day);
}

void add_days(YearDays& days) {
  const year year = days.year;
  DaySet& closed = days.closed;
  // The Friday before a New Year's Day on a Saturday is the last of the accounting year, and traded.
  closed.add(weekday{year / January / 1} == Sunday ? year / January / 2 : year / January / 1);
  closed.add(year / January / Monday[3]);   // Martin Luther King
  closed.add(year / February / Monday[3]);  // Washington's birthday
  closed.add(easter_sunday(year) - std::chrono::days{2});
  closed.add(year / May / Monday[last]);                                          // Memorial Day
  if (year >= 2022y) closed.add(nearest_weekday(year / June / 19));  // Juneteenth
  closed.add(nearest_weekday(year / July / 4));
  closed.add(year / September / Monday[1]);  // Labor Day
  const sys_days thanksgiving = year / November / Thursday[4];
  closed.add(thanksgiving);
  closed.add(nearest_weekday(year / December / 25));
  closed.add(kOneOff);

  days.early.add(year / July / 3);
  days.early.add(thanksgiving + std::chrono::days{1});
  days.early.add(year / December / 24);
}

constexpr std::array<VenueRules, 2> kVenues{
    {{"XNYS", "America/New_York", true, kHours, add_days}, {"XNAS", "America/New_York", true, kHours, add_days}}};

}  // namespace

std::span<const VenueRules> us_venues() { return kVenues; }

}  // namespace penstock::market

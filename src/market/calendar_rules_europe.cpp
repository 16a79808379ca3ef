// London Stock Exchange: the bank holidays of England. Xetra: the calendar that Frankfurt's exchange sets itself.
#include <array>

#include "market/calendar_dates.h"
#include "market/calendar_rules.h"

namespace penstock::market {
namespace {

using namespace std::chrono;

constexpr std::array<Hours, 1> kLondonHours{{{2006y / 1 / 1, 8h, 0min, 0min, 16h + 30min, 12h + 30min}}};
constexpr std::array<Hours, 1> kXetraHours{{{2006y / 1 / 1, 9h, 0min, 0min, 17h + 30min, 14h}}};

constexpr std::array kLondonOneOff{
    2011y / 4 / 29,  // wedding of Prince William
    2012y / 6 / 5,   // diamond jubilee
    2022y / 6 / 3,   // platinum jubilee
    2022y / 9 / 19,  // funeral of Queen Elizabeth
    2023y / 5 / 8,   // coronation of King Charles
};

void add_london_days(YearDays& days) {
  const year year = days.year;
  DaySet& closed = days.closed;
  closed.add(weekday_on_or_after(year / January / 1));
  const sys_days easter = easter_sunday(year);
  closed.add(easter - std::chrono::days{2});
  closed.add(easter + std::chrono::days{1});
  // Early May: in 2020 moved to 75 years after the war.
  closed.add(year == 2020y ? sys_days{year / May / 8} : sys_days{year / May / Monday[1]});
  // Spring: moved to the jubilees.
  closed.add(year == 2012y   ? sys_days{year / June / 4}
             : year == 2022y ? sys_days{year / June / 2}
                             : sys_days{year / May / Monday[last]});
  closed.add(year / August / Monday[last]);
  // Christmas and Boxing Day, each moved to the next weekday that is free.
  const sys_days christmas = weekday_on_or_after(year / December / 25);
  closed.add(christmas);
  closed.add(weekday_on_or_after(christmas + std::chrono::days{1}));
  closed.add(kLondonOneOff);

  days.early.add(weekday_on_or_before(year / December / 24));
  days.early.add(weekday_on_or_before(year / December / 31));
}

// Holidays on a weekend are not made up for.
void add_xetra_days(YearDays& days) {
  const year year = days.year;
  DaySet& closed = days.closed;
  closed.add(year / January / 1);
  const sys_days easter = easter_sunday(year);
  closed.add(easter - std::chrono::days{2});
  closed.add(easter + std::chrono::days{1});
  closed.add(year / May / 1);
  // Two public holidays that were traded at some times and not at others.
  if (year == 2007y || (year >= 2015y && year <= 2021y)) closed.add(easter + std::chrono::days{50});  // Whit Monday
  if (year >= 2014y && year <= 2021y) closed.add(year / October / 3);                                 // German Unity
  closed.add(2017y / October / 31);                                                     // 500 years of Reformation
  closed.add(year / December / 24);
  closed.add(year / December / 25);
  closed.add(year / December / 26);
  closed.add(year / December / 31);

  if (year >= 2010y) days.early.add(weekday_on_or_before(year / December / 30));
}

constexpr std::array<VenueRules, 2> kVenues{{{"XLON", "Europe/London", true, kLondonHours, add_london_days},
                                             {"XETR", "Europe/Berlin", true, kXetraHours, add_xetra_days}}};

}  // namespace

std::span<const VenueRules> europe_venues() { return kVenues; }

}  // namespace penstock::market

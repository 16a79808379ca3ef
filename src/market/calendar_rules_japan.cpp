// Tokyo Stock Exchange: Japan's Act on National Holidays, and the days around New Year.
#include <array>

#include "market/calendar_dates.h"
#include "market/calendar_rules.h"

namespace penstock::market {
namespace {

using namespace std::chrono;

// No half days: those of the first and last day of a year, given up in 2009, are not kept here; neither is the earlier
// break of 11:00 until 2011-11-18 (docs/formats/calendars.md).
constexpr std::array<Hours, 2> kHours{{
    {2006y / 1 / 1, 9h, 11h + 30min, 12h + 30min, 15h, 15h},
    {2024y / 11 / 5, 9h, 11h + 30min, 12h + 30min, 15h + 30min, 15h + 30min},
}};

// The holidays of the Act itself, on the days that it names.
DaySet national_holidays(year year) {
  DaySet holidays(year);
  holidays.add(year / January / 1);
  holidays.add(year / January / Monday[2]);  // Coming of Age
  holidays.add(year / February / 11);        // National Foundation
  if (year >= 2020y) holidays.add(year / February / 23);  // Emperor's Birthday
  holidays.add(vernal_equinox(year));
  holidays.add(year / April / 29);  // Greenery, from 2007 Showa
  holidays.add(year / May / 3);     // Constitution
  if (year >= 2007y) holidays.add(year / May / 4);  // Greenery
  holidays.add(year / May / 5);                     // Children
  // In the years of the Olympic Games, planned and held, three days were moved to its ceremonies.
  if (year == 2020y) {
    holidays.add(year / July / 23);    // Marine
    holidays.add(year / July / 24);    // Sports
    holidays.add(year / August / 10);  // Mountain
  } else if (year == 2021y) {
    holidays.add(year / July / 22);
    holidays.add(year / July / 23);
    holidays.add(year / August / 8);
  } else {
    holidays.add(year / July / Monday[3]);
    holidays.add(year / October / Monday[2]);
    if (year >= 2016y) holidays.add(year / August / 11);
  }
  holidays.add(year / September / Monday[3]);  // Respect for the Aged
  holidays.add(autumnal_equinox(year));
  holidays.add(year / November / 3);   // Culture
  holidays.add(year / November / 23);  // Labour Thanksgiving
  if (year <= 2018y) holidays.add(year / December / 23);  // Emperor's Birthday
  holidays.add(2019y / May / 1);                          // accession of Emperor Naruhito
  holidays.add(2019y / October / 22);                     // his enthronement
  return holidays;
}

void add_days(YearDays& days) {
  const year year = days.year;
  const DaySet national = national_holidays(year);
  for (sys_days day = year / January / 1; day <= sys_days{year / December / 31}; day += std::chrono::days{1}) {
    if (national.contains(day)) {
      days.closed.add(day);
      if (weekday{day} != Sunday) continue;
      // The next day that is no holiday stands in. (Until 2006 only the Monday could: it makes no difference in 2006.)
      sys_days substitute = day + std::chrono::days{1};
      while (national.contains(substitute)) substitute += std::chrono::days{1};
      days.closed.add(substitute);
    } else if (national.contains(day - std::chrono::days{1}) && national.contains(day + std::chrono::days{1})) {
      days.closed.add(day);  // between two holidays
    }
  }
  // The exchange's own.
  days.closed.add(year / January / 2);
  days.closed.add(year / January / 3);
  days.closed.add(year / December / 31);
  days.closed.add(2020y / October / 1);  // no trading: the trading system failed
}

constexpr std::array<VenueRules, 1> kVenues{{{"XTKS", "Asia/Tokyo", false, kHours, add_days}}};

}  // namespace

std::span<const VenueRules> japan_venues() { return kVenues; }

}  // namespace penstock::market

// Stock Exchange of Hong Kong: the general holidays of the General Holidays Ordinance, where Saturday is a working day.
#include <array>

#include "market/calendar_dates.h"
#include "market/calendar_rules.h"

namespace penstock::market {
namespace {

using namespace std::chrono;

// The break is that of today throughout (docs/formats/calendars.md says what it was).
constexpr std::array<Hours, 2> kHours{{
    {2006y / 1 / 1, 10h, 12h, 13h, 16h, 12h + 30min},
    {2011y / 3 / 7, 9h + 30min, 12h, 13h, 16h, 12h},
}};

// Days without any trading. Days that began late or ended early for the weather are whole days here.
constexpr std::array kOneOff{
    2008y / 8 / 6,  // typhoon Kammuri
    2008y / 8 / 22,  // typhoon Nuri
    2011y / 9 / 29,  // typhoon Nesat
    2013y / 8 / 14,  // typhoon Utor
    2015y / 9 / 3,  // 70 years after the war
    2016y / 8 / 2,  // typhoon Nida
    2016y / 10 / 21,  // typhoon Haima
    2017y / 8 / 23,  // typhoon Hato
    2020y / 10 / 13,  // typhoon Nangka
    2021y / 10 / 13,  // typhoon Kompasu
    2023y / 7 / 17,  // typhoon Talim
    2024y / 9 / 6,  // typhoon Yagi
};

void add_days(YearDays& days) {
  const year year = days.year;
  constexpr std::chrono::days kOne{1};
  // A holiday on a Sunday, or on another holiday, is kept on the next day that is neither.
  const auto add = [&](sys_days day) {
    while (weekday{day} == Sunday || days.closed.contains(day)) day += kOne;
    days.closed.add(day);
  };
  // These were kept on the Saturday before instead, until the Ordinance was amended in 2011.
  const auto add_amended = [&](sys_days day) { add(weekday{day} == Sunday && year < 2012y ? day - kOne : day); };

  const ChineseFestivals festivals = chinese_festivals(year);
  const sys_days easter = easter_sunday(year);
  add(year / January / 1);
  for (const int nth : {0, 1, 2}) add_amended(festivals.new_year + nth * kOne);
  add(easter - 2 * kOne);
  add(easter - kOne);
  add(easter + kOne);
  add(ching_ming(year));
  add(year / May / 1);
  add(festivals.buddha_birthday);
  add(festivals.dragon_boat);
  add(year / July / 1);  // establishment of the Region
  add(year / October / 1);  // National Day
  add_amended(festivals.mid_autumn + kOne);
  add(festivals.double_ninth);
  add(year / December / 25);
  add(year / December / 26);
  days.closed.add(kOneOff);

  days.early.add(year / December / 24);
  days.early.add(year / December / 31);
  if (year >= 2012y) days.early.add(festivals.new_year - kOne);
}

constexpr std::array<VenueRules, 1> kVenues{{{"XHKG", "Asia/Hong_Kong", false, kHours, add_days}}};

}  // namespace

std::span<const VenueRules> hong_kong_venues() { return kVenues; }

}  // namespace penstock::market

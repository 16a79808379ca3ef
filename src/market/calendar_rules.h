// What venues' calendars are made from: hours in local time, and for each year the days that are closed or end early.
// A new venue is a function and an entry in one of the files calendar_rules_*.cpp, and a line in venue_rules().
#pragma once

#include <bitset>
#include <chrono>
#include <span>
#include <string_view>
#include <vector>

namespace penstock::market {

// Rules hold, and were checked, for these years.
inline constexpr std::chrono::year kFirstCalendarYear{2006};
inline constexpr std::chrono::year kLastCalendarYear{2027};

// Some days of one year.
class DaySet {
 public:
  explicit DaySet(std::chrono::year year) : first_(year / std::chrono::January / 1) {}
  // A day of another year is left out: a holiday may move over the year's end.
  void add(std::chrono::sys_days day) {
    if (in_year(day)) days_.set(index(day));
  }
  void add(std::span<const std::chrono::year_month_day> days) {
    for (const std::chrono::year_month_day& day : days) add(day);
  }
  [[nodiscard]] bool contains(std::chrono::sys_days day) const { return in_year(day) && days_.test(index(day)); }

 private:
  [[nodiscard]] size_t index(std::chrono::sys_days day) const { return static_cast<size_t>((day - first_).count()); }
  [[nodiscard]] bool in_year(std::chrono::sys_days day) const {
    return std::chrono::year_month_day{day}.year() == std::chrono::year_month_day{first_}.year();
  }

  std::chrono::sys_days first_;
  std::bitset<366> days_;
};

// What is special in one year. Saturdays and Sundays are closed without being named, and a day both closed and early is
// closed.
struct YearDays {
  explicit YearDays(std::chrono::year which) : year(which), closed(which), early(which) {}
  std::chrono::year year;
  DaySet closed;
  DaySet early;
};

// Time since local midnight.
struct Hours {
  std::chrono::year_month_day since;  // until the next entry
  std::chrono::minutes open;
  std::chrono::minutes break_start;  // == break_end: no break
  std::chrono::minutes break_end;
  std::chrono::minutes close;
  std::chrono::minutes early_close;  // no break on such a day when it begins at the close or later
};

struct VenueRules {
  std::string_view name;
  const char* time_zone;
  bool summer_time;  // its clocks are changed twice a year
  std::span<const Hours> hours;  // ascending by `since`; the first reaches back to the beginning
  void (*add_days)(YearDays& days);
};

[[nodiscard]] std::span<const VenueRules> us_venues();  // XNYS, XNAS
[[nodiscard]] std::span<const VenueRules> europe_venues();  // XLON, XETR
[[nodiscard]] std::span<const VenueRules> japan_venues();  // XTKS
[[nodiscard]] std::span<const VenueRules> hong_kong_venues();  // XHKG

// All of them.
[[nodiscard]] std::vector<VenueRules> venue_rules();

// `day`, or the Friday before a weekend.
[[nodiscard]] inline std::chrono::sys_days weekday_on_or_before(std::chrono::sys_days day) {
  const unsigned iso = std::chrono::weekday{day}.iso_encoding();
  return iso <= 5 ? day : day - std::chrono::days{iso - 5};
}
// `day`, or the Monday after a weekend.
[[nodiscard]] inline std::chrono::sys_days weekday_on_or_after(std::chrono::sys_days day) {
  const unsigned iso = std::chrono::weekday{day}.iso_encoding();
  return iso <= 5 ? day : day + std::chrono::days{8 - iso};
}

}  // namespace penstock::market

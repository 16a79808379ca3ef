// Dates that holidays are counted from: Easter, equinoxes, solar terms, festivals of the Chinese calendar.
#pragma once

#include <chrono>

namespace penstock::market {

// Of the Western churches, in the Gregorian calendar.
[[nodiscard]] std::chrono::sys_days easter_sunday(std::chrono::year year);

// The days in Japan on which the sun crosses the equator. Right for 1980 to 2099.
[[nodiscard]] std::chrono::sys_days vernal_equinox(std::chrono::year year);
[[nodiscard]] std::chrono::sys_days autumnal_equinox(std::chrono::year year);

// The solar term Ching Ming (the sun's longitude is 15 degrees) in China. Right for 2000 to 2099.
[[nodiscard]] std::chrono::sys_days ching_ming(std::chrono::year year);

// Of the Chinese calendar. Known from 2006 to 2027.
struct ChineseFestivals {
  std::chrono::sys_days new_year;         // 1st day of the 1st month
  std::chrono::sys_days buddha_birthday;  // 8th of the 4th
  std::chrono::sys_days dragon_boat;      // 5th of the 5th
  std::chrono::sys_days mid_autumn;       // 15th of the 8th
  std::chrono::sys_days double_ninth;     // 9th of the 9th
};
[[nodiscard]] ChineseFestivals chinese_festivals(std::chrono::year year);

}  // namespace penstock::market

#include "market/time_zone.h"

#include <date/tz.h>

#include <algorithm>
#include <exception>

namespace penstock::market {
namespace {

date::sys_seconds to_seconds(Timestamp t) {
  return std::chrono::floor<std::chrono::seconds>(
      date::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(t.ns)));
}

// The last period of a zone ends beyond what nanoseconds hold.
Timestamp to_timestamp(date::sys_seconds t) {
  const int64_t seconds = t.time_since_epoch().count();
  return seconds > Timestamp::max().ns / kSecond.ns ? Timestamp::max() : Timestamp{seconds * kSecond.ns};
}

}  // namespace

Result<TimeZone> TimeZone::load(const std::string& name, Timestamp from, Timestamp to) {
  try {
    const date::time_zone* found = date::locate_zone(name);
    TimeZone zone;
    Timestamp at = from;
    do {
      const date::sys_info info = found->get_info(to_seconds(at));
      const Duration offset{info.offset.count() * kSecond.ns};
      // Clocks go back: what they show twice is of the period before. They go forward: so is what they skip.
      const Timestamp local_from =
          zone.periods_.empty() ? Timestamp::min() : at + std::max(offset, zone.periods_.back().offset);
      zone.periods_.push_back({at, local_from, offset});
      at = to_timestamp(info.end);
    } while (at < to);
    return zone;
  } catch (const std::exception& error) {
    return fail(ErrorKind::io,
                "the time zone {} cannot be read from the system's tz database: {}; install it (Debian: tzdata)", name,
                error.what());
  }
}

Duration TimeZone::offset_at(Timestamp t) const {
  const auto after = std::ranges::upper_bound(periods_, t, {}, &Period::from);
  return after == periods_.begin() ? after->offset : std::prev(after)->offset;
}

Timestamp TimeZone::to_utc(int32_t day, std::chrono::minutes of_day) const {
  const Timestamp local{day * kDay.ns + of_day.count() * kMinute.ns};
  const Timestamp guess = local - offset_at(local);
  return local - offset_at(guess);
}

Timestamp TimeZone::start_of(int32_t day) const {
  const Timestamp local{day * kDay.ns};
  const auto after = std::ranges::upper_bound(periods_, local, {}, &Period::local_from);
  return local - std::prev(after)->offset;
}

}  // namespace penstock::market

#include "market/calendar.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "market/calendar_rules.h"
#include "market/time_zone.h"

namespace penstock::market {
namespace {

using namespace std::chrono;

constexpr std::string_view kAlwaysOpen = "24/7";

int32_t number_of(sys_days day) { return static_cast<int32_t>(day.time_since_epoch().count()); }

int32_t utc_day(Timestamp t) { return static_cast<int32_t>(floor<std::chrono::days>(nanoseconds(t.ns)).count()); }

// A venue's: all its sessions, made at once.
class VenueCalendar final : public Calendar {
 public:
  static Result<std::unique_ptr<const Calendar>> make(const VenueRules& rules);

  std::optional<Session> on(int32_t day) const override {
    if (day < first_day_ || day > last_day_) return std::nullopt;
    const int32_t index = by_day_[static_cast<size_t>(day - first_day_)];
    if (index < 0) return std::nullopt;
    return sessions_[static_cast<size_t>(index)];
  }

  std::optional<Session> at(Timestamp t) const override {
    if (!covers(t)) return std::nullopt;
    size_t index = first_ending_on(utc_day(t));
    while (index < sessions_.size() && sessions_[index].close <= t) ++index;
    if (index == sessions_.size() || sessions_[index].open > t) return std::nullopt;
    return sessions_[index];
  }

  std::optional<Session> next(Timestamp t) const override {
    if (!covers(t)) return std::nullopt;
    size_t index = first_ending_on(utc_day(t));
    while (index < sessions_.size() && sessions_[index].open < t) ++index;
    if (index == sessions_.size()) return std::nullopt;
    return sessions_[index];
  }

 private:
  void add_year(year year, const VenueRules& rules, const TimeZone& zone);
  void index_days();
  size_t first_ending_on(int32_t utc_day) const { return ending_from_[static_cast<size_t>(utc_day - first_utc_day_)]; }

  std::vector<Session> sessions_;  // ascending
  std::vector<int32_t> by_day_;    // for each local day from first_day_: its session, or -1
  int32_t first_utc_day_ = 0;
  std::vector<uint32_t>
      ending_from_;  // for each UTC day from first_utc_day_: the first session that ends within it or later
};

Result<std::unique_ptr<const Calendar>> VenueCalendar::make(const VenueRules& rules) {
  auto calendar = std::make_unique<VenueCalendar>();
  calendar->name_ = rules.name;
  calendar->time_zone_ = rules.time_zone;
  calendar->first_day_ = number_of(kFirstCalendarYear / January / 1);
  calendar->last_day_ = number_of(kLastCalendarYear / December / 31);

  const Timestamp first{calendar->first_day_ * kDay.ns};
  const Timestamp last{calendar->last_day_ * kDay.ns};
  PENSTOCK_TRY_ASSIGN(const TimeZone zone, TimeZone::load(rules.time_zone, first - kDay, last + kDay + kDay));
  // Files that leave the future to a rule at their end ("slim" ones) are not understood by the library that reads them.
  const int32_t last_july = number_of(kLastCalendarYear / July / 1);
  if (rules.summer_time && zone.offset_at(Timestamp{last_july * kDay.ns}) == zone.offset_at(last)) {
    return fail(ErrorKind::io,
                "the system's tz database has no summer time for {} in {}; install a full one (Debian: tzdata)",
                rules.time_zone, static_cast<int>(kLastCalendarYear));
  }
  calendar->covers_from_ = zone.to_utc(calendar->first_day_, 0min);
  calendar->covers_to_ = zone.to_utc(calendar->last_day_ + 1, 0min);
  for (year year = kFirstCalendarYear; year <= kLastCalendarYear; ++year) calendar->add_year(year, rules, zone);
  calendar->index_days();
  return calendar;
}

void VenueCalendar::add_year(year year, const VenueRules& rules, const TimeZone& zone) {
  YearDays days(year);
  rules.add_days(days);
  for (sys_days day = year / January / 1; day <= sys_days{year / December / 31}; day += std::chrono::days{1}) {
    if (weekday{day}.iso_encoding() > 5 || days.closed.contains(day)) continue;
    auto hours =
        std::ranges::upper_bound(rules.hours, day, {}, [](const Hours& entry) { return sys_days{entry.since}; });
    if (hours != rules.hours.begin()) --hours;

    Session session;
    session.day = number_of(day);
    session.early_close = days.early.contains(day);
    const minutes close = session.early_close ? hours->early_close : hours->close;
    session.open = zone.to_utc(session.day, hours->open);
    session.close = zone.to_utc(session.day, close);
    const bool has_break = hours->break_start != hours->break_end && hours->break_end < close;
    session.break_start = has_break ? zone.to_utc(session.day, hours->break_start) : session.close;
    session.break_end = has_break ? zone.to_utc(session.day, hours->break_end) : session.close;
    sessions_.push_back(session);
  }
}

void VenueCalendar::index_days() {
  by_day_.assign(static_cast<size_t>(last_day_ - first_day_) + 1, -1);
  first_utc_day_ = utc_day(covers_from_);
  ending_from_.assign(static_cast<size_t>(utc_day(covers_to_) - first_utc_day_) + 1, 0);
  size_t utc = 0;
  for (size_t i = 0; i < sessions_.size(); ++i) {
    by_day_[static_cast<size_t>(sessions_[i].day - first_day_)] = static_cast<int32_t>(i);
    const auto ends = static_cast<size_t>(utc_day(sessions_[i].close - Duration{1}) - first_utc_day_);
    for (; utc <= ends; ++utc) ending_from_[utc] = static_cast<uint32_t>(i);
  }
  for (; utc < ending_from_.size(); ++utc) ending_from_[utc] = static_cast<uint32_t>(sessions_.size());
}

// Every UTC day is a session. The first and last that a Timestamp can tell are cut off at its bounds.
class AlwaysOpenCalendar final : public Calendar {
 public:
  AlwaysOpenCalendar() {
    name_ = kAlwaysOpen;
    time_zone_ = "UTC";
    covers_from_ = Timestamp::min();
    covers_to_ = Timestamp::max();
    first_day_ = utc_day(covers_from_);
    last_day_ = utc_day(covers_to_);
  }

  std::optional<Session> on(int32_t day) const override {
    if (day < first_day_ || day > last_day_) return std::nullopt;
    Session session;
    session.day = day;
    session.open = day == first_day_ ? Timestamp::min() : Timestamp{day * kDay.ns};
    session.close = day == last_day_ ? Timestamp::max() : Timestamp{(day + 1) * kDay.ns};
    session.break_start = session.break_end = session.close;
    return session;
  }
  std::optional<Session> at(Timestamp t) const override { return covers(t) ? on(utc_day(t)) : std::nullopt; }
  std::optional<Session> next(Timestamp t) const override {
    const std::optional<Session> session = at(t);
    return session && session->open < t ? on(session->day + 1) : session;
  }
};

Result<std::unique_ptr<const Calendar>> make_calendar(std::string_view name) {
  if (name == kAlwaysOpen) return std::make_unique<AlwaysOpenCalendar>();
  for (const VenueRules& rules : venue_rules()) {
    if (rules.name == name) return VenueCalendar::make(rules);
  }
  return fail(ErrorKind::not_found, "no calendar is named '{}'; there are {}", name,
              fmt::join(Calendar::names(), ", "));
}

}  // namespace

std::vector<VenueRules> venue_rules() {
  std::vector<VenueRules> all;
  for (const auto venues : {us_venues(), europe_venues(), japan_venues(), hong_kong_venues()}) {
    all.insert(all.end(), venues.begin(), venues.end());
  }
  return all;
}

Result<const Calendar*> Calendar::find(std::string_view name) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<const Calendar>, std::less<>> made;  // guarded by mutex
  const std::lock_guard lock(mutex);
  if (const auto known = made.find(name); known != made.end()) return known->second.get();
  PENSTOCK_TRY_ASSIGN(auto calendar, make_calendar(name));
  return made.emplace(name, std::move(calendar)).first->second.get();
}

std::vector<std::string> Calendar::names() {
  std::vector<std::string> names{std::string(kAlwaysOpen)};
  for (const VenueRules& rules : venue_rules()) names.emplace_back(rules.name);
  std::ranges::sort(names);
  return names;
}

std::vector<Session> Calendar::sessions(int32_t from_day, int32_t to_day) const {
  std::vector<Session> found;
  const int32_t last = std::min(to_day, last_day_);
  for (int32_t day = std::max(from_day, first_day_); day <= last; ++day) {
    if (const auto session = on(day)) found.push_back(*session);
  }
  return found;
}

}  // namespace penstock::market

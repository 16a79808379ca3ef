// Session calendars: on which days and from when to when a venue trades, in UTC, with half days and lunch breaks.
// The rules are our own (calendar_rules.h, calendar_rules_*.cpp), the time zones the system's tz database.
// Names, hours and coverage: docs/formats/calendars.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace penstock::market {

// One trading day of a venue.
struct Session {
  int32_t day = 0;        // its date in local time, in days since 1970-01-01
  Timestamp open;         // inclusive
  Timestamp close;        // exclusive
  Timestamp break_start;  // inclusive; == break_end: no break
  Timestamp break_end;    // exclusive
  bool early_close = false;
  bool late_open = false;

  [[nodiscard]] bool has_break() const { return break_start != break_end; }
  // open <= t < close and not in the break.
  [[nodiscard]] bool contains(Timestamp t) const {
    return open <= t && t < close && (t < break_start || t >= break_end);
  }
  friend bool operator==(const Session&, const Session&) = default;
};

// Immutable, shared by threads. Lookups take constant time and do not allocate. A session is given by value, as that of
// `24/7` is computed, not stored.
class Calendar {
 public:
  // The calendar of that name, made when it is first asked for and kept as long as the process (under 2 ms, some 300
  // KB). `not_found` with the known names for any other name; `io` when the machine has no tz database.
  [[nodiscard]] static Result<const Calendar*> find(std::string_view name);
  // Of all calendars, sorted.
  [[nodiscard]] static std::vector<std::string> names();

  Calendar(const Calendar&) = delete;
  Calendar& operator=(const Calendar&) = delete;
  virtual ~Calendar() = default;

  [[nodiscard]] const std::string& name() const { return name_; }
  // As the tz database names it: `America/New_York`.
  [[nodiscard]] const std::string& time_zone() const { return time_zone_; }

  // What is known: local days of [first_day, last_day], times of [covers_from, covers_to). Outside nothing is known,
  // and every lookup below gives nothing. `24/7` covers every Timestamp (but max(), the end of time, is in no session).
  [[nodiscard]] int32_t first_day() const { return first_day_; }
  [[nodiscard]] int32_t last_day() const { return last_day_; }
  [[nodiscard]] Timestamp covers_from() const { return covers_from_; }
  [[nodiscard]] Timestamp covers_to() const { return covers_to_; }
  [[nodiscard]] bool covers(Timestamp t) const { return covers_from_ <= t && t < covers_to_; }

  // Of that local date; nothing when it is closed all day.
  [[nodiscard]] virtual std::optional<Session> on(int32_t day) const = 0;
  // That t is in: open <= t < close, a break included (Session::contains leaves it out).
  [[nodiscard]] virtual std::optional<Session> at(Timestamp t) const = 0;
  // The first that opens at or after t.
  [[nodiscard]] virtual std::optional<Session> next(Timestamp t) const = 0;

  // The sessions of the covered days of [from_day, to_day], ascending.
  [[nodiscard]] std::vector<Session> sessions(int32_t from_day, int32_t to_day) const;

 protected:
  Calendar() = default;

  std::string name_;
  std::string time_zone_;
  int32_t first_day_ = 0;
  int32_t last_day_ = -1;
  Timestamp covers_from_;
  Timestamp covers_to_;
};

}  // namespace penstock::market

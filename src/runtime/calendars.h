// Session calendars as text, for `penstock calendar`.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "store/store.h"

namespace penstock::runtime {

struct CalendarRange {
  std::string from;  // YYYY-MM-DD, a local date of the venue; empty: today, or `to` when that is before
  std::string to;    // the last day shown; empty: 30 days after `from`
};

// The sessions of those days. `table` has local times, what they are in UTC, and the weekdays that are closed; `csv`
// and `json` have the sessions, in UTC. `invalid` for an unknown name, a date that is none or is outside what is known.
[[nodiscard]] Result<std::string> describe_calendar(std::string_view name, const CalendarRange& range,
                                                    store::Format format, Clock& clock);

// A table of all calendars: name, time zone, days known.
[[nodiscard]] Result<std::string> list_calendars();

}  // namespace penstock::runtime

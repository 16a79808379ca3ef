// A time zone's offsets from UTC over a span of time, from the system's tz database.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace penstock::market {

// Immutable; a copy costs a few dozen entries.
class TimeZone {
 public:
  // `name` as the tz database has it (`Europe/London`); offsets are known within [from, to). `io` when the machine has
  // no tz database or it lacks the zone. The first call of a process looks through the database's folder: about 2 ms.
  [[nodiscard]] static Result<TimeZone> load(const std::string& name, Timestamp from, Timestamp to);

  // Local time less UTC. Before `from` and after `to`: as at the nearest known time.
  [[nodiscard]] Duration offset_at(Timestamp t) const;
  // The time at which the zone's clocks show `of_day` on the local date `day` (days since 1970-01-01). An hour that a
  // clock change skips is taken as if it had not been changed yet; of one that comes twice, either may be given.
  [[nodiscard]] Timestamp to_utc(int32_t day, std::chrono::minutes of_day) const;

  // A time of one offset, until the next period.
  struct Period {
    Timestamp from;
    Timestamp local_from;  // clocks that show this or later, and less than the next one's, are of this period
    Duration offset;  // local time less UTC
  };
  // Ascending, never empty. The first holds for all times before it, too.
  [[nodiscard]] const std::vector<Period>& periods() const { return periods_; }
  // When the local date `day` begins: of a midnight that comes twice the first; of one that is skipped, the change.
  [[nodiscard]] Timestamp start_of(int32_t day) const;

 private:
  std::vector<Period> periods_;
};

}  // namespace penstock::market

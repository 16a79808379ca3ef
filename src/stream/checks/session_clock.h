// Time as it passes while a venue trades: it stands still outside the sessions and in their breaks.
#pragma once

#include <cstdint>
#include <optional>

#include "market/calendar.h"

namespace penstock::stream {

// One thread: it keeps the piece of trading that was asked for last, in which nearly every question lies.
class SessionClock {
 public:
  // Without a calendar all time counts. Beyond what a calendar covers no time passes.
  explicit SessionClock(const market::Calendar* calendar) : calendar_(calendar) {}

  // How much of [from, to) is trading, in ns.
  [[nodiscard]] int64_t elapsed(int64_t from, int64_t to);
  // The latest time by which no more than `length` of trading has passed since `from`; INT64_MAX when it never will
  // have.
  [[nodiscard]] int64_t latest(int64_t from, int64_t length);

 private:
  struct Piece {
    int64_t begin = 0;
    int64_t end = 0;
  };
  // The first piece of trading without a break that ends after `t`.
  [[nodiscard]] std::optional<Piece> piece_after(int64_t t);

  const market::Calendar* calendar_;
  Piece piece_;
};

}  // namespace penstock::stream

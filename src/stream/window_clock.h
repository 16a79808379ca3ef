// Where windows begin and end: at multiples of their length, or from a session's opening on. One thread (it remembers
// the session it was asked for last).
#pragma once

#include <cstdint>
#include <optional>

#include "market/calendar.h"
#include "stream/open_bar.h"

namespace penstock::stream {

// Which end of its session a window touches.
enum class Edge : uint8_t { none, first, last, both };

struct WindowBounds {
  int64_t start = 0;
  int64_t end = 0;
  Edge edge = Edge::none;
};

class WindowClock {
 public:
  // Null: windows at multiples of their length, always. Borrows the calendar.
  explicit WindowClock(const market::Calendar* calendar) : calendar_(calendar) {}

  enum class Place : uint8_t { inside, outside, unknown };  // unknown: beyond the years of the calendar
  // Whether `ts` is in a session, which the calls below then answer for.
  [[nodiscard]] Place find(int64_t ts) {
    if (calendar_ == nullptr || (ts >= part_open_ && ts < part_close_)) return Place::inside;
    return find_part(ts);
  }

  // The window of `every` that holds `ts`, for which find() said inside. `daily`: the whole session.
  [[nodiscard]] WindowBounds bounds(int64_t ts, int64_t every, bool daily) const {
    if (calendar_ == nullptr) {
      WindowBounds at;
      // The caller refuses what lies before the range of time.
      (void)window_start(ts, every, at.start);
      at.end = window_end(at.start, every);
      return at;
    }
    if (daily) return {open_, close_, Edge::both};
    WindowBounds at;
    at.start = part_open_ + (ts - part_open_) / every * every;
    at.end = window_end(at.start, every);
    if (at.end > part_close_) at.end = part_close_;
    const bool first = at.start == open_;
    const bool last = at.end == close_;
    at.edge = first && last ? Edge::both : first ? Edge::first : last ? Edge::last : Edge::none;
    return at;
  }

 private:
  [[nodiscard]] Place find_part(int64_t ts) {
    if (!calendar_->covers(Timestamp{ts})) return Place::unknown;
    const std::optional<market::Session> session = calendar_->at(Timestamp{ts});
    if (!session || !session->contains(Timestamp{ts})) return Place::outside;
    open_ = session->open.ns;
    close_ = session->close.ns;
    // A break ends windows, and the first behind it begins with its end.
    const bool behind_break = session->has_break() && ts >= session->break_end.ns;
    part_open_ = behind_break ? session->break_end.ns : open_;
    part_close_ = session->has_break() && !behind_break ? session->break_start.ns : close_;
    return Place::inside;
  }

  const market::Calendar* calendar_;
  int64_t open_ = 0;  // of the session
  int64_t close_ = 0;
  int64_t part_open_ = 0;  // of its part before or behind the break
  int64_t part_close_ = 0;
};

}  // namespace penstock::stream

#include "stream/checks/session_clock.h"

#include <algorithm>

namespace penstock::stream {

std::optional<SessionClock::Piece> SessionClock::piece_after(int64_t t) {
  if (piece_.begin <= t && t < piece_.end) return piece_;
  if (calendar_ == nullptr) {
    piece_ = {INT64_MIN, INT64_MAX};
    return piece_;
  }
  auto session = calendar_->at(Timestamp{t});
  if (!session) session = calendar_->next(Timestamp{t});
  if (!session) return std::nullopt;
  const bool morning = !session->has_break() || t < session->break_start.ns;
  piece_.begin = morning ? session->open.ns : session->break_end.ns;
  piece_.end = morning && session->has_break() ? session->break_start.ns : session->close.ns;
  return piece_;
}

int64_t SessionClock::elapsed(int64_t from, int64_t to) {
  int64_t total = 0;
  for (int64_t t = from; t < to;) {
    const auto piece = piece_after(t);
    if (!piece || piece->begin >= to) break;
    const int64_t begin = std::max(t, piece->begin);
    const int64_t end = std::min(to, piece->end);
    int64_t length = 0;
    if (__builtin_sub_overflow(end, begin, &length) || __builtin_add_overflow(total, length, &total)) return INT64_MAX;
    if (end == INT64_MAX) break;
    t = end;
  }
  return total;
}

int64_t SessionClock::latest(int64_t from, int64_t length) {
  int64_t left = length;
  for (int64_t t = from;;) {
    const auto piece = piece_after(t);
    if (!piece) return INT64_MAX;
    const int64_t begin = std::max(t, piece->begin);
    int64_t room = 0;
    if (__builtin_sub_overflow(piece->end, begin, &room)) room = INT64_MAX;
    if (left < room) return begin + left;
    if (piece->end == INT64_MAX) return INT64_MAX;
    left -= room;
    t = piece->end;
  }
}

}  // namespace penstock::stream

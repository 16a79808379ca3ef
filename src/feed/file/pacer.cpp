#include "feed/file/pacer.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace penstock::feed::file {
namespace {

// How often quiet symbols' windows get a chance to close.
constexpr Duration kMarkInterval{250 * kMillisecond.ns};

// `d * factor`, saturating.
Duration scale(Duration d, double factor) {
  constexpr double kMost = 9.2e18;
  return Duration{static_cast<int64_t>(std::clamp(static_cast<double>(d.ns) * factor, -kMost, kMost))};
}

// `to - from`, saturating.
Duration between(Timestamp from, Timestamp to) {
  int64_t ns = 0;
  if (__builtin_sub_overflow(to.ns, from.ns, &ns)) {
    ns = to < from ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  }
  return Duration{ns};
}

}  // namespace

Timestamp Pacer::due(Timestamp ts_event) const {
  return started_ + scale(between(*recorded_start_, ts_event), 1 / pace_);
}

Timestamp Pacer::recorded_now(Timestamp now) const { return *recorded_start_ + scale(between(started_, now), pace_); }

Timestamp Pacer::mark_at(Timestamp now, Timestamp at_most) const {
  return std::max(newest_, std::min(recorded_now(now), at_most));
}

Result<bool> Pacer::emit(const PacedPiece& piece) {
  const auto time_of = [&](size_t row) { return Timestamp{piece.rows.columns[piece.time_column].i64[row]}; };
  size_t row = 0;
  size_t reject = 0;
  do {
    if (stop_.stop_requested()) return false;
    Timestamp now = clock_.now();
    if (row < piece.rows.rows) {
      if (!recorded_start_) {
        recorded_start_ = time_of(row);
        started_ = now;
        next_mark_ = now + kMarkInterval;
      }
      for (const Timestamp deadline = due(time_of(row)); now < deadline; now = clock_.now()) {
        if (!clock_.wait_until(std::min(deadline, next_mark_), stop_)) return false;
        now = clock_.now();
        // After a stall the row itself may be due: no mark passes it.
        if (now >= next_mark_) PENSTOCK_TRY(emit_mark(now, time_of(row)));
      }
    }
    // All that is due by now goes together, but for what stands behind a reject: within a chunk the rejects are last.
    Chunk chunk{.rows = market::make_batch(piece.rows.schema), .marks_by_clock = true};
    const auto reject_is_next = [&] { return reject < piece.rejects.size() && piece.reject_rows[reject] <= row; };
    while (row < piece.rows.rows && !reject_is_next() && due(time_of(row)) <= now) {
      market::append_row(chunk.rows, piece.rows, row);
      newest_ = std::max(newest_, time_of(row));
      ++row;
    }
    for (; reject_is_next(); ++reject) chunk.rejects.push_back(piece.rejects[reject]);
    chunk.position_end = position_ = row < piece.rows.rows ? piece.row_positions[row] : piece.position_end;
    if (recorded_start_ && now >= next_mark_) {
      // Nor the next row, which stands behind a reject, or in a piece that is still to come.
      const Timestamp at_most = row < piece.rows.rows ? time_of(row) : newest_;
      chunk.marks.push_back({mark_at(now, at_most)});
      next_mark_ = now + kMarkInterval;
    }
    if (chunk.rows.rows > 0 || !chunk.rejects.empty() || !chunk.marks.empty()) {
      PENSTOCK_TRY(emitter_.emit(std::move(chunk)));
    }
  } while (row < piece.rows.rows);
  return true;
}

Status Pacer::emit_mark(Timestamp now, Timestamp at_most) {
  next_mark_ = now + kMarkInterval;
  Chunk chunk{.marks = {{mark_at(now, at_most)}}, .marks_by_clock = true, .position_end = position_};
  chunk.rows = market::make_batch(schema_);
  return emitter_.emit(std::move(chunk));
}

Status Pacer::emit_end(uint64_t position) {
  Chunk chunk{.marks = {{Timestamp::max()}}, .position_end = position};
  chunk.rows = market::make_batch(schema_);
  return emitter_.emit(std::move(chunk));
}

}  // namespace penstock::feed::file

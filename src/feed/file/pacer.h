// Emits decoded rows at the pace they were recorded at, or a multiple of it.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "feed/source.h"
#include "market/batch.h"

namespace penstock::feed::file {

// A piece of the source whose rows can be emitted one by one.
struct PacedPiece {
  market::Batch rows;
  size_t time_column = 0;
  std::vector<uint64_t> row_positions;  // where to resume to get each row
  std::vector<Reject> rejects;
  std::vector<size_t> reject_rows;      // the row that follows each reject
  uint64_t position_end = 0;
};

// Used by one thread. The first row's time is the clock's now; every other row waits for its own. Chunks are cut and
// marks come as the clock has it; the order of rows and rejects is the file's, so that a run can be repeated from any
// position.
class Pacer {
 public:
  Pacer(double pace, market::SchemaPtr schema, uint64_t position, Clock& clock, Emitter& emitter, std::stop_token stop)
      : pace_(pace),
        schema_(std::move(schema)),
        position_(position),
        clock_(clock),
        emitter_(emitter),
        stop_(std::move(stop)) {}

  // False when a stop was asked for: the rows emitted so far have said where to resume.
  [[nodiscard]] Result<bool> emit(const PacedPiece& piece);
  [[nodiscard]] Status emit_end(uint64_t position);

 private:
  [[nodiscard]] Timestamp due(Timestamp ts_event) const;
  [[nodiscard]] Timestamp recorded_now(Timestamp now) const;
  // `at_most`: the time of the row that is next.
  [[nodiscard]] Timestamp mark_at(Timestamp now, Timestamp at_most) const;
  [[nodiscard]] Status emit_mark(Timestamp now, Timestamp at_most);

  double pace_;
  market::SchemaPtr schema_;
  uint64_t position_;  // where to resume after what was emitted
  Clock& clock_;
  Emitter& emitter_;
  std::stop_token stop_;
  std::optional<Timestamp> recorded_start_;  // the first row's ts_event
  Timestamp started_;                        // when it was emitted
  Timestamp newest_ = Timestamp::min();      // ts_event so far
  Timestamp next_mark_;
};

}  // namespace penstock::feed::file

// What a feed is: it reads a venue, a file or a simulation, and hands chunks of records on in order.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "market/batch.h"

namespace penstock::feed {

// A record that could not be decoded: kept, with its reason and its own bytes.
struct Reject {
  std::string position;  // `line 17`, `byte 3402`, `poll 12 record 3`
  std::string reason;
  std::string raw;       // cut at kRejectBytesMax, which the reason then says
};
inline constexpr size_t kRejectBytesMax = 64 * 1024;

// "No record of this source with an event time below `time` will follow": closes the windows of quiet symbols.
// The end of a bounded source is a mark of Timestamp::max().
struct TimeMark {
  Timestamp time;
};

// A piece of a source. `rows` has the schema of output `output` (a source's topics in the order of Source::outputs).
struct Chunk {
  size_t output = 0;
  market::Batch rows;
  std::vector<Reject> rejects;
  std::vector<TimeMark> marks;      // hold from after `rows` on
  // Where and when the marks come is a clock's doing: they are no part of what comes again after a crash.
  bool marks_by_clock = false;
  uint64_t position_end = 0;        // where to resume after this chunk: meaning is the source's own
  // Of `rows`: a time that orders records in the log, ms since the epoch, is taken from ts_event (ts_recv for json).
};

// A chunk cut into partitions and encoded, ready for the log. Made by the runtime.
class PreparedChunk {
 public:
  virtual ~PreparedChunk() = default;
};

// What the runtime gives a source to write to.
class Emitter {
 public:
  virtual ~Emitter() = default;
  // The heavy part; any number of threads at once.
  [[nodiscard]] virtual Result<std::unique_ptr<PreparedChunk>> prepare(Chunk&& chunk) = 0;
  // Appends to the log and hands on to processing. Called in order of position, by one thread at a time; blocks while
  // processing is behind (back-pressure). An error means the pipeline is failing: the source returns it.
  [[nodiscard]] virtual Status publish(std::unique_ptr<PreparedChunk> chunk) = 0;
  // Both, for sources with one thread.
  [[nodiscard]] Status emit(Chunk&& chunk) {
    PENSTOCK_TRY_ASSIGN(auto prepared, prepare(std::move(chunk)));
    return publish(std::move(prepared));
  }
};

// Counted by the source, read by metrics at any time.
struct SourceStats {
  std::atomic<uint64_t> records{0};  // decoded
  std::atomic<uint64_t> rejects{0};
  std::atomic<uint64_t> duplicates{0};  // dropped by the source itself, by id
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> retries{0};  // after an error of the peer
  std::atomic<uint64_t> bytes_total{0};  // of a bounded source, 0 when unknown: for progress
};

class Source {
 public:
  virtual ~Source() = default;
  // Schemas of what it writes, one a topic.
  [[nodiscard]] virtual std::vector<market::SchemaPtr> outputs() const = 0;
  // True when the same options and position always give the same rows, rejects and marks (but those by a clock) in the
  // same order, however they are cut into chunks: after a crash such a source is read again from its last committed
  // position, and what the log has already is dropped by sequence.
  [[nodiscard]] virtual bool deterministic() const = 0;
  // True when what it gives is invented; shown wherever its data is shown.
  [[nodiscard]] virtual bool simulated() const { return false; }
  // Emits from `position` (0: the beginning) until its end, a stop, or an error. Returning without error and without
  // a stop means the end was reached and its end mark emitted.
  [[nodiscard]] virtual Status run(uint64_t position, Emitter& emitter, std::stop_token stop) = 0;
  [[nodiscard]] virtual const SourceStats& stats() const = 0;
};

}  // namespace penstock::feed

// The event-time engine of one partition: takes the records of one topic-partition in offset order, gives rows for
// tables. No I/O and no clock: the same records give the same rows, in any run and however they are cut into calls.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "market/batch.h"
#include "plan/plan.h"

namespace penstock::stream {

// Rows for one table (an index into Plan::tables), in the order they were made.
struct TableRows {
  size_t table = 0;
  market::Batch rows;
};

// A reject read back from the log: a record a feed could not decode.
struct RejectedRecord {
  std::string source;
  std::string position;
  std::string reason;
  std::string raw;
};

// A row of the quarantine, which a rule of a stream's check had put there, to be judged again.
struct QuarantinedRecord {
  std::string stream;
  std::string source;
  std::string position;
  std::string reason;
  std::string raw;
};

// What one stream did with its rows, since the beginning of the partition (kept in the state).
// in = out + late + duplicates + quarantined + filtered, always. `out` of a stream with bars counts trades, not bars.
struct StreamCounts {
  uint64_t in = 0;
  uint64_t out = 0;
  uint64_t late = 0;
  uint64_t duplicates = 0;
  uint64_t quarantined = 0;
  uint64_t filtered = 0;
};
// Late records by how late: up to 100ms, 1s, 10s, 1m, 10m, 1h, more.
inline constexpr std::array<int64_t, 6> kLatenessBoundsNs{100'000'000,    1'000'000'000,   10'000'000'000,
                                                          60'000'000'000, 600'000'000'000, 3'600'000'000'000};
struct EngineCounts {
  uint64_t records = 0;                      // rows and rejects taken in
  uint64_t rejects = 0;
  std::vector<StreamCounts> streams;         // as Plan::streams; all zero for those of other topics
  std::array<uint64_t, kLatenessBoundsNs.size() + 1> lateness{};
  uint64_t bars = 0;                         // emitted
  // Sale conditions that no table knows: the trades that had each, by stream, tape and code (`bars C/%`).
  std::map<std::string, uint64_t> unknown_conditions;
};

// State as named blobs, so that a commit writes only what changed. An empty value deletes.
using StateChanges = std::map<std::string, std::string>;

// Not thread-safe: one thread owns it.
class Engine {
 public:
  // For partition(s) of topic `topic` (an index into plan.topics). Borrows `plan` and `symbols`.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> create(const plan::Plan& plan, size_t topic,
                                                              market::SymbolTable& symbols);
  virtual ~Engine() = default;

  // Rows of the topic's schema, in offset order.
  [[nodiscard]] virtual Status process(const market::Batch& rows) = 0;
  // A feed's time mark. `source` indexes plan.sources; the partition's mark is the least of the topic's sources. An
  // error comes again from the next process().
  [[nodiscard]] virtual Status mark(size_t source, Timestamp time) = 0;
  virtual void reject(RejectedRecord record) = 0;

  // A record that was put into quarantine comes again. Where the rules let it pass now, it goes on behind them in its
  // stream, and its row leaves the tables of the quarantine: see take_removed_rows(). Otherwise, and where the
  // quarantine of this run of the log does not have it, nothing happens.
  [[nodiscard]] virtual Status reprocess(const QuarantinedRecord& record) {
    (void)record;
    return {};
  }
  // What keeps the record in quarantine; nothing: it would pass. Changes nothing.
  [[nodiscard]] virtual Result<std::optional<std::string>> why_held(const QuarantinedRecord& record) {
    (void)record;
    return std::nullopt;
  }
  // Rows to take out of tables since the last call, after take_rows() was appended: each one row that is equal to it.
  [[nodiscard]] virtual std::vector<TableRows> take_removed_rows() { return {}; }

  // The rows made since the last call, by table; empties them.
  [[nodiscard]] virtual std::vector<TableRows> take_rows() = 0;
  // Rows to store although process() or mark() has failed: what `quality` says of the record by which a rule of action
  // `fail` stopped. The same record gives the same rows whenever it is met.
  [[nodiscard]] virtual std::vector<TableRows> take_failure_rows() { return {}; }
  // About how much take_rows() would give.
  [[nodiscard]] virtual size_t pending_bytes() const = 0;
  // What changed in the state since the last call.
  [[nodiscard]] virtual StateChanges take_state_changes() = 0;
  // Puts back the union of all changes ever taken. Only before the first process().
  [[nodiscard]] virtual Status restore(const StateChanges& state) = 0;
  [[nodiscard]] virtual const EngineCounts& counts() const = 0;
  // The least watermark promised to the tables: no bar that starts before it will change. Timestamp::min(): none yet.
  [[nodiscard]] virtual Timestamp watermark() const = 0;
};

}  // namespace penstock::stream

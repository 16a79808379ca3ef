// Making a symbol's bars again from the log: for trades, cancels and corrections that came too late to revise them.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "io/file_system.h"
#include "plan/plan.h"

namespace penstock::runtime {

struct RepairOptions {
  std::string data_dir;
  std::string symbol;
  Timestamp from;      // bars that start in [from, to)
  Timestamp to;
  std::string stream;  // empty: every stream of bars of trades
};

// What was done to one table.
struct RepairedTable {
  std::string table;
  uint64_t records = 0;    // of the symbol, read from the log
  uint64_t bars = 0;       // that were made of them in the range
  uint64_t same = 0;       // as they were stored
  uint64_t changed = 0;    // stored with their next revision
  uint64_t added = 0;      // that were not there
  uint64_t removed = 0;    // that no trade is left of
  uint64_t open = 0;       // that the pipeline itself may still change, left alone
};

// Reads the symbol's partition from `from` on, takes every record whatever its lateness, and stores what differs with
// the next revision, in one commit. Run twice, it changes nothing the second time. No pipeline may run on the folder.
// Errors: `closed` when one does; `not_found` for a symbol without records in the range, an unknown stream, or a range
// of which the log has deleted the beginning; `invalid` for an empty range.
[[nodiscard]] Result<std::vector<RepairedTable>> repair(const plan::Plan& plan, const RepairOptions& options,
                                                        io::FileSystem& files);

}  // namespace penstock::runtime

// Making a symbol's bars again from the log: for trades, cancels and corrections that came too late to revise them.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
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

// Bars that the pipeline may still change itself.
struct LeftAlone {
  uint64_t bars = 0;
  std::set<std::string> intervals;  // of them, `1m`
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
  uint64_t unmatched = 0;  // cancels and corrections of the symbol that no trade could be found for
  LeftAlone open;          // not closed by the pipeline yet
  LeftAlone revisable;     // closed, and within `revise_for`
};
struct Repaired {
  std::vector<RepairedTable> tables;
  // What is made of bars that were repaired, and stays as it was: `stream 'studies'`, `table studies`.
  std::vector<std::string> not_rebuilt;
  // Where a log begins that has lost records to retention: checks and dedup know nothing of what was before.
  std::vector<std::pair<TopicPartition, Offset>> cut_logs;
};

// Gives the steps before the bars all that the log holds of the symbol, from its start and in its order, as their rules
// remember; applies every cancel and correction (see StandingTrades), takes every trade whatever its lateness, and
// stores what differs in bars that start in the range with the next revision, in one commit. Run twice, it changes
// nothing the second time. No pipeline may run on the folder.
// Errors: `closed` when one does; `not_found` for a symbol without records, an unknown stream, or a range of which the
// log has deleted the beginning; `invalid` for an empty range, or where the stream gives the symbol another name.
[[nodiscard]] Result<Repaired> repair(const plan::Plan& plan, const RepairOptions& options, io::FileSystem& files);

}  // namespace penstock::runtime

// Sends records that rules of a stream's check had put into quarantine through their streams again, after a rule
// changed. See docs/decisions/stream-checks.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "io/file_system.h"
#include "plan/plan.h"

namespace penstock::runtime {

struct ReprocessOptions {
  std::string data_dir = "data";
  std::optional<std::string> stream;  // none: all
};

struct ReprocessReport {
  struct Stream {
    uint64_t held = 0;                            // in quarantine by a rule, before
    uint64_t passed = 0;                          // of these: sent again, and out of it now
    std::map<std::string, uint64_t> staying;      // the others, by what keeps them
  };
  std::map<std::string, Stream> streams;          // by name
  std::map<std::string, uint64_t> records_behind; // of the log, by topic: processed first, they came before a crash
};

// Only where no pipeline runs on the data folder: `closed` otherwise. What passes is appended to its topic's log, which
// makes it durable; then it is processed, and leaves the quarantine in the commit that holds its results. A process
// that dies between the two is made good by the next one that reads the log, `run` or this. `invalid` for a stream that
// the plan does not have, or that has no check.
[[nodiscard]] Result<ReprocessReport> reprocess(const plan::Plan& plan, const ReprocessOptions& options, Clock& clock,
                                                io::FileSystem& files);

// Lines for a person.
[[nodiscard]] std::string summary(const ReprocessReport& report);

}  // namespace penstock::runtime

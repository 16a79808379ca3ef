// What makes bars of a stream's rows: the interface of the `bars:` step. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "stream/engine.h"
#include "stream/flow.h"

namespace penstock::stream {

// What a call made. Reused from call to call.
struct BarOutput {
  MadeRows bars;
  MadeRows late;
  std::vector<RefusedRow> refused;
  uint64_t taken = 0;     // records that are in some bar, or changed one
  uint64_t filtered = 0;  // records outside the session
};

class BarMaker {
 public:
  BarMaker() = default;
  BarMaker(const BarMaker&) = delete;
  BarMaker& operator=(const BarMaker&) = delete;
  virtual ~BarMaker() = default;

  virtual void process(const Flow& flow, BarOutput& out) = 0;
  // Raises the time mark; `origin` is its place among the records.
  virtual void mark(Timestamp mark, uint64_t origin, BarOutput& out) = 0;
  // No bar that starts before it will come, or change, any more, whatever the symbol.
  [[nodiscard]] virtual Timestamp settled_before() const = 0;
  // The least mark under which every window that has had a record is closed for good, whatever the symbol.
  [[nodiscard]] virtual Timestamp closed_mark() const = 0;

  // Blobs `prefix` + number.
  virtual void take_state(const std::string& prefix, StateChanges& changes) = 0;
  // Takes the blobs back, by ascending number.
  [[nodiscard]] virtual Status restore(const std::string& name, std::string_view blob) = 0;
  virtual void restore_mark(Timestamp mark) = 0;
  // Sale conditions that no row of the table knows: the trades that had each, by tape and code (`C/%`).
  [[nodiscard]] virtual const std::map<std::string, uint64_t>& unknown_conditions() const {
    static const std::map<std::string, uint64_t> none;
    return none;
  }
};

}  // namespace penstock::stream

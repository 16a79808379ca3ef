// What a rule of a `check:` step is at run time: it looks at rows in their order, and says which fail. See
// docs/formats/checks.md for what each kind means.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "market/symbol_table.h"
#include "plan/checks.h"
#include "stream/blob.h"
#include "stream/flow.h"

namespace penstock::stream {

// A row that fails a rule: what was judged, and what it had to be. Both as text, with all digits.
struct Failure {
  uint32_t row = 0;  // of the batch
  std::string value;
  std::string bound;
};

// What a rule finds when time passes, with no record to blame.
struct TimedFailure {
  market::SymbolCode symbol = market::kNoSymbol;
  int64_t ts_event = 0;
  std::string value;
  std::string bound;
  std::string record;  // JSON: what is known of it
};

// One thread. `out` of every judge() takes failures in the order of the flow's rows.

// A rule that looks at the record alone.
class Judge {
 public:
  virtual ~Judge() = default;
  [[nodiscard]] virtual Status judge(const Flow& rows, std::vector<Failure>& out) = 0;
};
// `kind` must look at the record alone. Borrows the kind and the symbols.
[[nodiscard]] std::unique_ptr<Judge> make_judge(const plan::CheckKind& kind, const market::Schema& input,
                                                market::SymbolTable& symbols);

// By which rule a record was put into quarantine, as the reason says that the quarantine has of it.
struct RefusedBy {
  std::string rule;
  std::string kind;
  // Nothing for the reasons of other steps.
  [[nodiscard]] static std::optional<RefusedBy> of(std::string_view reason);
};
// The reason: `rule NAME: EXPRESSION`, `rule NAME (KIND): VALUE, bound BOUND`.
[[nodiscard]] std::string reason_of(const plan::CheckRule& rule, const Failure& failure);

// Whether a record that was refused once passes now.
struct Verdict {
  bool passes = false;
  std::string why_not;
};

inline constexpr uint32_t kNoSlot = UINT32_MAX;

// A rule that keeps something of each symbol. Symbols are numbered by slots, from 0 on, by SymbolSlots. What it finds
// depends on the order of the rows alone, not on how they are cut into calls.
class SymbolJudge {
 public:
  virtual ~SymbolJudge() = default;
  // `slots` by row of the batch; kNoSlot where the symbol is null: such rows are not judged.
  virtual void judge(const Flow& rows, const std::vector<uint32_t>& slots, std::vector<Failure>& out) = 0;
  // True when a message that cancels or corrects a trade is no record of its own to it.
  [[nodiscard]] virtual bool judges_trades_only() const { return false; }
  // No record before `mark` will follow. Notes the slots whose state it changed in `touched`.
  virtual void mark(Timestamp mark, std::vector<TimedFailure>& out, std::vector<uint32_t>& touched) {
    (void)mark, (void)out, (void)touched;
  }
  virtual void restore_mark(Timestamp mark) { (void)mark; }
  // Makes room for slots below `count`.
  virtual void resize(size_t count) = 0;
  // What the state's meaning hangs on: state of another layout is not loaded, the rule then begins anew.
  [[nodiscard]] virtual std::string layout() const = 0;
  virtual void save(uint32_t slot, BlobWriter& out) const = 0;
  // False when malformed.
  virtual bool load(uint32_t slot, BlobReader& in) = 0;
};

}  // namespace penstock::stream

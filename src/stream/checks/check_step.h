// The `check:` step: its rules in the order in which they judge, and what they remember. What becomes of a row that
// fails is the StreamRunner's affair.
//
// State: for each stateful rule, what its header says a symbol costs; 9 bytes a symbol beside.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stream/checks/judge.h"
#include "stream/checks/symbol_slots.h"
#include "stream/engine.h"

namespace penstock::stream {

class DuplicateJudge;

// One thread. Borrows the plan's step, the schema and the symbol table.
class CheckStep {
 public:
  [[nodiscard]] static Result<std::unique_ptr<CheckStep>> create(const plan::Check& check, const market::Schema& input,
                                                                 const std::string& stream,
                                                                 market::SymbolTable& symbols);
  ~CheckStep();

  [[nodiscard]] size_t size() const { return rules_.size(); }
  // In the order of judgement.
  [[nodiscard]] const plan::CheckRule& rule(size_t index) const { return *rules_[index].rule; }
  // True for a rule whose rows may be moved to a batch of their own first: it is judged by columns.
  [[nodiscard]] bool looks_at_the_record_alone(size_t index) const { return rules_[index].alone != nullptr; }

  // Before the rules of a call: the batch may be another one than before.
  void begin_call() { numbered_ = nullptr; }
  // The rows that fail, in their order.
  [[nodiscard]] Status judge(size_t index, const Flow& rows, std::vector<Failure>& out);
  // Whether a record passes that `refused` once took out: `row` has it alone. Rules that look at the record alone judge
  // it anew; of the others a duplicate alone, and only where it did not see the record then. What such a rule refused
  // it refuses as long as it is there. With `dry` nothing is remembered. `flagged` takes what rules of action `flag`
  // find.
  [[nodiscard]] Result<Verdict> judge_again(const Flow& row, const RefusedBy& refused, bool dry,
                                            std::vector<std::pair<size_t, Failure>>& flagged);
  // What rule `index` finds now that no record before `mark` will follow, in an order of its own making.
  void mark(size_t index, Timestamp mark, std::vector<TimedFailure>& out);
  void restore_mark(Timestamp mark);

  // Where a row's symbol and time stand, as the table `quality` shows them.
  [[nodiscard]] std::optional<size_t> symbol_column() const { return symbol_; }
  [[nodiscard]] std::optional<size_t> time_column() const { return time_; }

  // Blobs `prefix` + shard, and `prefix` + journal + `/` + number for rules that keep a journal.
  void take_state(const std::string& prefix, StateChanges& changes);
  // `journal` is what stands between the stream and the number; empty: the blob is a shard. Journals by ascending
  // number. State that belongs to no rule any more is deleted at the next take_state().
  [[nodiscard]] Status restore(const std::string& name, std::string_view journal, uint64_t number,
                               std::string_view blob);

 private:
  struct Rule {
    const plan::CheckRule* rule = nullptr;
    // One of the three.
    std::unique_ptr<Judge> alone;
    std::unique_ptr<DuplicateJudge> duplicate;
    std::unique_ptr<SymbolJudge> by_symbol;
  };
  CheckStep(const market::Schema& input, market::SymbolTable& symbols);
  [[nodiscard]] Status add(const plan::CheckRule& rule, const market::Schema& input, const std::string& stream);
  [[nodiscard]] Status restore_shard(const std::string& name, std::string_view blob);
  void resize_rules();

  market::SymbolTable& symbols_;
  std::optional<size_t> symbol_;
  std::optional<size_t> time_;
  std::vector<Rule> rules_;
  bool keeps_symbols_ = false;  // some rule does
  SymbolSlots slots_;
  std::vector<uint32_t> row_slots_;
  std::vector<uint32_t> trade_slots_;  // the same without messages about other trades; empty: there are none
  std::optional<size_t> trade_action_;  // the column that tells them
  const market::Batch* numbered_ = nullptr;  // whose rows row_slots_ numbers
  std::vector<uint32_t> touched_;
  std::set<std::string> obsolete_;  // blobs of rules that are gone
};

}  // namespace penstock::stream

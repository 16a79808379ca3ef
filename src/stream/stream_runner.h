// One stream of the plan: takes rows through its steps, where, select, dedup, check, bars or indicators, and gives
// what comes out of its four ports.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "market/schema.h"
#include "plan/evaluate.h"
#include "plan/plan.h"
#include "stream/bar_maker.h"
#include "stream/checks/check_step.h"
#include "stream/deduplicator.h"
#include "stream/engine.h"
#include "stream/flow.h"
#include "stream/held_records.h"
#include "stream/indicators/indicator_step.h"

namespace penstock::stream {

// One thread. Borrows the plan's stream and the symbol table. What the ports give is valid until the next call.
class StreamRunner {
 public:
  // `source` is the name of what writes the stream's topic, as the quarantine shows it.
  [[nodiscard]] static Result<std::unique_ptr<StreamRunner>> create(const plan::Stream& stream,
                                                                    const market::SchemaPtr& input, std::string source,
                                                                    market::SymbolTable& symbols);

  [[nodiscard]] Status process(const Flow& in);
  // Raises the time mark of what the stream reads; `origin` is its place among the records.
  [[nodiscard]] Status mark(Timestamp mark, uint64_t origin);

  // Judges again a record that the stream's rules had put into quarantine, and takes it on where it passes now, which
  // it says. What is not held in quarantine (any more) is nothing to it.
  [[nodiscard]] Result<bool> reprocess(const QuarantinedRecord& record, uint64_t origin);
  // What reprocess() would find; changes nothing.
  [[nodiscard]] Result<Verdict> would_pass(const QuarantinedRecord& record);

  [[nodiscard]] const Flow& rows() const { return rows_; }
  [[nodiscard]] Flow late() const { return bar_output_.late.flow(); }
  [[nodiscard]] Flow quarantine() const { return quarantine_.flow(); }
  [[nodiscard]] Flow quality() const { return quality_.flow(); }
  // After process() or mark() ended with the error of a rule of action `fail`: what `quality` would have said of it.
  [[nodiscard]] Flow failed_rule() const { return failed_rule_.flow(); }

  // "No row with an event time before it will follow": what streams that read this one's rows take as their mark.
  [[nodiscard]] Timestamp output_mark() const;
  [[nodiscard]] bool has_indicators() const { return indicators_ != nullptr; }
  [[nodiscard]] bool has_bars() const { return bars_ != nullptr; }
  // See BarMaker; null without bars. Since this runner was made.
  [[nodiscard]] const std::map<std::string, uint64_t>* unknown_conditions() const {
    return bars_ ? &bars_->unknown_conditions() : nullptr;
  }
  [[nodiscard]] bool has_check() const { return checks_ != nullptr; }
  [[nodiscard]] const StreamCounts& counts() const { return counts_; }
  void restore_counts(const StreamCounts& counts) { counts_ = counts; }
  void restore_mark(Timestamp mark);
  // The least mark under which every window that has had a trade is closed; see BarBuilder.
  [[nodiscard]] Timestamp closed_mark() const { return bars_ ? bars_->closed_mark() : Timestamp::min(); }

  void take_state(StateChanges& changes);
  // `rest` is the blob's name behind `bars/STREAM/`, `indicators/STREAM/` or `dedup/STREAM/`.
  [[nodiscard]] Status restore_bars(const std::string& name, std::string_view blob);
  [[nodiscard]] Status restore_indicators(const std::string& name, std::string_view blob);
  [[nodiscard]] Status restore_dedup(const std::string& name, uint64_t number, std::string_view blob);
  [[nodiscard]] Status restore_held(const std::string& name, uint64_t number, std::string_view blob);
  // `journal` as CheckStep::restore has it.
  [[nodiscard]] Status restore_check(const std::string& name, std::string_view journal, uint64_t number,
                                     std::string_view blob);

 private:
  StreamRunner(const plan::Stream& stream, std::string source, market::SymbolTable& symbols);
  [[nodiscard]] Status add_step(const plan::Step& step, const market::SchemaPtr& input);

  // The steps from `first` on, and what they count.
  [[nodiscard]] Status run_steps(size_t first);
  [[nodiscard]] Status filter(const plan::Filter& step);
  [[nodiscard]] Status project(const plan::Project& step, const market::SchemaPtr& output);
  void deduplicate();
  // stream_checks.cpp
  [[nodiscard]] Status check();
  [[nodiscard]] Status mark_checks(uint64_t origin);
  [[nodiscard]] Result<Verdict> judge_again(const QuarantinedRecord& record, bool dry,
                                            std::vector<std::pair<size_t, Failure>>& flagged);
  void hold_nothing();  // of rows
  void apply(const plan::CheckRule& rule);
  void add_quality(MadeRows& to, const plan::CheckRule& rule, const Failure& failure);
  void add_quality(MadeRows& to, const plan::CheckRule& rule, const TimedFailure& failure, uint64_t origin);
  void stop_at(const plan::CheckRule& rule, const std::string& value, const std::string& bound,
               const std::string& record);

  void build_bars();
  void compute_indicators();
  void begin_call();

  // The selection to narrow into: the two take turns, as one is read while the other is written.
  std::vector<uint32_t>& other_selection();
  void select(std::vector<uint32_t>& selection) { rows_.selection = &selection; }
  // Copies the rows that are left into a batch of their own where they are few, so that expressions do not compute
  // what was dropped.
  void densify();
  void refuse(size_t row, const std::string& reason);
  // Rows that several rules made, one after the other over all rows, in the order of their records.
  static void put_in_order(MadeRows& made);

  const plan::Stream& stream_;
  const std::string source_;
  market::SymbolTable& symbols_;
  std::unique_ptr<Deduplicator> dedup_;
  std::unique_ptr<CheckStep> checks_;
  std::optional<HeldRecords> held_;  // by the checks, in quarantine; none: there are no checks
  market::SchemaPtr check_schema_;  // of the rows that the checks see
  size_t check_at_ = 0;  // into the stream's steps
  std::unique_ptr<BarMaker> bars_;
  std::unique_ptr<IndicatorStep> indicators_;
  market::SchemaPtr bar_schema_ = market::bar_schema();

  Timestamp mark_ = Timestamp::min();
  StreamCounts counts_;

  // Of the call.
  Flow rows_;
  std::vector<uint32_t> selections_[2];
  std::deque<market::Batch> batches_;
  std::deque<std::vector<uint64_t>> origins_;
  MadeRows quarantine_;
  MadeRows quality_;
  std::vector<Failure> failures_;
  std::vector<TimedFailure> timed_failures_;
  MadeRows failed_rule_;
  std::optional<Error> stopped_;  // by a rule of action `fail`
  BarOutput bar_output_;
  IndicatorOutput indicator_output_;
};

}  // namespace penstock::stream

// The `check:` step of a stream: what becomes of the rows that fail a rule.
#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "market/schema.h"
#include "stream/row_json.h"
#include "stream/stream_runner.h"

namespace penstock::stream {

using market::QualityColumn;

namespace {

void append_texts(MadeRows& to, const std::string& stream, const plan::CheckRule& rule, const std::string& value,
                  const std::string& bound, const std::string& record) {
  auto& columns = to.rows.columns;
  columns[QualityColumn::stream].text.append(stream);
  columns[QualityColumn::rule].text.append(rule.name);
  columns[QualityColumn::kind].text.append(plan::kind_name(rule.kind));
  columns[QualityColumn::action].text.append(plan::to_string(rule.action));
  columns[QualityColumn::value].text.append(value);
  columns[QualityColumn::bound].text.append(bound);
  columns[QualityColumn::record].text.append(record);
}

}  // namespace

void StreamRunner::add_quality(MadeRows& to, const plan::CheckRule& rule, const Failure& failure) {
  const market::Batch& batch = *rows_.batch;
  const auto column = [&](std::optional<size_t> index) -> const market::Column* {
    return index && !batch.columns[*index].is_null(failure.row) ? &batch.columns[*index] : nullptr;
  };
  const market::Column* symbol = column(checks_->symbol_column());
  const market::Column* time = column(checks_->time_column());
  auto& columns = to.rows.columns;
  columns[QualityColumn::symbol].codes.push_back(symbol == nullptr ? market::kNoSymbol : symbol->codes[failure.row]);
  columns[QualityColumn::symbol].valid.push_back(symbol == nullptr ? 0 : 1);
  columns[QualityColumn::ts_event].i64.push_back(time == nullptr ? 0 : time->i64[failure.row]);
  columns[QualityColumn::ts_event].valid.push_back(time == nullptr ? 0 : 1);
  append_texts(to, stream_.name, rule, failure.value, failure.bound, row_json(batch, failure.row, symbols_));
  to.origins.push_back(rows_.origin(failure.row));
  ++to.rows.rows;
}

void StreamRunner::add_quality(MadeRows& to, const plan::CheckRule& rule, const TimedFailure& failure,
                               uint64_t origin) {
  auto& columns = to.rows.columns;
  columns[QualityColumn::symbol].codes.push_back(failure.symbol);
  columns[QualityColumn::symbol].valid.push_back(1);
  columns[QualityColumn::ts_event].i64.push_back(failure.ts_event);
  columns[QualityColumn::ts_event].valid.push_back(1);
  append_texts(to, stream_.name, rule, failure.value, failure.bound, failure.record);
  to.origins.push_back(origin);
  ++to.rows.rows;
}

void StreamRunner::stop_at(const plan::CheckRule& rule, const std::string& value, const std::string& bound,
                           const std::string& record) {
  stopped_ = Error{ErrorKind::corrupt,
                   fmt::format("stream '{}': rule '{}' ({}) of action fail: {} against {}, in the record {}. Mend the "
                               "source or change the rule, then start again: it goes on before this record",
                               stream_.name, rule.name, plan::kind_name(rule.kind), value, bound, record)};
}

// What becomes of the rows in failures_.
void StreamRunner::apply(const plan::CheckRule& rule) {
  if (rule.action == plan::CheckAction::fail) {
    // The pipeline stops here. The rules after this one see the rows before only, so that the record that is named is
    // the first one, whatever the call.
    const Failure& first = failures_.front();
    failed_rule_.reset(market::quality_schema());
    add_quality(failed_rule_, rule, first);
    stop_at(rule, first.value, first.bound, row_json(*rows_.batch, first.row, symbols_));
    std::vector<uint32_t>& kept = other_selection();
    for (size_t i = 0; i < rows_.size() && rows_.row(i) != first.row; ++i) {
      kept.push_back(static_cast<uint32_t>(rows_.row(i)));
    }
    select(kept);
    return;
  }
  for (const Failure& failure : failures_) add_quality(quality_, rule, failure);
  if (rule.action == plan::CheckAction::flag) return;
  std::vector<uint32_t>& kept = other_selection();
  auto failure = failures_.begin();
  const size_t count = rows_.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t row = rows_.row(i);
    if (failure != failures_.end() && failure->row == row) {
      refuse(row, reason_of(rule, *failure));
      if (held_) held_->add(quarantine_.rows.columns[market::QuarantineColumn::raw].text[quarantine_.rows.rows - 1]);
      ++failure;
    } else {
      kept.push_back(static_cast<uint32_t>(row));
    }
  }
  select(kept);
}

Status StreamRunner::check() {
  checks_->begin_call();
  for (size_t i = 0; i < checks_->size(); ++i) {
    if (checks_->looks_at_the_record_alone(i)) densify();
    failures_.clear();
    PENSTOCK_TRY(checks_->judge(i, rows_, failures_));
    if (!failures_.empty()) apply(checks_->rule(i));
  }
  put_in_order(quality_);
  put_in_order(quarantine_);
  if (stopped_) return std::unexpected(*stopped_);
  return {};
}

Status StreamRunner::mark_checks(uint64_t origin) {
  for (size_t i = 0; i < checks_->size(); ++i) {
    timed_failures_.clear();
    checks_->mark(i, mark_, timed_failures_);
    if (timed_failures_.empty()) continue;
    const plan::CheckRule& rule = checks_->rule(i);
    // By time, then symbol: codes and slots differ from run to run. Of a symbol, as the rule found them.
    std::ranges::stable_sort(timed_failures_, [this](const TimedFailure& a, const TimedFailure& b) {
      if (a.ts_event != b.ts_event) return a.ts_event < b.ts_event;
      return a.symbol != b.symbol && symbols_.text(a.symbol) < symbols_.text(b.symbol);
    });
    if (rule.action == plan::CheckAction::fail) {
      const TimedFailure& first = timed_failures_.front();
      failed_rule_.reset(market::quality_schema());
      add_quality(failed_rule_, rule, first, origin);
      stop_at(rule, first.value, first.bound, first.record);
      return std::unexpected(*stopped_);
    }
    for (const TimedFailure& failure : timed_failures_) add_quality(quality_, rule, failure, origin);
  }
  return {};
}

void StreamRunner::put_in_order(MadeRows& made) {
  if (std::ranges::is_sorted(made.origins)) return;
  std::vector<uint32_t> order(made.origins.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](uint32_t row) { return made.origins[row]; });
  made.rows = gather_rows(made.rows, order);
  std::ranges::stable_sort(made.origins);
}

void StreamRunner::hold_nothing() { rows_ = {.batch = &batches_.emplace_back(market::make_batch(stream_.output))}; }

Result<Verdict> StreamRunner::judge_again(const QuarantinedRecord& record, bool dry,
                                          std::vector<std::pair<size_t, Failure>>& flagged) {
  const auto refused = RefusedBy::of(record.reason);
  if (!held_ || !refused || !held_->contains(record.raw)) {
    return Verdict{false, "is not held by the stream: it was put aside by another step, another version or long ago"};
  }
  auto row = row_of_json(record.raw, check_schema_, symbols_);
  if (!row) return Verdict{false, "cannot be read back: " + row.error()};
  rows_ = {.batch = &batches_.emplace_back(*std::move(row))};
  return checks_->judge_again(rows_, *refused, dry, flagged);
}

Result<Verdict> StreamRunner::would_pass(const QuarantinedRecord& record) {
  begin_call();
  std::vector<std::pair<size_t, Failure>> flagged;
  auto verdict = judge_again(record, true, flagged);
  begin_call();
  hold_nothing();
  return verdict;
}

Result<bool> StreamRunner::reprocess(const QuarantinedRecord& record, uint64_t origin) {
  begin_call();
  std::vector<std::pair<size_t, Failure>> flagged;
  PENSTOCK_TRY_ASSIGN(const Verdict verdict, judge_again(record, false, flagged));
  if (!verdict.passes) {
    hold_nothing();
    return false;
  }
  rows_.origin_base = origin;
  for (const auto& [rule, failure] : flagged) add_quality(quality_, checks_->rule(rule), failure);
  held_->remove(record.raw);
  --counts_.quarantined;
  PENSTOCK_TRY(run_steps(check_at_ + 1));
  return true;
}

Status StreamRunner::restore_held(const std::string& name, uint64_t number, std::string_view blob) {
  return held_ ? held_->restore(name, number, blob) : Status{};
}

Status StreamRunner::restore_check(const std::string& name, std::string_view journal, uint64_t number,
                                   std::string_view blob) {
  return checks_ != nullptr ? checks_->restore(name, journal, number, blob) : Status{};
}

}  // namespace penstock::stream

#include "stream/stream_runner.h"

#include <fmt/core.h>

#include <cstring>

#include "market/schema.h"
#include "stream/bar_builder.h"
#include "stream/quote_bars.h"
#include "stream/row_json.h"
#include "stream/tape_bars.h"

namespace penstock::stream {

using market::LateColumn;
using market::QuarantineColumn;

namespace {

bool all_pass(const std::vector<uint8_t>& keep) { return std::memchr(keep.data(), 0, keep.size()) == nullptr; }

// The reason of each row that could not be evaluated.
class ErrorReasons {
 public:
  explicit ErrorReasons(const plan::RowErrors& errors) : errors_(errors) {}
  // Null when the row has none. Asked for in ascending order of rows or not: errors are few.
  [[nodiscard]] const std::string* of(size_t row) const {
    if (errors_.failed.empty() || errors_.failed[row] == 0) return nullptr;
    for (const auto& item : errors_.items) {
      if (item.row == row) return &item.reason;
    }
    return nullptr;
  }

 private:
  const plan::RowErrors& errors_;
};

}  // namespace

StreamRunner::StreamRunner(const plan::Stream& stream, std::string source, market::SymbolTable& symbols)
    : stream_(stream), source_(std::move(source)), symbols_(symbols) {
  begin_call();
}

Result<std::unique_ptr<StreamRunner>> StreamRunner::create(const plan::Stream& stream, const market::SchemaPtr& input,
                                                           std::string source, market::SymbolTable& symbols) {
  std::unique_ptr<StreamRunner> runner(new StreamRunner(stream, std::move(source), symbols));
  market::SchemaPtr schema = input;
  for (const plan::Step& step : stream.steps) {
    if (runner->bars_ || runner->indicators_) {
      return fail(ErrorKind::invalid, "stream '{}': bars and indicators must be its last step", stream.name);
    }
    PENSTOCK_TRY(runner->add_step(step, schema));
    if (step.output != nullptr) schema = step.output;
  }
  return runner;
}

Status StreamRunner::add_step(const plan::Step& step, const market::SchemaPtr& input) {
  if (const auto* dedup = std::get_if<plan::Dedup>(&step.what)) {
    if (dedup_ != nullptr) return fail(ErrorKind::invalid, "stream '{}': more than one dedup", stream_.name);
    PENSTOCK_TRY_ASSIGN(dedup_, Deduplicator::create(*dedup, *input, stream_.name, symbols_));
  } else if (const auto* rules = std::get_if<plan::Check>(&step.what)) {
    if (checks_ != nullptr) return fail(ErrorKind::invalid, "stream '{}': more than one check", stream_.name);
    PENSTOCK_TRY_ASSIGN(checks_, CheckStep::create(*rules, *input, stream_.name, symbols_));
    check_schema_ = input;
    check_at_ = static_cast<size_t>(&step - stream_.steps.data());
    held_.emplace();
  } else if (const auto* bars = std::get_if<plan::Bars>(&step.what)) {
    bar_schema_ = bars->of_quotes ? market::quote_bar_schema() : market::bar_schema();
    if (bars->of_quotes) {
      PENSTOCK_TRY_ASSIGN(bars_, QuoteBars::create(*bars, *input, stream_.name, symbols_));
    } else if (TapeBars::needed(*bars)) {
      PENSTOCK_TRY_ASSIGN(bars_, TapeBars::create(*bars, *input, stream_.name, symbols_));
    } else {
      PENSTOCK_TRY_ASSIGN(bars_, BarBuilder::create(*bars, *input, stream_.name, symbols_));
    }
  } else if (const auto* indicators = std::get_if<plan::Indicators>(&step.what)) {
    PENSTOCK_TRY_ASSIGN(indicators_, IndicatorStep::create(*indicators, *input, stream_.name, symbols_));
  }
  return {};
}

void StreamRunner::begin_call() {
  batches_.clear();
  origins_.clear();
  quarantine_.reset(market::quarantine_schema());
  quality_.reset(market::quality_schema());
  bar_output_.bars.reset(bar_schema_);
  bar_output_.late.reset(market::late_schema());
  // Bars of quotes fill these, and not those of trades.
  for (const size_t column : {LateColumn::bid, LateColumn::bid_size, LateColumn::ask, LateColumn::ask_size}) {
    bar_output_.late.rows.columns[column].all_null = true;
  }
  bar_output_.refused.clear();
  bar_output_.taken = 0;
  bar_output_.filtered = 0;
  if (indicators_ == nullptr) return;
  indicator_output_.rows.reset(indicators_->output());
  indicator_output_.refused.clear();
  indicator_output_.taken = 0;
}

Status StreamRunner::process(const Flow& in) {
  begin_call();
  counts_.in += in.size();
  rows_ = in;
  return run_steps(0);
}

Status StreamRunner::run_steps(size_t first) {
  for (size_t i = first; i < stream_.steps.size(); ++i) {
    const plan::Step& step = stream_.steps[i];
    if (const auto* where = std::get_if<plan::Filter>(&step.what)) {
      PENSTOCK_TRY(filter(*where));
    } else if (const auto* select = std::get_if<plan::Project>(&step.what)) {
      PENSTOCK_TRY(project(*select, step.output));
    } else if (std::holds_alternative<plan::Dedup>(step.what)) {
      deduplicate();
    } else if (std::holds_alternative<plan::Check>(step.what)) {
      PENSTOCK_TRY(check());
    } else if (std::holds_alternative<plan::Bars>(step.what)) {
      build_bars();
    } else {
      compute_indicators();
    }
  }
  counts_.out += bars_ ? bar_output_.taken : indicators_ ? indicator_output_.taken : rows_.size();
  counts_.late += bar_output_.late.rows.rows;
  counts_.filtered += bar_output_.filtered;
  counts_.quarantined += quarantine_.rows.rows;
  return {};
}

std::vector<uint32_t>& StreamRunner::other_selection() {
  std::vector<uint32_t>& other = rows_.selection == &selections_[0] ? selections_[1] : selections_[0];
  other.clear();
  return other;
}

void StreamRunner::densify() {
  if (rows_.selection == nullptr || rows_.selection->size() * 2 > rows_.batch->rows) return;
  std::vector<uint64_t>& origins = origins_.emplace_back();
  origins.reserve(rows_.size());
  for (const uint32_t row : *rows_.selection) origins.push_back(rows_.origin(row));
  const market::Batch& batch = batches_.emplace_back(gather_rows(*rows_.batch, *rows_.selection));
  rows_ = {.batch = &batch, .origins = &origins};
}

void StreamRunner::refuse(size_t row, const std::string& reason) {
  auto& columns = quarantine_.rows.columns;
  columns[QuarantineColumn::stream].text.append(stream_.name);
  columns[QuarantineColumn::source].text.append(source_);
  columns[QuarantineColumn::position].text.append(row_position(*rows_.batch, row, symbols_));
  columns[QuarantineColumn::reason].text.append(reason);
  columns[QuarantineColumn::raw].text.append(row_json(*rows_.batch, row, symbols_));
  quarantine_.origins.push_back(rows_.origin(row));
  ++quarantine_.rows.rows;
}

Status StreamRunner::filter(const plan::Filter& step) {
  plan::RowErrors errors;
  PENSTOCK_TRY_ASSIGN(const auto keep, plan::evaluate_condition(step.condition, *rows_.batch, symbols_, &errors));
  if (all_pass(keep)) return {};
  const ErrorReasons reasons(errors);
  std::vector<uint32_t>& kept = other_selection();
  const size_t count = rows_.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t row = rows_.row(i);
    if (keep[row] != 0) {
      kept.push_back(static_cast<uint32_t>(row));
    } else if (const std::string* reason = reasons.of(row)) {
      refuse(row, fmt::format("where: {}: {}", step.condition.text, *reason));
    } else {
      ++counts_.filtered;
    }
  }
  select(kept);
  return {};
}

Status StreamRunner::project(const plan::Project& step, const market::SchemaPtr& output) {
  densify();
  plan::RowErrors errors;
  PENSTOCK_TRY_ASSIGN(auto columns, plan::evaluate_all(step.columns, *rows_.batch, symbols_, &errors));
  if (!errors.failed.empty()) {
    const ErrorReasons reasons(errors);
    std::vector<uint32_t>& kept = other_selection();
    const size_t count = rows_.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows_.row(i);
      if (const std::string* reason = reasons.of(row)) {
        refuse(row, fmt::format("select: {}", *reason));
      } else {
        kept.push_back(static_cast<uint32_t>(row));
      }
    }
    select(kept);
  }
  market::Batch& batch = batches_.emplace_back();
  batch.schema = output;
  batch.rows = rows_.batch->rows;
  batch.columns = std::move(columns);
  rows_.batch = &batch;
  return {};
}

void StreamRunner::deduplicate() {
  std::vector<uint32_t>& kept = other_selection();
  const size_t duplicates = dedup_->process(rows_, kept);
  counts_.duplicates += duplicates;
  if (duplicates != 0) select(kept);
}

void StreamRunner::build_bars() {
  bars_->process(rows_, bar_output_);
  for (const RefusedRow& refused : bar_output_.refused) refuse(refused.row, refused.reason);
  rows_ = bar_output_.bars.flow();
}

void StreamRunner::compute_indicators() {
  indicators_->process(rows_, mark_, indicator_output_);
  for (const RefusedRow& refused : indicator_output_.refused) refuse(refused.row, refused.reason);
  rows_ = indicator_output_.rows.flow();
}

Status StreamRunner::mark(Timestamp mark, uint64_t origin) {
  begin_call();
  mark_ = std::max(mark_, mark);
  if (checks_ != nullptr) PENSTOCK_TRY(mark_checks(origin));
  if (bars_) bars_->mark(mark_, origin, bar_output_);
  rows_ = bar_output_.bars.flow();
  return {};
}

void StreamRunner::restore_mark(Timestamp mark) {
  mark_ = mark;
  if (checks_ != nullptr) checks_->restore_mark(mark);
  if (bars_) bars_->restore_mark(mark);
}

Timestamp StreamRunner::output_mark() const { return bars_ ? bars_->settled_before() : mark_; }

void StreamRunner::take_state(StateChanges& changes) {
  if (bars_) bars_->take_state(fmt::format("bars/{}/", stream_.name), changes);
  if (indicators_) indicators_->take_state(fmt::format("indicators/{}/", stream_.name), changes);
  if (dedup_ != nullptr) dedup_->take_state(fmt::format("dedup/{}/", stream_.name), changes);
  if (checks_ != nullptr) checks_->take_state(fmt::format("check/{}/", stream_.name), changes);
  if (held_) held_->take_state(fmt::format("held/{}/", stream_.name), changes);
}

Status StreamRunner::restore_bars(const std::string& name, std::string_view blob) {
  return bars_ ? bars_->restore(name, blob) : Status{};
}

Status StreamRunner::restore_indicators(const std::string& name, std::string_view blob) {
  return indicators_ ? indicators_->restore(name, blob) : Status{};
}

Status StreamRunner::restore_dedup(const std::string& name, uint64_t number, std::string_view blob) {
  return dedup_ != nullptr ? dedup_->restore(name, number, blob) : Status{};
}

}  // namespace penstock::stream

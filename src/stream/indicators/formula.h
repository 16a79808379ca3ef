// One indicator over the bars of one symbol and interval: which columns it keeps, and what it computes at each bar.
//
// Everything that is remembered of a bar is a value in a column, so that a bar that changes is a matter of computing
// its row and those behind it again:
//   - `bars`: the values of each bar, and values an indicator derives from them that it looks back at;
//   - `results`: a *carry*, what a recursive indicator takes on from the row before, and the outputs.
// NaN is "none yet" in a carry and null in a bar's value and an output. Windows are summed from the oldest bar to the
// newest, each time anew: a running sum would depend on what was ever in the window.
//
// The formulae and their sources: docs/formats/indicators.md.
#pragma once

#include <cstddef>
#include <vector>

#include "plan/indicators.h"
#include "stream/indicators/value_columns.h"

namespace penstock::stream {

// One bar's row: `bar` in `bars`, `result` in `results`. Of `results` there is a row before it.
struct FormulaRow {
  ValueColumns& bars;
  size_t bar = 0;
  ValueColumns& results;
  size_t result = 0;
};

// The columns that a step's indicators need. Formulae add theirs as they are made.
struct FormulaColumns {
  // Of a bar's own values; `session` is the number of the session that the bar is in, or NaN.
  enum Value : size_t { open, high, low, close, volume, vwap, typical, session, value_count };
  std::vector<Value> values;  // the first columns of `bars`
  size_t derived = 0;         // those behind them
  size_t carries = 0;         // the first columns of `results`
  size_t outputs = 0;         // those behind them
  size_t look_back = 0;       // rows of `bars` before a row that may be read to compute it

  [[nodiscard]] size_t bar_columns() const { return values.size() + derived; }
  [[nodiscard]] size_t result_columns() const { return carries + outputs; }
};

class Formula {
 public:
  explicit Formula(const plan::Indicator& indicator) : kind_(indicator.kind), width_(indicator.width) {
    for (const int period : indicator.periods) periods_.push_back(static_cast<size_t>(period));
    source_ = static_cast<FormulaColumns::Value>(indicator.source);
  }

  // Makes the columns that all of `formulas` need, and tells each where its own stand.
  [[nodiscard]] static FormulaColumns lay_out(std::vector<Formula>& formulas);

  // Computes the row's derived values, carry and outputs.
  void compute(const FormulaRow& row) const;

 private:
  // How many columns the kind has beside its outputs.
  struct Needs {
    std::vector<FormulaColumns::Value> values;
    size_t derived = 0;
    size_t carries = 0;
    size_t look_back = 0;
  };
  [[nodiscard]] Needs needs() const;

  plan::IndicatorKind kind_;
  FormulaColumns::Value source_ = FormulaColumns::close;
  std::vector<size_t> periods_;
  double width_;

  // Column indexes, from lay_out().
  size_t values_[4] = {};  // those that needs() names, in its order
  size_t derived_ = 0;
  size_t carry_ = 0;
  size_t output_ = 0;
};

}  // namespace penstock::stream

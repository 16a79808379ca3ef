// The `indicators:` step: bars in, for each bar a row with the values of the indicators out.
//
// Bars may come again with other values, come late between others, or be taken back (0 trades), as long as the stream's
// mark, or the step's `revised_within`, does not say that they are settled. What is computed of a bar that is not
// settled is kept, so that a revised one costs the computation of the rows behind it alone, and rows that change by it
// are given again with the next revision. See docs/formats/indicators.md and docs/decisions/stream-indicators.md.
//
// Memory, of each symbol and interval: 8 bytes for each value kept of a bar (at most 8 columns, and one or two for each
// stoch and volatility) times the longest look-back and the unsettled bars; 8 bytes for each carry and output and 40
// more times the unsettled bars; a quarter of all that; and some 250. Of unsettled bars at most kKeptMax: beyond, the
// oldest is settled.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "market/calendar.h"
#include "market/symbol_table.h"
#include "plan/plan.h"
#include "stream/engine.h"
#include "stream/flow.h"
#include "stream/indicators/formula.h"

namespace penstock::stream {

// What a call made. Reused from call to call.
struct IndicatorOutput {
  MadeRows rows;  // of plan::indicator_schema()
  std::vector<RefusedRow> refused;
  uint64_t taken = 0;  // bars that were not refused
};

// One thread. Borrows the symbol table.
class IndicatorStep {
 public:
  static constexpr size_t kKeptMax = 16'384;

  [[nodiscard]] static Result<std::unique_ptr<IndicatorStep>> create(const plan::Indicators& indicators,
                                                                     const market::Schema& input,
                                                                     const std::string& stream,
                                                                     market::SymbolTable& symbols);

  // `flow` has rows of market::bar_schema(). No bar that starts before `mark` changes any more.
  void process(const Flow& flow, Timestamp mark, IndicatorOutput& out);
  [[nodiscard]] const market::SchemaPtr& output() const { return output_; }

  // Blobs `prefix` + shard number.
  void take_state(const std::string& prefix, StateChanges& changes);
  [[nodiscard]] Status restore(const std::string& name, std::string_view blob);

 private:
  static constexpr size_t kShards = 256;

  // A bar that may change still.
  struct Kept {
    int64_t start = 0;
    int64_t close = 0;
    int64_t revision = -1;  // of its row; -1: none was given yet
    bool present = false;  // false: taken back, and without a row in the columns
    bool final = false;
  };
  struct Series {
    market::SymbolCode symbol = market::kNoSymbol;
    market::SymbolCode every = market::kNoSymbol;
    Duration length;  // of a bar
    int64_t settled = INT64_MIN;  // the start of the newest bar that was settled
    std::vector<Kept> kept;  // by start
    ValueColumns bars;  // settled ones, as far as they are looked back at, then those of `kept`
    ValueColumns results;  // that of the last settled bar (at first: none), then those of `kept`
    bool dirty = false;

    [[nodiscard]] size_t bar_of(size_t result) const { return result + bars.rows() - results.rows(); }
  };
  struct Bar {
    int64_t start = 0;
    int64_t close = 0;
    bool removed = false;
    bool final = false;
    double values[FormulaColumns::value_count] = {};
  };

  IndicatorStep(const plan::Indicators& indicators, const market::Calendar& calendar, std::string stream,
                market::SymbolTable& symbols);

  Series& series_of(market::SymbolCode symbol, market::SymbolCode every);
  [[nodiscard]] Bar read(const market::Batch& batch, size_t row, Duration length) const;
  // A number for the session that the bar starts in, or else the one that opens within it; NaN for none.
  [[nodiscard]] double session_of(Timestamp start, Duration length) const;
  // False: the bar is settled.
  [[nodiscard]] bool take(Series& series, const Bar& bar, uint64_t origin, IndicatorOutput& out);
  // Computes the rows from `from`, an index into `kept`, on, and gives those that changed; that of `from` itself where
  // `given` says so, changed or not.
  void recompute(Series& series, size_t from, bool given, uint64_t origin, IndicatorOutput& out);
  void put_values(Series& series, size_t result, const Bar& bar) const;
  void emit(const Series& series, Kept& kept, size_t result, uint64_t origin, IndicatorOutput& out) const;
  void settle(Series& series, Timestamp mark) const;
  void settle_oldest(Series& series, size_t count) const;
  [[nodiscard]] static size_t result_of(const Series& series, size_t kept);

  // Constant after creation.
  const std::string stream_;
  const market::Calendar& calendar_;
  market::SymbolTable& symbols_;
  const market::SchemaPtr output_;
  const std::optional<Duration> revised_within_;
  std::string definition_;  // of all that the state depends on
  std::vector<Formula> formulas_;
  FormulaColumns columns_;

  std::vector<Series> series_;
  std::unordered_map<uint64_t, uint32_t> index_;  // into series_, by symbol and interval
  std::vector<std::vector<uint32_t>> shards_;  // into series_, by hash of the symbol's text
  std::vector<double> outputs_before_;  // of the row being computed
};

}  // namespace penstock::stream

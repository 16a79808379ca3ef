// The vocabulary of the indicators' tests: bars in, rows out, with or without an engine around the step.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "market/schema.h"
#include "plan/indicators.h"
#include "stream/indicators/indicator_step.h"

namespace penstock::stream::testing {

// In units of the schema: prices 1e-9, volume 1e-8.
struct TestBar {
  int64_t minute = 0;  // its start
  int64_t open = 0;
  int64_t high = 0;
  int64_t low = 0;
  int64_t close = 0;
  int64_t volume = 0;
  std::optional<int64_t> vwap;
  int64_t trades = 1;  // 0: taken back
  bool final = true;
  std::string symbol = "A";
  std::string every = "1m";
};
// With open, high, low, close and vwap of `price`, a whole number, and `volume`, another.
[[nodiscard]] TestBar flat_bar(int64_t minute, int64_t price, int64_t volume = 1);

struct TestRow {
  std::string symbol;
  std::string every;
  int64_t minute = 0;
  std::optional<int64_t> close;
  int64_t revision = 0;
  bool final = true;
  std::vector<std::optional<double>> values;
  friend bool operator==(const TestRow&, const TestRow&) = default;
  friend std::ostream& operator<<(std::ostream& out, const TestRow& row);
};

// One step with its symbols: what one run of a partition is.
class StepRun {
 public:
  // `calls` by column: `{{"a", "sma(close, 3)"}, ...}`.
  using Calls = std::vector<std::pair<std::string, std::string>>;
  explicit StepRun(const Calls& calls, const std::string& session = "24/7",
                   std::optional<Duration> revised_within = std::nullopt);

  // In one call. Gives the rows that it made; rows that were refused go to `refused`.
  std::vector<TestRow> give(const std::vector<TestBar>& bars, Timestamp mark = Timestamp::min());
  // Ends the process and begins another one, which knows the state alone, kept as a store would keep it.
  void restart();

  std::vector<std::string> refused;
  StateChanges state;

 private:
  void begin();
  [[nodiscard]] market::Batch batch(const std::vector<TestBar>& bars);

  plan::Indicators indicators_;
  std::unique_ptr<market::SymbolTable> symbols_;
  std::unique_ptr<IndicatorStep> step_;
};

[[nodiscard]] plan::Indicators indicators_of(const StepRun::Calls& calls, const std::string& session = "24/7");

}  // namespace penstock::stream::testing

// The vocabulary of the engine's tests: plans made by hand, trades in, rows out as lines of text.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "market/schema.h"
#include "stream/engine.h"

namespace penstock::stream::testing {

struct TestTrade {
  std::string symbol = "A";
  int64_t ts_ms = 0;
  std::string price = "1";
  std::string size = "1";
  std::string id{};     // empty: null
  std::string venue{};  // empty: null
  std::string conditions{};  // empty: null
  std::string tape{};        // empty: null
  std::string action{};      // empty: null, a trade
  std::string ref_id{};      // empty: null
};

struct Bars {
  std::vector<Duration> every{kMinute};
  Duration lateness{2 * kSecond.ns};
  Duration revise_for{0};
  std::optional<Duration> early;
  const market::Calendar* calendar = nullptr;
  std::shared_ptr<const market::SaleConditions> conditions;
};

// One topic `trades`, written by the sources `feed` (and `feed2`), one stream `s` of it, tables for its three ports.
// Tables: 0 rows, 1 quarantine, 2 late.
class PlanMaker {
 public:
  PlanMaker();
  PlanMaker& dedup(std::vector<size_t> columns, Duration within = kDay);
  PlanMaker& bars(const Bars& bars);
  PlanMaker& second_source();
  plan::Plan plan;

 private:
  void refresh();
};

// An engine with its symbols: what one run of a partition is.
class Partition {
 public:
  explicit Partition(const plan::Plan& plan);
  // Symbol codes are given in the order of `first`: results must not depend on it.
  Partition(const plan::Plan& plan, const std::vector<std::string>& first);

  void trades(const std::vector<TestTrade>& trades);
  void mark_ms(int64_t ms, size_t source = 0);
  void end() {
    for (const size_t source : plan_.topics[0].sources) EXPECT_TRUE(engine->mark(source, Timestamp::max()));
  }
  // The lines of a table since the last call: values by `|`.
  std::vector<std::string> take(size_t table);
  // Everything taken so far from every table, as one text.
  std::string everything();
  // Takes what changed into `state`, as a store would.
  void commit(StateChanges& state);

  market::SymbolTable symbols;
  std::unique_ptr<Engine> engine;

 private:
  void collect();
  const plan::Plan& plan_;
  std::map<size_t, std::vector<std::string>> lines_;
  std::map<size_t, size_t> taken_;
};

[[nodiscard]] market::Batch trade_batch(const std::vector<TestTrade>& trades, market::SymbolTable& symbols);
[[nodiscard]] std::string line_of(const market::Batch& batch, size_t row, const market::SymbolTable& symbols);
// in = out + late + duplicates + quarantined + filtered.
void expect_accounted(const EngineCounts& counts);
// The seed of this run's random tests: PENSTOCK_TEST_SEED, or a fixed one.
[[nodiscard]] uint64_t test_seed();

}  // namespace penstock::stream::testing

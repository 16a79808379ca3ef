// Streams as pipeline files write them: where, select, dedup, check, ports that feed tables and other streams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/load.h"
#include "stream/engine_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

plan::Plan plan_of(const std::string& streams_and_tables) {
  const std::string head = "name: test\nsources:\n  feed: {type: file, path: none.csv, topic: trades}\n";
  auto plan = plan::parse_plan(head + streams_and_tables, "test.yaml", {.use_environment = false});
  EXPECT_TRUE(plan) << plan.error().message;
  return std::move(*plan);
}

std::vector<std::string> take(Partition& run, const plan::Plan& plan, std::string_view table) {
  for (size_t i = 0; i < plan.tables.size(); ++i) {
    if (plan.tables[i].name == table) return run.take(i);
  }
  ADD_FAILURE() << "no table " << table;
  return {};
}

TEST(Steps, WhereDropsFalseAndNullAndCountsThem) {
  const plan::Plan plan = plan_of(
      "streams:\n  s: {from: trades, where: \"venue = 'V'\"}\n"
      "tables:\n  t: {from: s}\n");
  Partition run(plan);
  run.trades(
      {{.price = "1", .venue = "V"}, {.price = "2", .venue = "W"}, {.price = "3"}, {.price = "4", .venue = "V"}});
  EXPECT_THAT(take(run, plan, "t"), ElementsAre(HasSubstr("|1|1|"), HasSubstr("|4|1|")));
  const StreamCounts& counts = run.engine->counts().streams[0];
  EXPECT_EQ(counts.in, 4u);
  EXPECT_EQ(counts.out, 2u);
  EXPECT_EQ(counts.filtered, 2u);
}

TEST(Steps, AFailedRuleNamesItselfAndKeepsTheRecord) {
  const plan::Plan plan = plan_of(
      "streams:\n  s: {from: trades, check: {positive: \"price > 0\", whole: \"size >= 1\"}}\n"
      "tables:\n  t: {from: s}\n");
  Partition run(plan);
  run.trades({{.price = "1"}, {.symbol = "B\"", .ts_ms = 5, .price = "-1", .id = "7"}, {.price = "2", .size = "0.5"}});
  EXPECT_EQ(take(run, plan, "t").size(), 1u);
  EXPECT_THAT(
      take(run, plan, "quarantine"),
      ElementsAre(
          "s|feed|B\" 1970-01-01T00:00:00.005Z id 7|rule positive: price > 0|"
          "{\"symbol\": \"B\\\"\", \"ts_event\": \"1970-01-01T00:00:00.005Z\", \"price\": -1, \"size\": 1, \"id\": 7}",
          HasSubstr("|rule whole: size >= 1|")));
  expect_accounted(run.engine->counts());
}

TEST(Steps, StepsFollowOneAnotherAndEveryRowIsAccountedFor) {
  const plan::Plan plan = plan_of(
      "streams:\n"
      "  checked: {from: trades, where: \"size > 0\", dedup: id, check: {price: \"price > 0\"}}\n"
      "  bars: {from: checked, bars: {every: [1m], lateness: 0s}}\n"
      "  busy: {from: bars, where: \"trades > 1\"}\n"
      "tables:\n  trades: {from: checked}\n  bars: {from: bars}\n  busy: {from: busy}\n");
  Partition run(plan);
  run.trades({{.ts_ms = 1, .id = "1"},
              {.ts_ms = 2, .size = "0", .id = "2"},
              {.ts_ms = 1, .id = "1"},
              {.ts_ms = 3, .price = "-5", .id = "3"},
              {.ts_ms = 4, .price = "3", .id = "4"},
              {.ts_ms = 60'000, .id = "5"},
              {.ts_ms = 5, .id = "6"}});
  run.end();
  EXPECT_EQ(take(run, plan, "trades").size(), 4u);
  EXPECT_THAT(take(run, plan, "bars"), ElementsAre("A|1m|1970-01-01T00:00:00Z|1|3|1|3|2|2|2|0|true",
                                                   "A|1m|1970-01-01T00:01:00Z|1|1|1|1|1|1|1|0|true"));
  EXPECT_THAT(take(run, plan, "busy"), ElementsAre("A|1m|1970-01-01T00:00:00Z|1|3|1|3|2|2|2|0|true"));
  EXPECT_THAT(take(run, plan, "late"), ElementsAre(HasSubstr("bars|A|")));
  EXPECT_EQ(take(run, plan, "quarantine").size(), 1u);
  const EngineCounts& counts = run.engine->counts();
  expect_accounted(counts);
  EXPECT_EQ(counts.streams[0].filtered, 1u);
  EXPECT_EQ(counts.streams[0].duplicates, 1u);
  EXPECT_EQ(counts.streams[0].quarantined, 1u);
  EXPECT_EQ(counts.streams[1].late, 1u);
  EXPECT_EQ(counts.streams[2].in, 2u);
}

TEST(Steps, SelectMakesNewColumnsAndBarsCanBeMadeOfThem) {
  const plan::Plan plan = plan_of(
      "streams:\n"
      "  doubled: {from: trades, select: {symbol: symbol, ts_event: ts_event, price: \"price\", size: \"size\", "
      "note: \"concat(symbol, '!')\"}}\n"
      "  bars: {from: doubled, bars: {every: [1m]}}\n"
      "tables:\n  doubled: {from: doubled}\n  bars: {from: bars}\n");
  Partition run(plan);
  run.trades({{.price = "2"}, {.price = "4"}});
  run.end();
  EXPECT_THAT(take(run, plan, "doubled"),
              ElementsAre("A|1970-01-01T00:00:00Z|2|1|A!", "A|1970-01-01T00:00:00Z|4|1|A!"));
  EXPECT_THAT(take(run, plan, "bars"), ElementsAre("A|1m|1970-01-01T00:00:00Z|2|4|2|4|2|3|2|0|true"));
}

TEST(Steps, RowsOfSeveralStreamsMeetInTheOrderOfTheirRecordsHoweverTheyAreCut) {
  const plan::Plan plan = plan_of(
      "streams:\n"
      "  a: {from: trades, where: \"size > 1\"}\n"
      "  b: {from: trades, where: \"size < 3\"}\n"
      "tables:\n  both: {from: [b, a]}\n");
  std::vector<TestTrade> trades;
  for (int i = 0; i < 40; ++i) trades.push_back({.ts_ms = i, .size = std::to_string(1 + i % 4)});
  Partition whole(plan);
  whole.trades(trades);
  Partition cut(plan);
  for (size_t at = 0; at < trades.size(); at += 3) {
    cut.trades({trades.begin() + static_cast<ptrdiff_t>(at),
                trades.begin() + static_cast<ptrdiff_t>(std::min(at + 3, trades.size()))});
  }
  EXPECT_EQ(whole.everything(), cut.everything());
  EXPECT_EQ(take(whole, plan, "both").size(), 30u + 20u);
}

TEST(Steps, ALatePortFeedsAStream) {
  const plan::Plan plan = plan_of(
      "streams:\n"
      "  bars: {from: trades, bars: {every: [1m], lateness: 0s}}\n"
      "  very_late: {from: bars.late, where: \"lateness_ns > 1000000000\"}\n"
      "tables:\n  very_late: {from: very_late}\n");
  Partition run(plan);
  run.trades({{.ts_ms = 60'000}, {.ts_ms = 59'500}, {.ts_ms = 1'000}});
  EXPECT_THAT(take(run, plan, "very_late"), ElementsAre(HasSubstr("1970-01-01T00:00:01Z")));
  EXPECT_EQ(take(run, plan, "late").size(), 2u);
  expect_accounted(run.engine->counts());
}

}  // namespace
}  // namespace penstock::stream::testing

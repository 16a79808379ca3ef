// What a bar is, when it comes, and what is late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stream/engine_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Bars, ATradeAtTheStartIsInsideAndOneAtTheEndIsNot) {
  const PlanMaker maker = PlanMaker().bars({.lateness = Duration{0}});
  Partition run(maker.plan);
  run.trades({{.ts_ms = 0, .price = "10"}, {.ts_ms = 59'999, .price = "12", .size = "3"}});
  EXPECT_THAT(run.take(0), IsEmpty());
  run.trades({{.ts_ms = 60'000, .price = "11"}});
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|12|10|12|4|11.5|2|0|true"));
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:01:00Z|11|11|11|11|1|11|1|0|true"));
  expect_accounted(run.engine->counts());
  EXPECT_EQ(run.engine->counts().bars, 2u);
}

TEST(Bars, OpenAndCloseAreDecidedByTimeThenIdThenArrival) {
  const PlanMaker maker = PlanMaker().bars({});
  Partition run(maker.plan);
  run.trades({{.ts_ms = 500, .price = "5", .id = "7"},
              {.ts_ms = 500, .price = "6", .id = "12"},
              {.ts_ms = 100, .price = "3", .id = "9"},
              {.ts_ms = 100, .price = "2", .id = "8"},
              {.ts_ms = 100, .price = "1", .id = "8"},
              {.ts_ms = 500, .price = "7", .id = "12"}});
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|2|7|1|7|6|4|6|0|true"));
}

TEST(Bars, NoIdComesBeforeNumbersAndNumbersBeforeTexts) {
  const PlanMaker maker = PlanMaker().bars({.every = {kMinute, Duration{5 * kMinute.ns}}});
  Partition run(maker.plan);
  run.trades({{.ts_ms = 1, .price = "4", .id = "b-much-longer-than-a-short-string"},
              {.ts_ms = 1, .price = "3", .id = "a"},
              {.ts_ms = 1, .price = "2", .id = "99"},
              {.ts_ms = 1, .price = "1"},
              {.ts_ms = 60'001, .price = "9", .id = "a"},
              {.ts_ms = 60'001, .price = "8", .id = "100"}});
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|1|4|1|4|4|2.5|4|0|true",
                                       "A|1m|1970-01-01T00:01:00Z|8|9|8|9|2|8.5|2|0|true",
                                       "A|5m|1970-01-01T00:00:00Z|1|9|1|9|6|4.5|6|0|true"));
}

TEST(Bars, AWindowWaitsForItsLateness) {
  const PlanMaker maker = PlanMaker().bars({.lateness = Duration{2 * kSecond.ns}});
  Partition run(maker.plan);
  run.trades({{.ts_ms = 1'000}, {.ts_ms = 61'999}});
  EXPECT_THAT(run.take(0), IsEmpty());
  run.trades({{.ts_ms = 59'000, .price = "4"}});
  run.trades({{.ts_ms = 62'000}});
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|1|4|1|4|2|2.5|2|0|true"));
  run.trades({{.ts_ms = 59'000, .price = "4", .id = "x", .venue = "V"}});
  EXPECT_THAT(run.take(0), IsEmpty());
  EXPECT_THAT(run.take(2),
              ElementsAre("s|A|V|1970-01-01T00:00:59Z|4|1|x|1970-01-01T00:01:00Z|1000000000|null|null|null|null"));
  EXPECT_EQ(run.engine->counts().lateness[1], 1u);
  expect_accounted(run.engine->counts());
}

TEST(Bars, OneSymbolsTimeClosesNoOthersWindow) {
  const PlanMaker maker = PlanMaker().bars({});
  Partition run(maker.plan);
  run.trades({{.symbol = "A", .ts_ms = 1'000}, {.symbol = "B", .ts_ms = 900'000'000}, {.symbol = "A", .ts_ms = 2'000}});
  EXPECT_THAT(run.take(0), IsEmpty());
  EXPECT_THAT(run.take(2), IsEmpty());
}

TEST(Bars, AMarkClosesQuietSymbolsInOrderOfEndIntervalAndSymbol) {
  const PlanMaker maker = PlanMaker().bars({.every = {kSecond, kMinute}, .lateness = Duration{0}});
  Partition run(maker.plan, {"B", "A"});
  run.trades({{.symbol = "B", .ts_ms = 59'500}, {.symbol = "A", .ts_ms = 59'600}, {.symbol = "B", .ts_ms = 10}});
  run.mark_ms(60'000);
  EXPECT_THAT(
      run.take(0),
      ElementsAre("A|1s|1970-01-01T00:00:59Z|1|1|1|1|1|1|1|0|true", "B|1s|1970-01-01T00:00:59Z|1|1|1|1|1|1|1|0|true",
                  "A|1m|1970-01-01T00:00:00Z|1|1|1|1|1|1|1|0|true", "B|1m|1970-01-01T00:00:00Z|1|1|1|1|1|1|1|0|true"));
  // B's trade of the first second came when B's own newest was beyond it.
  EXPECT_THAT(
      run.take(2),
      ElementsAre(
          "s|B|null|1970-01-01T00:00:00.010Z|1|1|null|1970-01-01T00:00:59.500Z|59490000000|null|null|null|null"));
  run.trades({{.symbol = "C", .ts_ms = 59'000}});
  EXPECT_EQ(run.take(2).size(), 1u) << "a mark holds for symbols that come after it";
}

TEST(Bars, ThePartitionsMarkIsTheLeastOfItsSources) {
  PlanMaker maker;
  maker.second_source().bars({.lateness = Duration{0}});
  Partition run(maker.plan);
  run.trades({{.ts_ms = 1}});
  run.mark_ms(120'000, 0);
  EXPECT_THAT(run.take(0), IsEmpty());
  EXPECT_EQ(run.engine->watermark(), Timestamp::min());
  run.mark_ms(60'000, 1);
  EXPECT_EQ(run.take(0).size(), 1u);
  EXPECT_EQ(run.engine->watermark(), Timestamp{kMinute.ns});
  run.end();
  EXPECT_EQ(run.engine->watermark(), Timestamp::max());
}

TEST(Bars, IntervalsThatAreNoMultiplesWorkBesideEachOther) {
  const auto minutes = [](int64_t n) { return Duration{n * kMinute.ns}; };
  const PlanMaker maker = PlanMaker().bars({.every = {minutes(2), minutes(3), minutes(6)}, .lateness = Duration{0}});
  Partition run(maker.plan);
  run.trades({{.ts_ms = 0, .price = "1"}, {.ts_ms = 150'000, .price = "2"}, {.ts_ms = 190'000, .price = "3"}});
  EXPECT_THAT(run.take(0), ElementsAre("A|2m|1970-01-01T00:00:00Z|1|1|1|1|1|1|1|0|true",
                                       "A|3m|1970-01-01T00:00:00Z|1|2|1|2|2|1.5|2|0|true"));
  // Its 2m window is open, its 3m window is not: a trade is in all of its bars or in none.
  run.trades({{.ts_ms = 160'000}});
  EXPECT_EQ(run.take(2).size(), 1u);
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|2m|1970-01-01T00:02:00Z|2|3|2|3|2|2.5|2|0|true",
                                       "A|3m|1970-01-01T00:03:00Z|3|3|3|3|1|3|1|0|true",
                                       "A|6m|1970-01-01T00:00:00Z|1|3|1|3|3|2|3|0|true"));
}

TEST(Bars, SumsAreExactWhereADoubleIsNot) {
  const PlanMaker maker = PlanMaker().bars({});
  Partition run(maker.plan);
  run.trades({{.price = "9223372036.854775807", .size = "9223372036.8547758"},
              {.price = "9223372036.854775807", .size = "9223372036.8547758"},
              {.price = "0.000000001", .size = "0.00000001"}});
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|9223372036.854775807|9223372036.854775807|"
                                       "0.000000001|0.000000001|18446744073.70955161|9223372036.854775802|3|0|true"));
}

TEST(Bars, VwapIsRoundedHalfUpAndNullWithoutVolume) {
  const PlanMaker maker = PlanMaker().bars({});
  Partition run(maker.plan);
  run.trades({{.symbol = "A", .price = "0.000000001"},
              {.symbol = "A", .price = "0.000000002"},
              {.symbol = "B", .price = "-0.000000001"},
              {.symbol = "B", .price = "-0.000000002"},
              {.symbol = "C", .price = "5", .size = "0"},
              {.symbol = "D", .price = "1", .size = "2"},
              {.symbol = "D", .price = "2", .size = "-1"}});
  run.end();
  EXPECT_THAT(
      run.take(0),
      ElementsAre("A|1m|1970-01-01T00:00:00Z|0.000000001|0.000000002|0.000000001|0.000000002|2|0.000000002|2|0|true",
                  "B|1m|1970-01-01T00:00:00Z|-0.000000001|-0.000000001|-0.000000002|-0.000000002|2|"
                  "-0.000000001|2|0|true",
                  "C|1m|1970-01-01T00:00:00Z|5|5|5|5|0|null|1|0|true",
                  "D|1m|1970-01-01T00:00:00Z|1|2|1|2|1|0|2|0|true"));
}

TEST(Bars, ATurnoverTooLargeForItsBarIsQuarantinedAndTheBarStaysExact) {
  const PlanMaker maker = PlanMaker().bars({.every = {kSecond, kDay}});
  Partition run(maker.plan);
  const TestTrade large{.price = "9223372036.854775807", .size = "92233720368.54775807"};
  run.trades({{.price = "1"}, large, {.price = "2"}});
  run.end();
  EXPECT_EQ(run.take(0).size(), 2u);
  const auto quarantined = run.take(1);
  ASSERT_EQ(quarantined.size(), 1u);
  EXPECT_THAT(quarantined[0], ::testing::HasSubstr("too large"));
  EXPECT_THAT(quarantined[0], ::testing::HasSubstr("\"price\": 9223372036.854775807"));
  expect_accounted(run.engine->counts());
}

TEST(Bars, TheEndsOfTimeAreRefusedOrClosedButDoNotOverflow) {
  const PlanMaker maker = PlanMaker().bars({.every = {kMinute, kDay}});
  Partition run(maker.plan);
  market::Batch batch = trade_batch({{}, {}, {}}, run.symbols);
  auto& times = batch.columns[market::TradeColumn::ts_event].i64;
  times = {INT64_MIN, INT64_MAX, INT64_MAX - 1};
  ASSERT_TRUE(run.engine->process(batch));
  run.end();
  EXPECT_EQ(run.take(0).size(), 2u);
  EXPECT_EQ(run.take(1).size(), 1u);
  expect_accounted(run.engine->counts());
}

TEST(Bars, ARejectGoesToTheQuarantineUnderItsTopic) {
  const PlanMaker maker = PlanMaker().bars({});
  Partition run(maker.plan);
  run.engine->reject({"feed", "line 7", "price: not a number", "x,y"});
  EXPECT_THAT(run.take(1), ElementsAre("trades|feed|line 7|price: not a number|x,y"));
  EXPECT_EQ(run.engine->counts().records, 1u);
  EXPECT_EQ(run.engine->counts().rejects, 1u);
}

TEST(Bars, AStreamWithoutTheColumnsOfATradeIsRefused) {
  PlanMaker maker;
  maker.plan.topics[0].schema = market::json_schema();
  maker.bars({});
  market::SymbolTable symbols;
  const auto engine = Engine::create(maker.plan, 0, symbols);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().kind, ErrorKind::invalid);
}

TEST(Bars, ASourceThatBeginsAgainAfterItsEndMakesLaterBarsAndLeavesTheClosedOnes) {
  const PlanMaker maker = PlanMaker().bars({.every = {kMinute, Duration{5 * kMinute.ns}}});
  StateChanges state;
  Partition first(maker.plan);
  first.trades({{.ts_ms = 61'000, .price = "2"}});
  first.end();
  EXPECT_EQ(first.take(0).size(), 2u);
  first.commit(state);

  Partition again(maker.plan);
  ASSERT_TRUE(again.engine->restore(state));
  for (const size_t source : maker.plan.topics[0].sources) {
    ASSERT_TRUE(again.engine->mark(source, Timestamp::min()));
  }
  // In the five minutes that were closed, whatever the symbol; then behind them.
  again.trades({{.ts_ms = 62'000}, {.symbol = "B", .ts_ms = 299'999}, {.ts_ms = 300'000, .price = "3"}});
  EXPECT_EQ(again.take(2).size(), 2u);
  again.end();
  EXPECT_THAT(again.take(0), ElementsAre("A|1m|1970-01-01T00:05:00Z|3|3|3|3|1|3|1|0|true",
                                         "A|5m|1970-01-01T00:05:00Z|3|3|3|3|1|3|1|0|true"));
  expect_accounted(again.engine->counts());
}

}  // namespace
}  // namespace penstock::stream::testing

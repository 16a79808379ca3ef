// The rules that look at a record alone, and what the three actions do.
#include "stream/checks/checks_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TextRow quote(double second, std::optional<std::string> bid, std::optional<std::string> ask) {
  return {{"symbol", "A"}, {"ts_event", at_second(second)}, {"bid", std::move(bid)}, {"ask", std::move(ask)}};
}

TEST(Actions, FlagLetsARowGoOnQuarantineTakesItOutAndBothAreWrittenDown) {
  const plan::Plan plan = checks_plan("low: {sql: price > 5, action: flag}, lot: size >= 2");
  CheckRun run(plan);
  run.give({trade(0, "1", {{"size", "2"}}), trade(1, "9", {{"size", "1.5"}}), trade(2, "4", {{"size", "1"}}),
            trade(3, "6", {{"size", "3"}})});
  EXPECT_THAT(run.take("rows"), ElementsAre(HasSubstr("|1|2|"), HasSubstr("|6|3|")));
  EXPECT_THAT(
      run.take("quality"),
      ElementsAre(
          R"(s|low|sql|flag|A|2024-01-02T14:30:00Z|1|price > 5|{"symbol": "A", "ts_event": "2024-01-02T14:30:00Z", "ts_recv": "2024-01-02T14:30:00Z", "price": 1, "size": 2})",
          HasSubstr("s|lot|sql|quarantine|A|2024-01-02T14:30:01Z|1.5|size >= 2|"),
          HasSubstr("s|low|sql|flag|A|2024-01-02T14:30:02Z|4|price > 5|"),
          HasSubstr("s|lot|sql|quarantine|A|2024-01-02T14:30:02Z|1|size >= 2|")));
  EXPECT_THAT(run.take("quarantine"),
              ElementsAre(HasSubstr("|rule lot: size >= 2|"), HasSubstr("|rule lot: size >= 2|")));
  EXPECT_EQ(run.counts().in, 4u);
  EXPECT_EQ(run.counts().out, 2u);
  EXPECT_EQ(run.counts().quarantined, 2u);
  expect_accounted(run.partition.engine->counts());
}

TEST(Actions, FailStopsAtTheFirstRecordThatAnyRuleFindsHoweverTheCallIsCut) {
  const plan::Plan plan = checks_plan(
      "a: {sql: size < 9, action: fail}, b: {positive: price, action: fail}, c: {sql: size < 5, action: flag}");
  const std::vector<TextRow> rows{trade(0, "1", {{"size", "6"}}), trade(1, "-1"), trade(2, "1", {{"size", "9"}})};
  for (const size_t piece : {3u, 2u, 1u}) {
    CheckRun run(plan);
    Status status;
    for (size_t at = 0; at < rows.size() && status; at += piece) {
      const auto end = rows.begin() + static_cast<ptrdiff_t>(std::min(rows.size(), at + piece));
      status = run.try_give({rows.begin() + static_cast<ptrdiff_t>(at), end});
    }
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message,
                HasSubstr("rule 'b' (positive) of action fail: -1 against price > 0, in the record {\"symbol\": \"A\", "
                          "\"ts_event\": \"2024-01-02T14:30:01Z\""));
  }
}

TEST(Positive, DoesNotJudgeAMessageThatCancels) {
  const plan::Plan plan = checks_plan("p: {positive: [price, size]}");
  CheckRun run(plan);
  run.give({trade(0, "0", {{"action", "cancel"}, {"ref_id", "1"}}),
            trade(1, "0", {{"action", "correct"}, {"ref_id", "1"}})});
  EXPECT_THAT(run.found(), ElementsAre("p A 14:30:01Z: 0 | price > 0"));
}

TEST(Sql, NullFailsAndAnErrorIsPartOfTheBound) {
  const plan::Plan plan = checks_plan("v: venue = 'X', s: {sql: \"cast(side as bigint) > size\", action: flag}");
  CheckRun run(plan);
  run.give(
      {trade(0, "1", {{"venue", "X"}, {"side", "7"}}), trade(1, "1"), trade(2, "1", {{"venue", "X"}, {"side", "b"}})});
  EXPECT_THAT(run.found(), ElementsAre("v A 14:30:01Z: null | venue = 'X'",
                                       HasSubstr("s A 14:30:02Z: size 1, side b | cast(side as bigint) > size: ")));
  EXPECT_THAT(run.take("quarantine"), ElementsAre(HasSubstr("|rule v: venue = 'X'|")));
}

TEST(Positive, ZeroAndBelowFailAndNullIsNotJudged) {
  const plan::Plan plan = checks_plan("p: {positive: [bid, ask], action: flag}", "quotes");
  CheckRun run(plan);
  run.give({quote(0, "1", "2"), quote(1, "0", "2"), quote(2, std::nullopt, "0.000000001"), quote(3, std::nullopt, "-2"),
            quote(4, "-1", "-2"), quote(5, std::nullopt, std::nullopt)});
  EXPECT_THAT(run.found(),
              ElementsAre("p A 14:30:01Z: 0 | bid > 0", "p A 14:30:03Z: -2 | ask > 0", "p A 14:30:04Z: -1 | bid > 0"));
}

TEST(Positive, WorksOnEveryKindOfNumber) {
  const plan::Plan plan =
      checks_plan("d: {positive: d, action: flag}, n: {positive: n, action: flag}, w: {positive: w, action: flag}",
                  "trades", "select: {d: cast(price as double), n: cast(size as bigint), w: price * price * price}, ");
  CheckRun run(plan);
  run.give({trade(0, "1", {{"size", "1"}}), trade(1, "0", {{"size", "0"}}), trade(2, "-2", {{"size", "2"}})});
  std::vector<std::string> lines = run.take("quality");
  EXPECT_THAT(
      lines,
      ElementsAre(HasSubstr("|d|positive|flag|null|null|0|d > 0|"), HasSubstr("|n|positive|flag|null|null|0|n > 0|"),
                  HasSubstr("|w|positive|flag|null|null|0|w > 0|"), HasSubstr("|d|positive|flag|null|null|-2|d > 0|"),
                  HasSubstr("|w|positive|flag|null|null|-8|w > 0|")));
}

TEST(Future, IsJudgedByTheReceiveTimeAndExactlyAtItsBound) {
  const plan::Plan plan = checks_plan("f: {future: 5s}");
  CheckRun run(plan);
  const auto received = [](double event, double receive) {
    return trade(event, "1", {{"ts_recv", at_second(receive)}});
  };
  run.give({received(5, 0), received(5.000000001, 0), received(0, 100), received(7, 1)});
  EXPECT_THAT(run.found(), ElementsAre("f A 14:30:05.000000001Z: 5.000000001s | 5s", "f A 14:30:07Z: 6s | 5s"));
  EXPECT_THAT(run.take("quarantine"), ElementsAre(HasSubstr("|rule f (future): 5.000000001s, bound 5s|"),
                                                  HasSubstr("|rule f (future): 6s, bound 5s|")));
  EXPECT_EQ(run.take("rows").size(), 2u);
}

TEST(Future, ANullReceiveTimeIsNotJudgedAndTheEndsOfTimeAreNoOverflow) {
  const plan::Plan plan = checks_plan("f: {future: 5s}");
  Partition run(plan);
  run.trades({{.ts_ms = 1'000'000'000'000}, {.ts_ms = 1}});
  market::Batch far = trade_batch({{.ts_ms = 0}}, run.symbols);
  far.columns[market::TradeColumn::ts_event].i64[0] = INT64_MAX;
  far.columns[market::TradeColumn::ts_recv].all_null = false;
  far.columns[market::TradeColumn::ts_recv].valid.clear();
  far.columns[market::TradeColumn::ts_recv].i64 = {INT64_MIN};
  ASSERT_TRUE(run.engine->process(far));
  EXPECT_EQ(run.engine->counts().streams[0].quarantined, 1u);
}

TEST(Crossed, AndLockedTellTheirQuotesApart) {
  const plan::Plan plan = checks_plan("c: {crossed: true}, l: {locked: true, action: quarantine}", "quotes");
  CheckRun run(plan);
  run.give({quote(0, "1", "2"), quote(1, "2", "2"), quote(2, "2.000000001", "2"), quote(3, std::nullopt, "1"),
            quote(4, "3", std::nullopt)});
  EXPECT_THAT(run.found(), ElementsAre("l A 14:30:01Z: 2 | 2", "c A 14:30:02Z: 2.000000001 | 2"));
  EXPECT_EQ(run.take("rows").size(), 4u);
}

TEST(BarInvariants, EachOfThemIsFoundAndABarThatKeepsThemIsNot) {
  const plan::Plan plan = checks_plan(
      "b: {bar_invariants: true, action: flag}", "json",
      "select: {symbol: cast(s as text), start: cast(t as timestamp), open: cast(o as price), high: cast(h as price), "
      "low: cast(l as price), close: cast(c as price), volume: cast(v as size)}, ");
  CheckRun run(plan);
  const auto bar = [](const std::string& o, const std::string& h, const std::string& l, const std::string& c,
                      const std::string& v) {
    return TextRow{{"value", "{\"s\": \"A\", \"t\": \"2024-01-02T14:30:00Z\", \"o\": " + o + ", \"h\": " + h +
                                 ", \"l\": " + l + ", \"c\": " + c + ", \"v\": " + v + "}"}};
  };
  run.give({bar("2", "3", "1", "2", "5"), bar("2", "2", "2", "2", "0"), bar("4", "3", "1", "2", "5"),
            bar("2", "3", "1", "4", "5"), bar("2", "3", "2.5", "2.6", "5"), bar("2.6", "3", "2.5", "2", "5"),
            bar("2", "3", "1", "2", "-1"), bar("2", "null", "1", "2", "5"), bar("2", "1", "2", "1", "5")});
  EXPECT_THAT(run.found(), ElementsAre("b A 14:30:00Z: 3 | high >= open 4", "b A 14:30:00Z: 3 | high >= close 4",
                                       "b A 14:30:00Z: 2.5 | low <= open 2", "b A 14:30:00Z: 2.5 | low <= close 2",
                                       "b A 14:30:00Z: -1 | volume >= 0", "b A 14:30:00Z: 1 | high >= open 2"));
  EXPECT_EQ(run.take("rows").size(), 9u);
}

TEST(BarInvariants, HoldForTheBarsThatAreMadeHere) {
  const std::string text =
      "name: test\nsources:\n  feed: {type: file, path: none.csv, topic: t}\nstreams:\n  b: {from: t, bars: {every: "
      "[1s, 1m], lateness: 0s}}\n  c: {from: b, check: {b: {bar_invariants: true}}}\ntables:\n  rows: {from: c}\n";
  auto plan = plan::parse_plan(text, "test.yaml", {.set = {}, .use_environment = false});
  ASSERT_TRUE(plan) << plan.error().message;
  CheckRun run(*plan);
  for (int i = 0; i < 200; ++i) run.give({trade(i * 0.3, std::to_string(1 + i * 7 % 13))});
  run.partition.end();
  EXPECT_EQ(run.take("rows").size(), 61u);
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(Rules, QualityAndQuarantineComeInTheOrderOfTheRecordsHoweverTheyAreCut) {
  const plan::Plan plan = checks_plan(
      "a: {sql: size <> 2, action: flag}, b: size <> 3, c: {positive: price}, d: {sql: price < 5, action: flag}");
  std::vector<TextRow> rows;
  for (int i = 0; i < 60; ++i) {
    rows.push_back(trade(i, std::to_string(i % 7 - 1), {{"size", std::to_string(i % 5)}}));
  }
  const std::string whole = run_in_pieces(plan, rows, rows.size(), 0);
  EXPECT_EQ(run_in_pieces(plan, rows, 1, 0), whole);
  EXPECT_EQ(run_in_pieces(plan, rows, 7, 14), whole);
}

TEST(Ports, AStreamMayReadWhatChecksFound) {
  const std::string text =
      "name: test\nsources:\n  feed: {type: file, path: none.csv, topic: t}\nstreams:\n"
      "  s: {from: t, check: {p: {positive: true, action: flag}}}\n  q: {from: s.quality, where: rule = 'p', select: "
      "{symbol: symbol, value: value}}\ntables:\n  rows: {from: q}\n";
  auto plan = plan::parse_plan(text, "test.yaml", {.set = {}, .use_environment = false});
  ASSERT_TRUE(plan) << plan.error().message;
  CheckRun run(*plan);
  run.give({trade(0, "1"), trade(1, "0")});
  EXPECT_THAT(run.take("rows"), ElementsAre("A|0"));
  EXPECT_THAT(run.take("quality").size(), 1u);
}

}  // namespace
}  // namespace penstock::stream::testing

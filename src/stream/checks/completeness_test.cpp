// `completeness:`: the bars of a session by its calendar, against those that came.
#include "stream/checks/checks_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Bars as rows of their own, so that each test says which are there.
plan::Plan bars_plan(const std::string& session = "XNYS") {
  return checks_plan("c: {completeness: " + session + "}", "json",
                     "select: {symbol: cast(s as text), every: cast(e as text), start: cast(t as timestamp), trades: "
                     "cast(n as bigint)}, ");
}
int64_t at(const std::string& text) {
  Timestamp time;
  EXPECT_EQ(parse_rfc3339(text, time), TimeError::ok) << text;
  return time.ns;
}

class BarsRun : public CheckRun {
 public:
  using CheckRun::CheckRun;
  void bar(int64_t start, const std::string& every = "1m", const std::string& symbol = "A", int trades = 1) {
    give({{{"value", R"({"s": ")" + symbol + R"(", "e": ")" + every + R"(", "t": ")" +
                         format_rfc3339(Timestamp{start}) + R"(", "n": )" + std::to_string(trades) + "}"}}});
  }
  // The bars of [from, to) but those in `without`.
  void bars(int64_t from, int64_t to, int64_t every, const std::string& name, const std::vector<int64_t>& without = {},
            const std::string& symbol = "A") {
    std::vector<TextRow> rows;
    for (int64_t start = from; start < to; start += every) {
      if (std::ranges::find(without, start) != without.end()) continue;
      rows.push_back({{"value", R"({"s": ")" + symbol + R"(", "e": ")" + name + R"(", "t": ")" +
                                    format_rfc3339(Timestamp{start}) + R"(", "n": 1})"}});
    }
    give(rows);
  }
  void mark_at(int64_t ns) { ASSERT_TRUE(partition.engine->mark(0, Timestamp{ns})); }
};

const int64_t kOpen = at("2024-01-02T14:30:00Z");
const int64_t kClose = at("2024-01-02T21:00:00Z");

TEST(Completeness, AWholeSessionIsSilentAndOneWithAHoleIsOneRow) {
  const plan::Plan plan = bars_plan();
  BarsRun run(plan);
  run.bars(kOpen, kClose, kMinute.ns, "1m");
  run.bars(kOpen, kClose, kMinute.ns, "1m", {at("2024-01-02T15:00:00Z"), at("2024-01-02T20:59:00Z")}, "B");
  run.mark_at(kClose);
  EXPECT_THAT(
      run.take("quality"),
      ElementsAre(R"(s|c|completeness|flag|B|2024-01-02T14:30:00Z|388|390|{"symbol": "B", "every": "1m", )"
                  R"("session": "2024-01-02", "open": "2024-01-02T14:30:00Z", "close": "2024-01-02T21:00:00Z", )"
                  R"("first_missing": "2024-01-02T15:00:00Z"})"));
}

TEST(Completeness, ASessionIsJudgedWhenItsLastWindowIsSettledAndNotBefore) {
  const plan::Plan plan = bars_plan();
  BarsRun run(plan);
  run.bar(kOpen);
  run.mark_at(kClose - kMinute.ns);
  EXPECT_THAT(run.found(), IsEmpty());
  run.mark_at(kClose - kMinute.ns + 1);
  EXPECT_THAT(run.found(), ElementsAre("c A 14:30:00Z: 1 | 390"));
  run.mark_at(kClose + kHour.ns);
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(Completeness, ABarThatIsMadeAgainCountsOnceAndOneWithoutTradesNotAtAll) {
  const plan::Plan plan = bars_plan();
  BarsRun run(plan);
  run.bars(kOpen, kClose, kMinute.ns, "1m");
  run.bar(kOpen);
  run.bar(kOpen + kMinute.ns, "1m", "A", 0);
  run.bar(kOpen + 2 * kMinute.ns, "1m", "A", 0);
  run.bar(kOpen + 2 * kMinute.ns, "1m", "A", 3);
  run.mark_at(kClose);
  EXPECT_THAT(run.found(), ElementsAre("c A 14:30:00Z: 389 | 390"));
}

TEST(Completeness, BarsOutsideTheSessionDoNotCountAndEarlyClosesAreShorter) {
  const plan::Plan plan = bars_plan();
  BarsRun run(plan);
  // The day after Thanksgiving 2024: New York closed at 13:00, 18:00Z.
  run.bars(at("2024-11-29T13:00:00Z"), at("2024-11-29T22:00:00Z"), kMinute.ns, "1m", {at("2024-11-29T17:59:00Z")});
  run.mark_at(at("2024-11-29T18:00:00Z"));
  EXPECT_THAT(run.found(), ElementsAre("c A 14:30:00Z: 209 | 210"));
}

TEST(Completeness, WindowsThatOnlyTouchTheSessionCountAndThoseInABreakDoNot) {
  const plan::Plan plan = bars_plan();
  BarsRun run(plan);
  // Of an hour, from 14:00 on: seven of them meet 14:30 to 21:00.
  run.bars(at("2024-01-02T14:00:00Z"), at("2024-01-02T20:00:00Z"), kHour.ns, "1h");
  run.bar(at("2024-01-02T00:00:00Z"), "1d");
  run.mark_at(at("2024-01-02T20:30:00Z"));
  EXPECT_THAT(run.found(), ElementsAre("c A 14:30:00Z: 6 | 7"));
  // Tokyo: 00:00 to 02:30 and 03:30 to 06:00; of an hour 00, 01, 02, 03, 04, 05, of 30 minutes not 02:30 and 03:00.
  const plan::Plan tokyo = bars_plan("XTKS");
  BarsRun tokyo_run(tokyo);
  tokyo_run.bar(at("2024-01-09T00:00:00Z"), "1h");
  tokyo_run.bars(at("2024-01-09T00:00:00Z"), at("2024-01-09T06:00:00Z"), 30 * kMinute.ns, "30m",
                 {at("2024-01-09T02:30:00Z")});
  tokyo_run.mark_at(at("2024-01-09T06:00:00Z"));
  EXPECT_THAT(tokyo_run.found(), ElementsAre("c A 00:00:00Z: 1 | 6"));
}

TEST(Completeness, BarsThatAreCountedFromTheOpenAreExpectedFromTheOpen) {
  const plan::Plan plan = bars_plan();
  BarsRun run(plan);
  run.bars(kOpen, kClose, kHour.ns, "1h", {at("2024-01-02T17:30:00Z")});
  run.mark_at(kClose);
  EXPECT_THAT(run.found(), ElementsAre("c A 14:30:00Z: 6 | 7"));
}

TEST(Completeness, ASessionWithoutAnyBarIsSaidOnceAndThenTheSymbolIsNotAwaited) {
  const plan::Plan plan = bars_plan();
  BarsRun run(plan);
  run.bars(kOpen, kClose, kMinute.ns, "1m");
  for (int day = 0; day < 8; ++day) run.mark_at(kClose + day * kDay.ns);
  EXPECT_THAT(run.take("quality"),
              ElementsAre(HasSubstr(R"(|0|390|{"symbol": "A", "every": "1m", "session": "2024-01-03")")));
  // When it comes back it is.
  run.bar(at("2024-01-16T14:30:00Z"));
  run.mark_at(at("2024-01-16T21:00:00Z"));
  EXPECT_THAT(run.found(), ElementsAre("c A 14:30:00Z: 1 | 390"));
}

TEST(Completeness, ABarOfASessionThatWasJudgedChangesNothing) {
  const plan::Plan plan = bars_plan();
  BarsRun run(plan);
  run.bar(kOpen);
  run.mark_at(kClose);
  EXPECT_EQ(run.found().size(), 1u);
  run.bar(kOpen + kMinute.ns);
  run.bar(kOpen + kMinute.ns, "1m", "B");
  run.mark_at(kClose + kMinute.ns);
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(Completeness, TheEndOfASourceJudgesTheSessionsThatHaveBars) {
  const plan::Plan plan = bars_plan();
  BarsRun run(plan);
  run.bars(kOpen, kClose, kMinute.ns, "1m");
  run.bar(at("2024-01-04T15:00:00Z"));
  run.bar(kOpen, "5m", "B");
  run.partition.end();
  EXPECT_THAT(run.found(), ElementsAre("c B 14:30:00Z: 1 | 78", "c A 14:30:00Z: 0 | 390", "c A 14:30:00Z: 1 | 390"));
}

TEST(Completeness, GoesOnOverARestartInTheMiddleOfASession) {
  const plan::Plan plan = bars_plan();
  StateChanges state;
  {
    BarsRun run(plan);
    run.bars(kOpen, kOpen + 100 * kMinute.ns, kMinute.ns, "1m", {kOpen + 7 * kMinute.ns});
    run.bars(kOpen, kClose, kHour.ns / 2, "30m");
    run.mark_at(kOpen + 90 * kMinute.ns);
    run.partition.commit(state);
  }
  BarsRun run(plan);
  ASSERT_TRUE(run.partition.engine->restore(state));
  run.bars(kOpen + 90 * kMinute.ns, kClose, kMinute.ns, "1m");
  run.bar(kOpen + kHour.ns / 2, "30m", "A", 0);
  run.mark_at(kClose);
  EXPECT_THAT(run.found(), ElementsAre("c A 14:30:00Z: 389 | 390", "c A 14:30:00Z: 12 | 13"));
}

TEST(Completeness, TooFineAndTooCoarseBarsAndTextsThatAreNoLengthAreNotJudged) {
  const plan::Plan plan = bars_plan();
  BarsRun run(plan);
  for (const std::string every : {"500ms", "7d", "tick", ""}) run.bar(kOpen, every);
  run.partition.end();
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(Completeness, OfBarsThatAreMadeHereIsJudgedByTheirOwnMark) {
  const std::string text =
      "name: test\nsources:\n  feed: {type: file, path: none.csv, topic: t}\nstreams:\n  b: {from: t, bars: {every: "
      "[30m], lateness: 10s}}\n  c: {from: b, check: {c: {completeness: XNYS}}}\ntables:\n  rows: {from: c}\n";
  auto plan = plan::parse_plan(text, "test.yaml", {.set = {}, .use_environment = false});
  ASSERT_TRUE(plan) << plan.error().message;
  BarsRun run(*plan);
  for (int64_t ts = kOpen; ts < kClose; ts += 20 * kMinute.ns) {
    if (ts / kHour.ns == kOpen / kHour.ns + 3) continue;
    run.give({trade(0, "1", {{"ts_event", format_rfc3339(Timestamp{ts})}})});
  }
  run.mark_at(kClose + 10 * kSecond.ns - 1);
  EXPECT_THAT(run.found(), IsEmpty());
  run.mark_at(kClose + 10 * kSecond.ns);
  EXPECT_THAT(run.found(), ElementsAre("c A 14:30:00Z: 11 | 13"));
}

}  // namespace
}  // namespace penstock::stream::testing

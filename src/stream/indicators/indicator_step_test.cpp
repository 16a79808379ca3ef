// Bars that are revised, come late or are taken back: what is given in the end is what the final bars alone would give.
#include "stream/indicators/indicator_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

#include "stream/indicators/indicator_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kUnit = 1'000'000'000;
constexpr std::nullopt_t kNull = std::nullopt;

Timestamp at_minute(int64_t minute) { return Timestamp{minute * kMinute.ns}; }

TestRow row(int64_t minute, std::optional<int64_t> close, int64_t revision,
            const std::vector<std::optional<double>>& values) {
  return {.symbol = "A",
          .every = "1m",
          .minute = minute,
          .close = close ? std::optional(*close * kUnit) : std::nullopt,
          .revision = revision,
          .final = true,
          .values = values};
}

TestBar removed(int64_t minute) {
  TestBar bar = flat_bar(minute, 0, 0);
  bar.trades = 0;
  bar.vwap.reset();
  return bar;
}

// One of each, with short periods, so that everything is past its warm-up soon.
const StepRun::Calls& every_call() {
  static const StepRun::Calls calls{{"sma", "sma(close, 3)"},
                                    {"ema", "ema(close, 4)"},
                                    {"wma", "wma(typical, 3)"},
                                    {"rsi", "rsi(close, 3)"},
                                    {"macd", "macd(close, 2, 4, 2)"},
                                    {"bb", "bbands(close, 3, 2)"},
                                    {"atr", "atr(3)"},
                                    {"vwap", "vwap()"},
                                    {"obv", "obv()"},
                                    {"stoch", "stoch(3, 2, 2)"},
                                    {"vol", "volatility(close, 3)"},
                                    {"ret", "returns(open, 2)"},
                                    {"log", "log_returns(close, 1)"}};
  return calls;
}

TEST(IndicatorStep, GivesARowForEachBarAndNullsWhileWarmingUp) {
  StepRun run(StepRun::Calls{{"sma", "sma(close, 2)"}, {"bb", "bbands(close, 2, 2)"}});
  EXPECT_THAT(run.give({flat_bar(0, 1), flat_bar(1, 3)}),
              ElementsAre(row(0, 1, 0, {kNull, kNull, kNull, kNull}), row(1, 3, 0, {2, 0, 2, 4})));
}

TEST(IndicatorStep, KeepsSymbolsAndIntervalsApart) {
  StepRun run(StepRun::Calls{{"sma", "sma(close, 2)"}});
  TestBar other = flat_bar(0, 100);
  other.symbol = "B";
  TestBar longer = flat_bar(0, 1000);
  longer.every = "5m";
  const auto rows = run.give({flat_bar(0, 1), other, longer, flat_bar(1, 3)});
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[3], row(1, 3, 0, {2}));
  EXPECT_EQ(rows[1].symbol, "B");
  EXPECT_EQ(rows[2].every, "5m");
}

TEST(IndicatorStep, ARevisedBarGivesItsRowAndThoseBehindItAgain) {
  StepRun run(StepRun::Calls{{"sma", "sma(close, 2)"}});
  (void)run.give({flat_bar(0, 1), flat_bar(1, 3), flat_bar(2, 5), flat_bar(3, 7)});
  EXPECT_THAT(run.give({flat_bar(1, 7)}), ElementsAre(row(1, 7, 1, {4}), row(2, 5, 1, {6})));
  EXPECT_THAT(run.give({flat_bar(1, 3)}), ElementsAre(row(1, 3, 2, {2}), row(2, 5, 2, {4})));
}

TEST(IndicatorStep, ARevisedBarThatChangesNoValueGivesNothing) {
  StepRun run(StepRun::Calls{{"sma", "sma(close, 2)"}});
  (void)run.give({flat_bar(0, 1), flat_bar(1, 3)});
  TestBar same = flat_bar(1, 3, 55);
  same.high += kUnit;
  EXPECT_THAT(run.give({same}), IsEmpty());
  same.final = false;
  EXPECT_EQ(run.give({same}).size(), 1u);
}

TEST(IndicatorStep, ABarThatCameLateBetweenOthersIsPutInItsPlace) {
  StepRun run(StepRun::Calls{{"sma", "sma(close, 2)"}});
  (void)run.give({flat_bar(1, 1), flat_bar(3, 3)});
  EXPECT_THAT(run.give({flat_bar(2, 9)}), ElementsAre(row(2, 9, 0, {5}), row(3, 3, 1, {6})));
  EXPECT_THAT(run.give({flat_bar(0, 5)}), ElementsAre(row(0, 5, 0, {kNull}), row(1, 1, 1, {3})));
}

TEST(IndicatorStep, ABarThatIsTakenBackGivesNullsOnceAndIsAbsentFromThenOn) {
  StepRun run(StepRun::Calls{{"sma", "sma(close, 2)"}});
  (void)run.give({flat_bar(0, 1), flat_bar(1, 3), flat_bar(2, 5)});
  EXPECT_THAT(run.give({removed(1)}), ElementsAre(row(1, kNull, 1, {kNull}), row(2, 5, 1, {3})));
  EXPECT_THAT(run.give({removed(1)}), IsEmpty());
  EXPECT_THAT(run.give({flat_bar(3, 7)}), ElementsAre(row(3, 7, 0, {6})));
  // A correction may bring it back.
  EXPECT_THAT(run.give({flat_bar(1, 3)}), ElementsAre(row(1, 3, 2, {2}), row(2, 5, 2, {4})));
  EXPECT_THAT(run.give({removed(8)}), IsEmpty()) << "a bar that there never was";
}

TEST(IndicatorStep, WhatTheMarkSettledIsNotChangedAndARowThatWouldIsRefused) {
  StepRun run(StepRun::Calls{{"sma", "sma(close, 2)"}});
  (void)run.give({flat_bar(0, 1), flat_bar(1, 3), flat_bar(2, 5)});
  EXPECT_THAT(run.give({flat_bar(2, 6)}, at_minute(2)), ElementsAre(row(2, 6, 1, {4.5})));
  EXPECT_THAT(run.give({flat_bar(1, 4)}, at_minute(2)), IsEmpty());
  EXPECT_THAT(run.refused, ElementsAre(HasSubstr("up to the bar that starts at 1970-01-01T00:01:00Z")));
  EXPECT_THAT(run.give({flat_bar(3, 8)}, at_minute(2)), ElementsAre(row(3, 8, 0, {7})));
}

TEST(IndicatorStep, BarsOlderThanTheStatedTimeOfRevisionsAreSettledWithoutAMark) {
  StepRun run(StepRun::Calls{{"sma", "sma(close, 2)"}}, "24/7", Duration{2 * kMinute.ns});
  (void)run.give({flat_bar(0, 1), flat_bar(1, 3), flat_bar(2, 5), flat_bar(3, 7)});
  EXPECT_EQ(run.give({flat_bar(1, 4)}).size(), 2u);
  EXPECT_THAT(run.give({flat_bar(0, 4)}), IsEmpty());
  EXPECT_EQ(run.refused.size(), 1u);
  // One that is not final says nothing about the others.
  TestBar running = flat_bar(9, 1);
  running.final = false;
  (void)run.give({running});
  EXPECT_EQ(run.give({flat_bar(1, 7)}).size(), 2u);
}

TEST(IndicatorStep, BeyondItsMaximumOfUnsettledBarsTheOldestIsSettled) {
  StepRun run(StepRun::Calls{{"sma", "sma(close, 2)"}});
  std::vector<TestBar> bars;
  for (int64_t minute = 0; minute <= static_cast<int64_t>(IndicatorStep::kKeptMax); ++minute) {
    bars.push_back(flat_bar(minute, minute));
  }
  EXPECT_EQ(run.give(bars).size(), bars.size());
  EXPECT_THAT(run.give({flat_bar(0, 5)}), IsEmpty());
  EXPECT_EQ(run.refused.size(), 1u);
  EXPECT_THAT(run.give({flat_bar(1, 3)}), ElementsAre(row(1, 3, 1, {1.5}), row(2, 2, 1, {2.5})));
}

TEST(IndicatorStep, VwapBeginsAgainWithEachSessionOfTheCalendarAndIsNullOutside) {
  // 2024-03-08 was a Friday: New York opens at 14:30 UTC; on Monday summer time has begun: 13:30.
  const auto minute = [](const char* text) {
    Timestamp time;
    EXPECT_EQ(parse_rfc3339(text, time), TimeError::ok);
    return time.ns / kMinute.ns;
  };
  StepRun run(StepRun::Calls{{"vwap", "vwap()"}}, "XNYS");
  const auto value = [&](TestBar bar) { return run.give({std::move(bar)}).at(0).values.at(0); };
  EXPECT_EQ(value(flat_bar(minute("2024-03-08T14:29:00Z"), 1)), kNull);
  EXPECT_EQ(value(flat_bar(minute("2024-03-08T14:30:00Z"), 2)), 2);
  EXPECT_EQ(value(flat_bar(minute("2024-03-08T20:59:00Z"), 4)), 3);
  EXPECT_EQ(value(flat_bar(minute("2024-03-08T21:00:00Z"), 9)), kNull);
  EXPECT_EQ(value(flat_bar(minute("2024-03-11T13:29:00Z"), 9)), kNull);
  EXPECT_EQ(value(flat_bar(minute("2024-03-11T13:30:00Z"), 7)), 7);
  // An hour that begins before the session and has its opening in it.
  TestBar hour = flat_bar(minute("2024-03-12T13:00:00Z"), 8);
  hour.every = "1h";
  EXPECT_EQ(value(hour), 8);
  hour = flat_bar(minute("2024-03-12T12:00:00Z"), 8);
  hour.every = "1h";
  StepRun before(StepRun::Calls{{"vwap", "vwap()"}}, "XNYS");
  EXPECT_EQ(before.give({hour}).at(0).values.at(0), kNull);
}

TEST(IndicatorStep, StateOfOtherIndicatorsIsRefusedWithWhatToDo) {
  StepRun run(StepRun::Calls{{"sma", "sma(close, 2)"}});
  (void)run.give({flat_bar(0, 1)});
  run.restart();
  ASSERT_EQ(run.state.size(), 1u);
  for (const auto& [call, session] : {std::pair{"sma(close, 3)", "24/7"}, std::pair{"sma(close, 2)", "XNYS"}}) {
    market::SymbolTable symbols;
    auto other = IndicatorStep::create(indicators_of({{"sma", call}}, session), *market::bar_schema(), "s", symbols);
    ASSERT_TRUE(other);
    const Status status = (*other)->restore(run.state.begin()->first, run.state.begin()->second);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind, ErrorKind::invalid);
    EXPECT_THAT(status.error().message, HasSubstr("give the stream another name"));
  }
}

TEST(IndicatorStep, AnyChangedOrCutByteOfTheStateIsFound) {
  StepRun run(every_call());
  for (int64_t minute = 0; minute < 6; ++minute) (void)run.give({flat_bar(minute, 5)}, at_minute(minute - 1));
  run.restart();
  const std::string blob = run.state.begin()->second;
  for (size_t at = 0; at < blob.size(); ++at) {
    std::string changed = blob;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    for (const std::string_view bytes : {std::string_view(changed), std::string_view(blob).substr(0, at)}) {
      market::SymbolTable symbols;
      auto step = IndicatorStep::create(indicators_of(every_call()), *market::bar_schema(), "s", symbols);
      ASSERT_FALSE((*step)->restore("indicators/s/1", bytes)) << "byte " << at;
    }
  }
}

// A history of one symbol's bars: at each step a bar comes, for the first time, again or taken back, and the mark may
// rise as far as what is to come allows.
struct Event {
  int64_t minute = 0;
  bool removed = false;
  int64_t close = 0;
  int64_t spread = 0;
  int64_t volume = 0;
  int64_t mark = 0;  // in tenths of what is allowed
};
std::ostream& operator<<(std::ostream& out, const Event& event) {
  return out << "minute " << event.minute << (event.removed ? " removed" : "") << " close " << event.close << " spread "
             << event.spread << " volume " << event.volume << " mark " << event.mark;
}

rc::Gen<std::vector<Event>> events() {
  return rc::gen::container<std::vector<Event>>(
      rc::gen::build<Event>(rc::gen::set(&Event::minute, rc::gen::inRange<int64_t>(-10, 30)),
                            rc::gen::set(&Event::removed, rc::gen::weightedElement<bool>({{4, false}, {1, true}})),
                            rc::gen::set(&Event::close, rc::gen::inRange<int64_t>(1, 20)),
                            rc::gen::set(&Event::spread, rc::gen::inRange<int64_t>(0, 3)),
                            rc::gen::set(&Event::volume, rc::gen::inRange<int64_t>(0, 4)),
                            rc::gen::set(&Event::mark, rc::gen::inRange<int64_t>(0, 11))));
}

TestBar bar_of(const Event& event) {
  if (event.removed) return removed(event.minute);
  TestBar bar = flat_bar(event.minute, event.close, event.volume);
  bar.high += event.spread * kUnit;
  bar.low -= event.spread * kUnit / 4;
  if (event.volume == 0) bar.vwap.reset();
  return bar;
}

struct Given {
  TestBar bar;
  Timestamp mark;
};
std::vector<Given> history(const std::vector<Event>& events) {
  std::vector<Given> out(events.size());
  int64_t least = 31;
  for (size_t i = events.size(); i-- > 0;) {
    least = std::min(least, events[i].minute);
    // Tenths of the way from before all bars to the first that may still come.
    out[i] = {bar_of(events[i]), at_minute(-10 + (least + 10) * events[i].mark / 10)};
  }
  for (size_t i = 1; i < out.size(); ++i) out[i].mark = std::max(out[i].mark, out[i - 1].mark);
  return out;
}

TEST(IndicatorStep, TheNewestRowsAreThoseOfARunThatSawTheFinalBarsOnly) {
  EXPECT_TRUE(rc::check([] {
    const auto given = history(*events());
    StepRun run(every_call());
    std::map<int64_t, TestRow> newest;
    std::map<int64_t, TestBar> final_bars;
    for (const Given& each : given) {
      for (TestRow& row : run.give({each.bar}, each.mark)) {
        const auto before = newest.find(row.minute);
        RC_ASSERT(row.revision == (before == newest.end() ? 0 : before->second.revision + 1));
        newest[row.minute] = std::move(row);
      }
      if (each.bar.trades != 0) {
        final_bars[each.bar.minute] = each.bar;
      } else {
        final_bars.erase(each.bar.minute);
      }
    }
    RC_ASSERT(run.refused.empty());
    std::vector<TestBar> ascending;
    for (const auto& [minute, bar] : final_bars) ascending.push_back(bar);
    StepRun plain(every_call());
    for (TestRow& row : plain.give(ascending)) {
      RC_ASSERT(newest.contains(row.minute));
      row.revision = newest[row.minute].revision;
      RC_ASSERT(newest[row.minute] == row);
      newest.erase(row.minute);
    }
    // Of the others nothing is left.
    for (const auto& [minute, row] : newest) {
      RC_ASSERT(row.close == std::nullopt);
      RC_ASSERT(std::count(row.values.begin(), row.values.end(), std::nullopt) == std::ssize(row.values));
    }
  }));
}

TEST(IndicatorStep, CutsOfTheInputAndRestartsBetweenAnyTwoBarsChangeNothing) {
  EXPECT_TRUE(rc::check([] {
    const auto given = history(*events());
    StepRun whole(every_call());
    StepRun restarted(every_call());
    std::vector<TestRow> expected;
    std::vector<TestRow> rows;
    for (size_t i = 0; i < given.size();) {
      // Bars under one mark may come in one call or several.
      std::vector<TestBar> call;
      const Timestamp mark = given[i].mark;
      for (; i < given.size() && given[i].mark == mark; ++i) {
        call.push_back(given[i].bar);
        for (TestRow& row : restarted.give({given[i].bar}, mark)) rows.push_back(std::move(row));
        restarted.restart();
      }
      for (TestRow& row : whole.give(call, mark)) expected.push_back(std::move(row));
    }
    RC_ASSERT(rows == expected);
  }));
}

TEST(IndicatorStep, WhatIsSettledEarlyOrLateGivesTheSameRows) {
  EXPECT_TRUE(rc::check([] {
    const auto given = history(*events());
    StepRun marked(every_call());
    StepRun unmarked(every_call());
    for (const Given& each : given) RC_ASSERT(marked.give({each.bar}, each.mark) == unmarked.give({each.bar}));
  }));
}

}  // namespace
}  // namespace penstock::stream::testing

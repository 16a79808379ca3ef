// Indicators as pipeline files write them: what is taken, what is said of what is wrong, and what explain shows.
#include "plan/indicators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "market/schema.h"
#include "plan/explain.h"
#include "plan/load.h"

namespace penstock::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kHead =
    "name: p\nsources:\n  s: {type: file, path: a.csv, topic: trades}\nstreams:\n"
    "  bars: {from: trades, bars: {every: 1m}}\n";

std::vector<std::string> errors(const std::string& text) {
  std::vector<std::string> out;
  const Loaded loaded = load_text(kHead + text, "p.yaml", {.set = {}, .use_environment = false});
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    out.push_back(diagnostic.to_string());
  }
  return out;
}

TEST(Indicators, TheirCallsAreReadAndWrittenInOneForm) {
  for (const std::string call :
       {"sma(close, 20)", "ema(open, 1)", "wma(high, 3)", "rsi(low, 14)", "macd(close, 12, 26, 9)",
        "bbands(typical, 20, 2.5)", "atr(14)", "vwap(vwap)", "obv()", "stoch(14, 3, 3)", "volatility(volume, 2)",
        "returns(close, 1)", "log_returns(close, 10000)"}) {
    const auto indicator = parse_indicator(call);
    ASSERT_TRUE(indicator) << call << ": " << indicator.error().message;
    EXPECT_EQ(call_text(*indicator), call);
  }
  EXPECT_EQ(call_text(*parse_indicator("  BBANDS( close,20 , 2.0 )")), "bbands(close, 20, 2)");
  EXPECT_EQ(call_text(*parse_indicator("vwap()")), "vwap(vwap)");
  // Every function is among them.
  EXPECT_EQ(indicator_functions().size(), 13u);
  for (const IndicatorFunction& function : indicator_functions()) EXPECT_EQ(&function_of(function.kind), &function);
}

struct Case {
  std::string name;
  std::string call;
  size_t offset;
  std::string message;
};
void PrintTo(const Case& tested, std::ostream* out) { *out << tested.name; }
class WrongCall : public testing::TestWithParam<Case> {};
TEST_P(WrongCall, IsSaidAtItsPlace) {
  const auto indicator = parse_indicator(GetParam().call);
  ASSERT_FALSE(indicator);
  EXPECT_EQ(indicator.error().offset, GetParam().offset);
  EXPECT_THAT(indicator.error().message, HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    Calls, WrongCall,
    testing::Values(
        Case{"Function", "smaa(close, 20)", 0, "no indicator 'smaa'; did you mean 'sma'?; there are sma, ema"},
        Case{"Source", "sma(clos, 20)", 4, "did you mean 'close'?"},
        Case{"SourceIsNoName", "sma(1, 20)", 4, "must be one of open, high, low, close, volume, vwap, typical"},
        Case{"Period", "sma(close, 0)", 11, "'bars' of sma(source, bars) must be a whole number from 1 to 10000"},
        Case{"PeriodOfAPart", "ema(close, 1.5)", 11, "whole number"},
        Case{"PeriodBeyond", "ema(close, 10001)", 11, "from 1 to 10000"},
        Case{"NegativePeriod", "ema(close, -5)", 11, "whole number"},
        Case{"TwoAtLeast", "volatility(close, 1)", 18, "from 2 to"},
        Case{"TooFew", "macd(close, 12, 26)", 0, "macd(source, short, long, signal) takes 4 values, not 3"},
        Case{"TooMany", "obv(close)", 0, "obv() takes 0 values, not 1"},
        Case{"TooManyForVwap", "vwap(close, 1)", 0, "vwap([source]) takes at most 1 values, not 2"},
        Case{"ShortNotLess", "macd(close, 26, 12, 9)", 12, "'short' of macd"},
        Case{"Deviations", "bbands(close, 20, 0)", 18, "'deviations' of bbands(source, bars, deviations)"},
        Case{"NoCall", "sma", 0, "write sma(source, bars)"},
        Case{"Expression", "close + 1", 6, "written as a call such as sma(close, 20)"},
        Case{"Unclosed", "sma(close, 20", 13, ""}, Case{"Empty", "", 0, ""}),
    [](const testing::TestParamInfo<Case>& tested) { return tested.param.name; });

TEST(Indicators, ErrorsStandAtTheirLineAndColumn) {
  EXPECT_THAT(errors("  s:\n    from: bars\n    indicators:\n      a: sma(close, 20)\n      b: smaa(close, 20)\n"
                     "      c: \"ema(clos, 3)\"\n"),
              ElementsAre(HasSubstr("p.yaml:10:10: indicator 'b': there is no indicator 'smaa'; did you mean 'sma'?"),
                          HasSubstr("p.yaml:11:15: indicator 'c': the source of ema must be one of")));
  EXPECT_THAT(errors("  s: {from: bars, indicator: {a: obv()}}\n"),
              ElementsAre(HasSubstr("p.yaml:6:19: stream 's' has no key 'indicator'; did you mean 'indicators'?")));
  EXPECT_THAT(
      errors("  s: {from: bars, indicators: {a: sma(close, 20)}}\n"),
      ElementsAre(HasSubstr("p.yaml:6:35: 'indicators' of stream 's': inside {...} a comma ends a value: put the "
                            "call in quotes")));
  EXPECT_THAT(errors("  s: {from: bars, indicators: {a-b: obv()}}\n"), ElementsAre(HasSubstr("p.yaml:6:32: ")));
  EXPECT_THAT(errors("  s: {from: bars, indicators: {}}\n"), ElementsAre(HasSubstr("p.yaml:6:31: ")));
  EXPECT_THAT(errors("  s: {from: bars, indicators: obv()}\n"), ElementsAre(HasSubstr("p.yaml:6:31: ")));
  EXPECT_THAT(errors("  s: {from: bars, indicators: {a: [obv()]}}\n"), ElementsAre(HasSubstr("p.yaml:6:35: ")));
}

TEST(Indicators, NamesOfColumnsAreToldApart) {
  EXPECT_THAT(errors("  s: {from: bars, indicators: {close: obv()}}\n"),
              ElementsAre(HasSubstr("p.yaml:6:32: 'indicators' of stream 's': there is a column 'close' already")));
  EXPECT_THAT(errors("  s: {from: bars, indicators: {m: \"macd(close, 2, 3, 4)\", M_Hist: obv()}}\n"),
              ElementsAre(HasSubstr("there is a column 'M_Hist' already")));
}

TEST(Indicators, ComeFromBarsAsTheyAre) {
  EXPECT_THAT(errors("  s: {from: trades, indicators: {a: obv()}}\n"),
              ElementsAre(HasSubstr("are computed from bars")));
  EXPECT_THAT(errors("  s: {from: bars.late, indicators: {a: obv()}}\n"),
              ElementsAre(HasSubstr("are computed from bars")));
  EXPECT_THAT(errors("  s: {from: bars, select: {symbol: symbol}, indicators: {a: obv()}}\n"),
              ElementsAre(HasSubstr("no `select` may stand before them")));
  EXPECT_THAT(errors("  s: {from: trades, bars: {every: 1m}, indicators: {a: obv()}}\n"),
              ElementsAre(HasSubstr("a stream of their own")));
  EXPECT_THAT(errors("  s: {from: bars, where: \"every = '1m'\", indicators: {a: obv()}}\n"), ElementsAre());
}

TEST(Indicators, SessionsAreThoseOfACalendarThatThereIs) {
  EXPECT_THAT(
      errors("  s: {from: bars, indicators: {session: XNYZ, a: vwap()}}\n"),
      ElementsAre(HasSubstr("p.yaml:6:41: 'session' of 'indicators' of stream 's': there is no calendar 'XNYZ'; "
                            "did you mean 'XNYS'?")));
  EXPECT_THAT(errors("  s: {from: bars, indicators: {session: XNYS, a: vwap()}}\n"), ElementsAre());
}

TEST(Indicators, HaveTheSessionsOfTheirBarsUnlessTheySayOthers) {
  const auto plan =
      parse_plan(kHead +
                     "  ny: {from: trades, bars: {every: 1m, session: XNYS}}\n"
                     "  a: {from: bars, indicators: {x: vwap()}}\n  b: {from: ny, indicators: {x: vwap()}}\n"
                     "  c: {from: ny, indicators: {session: XLON, x: vwap()}}\n",
                 "p.yaml", {.set = {}, .use_environment = false});
  ASSERT_TRUE(plan) << plan.error().message;
  const auto session = [&](size_t stream) {
    return std::get<Indicators>(plan->streams.at(stream).steps.at(0).what).session;
  };
  EXPECT_EQ(session(2), "24/7");
  EXPECT_EQ(session(3), "XNYS");
  EXPECT_EQ(session(4), "XLON");
}

TEST(Indicators, HoldBarsAsLongAsTheyAreRevised) {
  const auto plan =
      parse_plan(kHead +
                     "  revised: {from: trades, bars: {every: 1m, revise_for: 15m}}\n"
                     "  some: {from: revised, where: \"symbol <> 'A'\"}\n"
                     "  a: {from: bars, indicators: {x: obv()}}\n  b: {from: some, indicators: {x: obv()}}\n",
                 "p.yaml", {.set = {}, .use_environment = false});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(std::get<Indicators>(plan->streams.at(3).steps.at(0).what).revised_within, Duration{0});
  EXPECT_EQ(std::get<Indicators>(plan->streams.at(4).steps.at(0).what).revised_within, Duration{15 * kMinute.ns});
}

TEST(Indicators, ExplainShowsEachWithItsWarmUpAndItsColumns) {
  const auto plan =
      parse_plan(kHead +
                     "  studies:\n    from: bars\n    indicators:\n      session: XNYS\n"
                     "      sma20: sma(close, 20)\n      r: returns(close, 1)\n      m: macd(close, 12, 26, 9)\n"
                     "      v: vwap()\ntables:\n  studies: {from: studies, key: [symbol, every, start]}\n",
                 "p.yaml", {.set = {}, .use_environment = false});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(explain(*plan), HasSubstr("      -> stream studies\n"
                                        "          indicators, sessions of XNYS\n"
                                        "            sma20 = sma(close, 20), null for the first 19 bars\n"
                                        "            r = returns(close, 1), null for the first 1 bar\n"
                                        "            m = macd(close, 12, 26, 9), null for the first 25 bars\n"
                                        "            v = vwap(vwap)\n"
                                        "        rows: symbol text, every text, start timestamp, close price, "
                                        "revision bigint, final boolean, sma20 double, r double, m double, m_signal "
                                        "double, m_hist double, v double\n"));
}

}  // namespace
}  // namespace penstock::plan

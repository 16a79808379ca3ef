// `bars:` makes bars of trades or of quotes, as the columns of what it reads say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "market/schema.h"
#include "plan/load.h"

namespace penstock::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kHead =
    "name: p\nsources:\n  q: {type: file, path: q.csv, records: quotes, topic: quotes}\n"
    "  t: {type: file, path: t.csv, topic: trades}\n"
    "  j: {type: file, path: j.jsonl, records: json, topic: json}\nstreams:\n";

std::vector<std::string> errors(const std::string& streams) {
  std::vector<std::string> out;
  for (const Diagnostic& d : load_text(kHead + streams, "p.yaml", {.set = {}, .use_environment = false}).diagnostics) {
    out.push_back(d.to_string());
  }
  return out;
}

Stream stream_of(const std::string& streams) {
  auto plan = parse_plan(kHead + streams, "p.yaml", {.set = {}, .use_environment = false});
  if (!plan) throw std::runtime_error(plan.error().message);
  return plan->streams.back();
}

TEST(QuoteBars, AreMadeOfWhatHasABidAndAnAsk) {
  const Stream stream = stream_of("  b: {from: quotes, bars: {every: [1s, 1m], lateness: 5s}}\n");
  const auto& bars = std::get<Bars>(stream.steps.back().what);
  EXPECT_TRUE(bars.of_quotes);
  EXPECT_EQ(bars.lateness, Duration{5 * kSecond.ns});
  EXPECT_EQ(stream.output, market::quote_bar_schema());
}

TEST(QuoteBars, AreNotMadeOfTrades) {
  const Stream stream = stream_of("  b: {from: trades, bars: {every: 1m}}\n");
  EXPECT_FALSE(std::get<Bars>(stream.steps.back().what).of_quotes);
  EXPECT_EQ(stream.output, market::bar_schema());
}

TEST(QuoteBars, TakeSelectedColumnsOfTheirNames) {
  const Stream stream = stream_of(
      "  b:\n    from: quotes\n    select: {symbol: symbol, ts_event: ts_event, bid: cast(bid * 2 as price), ask: ask, "
      "ask_size: "
      "100}\n"
      "    bars: {every: 1m}\n");
  EXPECT_TRUE(std::get<Bars>(stream.steps.back().what).of_quotes);
}

TEST(QuoteBars, OfColumnsOfAnotherTypeAreRefused) {
  EXPECT_THAT(
      errors("  b:\n    from: quotes\n    select: {symbol: symbol, ts_event: ts_event, bid: bid, ask: \"'1'\", "
             "bid_size: \"'1'\"}\n    bars: {every: 1m}\n"),
      ElementsAre("p.yaml:10:11: 'bars' of stream 'b': bars of quotes need a column 'ask' of type price, but it is "
                  "of type text; add `ask: cast(... as price)` to `select`",
                  "p.yaml:10:11: 'bars' of stream 'b': bars of quotes need a column 'bid_size' of type size, but "
                  "it is of type text; add `bid_size: cast(... as size)` to `select`"));
}

TEST(QuoteBars, AndBarsOfTradesAreRefusedWhereNeithersColumnsAre) {
  EXPECT_THAT(
      errors("  b: {from: json, bars: {every: 1m}}\n"),
      ElementsAre(HasSubstr("p.yaml:7:25: 'bars' of stream 'b': bars need the columns 'price' and 'size' of trades, "
                            "or 'bid' and 'ask' of quotes; there are key, value, ts_recv; add them to `select`")));
  EXPECT_THAT(errors("  b: {from: quotes, bars: {every: 1m}}\n  c: {from: b, bars: {every: 1h}}\n"),
              ElementsAre(HasSubstr("'bars' of stream 'c': bars need the columns")));
}

TEST(QuoteBars, HaveNoRulesOfTrades) {
  EXPECT_THAT(errors("  b: {from: quotes, bars: {every: 1m, conditions: us-equity}}\n"),
              ElementsAre(HasSubstr("is for bars of trades, and these are of quotes: leave it out")));
  EXPECT_THAT(errors("  b: {from: quotes, bars: {every: 1m, revise_for: 1m}}\n"),
              ElementsAre(HasSubstr("is for bars of trades, and these are of quotes: leave it out")));
}

TEST(QuoteBars, TakeASession) {
  const Stream stream = stream_of("  b: {from: quotes, bars: {every: 1m, session: XNYS}}\n");
  EXPECT_NE(std::get<Bars>(stream.steps.back().what).calendar, nullptr);
}

}  // namespace
}  // namespace penstock::plan

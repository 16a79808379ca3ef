// Indicators in a pipeline: trades to bars to indicators, however the records are cut into calls and whenever the
// process begins again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "plan/load.h"
#include "stream/engine_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

plan::Plan plan_of(const std::string& indicators, const std::string& bars = "lateness: 1s") {
  const std::string text =
      "name: test\nsources:\n  feed: {type: file, path: none.csv, topic: trades}\nstreams:\n"
      "  bars: {from: trades, bars: {every: [1m, 5m], " +
      bars +
      "}}\n"
      "  studies: {from: bars, indicators: {" +
      indicators + "}}\ntables:\n  studies: {from: studies}\n";
  auto plan = plan::parse_plan(text, "test.yaml", {.use_environment = false});
  EXPECT_TRUE(plan) << plan.error().message;
  return std::move(*plan);
}

TEST(IndicatorStream, MakesARowOfEachBarAsItCloses) {
  const plan::Plan plan = plan_of("sma: \"sma(close, 2)\", obv: obv()");
  Partition run(plan);
  run.trades({{.ts_ms = 0, .price = "10"}, {.ts_ms = 60'000, .price = "12", .size = "3"}});
  EXPECT_TRUE(run.take(0).empty());
  run.trades({{.ts_ms = 121'000, .price = "13", .size = "5"}});
  EXPECT_THAT(run.take(0),
              ElementsAre("A|1m|1970-01-01T00:00:00Z|10|0|true|null|0", "A|1m|1970-01-01T00:01:00Z|12|0|true|11|3"));
  run.end();
  EXPECT_THAT(run.take(0),
              ElementsAre("A|1m|1970-01-01T00:02:00Z|13|0|true|12.5|8", "A|5m|1970-01-01T00:00:00Z|13|0|true|null|0"));
  expect_accounted(run.engine->counts());
  EXPECT_EQ(run.engine->counts().streams[1].out, 4u);
  EXPECT_EQ(run.engine->counts().bars, 4u);
}

std::vector<TestTrade> random_trades(std::mt19937_64& random) {
  std::vector<TestTrade> trades;
  int64_t now = 0;
  for (size_t i = 0; i < 400; ++i) {
    now += static_cast<int64_t>(random() % 40'000);
    trades.push_back({.symbol = fmt::format("S{}", random() % 3),
                      .ts_ms = now - static_cast<int64_t>(random() % 3'000),
                      .price = fmt::format("{}.{}", 1 + random() % 50, random() % 100),
                      .size = std::to_string(random() % 5)});
  }
  return trades;
}

// Trades up to 90 seconds late, some of which are cancelled or corrected within four minutes, and those that are left.
struct Revised {
  std::vector<TestTrade> given;
  std::vector<TestTrade> left;  // by time
};
Revised revised_trades(std::mt19937_64& random, bool with_cancels) {
  Revised out;
  std::map<std::string, int64_t> newest;
  int64_t now = 0;
  for (int i = 0; i < 400; ++i) {
    now += static_cast<int64_t>(random() % 30'000);
    TestTrade trade{.symbol = fmt::format("S{}", random() % 3),
                    .ts_ms = now - (random() % 3 == 0 ? static_cast<int64_t>(random() % 90'000) : 0),
                    .price = std::to_string(1 + random() % 50),
                    .size = std::to_string(1 + random() % 5),
                    .id = std::to_string(i)};
    newest[trade.symbol] = std::max(newest.try_emplace(trade.symbol, INT64_MIN).first->second, trade.ts_ms);
    out.given.push_back(trade);
    out.left.push_back(trade);
    if (!with_cancels || random() % 4 != 0) continue;
    const size_t which = out.left.size() - 1 - random() % std::min<size_t>(out.left.size(), 20);
    TestTrade& target = out.left[which];
    if (target.ts_ms < newest[target.symbol] - 240'000) continue;
    TestTrade action = target;
    action.action = random() % 2 == 0 ? "cancel" : "correct";
    action.ref_id = target.id;
    action.id = "c" + std::to_string(i);
    action.price = std::to_string(1 + random() % 50);
    out.given.push_back(action);
    if (action.action == "cancel") {
      out.left.erase(out.left.begin() + static_cast<std::ptrdiff_t>(which));
    } else {
      target.price = action.price;
    }
  }
  std::stable_sort(out.left.begin(), out.left.end(),
                   [](const TestTrade& a, const TestTrade& b) { return a.ts_ms < b.ts_ms; });
  return out;
}

// The newest line of each symbol, interval and start, without the revision; none where the bar was taken back.
std::map<std::string, std::string> newest_rows(const std::vector<std::string>& lines) {
  std::map<std::string, std::string> rows;
  for (const std::string& line : lines) {
    size_t key = 0;
    for (int i = 0; i < 3; ++i) key = line.find('|', key) + 1;
    const size_t close = line.find('|', key);
    const std::string value = line.substr(key, close - key);
    rows[line.substr(0, key)] = value + line.substr(line.find('|', close + 1));
  }
  std::erase_if(rows, [](const auto& row) { return row.second.starts_with("null|"); });
  return rows;
}

const char* const kIndicators =
    "a: \"sma(close, 4)\", b: \"ema(vwap, 3)\", c: \"rsi(close, 3)\", d: \"macd(close, 2, 4, 3)\", e: atr(3), f: "
    "vwap(), "
    "g: \"stoch(3, 2, 2)\", h: \"volatility(close, 3)\"";

// Gives the trades [from, to) in calls of at most `call_max`, a mark before every 50th.
void feed(Partition& run, const std::vector<TestTrade>& trades, size_t from, size_t to, size_t call_max,
          std::mt19937_64& random) {
  while (from < to) {
    if (from % 50 == 0) run.mark_ms(trades[from].ts_ms - 3'000);
    const size_t call_end = std::min({to, from + 1 + random() % call_max, (from / 50 + 1) * 50});
    run.trades(
        {trades.begin() + static_cast<std::ptrdiff_t>(from), trades.begin() + static_cast<std::ptrdiff_t>(call_end)});
    from = call_end;
  }
}

TEST(IndicatorStream, CutsSymbolCodesAndRestartsAtAnyCommitChangeNothing) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 20; ++round) {
    const plan::Plan plan = plan_of(kIndicators, round % 2 == 0 ? "lateness: 1s" : "revise_for: 5m, early: 20s");
    const auto trades = round % 2 == 0 ? random_trades(random) : revised_trades(random, true).given;
    Partition whole(plan);
    feed(whole, trades, 0, trades.size(), trades.size(), random);
    whole.end();
    const auto expected = whole.take(0);
    ASSERT_GT(expected.size(), 100u);

    StateChanges state;
    std::vector<std::string> rows;
    auto run = std::make_unique<Partition>(plan);
    for (size_t at = 0; at < trades.size();) {
      const size_t to = std::min(trades.size(), at + 1 + random() % 60);
      feed(*run, trades, at, to, 9, random);
      // Without a commit before it, the end of the process loses the work since the last one, which is done again.
      if (random() % 3 != 0) {
        for (std::string& row : run->take(0)) rows.push_back(std::move(row));
        run->commit(state);
        at = to;
      }
      run = std::make_unique<Partition>(plan, std::vector<std::string>{fmt::format("S{}", random() % 3), "x"});
      const Status restored = run->engine->restore(state);
      ASSERT_TRUE(restored) << restored.error().message;
    }
    run->end();
    for (std::string& row : run->take(0)) rows.push_back(std::move(row));
    ASSERT_EQ(rows, expected) << "round " << round;
  }
}

TEST(IndicatorStream, OfRevisedBarsIsInTheEndThatOfTheTradesThatAreLeft) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 40; ++round) {
    const bool early = round % 2 == 0;
    const Revised trades = revised_trades(random, !early);
    const plan::Plan plan = plan_of(kIndicators, early ? "revise_for: 5m, early: 7s" : "revise_for: 5m");
    Partition run(plan);
    for (size_t at = 0; at < trades.given.size();) {
      const size_t to = std::min(trades.given.size(), at + 1 + random() % 30);
      run.trades({trades.given.begin() + static_cast<std::ptrdiff_t>(at),
                  trades.given.begin() + static_cast<std::ptrdiff_t>(to)});
      at = to;
    }
    run.end();
    const plan::Plan made_once = plan_of(kIndicators);
    Partition plain(made_once);
    plain.trades(trades.left);
    plain.end();
    for (size_t stream = 0; stream < 2; ++stream) {
      const StreamCounts& counts = run.engine->counts().streams[stream];
      ASSERT_EQ(counts.late + counts.quarantined, 0u) << "round " << round;
    }
    ASSERT_EQ(newest_rows(run.take(0)), newest_rows(plain.take(0))) << "round " << round;
    expect_accounted(run.engine->counts());
  }
}

TEST(IndicatorStream, StateOfAStreamThatIsGoneIsDeletedAndThatOfOtherIndicatorsRefused) {
  StateChanges state;
  {
    const plan::Plan plan = plan_of("a: \"sma(close, 4)\"");
    Partition run(plan);
    run.trades({{.ts_ms = 0}, {.ts_ms = 100'000}});
    run.commit(state);
    EXPECT_EQ(std::count_if(state.begin(), state.end(),
                            [](const auto& blob) { return blob.first.starts_with("indicators/studies/"); }),
              1);
  }
  const plan::Plan other = plan_of("a: \"sma(close, 5)\"");
  Partition refused(other);
  const Status status = refused.engine->restore(state);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("stream 'studies': its state is of other indicators"));

  plan::Plan renamed = plan_of("a: \"sma(close, 5)\"");
  renamed.streams[1].name = "renamed";
  Partition run(renamed);
  ASSERT_TRUE(run.engine->restore(state));
  run.commit(state);
  for (const auto& [name, blob] : state) EXPECT_THAT(name, ::testing::Not(HasSubstr("/studies/")));
}

TEST(IndicatorStream, StateOfAStreamThatHasNoIndicatorsAnyMoreIsDeleted) {
  StateChanges state;
  {
    const plan::Plan plan = plan_of("a: \"sma(close, 4)\"");
    Partition run(plan);
    run.trades({{.ts_ms = 0}, {.ts_ms = 100'000}});
    run.commit(state);
  }
  plan::Plan without = plan_of("a: \"sma(close, 4)\"");
  without.streams[1].steps.clear();
  without.streams[1].output = without.streams[0].output;
  Partition run(without);
  ASSERT_TRUE(run.engine->restore(state));
  run.commit(state);
  for (const auto& [name, blob] : state) EXPECT_THAT(name, ::testing::Not(HasSubstr("indicators/")));
}

}  // namespace
}  // namespace penstock::stream::testing

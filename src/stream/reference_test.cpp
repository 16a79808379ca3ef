// The engine against a reference that is too simple to be wrong, over random streams: shuffled within the lateness,
// with duplicates, cut into calls at random, restarted at random, with other symbol codes.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "stream/engine_testing.h"

namespace penstock::stream::testing {
namespace {

struct Case {
  std::vector<TestTrade> trades;
  std::vector<size_t> marks_after;  // a mark at the time of the trade before, less nothing: see mark_at
  Bars bars;
  bool dedup = false;
};

Case random_case(std::mt19937_64& random) {
  Case c;
  static const std::vector<std::vector<Duration>> kEvery = {
      {kSecond},
      {kSecond, Duration{5 * kSecond.ns}, kMinute},
      {Duration{2 * kSecond.ns}, Duration{3 * kSecond.ns}, Duration{6 * kSecond.ns}, Duration{7 * kSecond.ns}},
      {Duration{250 * kMillisecond.ns}, kMinute}};
  c.bars.every = kEvery[random() % kEvery.size()];
  c.bars.lateness = Duration{static_cast<int64_t>(random() % 5) * 700 * kMillisecond.ns};
  c.dedup = random() % 2 == 0;
  const size_t symbols = 1 + random() % 6;
  const size_t count = 50 + random() % 400;
  const bool text_ids = random() % 3 == 0;
  const auto jitter = static_cast<int64_t>(random() % 3000);
  int64_t now = static_cast<int64_t>(random() % 100'000) - 50'000;
  for (size_t i = 0; i < count; ++i) {
    now += static_cast<int64_t>(random() % 20 == 0 ? random() % 20'000 : random() % 300);
    TestTrade trade{.symbol = fmt::format("S{}", random() % symbols),
                    .ts_ms = now - (jitter == 0 ? 0 : static_cast<int64_t>(random() % static_cast<uint64_t>(jitter))),
                    .price = fmt::format("{}.{}", 1 + random() % 50, random() % 100),
                    .size = std::to_string(random() % 40)};
    if (random() % 10 != 0) trade.id = (text_ids && random() % 2 == 0 ? "t" : "") + std::to_string(i * 3);
    if (random() % 12 == 0 && i > 0) trade = c.trades[random() % i];
    c.trades.push_back(trade);
    if (random() % 40 == 0) c.marks_after.push_back(i);
  }
  return c;
}

// A mark says the least time that may still come: that is up to the source, and wrong ones make trades late.
int64_t mark_at(const Case& c, size_t i) { return c.trades[i].ts_ms - 500; }

plan::Plan plan_of(const Case& c) {
  PlanMaker maker;
  if (c.dedup) maker.dedup({market::TradeColumn::id});
  maker.bars(c.bars);
  return std::move(maker.plan);
}

int64_t floor_to(int64_t value, int64_t every) {
  int64_t into = value % every;
  if (into < 0) into += every;
  return value - into;
}

std::string decimal(Int128 units, int scale) { return market::format_decimal(units, scale); }

struct Expected {
  std::multiset<std::string> bars;
  size_t late = 0;
  size_t duplicates = 0;
};

// Every accepted trade is kept; at the end they are grouped and sorted.
Expected reference(const Case& c) {
  struct Kept {
    int64_t ts = 0;
    market::Id id;
    bool has_id = false;
    size_t arrival = 0;
    int64_t price = 0;
    int64_t size = 0;
  };
  Expected expected;
  std::map<std::string, std::vector<Kept>> kept;
  std::map<std::string, int64_t> newest;
  std::set<std::pair<std::string, std::string>> seen;
  int64_t mark = INT64_MIN / 2;
  std::set<size_t> marks(c.marks_after.begin(), c.marks_after.end());
  for (size_t i = 0; i < c.trades.size(); ++i) {
    if (i > 0 && marks.contains(i - 1)) mark = std::max(mark, mark_at(c, i - 1) * kMillisecond.ns);
    const TestTrade& trade = c.trades[i];
    if (c.dedup && !trade.id.empty() && !seen.emplace(trade.symbol, trade.id).second) {
      ++expected.duplicates;
      continue;
    }
    const int64_t ts = trade.ts_ms * kMillisecond.ns;
    const auto own = newest.try_emplace(trade.symbol, INT64_MIN / 2).first;
    const int64_t watermark = std::max(own->second, mark) - c.bars.lateness.ns;
    const bool late = std::any_of(c.bars.every.begin(), c.bars.every.end(),
                                  [&](Duration every) { return floor_to(ts, every.ns) + every.ns <= watermark; });
    if (late) {
      ++expected.late;
      continue;
    }
    own->second = std::max(own->second, ts);
    Kept k{.ts = ts, .has_id = !trade.id.empty(), .arrival = i};
    if (k.has_id) k.id = market::parse_id(trade.id);
    (void)market::parse_decimal(trade.price, market::kPriceScale, k.price);
    (void)market::parse_decimal(trade.size, market::kSizeScale, k.size);
    kept[trade.symbol].push_back(k);
  }
  for (auto& [symbol, trades] : kept) {
    std::stable_sort(trades.begin(), trades.end(), [](const Kept& a, const Kept& b) {
      if (a.ts != b.ts) return a.ts < b.ts;
      if (a.has_id != b.has_id) return b.has_id;
      return a.has_id && a.id < b.id;
    });
    for (const Duration every : c.bars.every) {
      std::map<int64_t, std::vector<Kept>> windows;
      for (const Kept& k : trades) windows[floor_to(k.ts, every.ns)].push_back(k);
      for (const auto& [start, in] : windows) {
        Int128 volume = 0;
        Int128 notional = 0;
        int64_t high = in[0].price;
        int64_t low = in[0].price;
        for (const Kept& k : in) {
          volume += k.size;
          notional += Int128{k.price} * k.size;
          high = std::max(high, k.price);
          low = std::min(low, k.price);
        }
        const std::string vwap = volume == 0 ? "null" : decimal((2 * notional + volume) / (2 * volume), 9);
        expected.bars.insert(fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|0|true", symbol, format_duration(every),
                                         format_rfc3339(Timestamp{start}), decimal(in.front().price, 9),
                                         decimal(high, 9), decimal(low, 9), decimal(in.back().price, 9),
                                         decimal(volume, 8), vwap, in.size()));
      }
    }
  }
  return expected;
}

// Gives the records [from, to) with their marks, in calls of at most `call_max`.
void feed(Partition& run, const Case& c, size_t from, size_t to, size_t call_max, std::mt19937_64& random) {
  const std::set<size_t> marks(c.marks_after.begin(), c.marks_after.end());
  std::vector<TestTrade> call;
  for (size_t i = from; i < to; ++i) {
    call.push_back(c.trades[i]);
    const bool mark = marks.contains(i);
    if (mark || call.size() >= 1 + random() % call_max) {
      run.trades(call);
      call.clear();
    }
    if (mark) run.mark_ms(mark_at(c, i));
  }
  run.trades(call);
}

TEST(EngineAgainstReference, BarsLateRowsAndDuplicatesAreThoseOfTheReference) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 300; ++round) {
    const Case c = random_case(random);
    const plan::Plan plan = plan_of(c);
    Partition run(plan);
    feed(run, c, 0, c.trades.size(), 50, random);
    run.end();
    const auto bars = run.take(0);
    const Expected expected = reference(c);
    ASSERT_EQ(std::multiset<std::string>(bars.begin(), bars.end()), expected.bars) << "round " << round;
    ASSERT_EQ(run.engine->counts().streams[0].late, expected.late);
    ASSERT_EQ(run.take(2).size(), expected.late);
    ASSERT_EQ(run.engine->counts().streams[0].duplicates, expected.duplicates);
    ASSERT_EQ(run.engine->counts().bars, bars.size());
    expect_accounted(run.engine->counts());
  }
}

TEST(EngineAgainstReference, CutsAndSymbolCodesChangeNothing) {
  std::mt19937_64 random(test_seed() + 1);
  for (int round = 0; round < 100; ++round) {
    const Case c = random_case(random);
    const plan::Plan plan = plan_of(c);
    Partition whole(plan);
    feed(whole, c, 0, c.trades.size(), 1'000'000, random);
    whole.end();
    Partition cut(plan, {"S5", "S3", "S4", "S0", "S2", "S1"});
    feed(cut, c, 0, c.trades.size(), 7, random);
    cut.end();
    ASSERT_EQ(whole.everything(), cut.everything()) << "round " << round;
  }
}

TEST(EngineAgainstReference, ARestartAtAnyCommitChangesNothing) {
  std::mt19937_64 random(test_seed() + 2);
  for (int round = 0; round < 100; ++round) {
    const Case c = random_case(random);
    const plan::Plan plan = plan_of(c);
    Partition undisturbed(plan);
    feed(undisturbed, c, 0, c.trades.size(), 50, random);
    undisturbed.end();

    StateChanges state;
    std::map<size_t, std::string> rows;
    EngineCounts counts;
    auto run = std::make_unique<Partition>(plan);
    const auto commit = [&] {
      for (size_t table = 0; table < plan.tables.size(); ++table) {
        for (const std::string& line : run->take(table)) rows[table] += fmt::format("{}: {}\n", table, line);
      }
      run->commit(state);
    };
    for (size_t at = 0; at < c.trades.size();) {
      const size_t to = std::min(c.trades.size(), at + 1 + random() % 80);
      feed(*run, c, at, to, 20, random);
      // Without a commit before it, the end of the process loses the work since the last one, which is done again.
      if (random() % 3 != 0) {
        commit();
        at = to;
      }
      if (random() % 3 == 0 || at != to) {
        run = std::make_unique<Partition>(plan, std::vector<std::string>{fmt::format("S{}", random() % 6), "x"});
        const Status restored = run->engine->restore(state);
        ASSERT_TRUE(restored) << restored.error().message;
      }
    }
    run->end();
    commit();
    std::string all;
    for (const auto& [table, lines] : rows) all += lines;
    ASSERT_EQ(all, undisturbed.everything()) << "round " << round;
    const EngineCounts& a = run->engine->counts();
    const EngineCounts& b = undisturbed.engine->counts();
    ASSERT_EQ(a.records, b.records);
    ASSERT_EQ(a.bars, b.bars);
    ASSERT_EQ(a.lateness, b.lateness);
    ASSERT_EQ(a.streams[0].out, b.streams[0].out);
    ASSERT_EQ(a.streams[0].duplicates, b.streams[0].duplicates);
  }
}

}  // namespace
}  // namespace penstock::stream::testing

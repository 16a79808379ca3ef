#include "stream/quote_bars.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "stream/engine_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct TestQuote {
  std::string symbol = "A";
  int64_t ts_ms = 0;
  std::string bid{};  // empty, as the others: null
  std::string ask{};
  std::string bid_size{};
  std::string ask_size{};
  std::string venue{};
};

plan::Plan quote_plan(const Bars& bars) {
  PlanMaker maker;
  maker.bars(bars);
  plan::Plan plan = std::move(maker.plan);
  plan.topics[0].schema = market::quote_schema();
  std::get<plan::Bars>(plan.streams[0].steps[0].what).of_quotes = true;
  plan.streams[0].steps[0].output = plan.streams[0].output = plan.tables[0].schema = market::quote_bar_schema();
  return plan;
}

market::Batch quote_batch(const std::vector<TestQuote>& quotes, market::SymbolTable& symbols) {
  using market::QuoteColumn;
  market::Batch batch = market::make_batch(market::quote_schema());
  batch.columns[QuoteColumn::ts_recv].all_null = true;
  const auto put = [&](size_t index, const std::string& text) {
    market::Column& column = batch.columns[index];
    int64_t value = 0;
    if (!text.empty()) {
      EXPECT_EQ(market::parse_decimal(text, column.type.scale, value), market::DecimalError::ok);
    }
    column.i64.push_back(value);
    column.valid.push_back(text.empty() ? 0 : 1);
  };
  for (const TestQuote& quote : quotes) {
    batch.columns[QuoteColumn::symbol].codes.push_back(symbols.intern(quote.symbol));
    batch.columns[QuoteColumn::venue].codes.push_back(quote.venue.empty() ? market::kNoSymbol
                                                                          : symbols.intern(quote.venue));
    batch.columns[QuoteColumn::venue].valid.push_back(quote.venue.empty() ? 0 : 1);
    batch.columns[QuoteColumn::ts_event].i64.push_back(quote.ts_ms * kMillisecond.ns);
    put(QuoteColumn::bid, quote.bid);
    put(QuoteColumn::bid_size, quote.bid_size);
    put(QuoteColumn::ask, quote.ask);
    put(QuoteColumn::ask_size, quote.ask_size);
    ++batch.rows;
  }
  return batch;
}

void give(Partition& run, const std::vector<TestQuote>& quotes) {
  const Status status = run.engine->process(quote_batch(quotes, run.symbols));
  ASSERT_TRUE(status) << status.error().message;
}

// `A|1m|1970-01-01T00:00:00Z|` and then bid, ask, sizes, quotes, of the one bar that `quotes` make.
std::string bar_of(const std::vector<TestQuote>& quotes) {
  const plan::Plan plan = quote_plan({});
  Partition run(plan);
  give(run, quotes);
  run.end();
  const auto bars = run.take(0);
  EXPECT_EQ(bars.size(), 1u);
  EXPECT_THAT(run.take(1), IsEmpty());
  EXPECT_THAT(run.take(2), IsEmpty());
  return bars.empty() ? "" : bars[0];
}

TEST(QuoteBars, HaveTheFirstHighestLowestAndLastOfBothSidesAndTheLastSizes) {
  EXPECT_EQ(bar_of({{.ts_ms = 1, .bid = "10", .ask = "11", .bid_size = "5", .ask_size = "6"},
                    {.ts_ms = 2, .bid = "9.5", .ask = "12.25", .bid_size = "7", .ask_size = "8"},
                    {.ts_ms = 3, .bid = "10.75", .ask = "10.9", .bid_size = "9", .ask_size = "1.5"},
                    {.ts_ms = 4, .bid = "10.5", .ask = "11.5", .bid_size = "3", .ask_size = "4"}}),
            "A|1m|1970-01-01T00:00:00Z|10|10.75|9.5|10.5|11|12.25|10.9|11.5|3|4|4|0|true");
}

TEST(QuoteBars, ASideThatAQuoteHasNotIsLeftAsItWas) {
  EXPECT_EQ(bar_of({{.ts_ms = 1, .ask = "11", .ask_size = "6"},
                    {.ts_ms = 2, .bid = "10", .bid_size = "5"},
                    {.ts_ms = 3, .ask = "12"}}),
            "A|1m|1970-01-01T00:00:00Z|10|10|10|10|11|12|11|12|5|null|3|0|true");
  EXPECT_EQ(bar_of({{.ts_ms = 1, .bid = "10", .ask_size = "5"}}),
            "A|1m|1970-01-01T00:00:00Z|10|10|10|10|null|null|null|null|null|null|1|0|true");
  EXPECT_EQ(bar_of({{.ts_ms = 1}}),
            "A|1m|1970-01-01T00:00:00Z|null|null|null|null|null|null|null|null|null|null|1|0|true");
}

TEST(QuoteBars, OpenAndCloseAreDecidedByTimeAndBetweenEqualsByArrival) {
  EXPECT_EQ(bar_of({{.ts_ms = 5, .bid = "3", .ask = "4", .bid_size = "3"},
                    {.ts_ms = 5, .bid = "5", .ask = "6", .bid_size = "5"},
                    {.ts_ms = 1, .bid = "1", .ask = "2", .bid_size = "1"},
                    {.ts_ms = 1, .bid = "7", .ask = "8", .bid_size = "7"}}),
            "A|1m|1970-01-01T00:00:00Z|1|7|1|5|2|8|2|6|5|null|4|0|true");
}

TEST(QuoteBars, NegativePricesHaveTheirHighAndLow) {
  EXPECT_EQ(bar_of({{.ts_ms = 1, .bid = "-2", .ask = "-1"}, {.ts_ms = 2, .bid = "-3", .ask = "-0.5"}}),
            "A|1m|1970-01-01T00:00:00Z|-2|-2|-3|-3|-1|-0.5|-1|-0.5|null|null|2|0|true");
}

TEST(QuoteBars, CloseByTheSymbolsOwnTimeOrAMarkInTheOrderOfEndIntervalAndSymbol) {
  const plan::Plan plan = quote_plan({.every = {kSecond, Duration{2 * kSecond.ns}}, .lateness = kSecond});
  Partition run(plan, {"C", "B"});
  give(run, {{.symbol = "B", .ts_ms = 100, .bid = "1"}, {.symbol = "A", .ts_ms = 1'999, .bid = "2"}});
  EXPECT_THAT(run.take(0), IsEmpty());
  give(run, {{.symbol = "A", .ts_ms = 2'999, .bid = "3"}});
  EXPECT_THAT(run.take(0), IsEmpty());
  give(run, {{.symbol = "A", .ts_ms = 3'000, .bid = "4"}});
  EXPECT_THAT(run.take(0),
              ElementsAre(HasSubstr("A|1s|1970-01-01T00:00:01Z|2|"), HasSubstr("A|2s|1970-01-01T00:00:00Z|2|")));
  run.mark_ms(4'999);
  EXPECT_THAT(run.take(0),
              ElementsAre(HasSubstr("B|1s|1970-01-01T00:00:00Z|1|"), HasSubstr("B|2s|1970-01-01T00:00:00Z|1|"),
                          HasSubstr("A|1s|1970-01-01T00:00:02Z|3|")));
  give(run, {{.symbol = "C", .ts_ms = 4'100, .bid = "5"}});
  run.end();
  EXPECT_THAT(run.take(0),
              ElementsAre(HasSubstr("A|1s|1970-01-01T00:00:03Z|4|"), HasSubstr("A|2s|1970-01-01T00:00:02Z|3|4|3|4|"),
                          HasSubstr("C|1s|1970-01-01T00:00:04Z|5|"), HasSubstr("C|2s|1970-01-01T00:00:04Z|5|")));
}

TEST(QuoteBars, AQuoteBehindAClosedWindowIsLateWithAllItHas) {
  const plan::Plan plan = quote_plan({.every = {kSecond, kMinute}, .lateness = Duration{0}});
  Partition run(plan);
  give(run, {{.ts_ms = 2'500, .bid = "1", .ask = "2"},
             {.ts_ms = 2'100, .bid = "3", .ask = "4"},
             {.ts_ms = 1'999, .bid = "5", .ask_size = "6", .venue = "V"},
             {.ts_ms = 1'500, .ask = "7.5"}});
  EXPECT_THAT(
      run.take(2),
      ElementsAre("s|A|V|1970-01-01T00:00:01.999Z|null|null|null|1970-01-01T00:00:02.500Z|501000000|5|null|null|6",
                  "s|A|null|1970-01-01T00:00:01.500Z|null|null|null|1970-01-01T00:00:02.500Z|1000000000|null|null|"
                  "7.5|null"));
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre(HasSubstr("A|1s|1970-01-01T00:00:02Z|3|3|1|1|4|4|2|2|null|null|2|"),
                                       HasSubstr("A|1m|1970-01-01T00:00:00Z|3|3|1|1|4|4|2|2|null|null|2|")));
  EXPECT_EQ(run.engine->counts().streams[0].late, 2u);
  expect_accounted(run.engine->counts());
}

TEST(QuoteBars, ARowWithoutASymbolOrATimeIsRefusedAndTheEndsOfTimeDoNotOverflow) {
  const plan::Plan plan = quote_plan({.every = {kMinute, kDay}});
  Partition run(plan);
  market::Batch batch =
      quote_batch({{.bid = "1"}, {.bid = "2"}, {.bid = "3"}, {.bid = "4"}, {.bid = "5"}}, run.symbols);
  batch.columns[market::QuoteColumn::symbol].valid = {0, 1, 1, 1, 1};
  market::Column& times = batch.columns[market::QuoteColumn::ts_event];
  times.valid = {1, 0, 1, 1, 1};
  times.i64 = {0, 0, INT64_MIN, INT64_MAX, INT64_MAX - 1};
  ASSERT_TRUE(run.engine->process(batch));
  EXPECT_THAT(run.take(1), ElementsAre(HasSubstr("bars: symbol is null"), HasSubstr("bars: ts_event is null"),
                                       HasSubstr("bars: ts_event is before the range of time")));
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre(HasSubstr("|5|5|4|4|"), HasSubstr("|5|5|4|4|")));
  expect_accounted(run.engine->counts());
}

TEST(QuoteBars, ASessionHasItsOwnWindowsAndLeavesOutTheRest) {
  const auto calendar = market::Calendar::find("XNYS");
  ASSERT_TRUE(calendar) << calendar.error().message;
  const plan::Plan plan = quote_plan({.every = {Duration{4 * kHour.ns}}, .calendar = *calendar});
  Partition run(plan);
  // 2024-01-02, from 14:30 to 21:00.
  const int64_t day = 1'704'153'600'000;
  const int64_t minute = 60'000;
  give(run, {{.ts_ms = day + 869 * minute, .bid = "1"},
             {.ts_ms = day + 870 * minute, .bid = "2"},
             {.ts_ms = day + 1109 * minute, .bid = "3"},
             {.ts_ms = day + 1110 * minute, .bid = "4"},
             {.ts_ms = day + 1259 * minute, .bid = "5"},
             {.ts_ms = day + 1260 * minute, .bid = "6"}});
  run.end();
  EXPECT_THAT(run.take(0),
              ElementsAre("A|4h|2024-01-02T14:30:00Z|2|3|2|3|null|null|null|null|null|null|2|0|true|first",
                          "A|4h|2024-01-02T18:30:00Z|4|5|4|5|null|null|null|null|null|null|2|0|true|last",
                          "A|1d|2024-01-02T14:30:00Z|2|5|2|5|null|null|null|null|null|null|4|0|true|both"));
  EXPECT_EQ(run.engine->counts().streams[0].filtered, 2u);
  expect_accounted(run.engine->counts());
}

TEST(QuoteBars, AStreamWithoutTheColumnsOfAQuoteIsRefused) {
  plan::Plan plan = quote_plan({});
  plan.topics[0].schema = market::trade_schema();
  market::SymbolTable symbols;
  const auto engine = Engine::create(plan, 0, symbols);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().message, "stream 's': bars of quotes need a column 'bid': add it to its select");
}

// --- state -----------------------------------------------------------------------------------------------------------

StateChanges some_state(const plan::Plan& plan) {
  Partition run(plan);
  give(run, {{.symbol = "A", .ts_ms = 100, .bid = "1.5", .ask = "2", .bid_size = "3"},
             {.symbol = "A", .ts_ms = 1'100, .ask = "2.5"},
             {.symbol = "B", .ts_ms = 200}});
  StateChanges state;
  run.commit(state);
  return state;
}

TEST(QuoteBars, OpenWindowsGoThroughTheState) {
  const plan::Plan plan = quote_plan({.every = {kSecond, kMinute}});
  StateChanges state = some_state(plan);
  Partition run(plan, {"x", "B"});
  ASSERT_TRUE(run.engine->restore(state));
  EXPECT_THAT(run.engine->take_state_changes(), IsEmpty());
  give(run, {{.symbol = "A", .ts_ms = 1'200, .bid = "1", .ask = "2.25", .ask_size = "4"}});
  run.end();
  EXPECT_THAT(run.take(0),
              ElementsAre("A|1s|1970-01-01T00:00:00Z|1.5|1.5|1.5|1.5|2|2|2|2|3|null|1|0|true",
                          "B|1s|1970-01-01T00:00:00Z|null|null|null|null|null|null|null|null|null|null|1|0|true",
                          "A|1s|1970-01-01T00:00:01Z|1|1|1|1|2.5|2.5|2.25|2.25|null|4|2|0|true",
                          "A|1m|1970-01-01T00:00:00Z|1.5|1.5|1|1|2|2.5|2|2.25|null|4|3|0|true",
                          "B|1m|1970-01-01T00:00:00Z|null|null|null|null|null|null|null|null|null|null|1|0|true"));
}

TEST(QuoteBars, StateThatIsDamagedOrOfOtherSettingsIsRefused) {
  const plan::Plan plan = quote_plan({.every = {kSecond, kMinute}});
  const StateChanges state = some_state(plan);
  const auto restore = [](const plan::Plan& into, const StateChanges& from) {
    Partition run(into);
    return run.engine->restore(from);
  };
  ASSERT_TRUE(restore(plan, state));
  size_t blobs = 0;
  for (const auto& [name, blob] : state) {
    if (!name.starts_with("bars/")) continue;
    ++blobs;
    for (size_t at = 0; at < blob.size(); ++at) {
      StateChanges changed = state;
      changed[name][at] = static_cast<char>(changed[name][at] ^ 0x20);
      const Status status = restore(plan, changed);
      ASSERT_FALSE(status) << name << " byte " << at;
      EXPECT_THAT(status.error().message, HasSubstr(name));
    }
  }
  EXPECT_EQ(blobs, 2u);
  const Status other = restore(quote_plan({.every = {kSecond, kHour}}), state);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::invalid);
  EXPECT_FALSE(restore(quote_plan({.every = {kSecond, kMinute}, .lateness = Duration{0}}), state));

  // Bars of trades, and of quotes, under one name.
  const PlanMaker trades = PlanMaker().bars({.every = {kSecond, kMinute}});
  const Status of_trades = restore(trades.plan, state);
  ASSERT_FALSE(of_trades);
  EXPECT_EQ(of_trades.error().kind, ErrorKind::invalid);
  Partition run(trades.plan);
  run.trades({{.ts_ms = 1}});
  StateChanges trades_state;
  run.commit(trades_state);
  const Status of_quotes = restore(plan, trades_state);
  ASSERT_FALSE(of_quotes);
  EXPECT_THAT(of_quotes.error().message, HasSubstr("made of trades"));
}

TEST(QuoteBars, WhatWasClosedStaysClosedWhenASourceBeginsAgain) {
  const plan::Plan plan = quote_plan({.lateness = Duration{0}});
  Partition run(plan);
  give(run, {{.ts_ms = 1, .bid = "1"}});
  run.end();
  EXPECT_EQ(run.take(0).size(), 1u);
  EXPECT_TRUE(run.engine->mark(0, Timestamp::min()));
  give(run, {{.ts_ms = 2, .bid = "1"}, {.symbol = "B", .ts_ms = 60'000, .bid = "1"}});
  EXPECT_EQ(run.take(2).size(), 1u);
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre(HasSubstr("B|1m|1970-01-01T00:01:00Z")));
}

// --- against a reference that is too simple to be wrong
// ---------------------------------------------------------------

struct Case {
  std::vector<TestQuote> quotes;
  std::set<size_t> marks_after;  // a mark at the time of that quote less 500 ms
  Bars bars;
};

Case random_case(std::mt19937_64& random) {
  static const std::vector<std::vector<Duration>> kEvery = {
      {kSecond},
      {kSecond, Duration{5 * kSecond.ns}, kMinute},
      {Duration{2 * kSecond.ns}, Duration{3 * kSecond.ns}, Duration{7 * kSecond.ns}}};
  Case c;
  c.bars.every = kEvery[random() % kEvery.size()];
  c.bars.lateness = Duration{static_cast<int64_t>(random() % 5) * 700 * kMillisecond.ns};
  const size_t symbols = 1 + random() % 5;
  const size_t count = 50 + random() % 300;
  const uint64_t jitter = 1 + random() % 3000;
  const auto number = [&](uint64_t below) { return fmt::format("{}.{}", random() % below, random() % 100); };
  const auto maybe = [&](uint64_t below) { return random() % 6 == 0 ? std::string() : number(below); };
  int64_t now = static_cast<int64_t>(random() % 100'000) - 50'000;
  for (size_t i = 0; i < count; ++i) {
    now += static_cast<int64_t>(random() % 20 == 0 ? random() % 20'000 : random() % 300);
    TestQuote quote{.symbol = fmt::format("S{}", random() % symbols),
                    .ts_ms = now - static_cast<int64_t>(random() % jitter)};
    quote.bid = maybe(50);
    quote.ask = maybe(50);
    quote.bid_size = maybe(9);
    quote.ask_size = maybe(9);
    if (random() % 8 == 0 && i > 0) quote.ts_ms = c.quotes.back().ts_ms;
    c.quotes.push_back(quote);
    if (random() % 40 == 0) c.marks_after.insert(i);
  }
  return c;
}

int64_t mark_at(const Case& c, size_t i) { return c.quotes[i].ts_ms - 500; }

int64_t floor_to(int64_t value, int64_t every) {
  const int64_t into = value % every;
  return value - (into < 0 ? into + every : into);
}

std::string decimal(const std::string& text, uint8_t scale) {
  int64_t value = 0;
  (void)market::parse_decimal(text, scale, value);
  return market::format_decimal(value, scale);
}

// `open|high|low|close` of a side and its last size, of quotes in the order of time.
std::pair<std::string, std::string> side_of(const std::vector<TestQuote>& quotes, std::string TestQuote::* price,
                                            std::string TestQuote::* size) {
  std::vector<TestQuote> with;
  std::copy_if(quotes.begin(), quotes.end(), std::back_inserter(with),
               [&](const TestQuote& quote) { return !(quote.*price).empty(); });
  if (with.empty()) return {"null|null|null|null", "null"};
  const auto less = [&](const TestQuote& a, const TestQuote& b) {
    int64_t x = 0;
    int64_t y = 0;
    (void)market::parse_decimal(a.*price, market::kPriceScale, x);
    (void)market::parse_decimal(b.*price, market::kPriceScale, y);
    return x < y;
  };
  const auto show = [&](const TestQuote& quote) { return decimal(quote.*price, market::kPriceScale); };
  const std::string& last_size = with.back().*size;
  return {fmt::format("{}|{}|{}|{}", show(with.front()), show(*std::max_element(with.begin(), with.end(), less)),
                      show(*std::min_element(with.begin(), with.end(), less)), show(with.back())),
          last_size.empty() ? "null" : decimal(last_size, market::kSizeScale)};
}

struct Expected {
  std::multiset<std::string> bars;
  size_t late = 0;
};

Expected reference(const Case& c) {
  Expected expected;
  std::map<std::string, std::vector<TestQuote>> taken;
  std::map<std::string, int64_t> newest;
  int64_t mark = INT64_MIN / 2;
  for (size_t i = 0; i < c.quotes.size(); ++i) {
    if (i > 0 && c.marks_after.contains(i - 1)) mark = std::max(mark, mark_at(c, i - 1) * kMillisecond.ns);
    const TestQuote& quote = c.quotes[i];
    const int64_t ts = quote.ts_ms * kMillisecond.ns;
    int64_t& own = newest.try_emplace(quote.symbol, INT64_MIN / 2).first->second;
    const int64_t watermark = std::max(own, mark) - c.bars.lateness.ns;
    if (std::any_of(c.bars.every.begin(), c.bars.every.end(),
                    [&](Duration every) { return floor_to(ts, every.ns) + every.ns <= watermark; })) {
      ++expected.late;
      continue;
    }
    own = std::max(own, ts);
    taken[quote.symbol].push_back(quote);
  }
  for (auto& [symbol, quotes] : taken) {
    std::stable_sort(quotes.begin(), quotes.end(),
                     [](const TestQuote& a, const TestQuote& b) { return a.ts_ms < b.ts_ms; });
    for (const Duration every : c.bars.every) {
      std::map<int64_t, std::vector<TestQuote>> windows;
      for (const TestQuote& q : quotes) windows[floor_to(q.ts_ms * kMillisecond.ns, every.ns)].push_back(q);
      for (const auto& [start, in] : windows) {
        const auto [bid, bid_size] = side_of(in, &TestQuote::bid, &TestQuote::bid_size);
        const auto [ask, ask_size] = side_of(in, &TestQuote::ask, &TestQuote::ask_size);
        expected.bars.insert(fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|0|true", symbol, format_duration(every),
                                         format_rfc3339(Timestamp{start}), bid, ask, bid_size, ask_size, in.size()));
      }
    }
  }
  return expected;
}

void feed(Partition& run, const Case& c, size_t from, size_t to, size_t call_max, std::mt19937_64& random) {
  std::vector<TestQuote> call;
  for (size_t i = from; i < to; ++i) {
    call.push_back(c.quotes[i]);
    const bool mark = c.marks_after.contains(i);
    if (mark || call.size() >= 1 + random() % call_max) {
      give(run, call);
      call.clear();
    }
    if (mark) run.mark_ms(mark_at(c, i));
  }
  give(run, call);
}

TEST(QuoteBarsAgainstReference, BarsAndLateRowsAreThoseOfTheReference) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 300; ++round) {
    const Case c = random_case(random);
    const plan::Plan plan = quote_plan(c.bars);
    Partition run(plan);
    feed(run, c, 0, c.quotes.size(), 50, random);
    run.end();
    const auto bars = run.take(0);
    const Expected expected = reference(c);
    ASSERT_EQ(std::multiset<std::string>(bars.begin(), bars.end()), expected.bars) << "round " << round;
    ASSERT_EQ(run.take(2).size(), expected.late);
    ASSERT_EQ(run.engine->counts().streams[0].late, expected.late);
    expect_accounted(run.engine->counts());
  }
}

TEST(QuoteBarsAgainstReference, CutsSymbolCodesAndRestartsChangeNothing) {
  std::mt19937_64 random(test_seed() + 1);
  for (int round = 0; round < 100; ++round) {
    const Case c = random_case(random);
    const plan::Plan plan = quote_plan(c.bars);
    Partition whole(plan);
    feed(whole, c, 0, c.quotes.size(), 1'000'000, random);
    whole.end();

    StateChanges state;
    std::map<size_t, std::string> rows;
    auto run = std::make_unique<Partition>(plan);
    const auto commit = [&] {
      for (size_t table = 0; table < plan.tables.size(); ++table) {
        for (const std::string& line : run->take(table)) rows[table] += fmt::format("{}: {}\n", table, line);
      }
      run->commit(state);
    };
    for (size_t at = 0; at < c.quotes.size();) {
      const size_t to = std::min(c.quotes.size(), at + 1 + random() % 60);
      feed(*run, c, at, to, 7, random);
      if (random() % 3 != 0) {
        commit();
        at = to;
      }
      if (random() % 3 == 0 || at != to) {
        run = std::make_unique<Partition>(plan, std::vector<std::string>{fmt::format("S{}", random() % 5), "x"});
        const Status restored = run->engine->restore(state);
        ASSERT_TRUE(restored) << restored.error().message;
      }
    }
    run->end();
    commit();
    std::string all;
    for (const auto& [table, lines] : rows) all += lines;
    ASSERT_EQ(all, whole.everything()) << "round " << round;
  }
}

}  // namespace
}  // namespace penstock::stream::testing

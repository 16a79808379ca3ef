// Bars by the tape's rules, against bars made plainly of the trades that are left in the end.
#include "stream/tape_bars.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "stream/engine_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Duration times(int64_t count, Duration duration) { return Duration{count * duration.ns}; }

std::shared_ptr<const market::SaleConditions> us_equity() {
  return {std::shared_ptr<void>(), &market::SaleConditions::us_equity()};
}

plan::Plan plan_of(const Bars& bars) { return std::move(PlanMaker().bars(bars).plan); }

Bars revised(Duration revise_for = times(10, kMinute)) { return {.revise_for = revise_for}; }

// --- what it says ----------------------------------------------------------------------------------------------------

TEST(TapeBars, ALateTradeReissuesItsBarWithTheNextRevision) {
  const plan::Plan plan = plan_of(revised());
  Partition run(plan);
  run.trades({{.ts_ms = 1'000, .price = "10", .id = "1"}, {.ts_ms = 70'000, .price = "11", .id = "3"}});
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|10|10|10|1|10|1|0|true"));
  run.trades({{.ts_ms = 30'000, .price = "14", .id = "2"}});
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|14|10|14|2|12|2|1|true"));
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:01:00Z|11|11|11|11|1|11|1|0|true"));
  expect_accounted(run.engine->counts());
}

TEST(TapeBars, ATradeBehindRevisingGoesToTheLateRows) {
  const plan::Plan plan = plan_of(revised(kMinute));
  Partition run(plan);
  run.trades({{.ts_ms = 1'000}, {.ts_ms = 122'000}, {.ts_ms = 2'000, .id = "7"}});
  EXPECT_EQ(run.take(2).size(), 1u);
  EXPECT_EQ(run.engine->counts().streams[0].late, 1u);
  expect_accounted(run.engine->counts());
}

TEST(TapeBars, ACancelledTradeIsAsIfItHadNeverBeen) {
  const plan::Plan plan = plan_of(revised());
  Partition run(plan);
  run.trades({{.ts_ms = 1'000, .price = "10", .id = "1"},
              {.ts_ms = 2'000, .price = "99", .id = "2"},
              {.ts_ms = 3'000, .price = "11", .id = "3"},
              {.ts_ms = 70'000, .price = "12", .id = "4"}});
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|99|10|11|3|40|3|0|true"));
  run.trades({{.ts_ms = 71'000, .action = "cancel", .ref_id = "2"}});
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|11|10|11|2|10.5|2|1|true"));
  run.trades(
      {{.ts_ms = 72'000, .action = "cancel", .ref_id = "1"}, {.ts_ms = 73'000, .action = "cancel", .ref_id = "3"}});
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|11|11|11|11|1|11|1|2|true",
                                       "A|1m|1970-01-01T00:00:00Z|null|null|null|null|0|null|0|3|true"));
  EXPECT_THAT(run.take(1), IsEmpty());
  expect_accounted(run.engine->counts());
}

// Numbers are open and close before, and "u" takes the slot that "t" had as close: both ids of the bar made anew are
// put in anew, and the pool grows at the first. The address sanitizer sees the second read where the text was before.
TEST(TapeBars, ATextIdBecomesOpenAndCloseWhenTheNumbersAroundItAreCancelled) {
  const plan::Plan plan = plan_of(revised());
  Partition run(plan);
  run.trades({{.ts_ms = 500, .price = "9", .id = "1"},
              {.ts_ms = 700, .price = "11", .id = "t"},
              {.ts_ms = 1'000, .price = "12", .id = "3"},
              {.ts_ms = 800, .price = "10", .id = "u"}});
  run.trades(
      {{.ts_ms = 1'500, .action = "cancel", .ref_id = "1"}, {.ts_ms = 1'600, .action = "cancel", .ref_id = "3"}});
  // At the times of open and close, and before both by their ids: one opens, the other does not close.
  run.trades({{.ts_ms = 700, .price = "8", .id = "s"}, {.ts_ms = 800, .price = "13", .id = "r"}});
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|8|13|8|10|4|10.5|4|0|true"));
  EXPECT_THAT(run.take(1), IsEmpty());
  expect_accounted(run.engine->counts());
}

TEST(TapeBars, ACorrectedTradeIsAsIfItHadBeenSo) {
  const plan::Plan plan = plan_of(revised());
  Partition run(plan);
  run.trades({{.ts_ms = 1'000, .price = "10", .id = "1"}, {.ts_ms = 2'000, .price = "99", .id = "2"}});
  run.trades({{.ts_ms = 9'000, .price = "9", .size = "4", .id = "8", .action = "correct", .ref_id = "2"},
              {.ts_ms = 70'000, .id = "9"}});
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|10|9|9|5|9.2|2|0|true"));
  // By the correction's own id, too.
  run.trades({{.ts_ms = 71'000, .action = "cancel", .ref_id = "8"}});
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|10|10|10|1|10|1|1|true"));
  EXPECT_THAT(run.take(1), IsEmpty());
}

TEST(TapeBars, ACancelWithItsTradesIdIsNoDuplicateOfIt) {
  const plan::Plan plan = std::move(PlanMaker().dedup({market::TradeColumn::id}).bars(revised()).plan);
  Partition run(plan);
  run.trades({{.ts_ms = 1'000, .price = "10", .id = "1"},
              {.ts_ms = 2'000, .price = "99", .id = "2"},
              {.ts_ms = 2'000, .price = "99", .id = "2"},
              {.ts_ms = 3'000, .id = "2", .action = "cancel"}});
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|10|10|10|1|10|1|0|true"));
  EXPECT_EQ(run.engine->counts().streams[0].duplicates, 1u);
  expect_accounted(run.engine->counts());
}

TEST(TapeBars, ACancelMeansTheTradeOfItsVenue) {
  const plan::Plan plan = plan_of(revised());
  const auto trades = [](Partition& run) {
    run.trades({{.ts_ms = 1'000, .price = "10", .id = "5", .venue = "N"},
                {.ts_ms = 2'000, .price = "12", .id = "5", .venue = "P"}});
  };
  StateChanges state;
  {
    Partition run(plan);
    trades(run);
    run.commit(state);
  }
  Partition run(plan, {"x", "P"});
  ASSERT_TRUE(run.engine->restore(state));
  run.trades({{.ts_ms = 3'000, .id = "6", .venue = "N", .action = "cancel", .ref_id = "5"}});
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|12|12|12|12|1|12|1|0|true"));
  Partition other(plan);
  trades(other);
  other.trades({{.ts_ms = 3'000, .action = "cancel", .ref_id = "5"},
                {.ts_ms = 3'000, .venue = "Q", .action = "cancel", .ref_id = "5"}});
  EXPECT_THAT(other.take(1), ElementsAre(HasSubstr("cancel of trade 5: trades of several venues have it"),
                                         HasSubstr("cancel of trade 5: there is none")));
  other.end();
  EXPECT_THAT(other.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|12|10|12|2|11|2|0|true"));
}

TEST(TapeBars, ACorrectionThatComesAgainChangesNothing) {
  const plan::Plan plan = plan_of(revised());
  Partition run(plan);
  run.trades({{.ts_ms = 1'000, .price = "10", .id = "1"},
              {.ts_ms = 2'000, .price = "11", .id = "2", .action = "correct", .ref_id = "1"},
              {.ts_ms = 3'000, .price = "12", .id = "3", .action = "correct", .ref_id = "2"},
              {.ts_ms = 4'000, .price = "11", .id = "2", .action = "correct", .ref_id = "1"}});
  EXPECT_THAT(run.take(1), ElementsAre(HasSubstr("correct of trade 1: the correction came before")));
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|12|12|12|12|1|12|1|0|true"));
}

TEST(TapeBars, OpenBarsOfAnotherTableOfConditionsAreNotGoneOnWith) {
  const auto table = [](std::string_view row) {
    return std::shared_ptr<const market::SaleConditions>(
        *market::SaleConditions::parse(fmt::format("tape,code,high_low,open_close,volume\n*,I,{}\n", row), "t.csv"));
  };
  StateChanges state;
  const plan::Plan plan = plan_of({.conditions = table("no,no,yes")});
  Partition before(plan);
  before.trades({{.ts_ms = 1'000, .conditions = "I"}});
  before.commit(state);
  const plan::Plan again = plan_of({.conditions = table("no,no,yes")});
  Partition same(again);
  EXPECT_TRUE(same.engine->restore(state));
  for (const Bars& bars : {Bars{.conditions = table("yes,yes,yes")}, Bars{.early = kSecond}, Bars{}}) {
    const plan::Plan others = plan_of(bars);
    Partition other(others);
    const Status restored = other.engine->restore(state);
    ASSERT_FALSE(restored);
    EXPECT_THAT(restored.error().message, HasSubstr("put those back"));
  }
}

TEST(TapeBars, UnknownConditionsAreCountedInBoundedMemory) {
  const plan::Plan plan = plan_of({.conditions = us_equity()});
  Partition run(plan);
  for (int i = 0; i < 300; ++i) run.trades({{.ts_ms = 1'000, .conditions = fmt::format("u{}é", i), .tape = "C"}});
  const auto& unknown = run.engine->counts().unknown_conditions;
  EXPECT_LE(unknown.size(), 101u);
  for (const auto& [name, count] : unknown)
    EXPECT_TRUE(name.ends_with("/u") || name.ends_with("é") || name.ends_with("others")) << name;
}

TEST(TapeBars, ACancelThatNamesNothingIsQuarantinedWithItsReason) {
  const plan::Plan plan = plan_of(revised());
  Partition run(plan);
  run.trades({{.ts_ms = 1'000, .id = "1"},
              {.ts_ms = 1'500, .action = "cancel", .ref_id = "1"},
              {.ts_ms = 1'600, .action = "cancel", .ref_id = "1"},
              {.ts_ms = 1'700, .action = "correct", .ref_id = "t9"},
              {.ts_ms = 1'800, .action = "cancel"},
              {.ts_ms = 1'900, .action = "bust", .ref_id = "1"}});
  EXPECT_THAT(run.take(1),
              ElementsAre(HasSubstr("cancel of trade 1: it was cancelled already"),
                          HasSubstr("correct of trade t9: there is none among those that can still be revised"),
                          HasSubstr("cancel of trade without an id: give its id as ref_id"),
                          HasSubstr("action 'bust' is neither cancel nor correct")));
  expect_accounted(run.engine->counts());
}

TEST(TapeBars, ACancelWithoutRevisingIsQuarantinedNotTakenForATrade) {
  for (const Bars& bars : {Bars{}, Bars{.conditions = us_equity()}}) {
    const plan::Plan plan = plan_of(bars);
    Partition run(plan);
    run.trades({{.ts_ms = 1'000, .id = "1"}, {.ts_ms = 1'500, .action = "cancel", .ref_id = "1"}});
    EXPECT_THAT(run.take(1), ElementsAre(HasSubstr("write `revise_for`")));
    run.end();
    EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|1|1|1|1|1|1|1|0|true"));
  }
}

TEST(TapeBars, ProvisionalBarsComeWhileTheWindowIsOpen) {
  const plan::Plan plan = plan_of({.early = kSecond});
  Partition run(plan);
  run.trades({{.ts_ms = 100, .price = "10"}, {.ts_ms = 900, .price = "11"}, {.ts_ms = 1'200, .price = "12"}});
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|11|10|11|2|10.5|2|0|false"));
  run.mark_ms(5'000);
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|12|10|12|3|11|3|0|false"));
  run.mark_ms(9'000);
  EXPECT_THAT(run.take(0), IsEmpty()) << "nothing has changed";
  run.mark_ms(62'000);
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|12|10|12|3|11|3|0|true"));
}

TEST(TapeBars, SaleConditionsDecideWhatATradeUpdates) {
  const plan::Plan plan = plan_of({.conditions = us_equity()});
  Partition run(plan);
  run.trades({{.ts_ms = 1'000, .price = "50", .size = "5", .conditions = "@I", .tape = "C"},  // volume
              {.ts_ms = 2'000, .price = "10", .conditions = "@", .tape = "C"},
              {.ts_ms = 3'000, .price = "20", .conditions = "@4", .tape = "C"},  // high, low, volume
              {.ts_ms = 4'000, .price = "11", .conditions = "@F", .tape = "C"},
              {.ts_ms = 5'000, .price = "30", .size = "7", .conditions = "M", .tape = "C"},  // nothing
              {.ts_ms = 6'000, .price = "12", .conditions = "@%", .tape = "C"}});  // unknown: regular
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|1m|1970-01-01T00:00:00Z|10|20|10|12|9|13.25|5|0|true"));
}

TEST(TapeBars, AWindowWithoutATradeThatSetsPricesIsNoBar) {
  const plan::Plan plan = plan_of({.conditions = us_equity()});
  Partition run(plan);
  run.trades({{.ts_ms = 1'000, .conditions = "@I", .tape = "C"}});
  run.end();
  EXPECT_THAT(run.take(0), IsEmpty());
  expect_accounted(run.engine->counts());
}

TEST(TapeBars, ASessionLimitsAnchorsAndMarksItsBarsAndAddsTheDay) {
  const auto calendar = market::Calendar::find("XNYS");
  ASSERT_TRUE(calendar) << calendar.error().message;
  const plan::Plan plan = plan_of({.every = {times(90, kMinute)}, .calendar = *calendar});
  Partition run(plan);
  // 2024-07-03, a half day: 09:30 to 13:00 in New York, 13:30Z to 17:00Z.
  const int64_t open = 1'720'013'400'000;
  run.trades({{.ts_ms = open - 1, .price = "1"},
              {.ts_ms = open, .price = "10"},
              {.ts_ms = open + 91 * 60'000, .price = "12"},
              {.ts_ms = open + 181 * 60'000, .price = "11"},
              {.ts_ms = open + 210 * 60'000, .price = "99"}});
  run.end();
  EXPECT_THAT(run.take(0), ElementsAre("A|90m|2024-07-03T13:30:00Z|10|10|10|10|1|10|1|0|true|first",
                                       "A|90m|2024-07-03T15:00:00Z|12|12|12|12|1|12|1|0|true",
                                       "A|90m|2024-07-03T16:30:00Z|11|11|11|11|1|11|1|0|true|last",
                                       "A|1d|2024-07-03T13:30:00Z|10|12|10|11|3|11|3|0|true|both"));
  EXPECT_EQ(run.engine->counts().streams[0].filtered, 2u);
  expect_accounted(run.engine->counts());
}

TEST(TapeBars, WindowsOfASessionFollowLocalTimeThroughAClockChange) {
  const auto calendar = market::Calendar::find("XNYS");
  ASSERT_TRUE(calendar);
  const plan::Plan plan = plan_of({.every = {times(60, kMinute)}, .calendar = *calendar});
  Partition run(plan);
  const int64_t winter = 1'709'908'200'000;  // Friday 2024-03-08, 09:30 EST
  const int64_t summer = 1'710'163'800'000;  // Monday 2024-03-11, 09:30 EDT
  run.trades({{.ts_ms = winter + 1}, {.ts_ms = summer + 1}});
  run.end();
  std::vector<std::string> starts;
  for (const std::string& line : run.take(0)) starts.push_back(line.substr(2, line.find('|', 6) - 2));
  EXPECT_THAT(starts, ElementsAre("1h|2024-03-08T14:30:00Z", "1d|2024-03-08T14:30:00Z", "1h|2024-03-11T13:30:00Z",
                                  "1d|2024-03-11T13:30:00Z"));
}

TEST(TapeBars, AWindowWithMoreTradesThanAreKeptTakesNoCancel) {
  const plan::Plan plan = plan_of(revised());
  Partition run(plan);
  std::vector<TestTrade> trades;
  for (size_t i = 0; i <= plan::Bars{}.kept_max; ++i) {
    trades.push_back({.ts_ms = static_cast<int64_t>(i % 1000), .id = std::to_string(i)});
    if (trades.size() == 65'536) {
      run.trades(trades);
      trades.clear();
    }
  }
  run.trades(trades);
  run.trades({{.ts_ms = 1'500, .action = "cancel", .ref_id = "1009"}});
  EXPECT_THAT(run.take(1), ElementsAre(HasSubstr("its bar has more trades than are kept; run `penstock repair`")));
}

// --- against plain bars of what is left ------------------------------------------------------------------------------

struct Case {
  std::vector<TestTrade> records;  // trades, cancels, corrections, as they come
  std::vector<size_t> marks_after;
  std::vector<TestTrade> left;  // the trades that count in the end
  Bars bars;
};

// Everything comes within `revise_for`, so that nothing is refused.
Case random_case(std::mt19937_64& random) {
  Case c;
  static const std::vector<std::vector<Duration>> kEvery = {
      {kSecond},
      {kSecond, times(5, kSecond), kMinute},
      {times(2, kSecond), times(3, kSecond), times(6, kSecond), times(7, kSecond)}};
  c.bars = {.every = kEvery[random() % kEvery.size()],
            .lateness = times(static_cast<int64_t>(random() % 3), kSecond),
            .revise_for = times(10, kMinute)};
  if (random() % 3 == 0) c.bars.early = kSecond;
  const bool text_ids = random() % 3 == 0;
  const size_t count = 30 + random() % 200;
  const size_t symbols = 1 + random() % 4;
  int64_t now = 1'000'000;
  std::vector<TestTrade> trades;  // by number; price empty: cancelled
  std::vector<std::string> names;  // an id by which each is known now
  for (size_t i = 0; i < count; ++i) {
    now += static_cast<int64_t>(random() % 8 == 0 ? random() % 9'000 : random() % 300);
    if (random() % 6 == 0 && !trades.empty()) {
      const size_t which = random() % trades.size();
      TestTrade& trade = trades[which];
      if (trade.price.empty()) continue;
      TestTrade event{.symbol = trade.symbol, .ts_ms = now, .ref_id = names[which]};
      if (random() % 2 == 0) {
        event.action = "cancel";
        trade.price.clear();
      } else {
        event.action = "correct";
        event.price = trade.price = fmt::format("{}.{}", 1 + random() % 50, random() % 100);
        event.size = trade.size = std::to_string(1 + random() % 40);
        if (random() % 2 == 0) event.id = names[which] = (text_ids ? "c" : "") + std::to_string(1'000'000 + i);
      }
      c.records.push_back(event);
    } else {
      TestTrade trade{.symbol = fmt::format("S{}", random() % symbols),
                      .ts_ms = now - static_cast<int64_t>(random() % 60'000),
                      .price = fmt::format("{}.{}", 1 + random() % 50, random() % 100),
                      .size = std::to_string(1 + random() % 40),
                      .id = (text_ids && random() % 2 == 0 ? "t" : "") + std::to_string(i)};
      c.records.push_back(trade);
      trades.push_back(trade);
      names.push_back(trade.id);
    }
    if (random() % 30 == 0) c.marks_after.push_back(c.records.size() - 1);
  }
  for (const TestTrade& trade : trades) {
    if (!trade.price.empty()) c.left.push_back(trade);
  }
  return c;
}

void feed(Partition& run, const Case& c, size_t from, size_t to, size_t call_max, std::mt19937_64& random) {
  std::vector<TestTrade> call;
  for (size_t i = from; i < to; ++i) {
    call.push_back(c.records[i]);
    const bool mark = std::find(c.marks_after.begin(), c.marks_after.end(), i) != c.marks_after.end();
    if (mark || call.size() >= 1 + random() % call_max) {
      run.trades(call);
      call.clear();
    }
    if (mark) run.mark_ms(c.records[i].ts_ms - 500);
  }
  run.trades(call);
}

// The newest revision of each bar that is one, without the revision; by symbol, interval and start.
std::map<std::string, std::string> newest(const std::vector<std::string>& lines) {
  std::map<std::string, std::string> bars;
  for (const std::string& line : lines) {
    if (!line.ends_with("|true")) continue;
    size_t key = 0;
    for (int i = 0; i < 3; ++i) key = line.find('|', key + 1);
    const std::string values = line.substr(key, line.rfind('|', line.size() - 6) - key);
    if (values.find("null") != std::string::npos && values.ends_with("|0")) {
      bars.erase(line.substr(0, key));
    } else {
      bars[line.substr(0, key)] = values;
    }
  }
  return bars;
}

TEST(TapeBarsAgainstReference, TheNewestRevisionsAreThePlainBarsOfWhatIsLeft) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 200; ++round) {
    const Case c = random_case(random);
    const plan::Plan plan = plan_of(c.bars);
    Partition run(plan);
    feed(run, c, 0, c.records.size(), 20, random);
    run.end();
    ASSERT_THAT(run.take(1), IsEmpty()) << "round " << round;
    ASSERT_THAT(run.take(2), IsEmpty());

    Case in_order = c;
    in_order.records = c.left;
    std::stable_sort(in_order.records.begin(), in_order.records.end(),
                     [](const TestTrade& a, const TestTrade& b) { return a.ts_ms < b.ts_ms; });
    const plan::Plan plain = plan_of({.every = c.bars.every, .lateness = c.bars.lateness});
    Partition reference(plain);
    reference.trades(in_order.records);
    reference.end();
    ASSERT_EQ(newest(run.take(0)), newest(reference.take(0))) << "round " << round;
    expect_accounted(run.engine->counts());
  }
}

TEST(TapeBarsAgainstReference, WithoutRulesTheBarsAreThoseOfTheBarBuilder) {
  std::mt19937_64 random(test_seed() + 1);
  for (int round = 0; round < 200; ++round) {
    Case c = random_case(random);
    std::erase_if(c.records, [](const TestTrade& record) { return !record.action.empty(); });
    c.marks_after.clear();
    const Bars bars{.every = c.bars.every, .lateness = c.bars.lateness};
    const plan::Plan plain = plan_of(bars);
    Bars with_table = bars;
    with_table.conditions = us_equity();
    const plan::Plan tape = plan_of(with_table);
    Partition a(plain);
    Partition b(tape);
    feed(a, c, 0, c.records.size(), 20, random);
    feed(b, c, 0, c.records.size(), 20, random);
    a.end();
    b.end();
    ASSERT_EQ(a.everything(), b.everything()) << "round " << round;
  }
}

TEST(TapeBarsAgainstReference, CutsAndRestartsAndSymbolCodesChangeNothing) {
  std::mt19937_64 random(test_seed() + 2);
  for (int round = 0; round < 150; ++round) {
    Case c = random_case(random);
    // Short enough that windows and trades are forgotten on the way, and some records are too late.
    c.bars.revise_for = times(static_cast<int64_t>(random() % 30), kSecond);
    const plan::Plan plan = plan_of(c.bars);
    Partition undisturbed(plan);
    feed(undisturbed, c, 0, c.records.size(), 1'000'000, random);
    undisturbed.end();

    StateChanges state;
    std::map<size_t, std::string> rows;
    auto run = std::make_unique<Partition>(plan);
    const auto commit = [&] {
      for (size_t table = 0; table < plan.tables.size(); ++table) {
        for (const std::string& line : run->take(table)) rows[table] += fmt::format("{}: {}\n", table, line);
      }
      run->commit(state);
    };
    for (size_t at = 0; at < c.records.size();) {
      const size_t to = std::min(c.records.size(), at + 1 + random() % 60);
      feed(*run, c, at, to, 20, random);
      if (random() % 3 != 0) {
        commit();
        at = to;
      }
      if (random() % 3 == 0 || at != to) {
        run = std::make_unique<Partition>(plan, std::vector<std::string>{fmt::format("S{}", random() % 4), "x"});
        const Status restored = run->engine->restore(state);
        ASSERT_TRUE(restored) << restored.error().message;
      }
    }
    run->end();
    commit();
    std::string all;
    for (const auto& [table, lines] : rows) all += lines;
    ASSERT_EQ(all, undisturbed.everything()) << "round " << round;
    ASSERT_EQ(run->engine->counts().streams[0].out, undisturbed.engine->counts().streams[0].out);
    ASSERT_EQ(run->engine->counts().streams[0].late, undisturbed.engine->counts().streams[0].late);
  }
}

TEST(TapeBars, StateOfKeptTradesGoesWithThem) {
  const plan::Plan plan = plan_of(revised(kMinute));
  Partition run(plan);
  StateChanges state;
  size_t most = 0;
  for (int64_t minute = 0; minute < 100; ++minute) {
    run.trades({{.ts_ms = minute * 60'000, .id = std::to_string(minute)}});
    run.commit(state);
    most = std::max(most, state.size());
  }
  EXPECT_LE(most, 8u);
}

TEST(TapeBars, AnotherTimeOfRevisionIsRefusedAtRestore) {
  const plan::Plan before = plan_of(revised());
  Partition run(before);
  StateChanges state;
  run.trades({{.ts_ms = 1'000}});
  run.commit(state);
  for (const Bars& bars : {revised(kMinute), Bars{}}) {
    const plan::Plan after = plan_of(bars);
    Partition next(after);
    const Status restored = next.engine->restore(state);
    ASSERT_FALSE(restored);
    EXPECT_THAT(restored.error().message, HasSubstr("give the stream another name"));
  }
}

}  // namespace
}  // namespace penstock::stream::testing

// State that cannot be used is refused with its reason; state that is written is small.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stream/engine_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::HasSubstr;

PlanMaker maker_with(const Bars& bars) {
  PlanMaker maker;
  maker.dedup({market::TradeColumn::id}).bars(bars);
  return maker;
}

StateChanges some_state() {
  const PlanMaker maker = maker_with({.every = {kSecond, kMinute}});
  Partition run(maker.plan);
  run.trades(
      {{.symbol = "A", .ts_ms = 1, .id = "1"}, {.symbol = "A", .ts_ms = 1'500, .id = "x"}, {.symbol = "B", .id = "2"}});
  run.mark_ms(100);
  StateChanges state;
  run.commit(state);
  return state;
}

Status restore(const StateChanges& state, const Bars& bars = {.every = {kSecond, kMinute}}) {
  const PlanMaker maker = maker_with(bars);
  Partition run(maker.plan);
  return run.engine->restore(state);
}

TEST(State, AnyChangedCutOrNewerByteIsFound) {
  const StateChanges state = some_state();
  ASSERT_TRUE(restore(state));
  for (const auto& [name, blob] : state) {
    for (size_t at = 0; at < blob.size(); ++at) {
      StateChanges changed = state;
      changed[name][at] = static_cast<char>(changed[name][at] ^ 0x20);
      const Status status = restore(changed);
      ASSERT_FALSE(status) << name << " byte " << at;
      EXPECT_THAT(status.error().message, HasSubstr(name));
      changed[name] = blob.substr(0, at);
      // An empty value is one that was deleted.
      ASSERT_EQ(restore(changed).has_value(), at == 0) << name << " length " << at;
    }
    StateChanges newer = state;
    newer[name][0] = 2;
    EXPECT_THAT(restore(newer).error().message, HasSubstr("version 2"));
  }
}

TEST(State, OfOtherIntervalsOrAnUnknownKindIsRefused) {
  StateChanges state = some_state();
  const Status other = restore(state, {.every = {kSecond, kHour}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::invalid);
  state["join/s/1"] = state.begin()->second;
  EXPECT_FALSE(restore(state));
}

TEST(State, OfAStreamThatIsGoneIsDeleted) {
  StateChanges state = some_state();
  PlanMaker maker = maker_with({.every = {kSecond, kMinute}});
  maker.plan.streams[0].name = "renamed";
  Partition run(maker.plan);
  ASSERT_TRUE(run.engine->restore(state));
  run.commit(state);
  for (const auto& [name, blob] : state) EXPECT_THAT(name, ::testing::Not(HasSubstr("/s/")));
}

TEST(State, OnlyWhatChangedIsWrittenAgain) {
  const PlanMaker maker = maker_with({});
  Partition run(maker.plan);
  std::vector<TestTrade> trades;
  for (int i = 0; i < 2000; ++i) trades.push_back({.symbol = fmt::format("S{}", i), .id = std::to_string(i)});
  run.trades(trades);
  const size_t all = run.engine->take_state_changes().size();
  EXPECT_TRUE(run.engine->take_state_changes().empty());
  run.trades({{.symbol = "S7", .ts_ms = 1, .id = "9999"}});
  // Its shard of open bars, the journal's tail, the counts.
  EXPECT_EQ(run.engine->take_state_changes().size(), 3u);
  EXPECT_GT(all, 200u);
}

TEST(State, WhatWasClosedStaysClosedWhenASourceIsAdded) {
  PlanMaker maker;
  maker.bars({.lateness = Duration{0}});
  StateChanges state;
  {
    Partition run(maker.plan);
    run.trades({{.ts_ms = 1}});
    run.mark_ms(60'000);
    EXPECT_EQ(run.take(0).size(), 1u);
    run.commit(state);
  }
  maker.second_source();
  Partition run(maker.plan);
  ASSERT_TRUE(run.engine->restore(state));
  run.trades({{.ts_ms = 2}});
  EXPECT_EQ(run.take(2).size(), 1u);
  EXPECT_EQ(run.engine->counts().streams[0].late, 1u);
}

}  // namespace
}  // namespace penstock::stream::testing

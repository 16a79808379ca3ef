// What is a duplicate, what is forgotten, and that the state stays small.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "stream/deduplicator.h"
#include "stream/engine_testing.h"
#include "stream/flat_set.h"
#include "stream/id_set.h"
#include "stream/overall_deduplicator.h"

namespace penstock::stream::testing {
namespace {

using market::TradeColumn;

uint64_t duplicates(const Partition& run) { return run.engine->counts().streams[0].duplicates; }

TEST(Dedup, TheSameIdOfTheSameSymbolIsADuplicate) {
  const PlanMaker maker = PlanMaker().dedup({TradeColumn::id});
  Partition run(maker.plan);
  run.trades({{.symbol = "A", .id = "7"}, {.symbol = "A", .id = "7"}, {.symbol = "B", .id = "7"}});
  run.trades({{.symbol = "A", .id = "x"}, {.symbol = "A", .id = "x"}, {.symbol = "A", .id = "07"}});
  run.trades({{.symbol = "A"}, {.symbol = "A"}});
  EXPECT_EQ(duplicates(run), 2u);
  EXPECT_EQ(run.take(0).size(), 6u);
  expect_accounted(run.engine->counts());
}

TEST(Dedup, SeveralColumnsMustAllBeEqual) {
  const PlanMaker maker = PlanMaker().dedup({TradeColumn::venue, TradeColumn::id});
  Partition run(maker.plan);
  run.trades(
      {{.id = "1", .venue = "X"}, {.id = "1", .venue = "Y"}, {.id = "1"}, {.id = "1", .venue = "X"}, {.id = "1"}});
  EXPECT_EQ(duplicates(run), 2u);
}

TEST(Dedup, AnIdIsItsVenuesOwnWhereTheVenueIsNamedAndAfterARestart) {
  const PlanMaker maker = PlanMaker().dedup({TradeColumn::venue, TradeColumn::id});
  StateChanges state;
  {
    Partition run(maker.plan);
    run.trades({{.id = "1", .venue = "X"}, {.id = "1", .venue = "Y"}, {.id = "2"}, {.id = "t", .venue = "X"}});
    EXPECT_EQ(duplicates(run), 0u);
    run.commit(state);
  }
  Partition run(maker.plan, {"a", "Y", "X"});
  ASSERT_TRUE(run.engine->restore(state));
  run.trades({{.id = "1", .venue = "Y"}, {.id = "2"}, {.id = "t", .venue = "X"}, {.id = "1", .venue = "X"}});
  EXPECT_EQ(duplicates(run), 4u);
  run.trades({{.id = "2", .venue = "X"}, {.id = "1"}, {.id = "t", .venue = "Y"}});
  EXPECT_EQ(duplicates(run), 4u);
  run.trades({{.venue = "X"}, {.venue = "X"}});
  EXPECT_EQ(duplicates(run), 4u) << "without an id nothing says of what it would be a duplicate";
  const PlanMaker alone = PlanMaker().dedup({TradeColumn::id});
  Partition other(alone.plan);
  EXPECT_FALSE(other.engine->restore(state)) << "state of other columns is not taken for its own";
  expect_accounted(run.engine->counts());
}

TEST(Dedup, AnIdIsForgottenBehindItsTimeAndNotBefore) {
  const PlanMaker maker = PlanMaker().dedup({TradeColumn::id}, Duration{80 * kSecond.ns});
  for (const std::string id : {"5", "text"}) {
    Partition run(maker.plan);
    run.trades({{.ts_ms = 0, .id = id}, {.ts_ms = 80'000, .id = "other"}, {.ts_ms = 80'000, .id = id}});
    EXPECT_EQ(duplicates(run), 1u) << id;
    run.trades({{.ts_ms = 90'000, .id = "later"}, {.ts_ms = 90'000, .id = id}});
    EXPECT_EQ(duplicates(run), 1u) << id << " is more than 9/8 of `within` behind";
  }
}

TEST(Dedup, AnIdThatComesAgainFarBehindTheLastRecordIsNew) {
  const PlanMaker maker = PlanMaker().dedup({TradeColumn::id}, Duration{80 * kSecond.ns});
  for (const std::string id : {"5", "text"}) {
    Partition run(maker.plan);
    run.trades({{.ts_ms = 0, .id = id}, {.ts_ms = 5'000'000, .id = id}, {.ts_ms = 5'000'000, .id = id}});
    EXPECT_EQ(duplicates(run), 1u) << id;
    EXPECT_EQ(run.take(0).size(), 2u);
  }
}

TEST(Dedup, JsonRecordsAreComparedOverAll) {
  PlanMaker maker;
  maker.plan.topics[0].schema = market::json_schema();
  maker.plan.topics[0].kind = plan::RecordKind::json;
  maker.plan.streams[0].output = market::json_schema();
  maker.plan.streams[0].steps.push_back(
      {.what = plan::Dedup{.columns = {market::JsonColumn::key}}, .output = market::json_schema()});
  maker.plan.tables[0].schema = market::json_schema();
  const auto batch = [](const std::vector<std::string>& keys) {
    market::Batch rows = market::make_batch(market::json_schema());
    for (const std::string& key : keys) {
      rows.columns[market::JsonColumn::key].text.append(key);
      rows.columns[market::JsonColumn::value].text.append("{}");
      rows.columns[market::JsonColumn::ts_recv].i64.push_back(0);
    }
    rows.rows = keys.size();
    return rows;
  };
  StateChanges state;
  {
    Partition run(maker.plan);
    ASSERT_TRUE(run.engine->process(batch({"a", "b", "a"})));
    EXPECT_EQ(duplicates(run), 1u);
    run.commit(state);
  }
  Partition run(maker.plan);
  ASSERT_TRUE(run.engine->restore(state));
  ASSERT_TRUE(run.engine->process(batch({"b", "c"})));
  EXPECT_EQ(duplicates(run), 2u);

  // So many keys that the first are forgotten.
  std::vector<std::string> many;
  for (size_t i = 0; i < Deduplicator::kKeysMax + OverallDeduplicator::kChunkKeys; ++i)
    many.push_back(std::to_string(i));
  ASSERT_TRUE(run.engine->process(batch(many)));
  run.commit(state);
  ASSERT_TRUE(run.engine->process(batch({"a", "c", many.back()})));
  EXPECT_EQ(duplicates(run), 3u);
  run.commit(state);
  Partition again(maker.plan);
  ASSERT_TRUE(again.engine->restore(state));
  ASSERT_TRUE(again.engine->process(batch({"a", many[many.size() - Deduplicator::kKeysMax + 2]})));
  EXPECT_EQ(duplicates(again), 5u);
}

TEST(Dedup, ALongRunKeepsItsJournalWithinTwiceWhatItRemembers) {
  const PlanMaker maker = PlanMaker().dedup({TradeColumn::id}, Duration{8 * kSecond.ns});
  std::mt19937_64 random(test_seed());
  StateChanges state;
  auto run = std::make_unique<Partition>(maker.plan);
  // A symbol that trades once and never again pins what it is remembered in.
  run->trades({{.symbol = "quiet", .ts_ms = 0, .id = "quiet-id"}});
  int64_t id = 0;
  size_t bytes_max = 0;
  std::vector<TestTrade> recent;
  for (int64_t second = 0; second < 400; ++second) {
    std::vector<TestTrade> trades;
    for (int i = 0; i < 300; ++i) {
      trades.push_back({.symbol = "A", .ts_ms = second * 1000 + i, .id = fmt::format("text-{}", ++id)});
    }
    recent = trades;
    run->trades(trades);
    run->commit(state);
    (void)run->take(0);
    size_t bytes = 0;
    for (const auto& [name, blob] : state) bytes += blob.size();
    bytes_max = std::max(bytes_max, bytes);
  }
  // 120,000 keys of 16 bytes went through; at most 2,700 are remembered at once.
  EXPECT_LT(bytes_max, size_t{1'700'000});
  EXPECT_EQ(state.count("dedup/s/0"), 0u) << "the oldest segment was written again and deleted";
  Partition again(maker.plan);
  ASSERT_TRUE(again.engine->restore(state));
  recent.push_back({.symbol = "quiet", .ts_ms = 0, .id = "quiet-id"});
  const uint64_t before = duplicates(again);
  again.trades(recent);
  EXPECT_EQ(duplicates(again) - before, recent.size());
}

TEST(IdSet, KnowsWhatWasPutInWhateverTheOrderAndAfterSaving) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 50; ++round) {
    IdSet ids;
    std::set<int64_t> reference;
    std::vector<std::string> saved;
    int64_t next = round % 3 == 0 ? 0 : static_cast<int64_t>(random() % 1'000'000);
    const uint64_t step = 1 + random() % 50;
    for (int i = 0; i < 3000; ++i) {
      next += static_cast<int64_t>(random() % 3 == 0 ? random() % step + 1 : 1);
      const int64_t id = random() % 20 == 0 ? static_cast<int64_t>(random() % static_cast<uint64_t>(next + 1)) : next;
      ASSERT_EQ(ids.insert(id), reference.insert(id).second);
      if (random() % 200 == 0) {
        BlobWriter out;
        ids.save(out, false);
        saved.push_back(out.sealed());
      }
    }
    BlobWriter last;
    ids.save(last, false);
    saved.push_back(last.sealed());
    IdSet loaded;
    for (const std::string& blob : saved) {
      auto in = BlobReader::open("ids", blob);
      ASSERT_TRUE(in);
      ASSERT_TRUE(loaded.load(*in, false));
      ASSERT_TRUE(in->finish("ids"));
    }
    BlobWriter whole;
    ids.save(whole, true);
    const std::string whole_bytes = whole.sealed();
    auto in = BlobReader::open("ids", whole_bytes);
    ASSERT_TRUE(in);
    IdSet from_whole;
    ASSERT_TRUE(from_whole.load(*in, true));
    for (int64_t id = 0; id <= next + 5; ++id) {
      ASSERT_EQ(ids.contains(id), reference.contains(id));
      ASSERT_EQ(loaded.contains(id), reference.contains(id));
      ASSERT_EQ(from_whole.contains(id), reference.contains(id));
      if (next > 50'000) id += static_cast<int64_t>(random() % 100);
    }
  }
}

TEST(IdSet, TheGreatestIdFits) {
  IdSet ids;
  EXPECT_TRUE(ids.insert(INT64_MAX));
  EXPECT_FALSE(ids.insert(INT64_MAX));
  EXPECT_TRUE(ids.insert(0));
  BlobWriter out;
  ids.save(out, false);
  const std::string bytes = out.sealed();
  auto in = BlobReader::open("ids", bytes);
  IdSet loaded;
  ASSERT_TRUE(loaded.load(*in, false));
  EXPECT_TRUE(loaded.contains(INT64_MAX) && loaded.contains(0) && !loaded.contains(1));
  BlobWriter more;
  loaded.save(more, false);
  const std::string more_bytes = more.sealed();
  auto more_in = BlobReader::open("ids", more_bytes);
  EXPECT_TRUE(loaded.load(*more_in, false));
}

TEST(IdSet, IncreasingIdsCostAboutTwoBytesAndRunsNothing) {
  IdSet sparse;
  for (int64_t i = 0; i < 100'000; ++i) sparse.insert(i * 500);
  EXPECT_LT(sparse.byte_size(), 250'000u);
  IdSet run;
  for (int64_t i = 0; i < 100'000; ++i) run.insert(i);
  EXPECT_LT(run.byte_size(), 100u);
}

TEST(FlatSet, ErasingLosesNoOther) {
  std::mt19937_64 random(test_seed());
  FlatSet<uint64_t> set;
  std::set<uint64_t> reference;
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t key = 1 + random() % 500;
    if (random() % 2 == 0) {
      ASSERT_EQ(set.insert(key), reference.insert(key).second);
    } else {
      set.erase(key);
      reference.erase(key);
    }
    ASSERT_EQ(set.size(), reference.size());
    const uint64_t asked = 1 + random() % 500;
    ASSERT_EQ(set.contains(asked), reference.contains(asked));
  }
}

}  // namespace
}  // namespace penstock::stream::testing

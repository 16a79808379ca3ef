#include "stream/held_records.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "stream/engine_testing.h"

namespace penstock::stream::testing {
namespace {

void commit(HeldRecords& held, StateChanges& state) {
  StateChanges changes;
  held.take_state("held/s/", changes);
  for (auto& [name, blob] : changes) {
    if (blob.empty()) {
      state.erase(name);
    } else {
      state[name] = std::move(blob);
    }
  }
}

HeldRecords restored(const StateChanges& state) {
  std::map<uint64_t, std::string> by_number;
  for (const auto& [name, blob] : state) by_number[std::stoull(name.substr(7))] = blob;
  HeldRecords held;
  for (const auto& [number, blob] : by_number)
    EXPECT_TRUE(held.restore("held/s/" + std::to_string(number), number, blob));
  return held;
}

TEST(HeldRecords, AreCountedLikeABagOverRemovalsAndRestarts) {
  std::mt19937_64 random(test_seed());
  HeldRecords held;
  StateChanges state;
  std::map<std::string, size_t> expected;
  size_t total = 0;
  for (int step = 0; step < 60'000; ++step) {
    const std::string raw = "{\"id\": " + std::to_string(random() % 400) + "}";
    if (random() % 3 == 0 && expected[raw] > 0) {
      held.remove(raw);
      --expected[raw];
      --total;
    } else {
      held.add(raw);
      ++expected[raw];
      ++total;
    }
    if (step % 997 == 0) commit(held, state);
    if (step % 4999 == 0) {
      commit(held, state);
      held = restored(state);
    }
    ASSERT_EQ(held.contains(raw), expected[raw] > 0);
  }
  EXPECT_EQ(held.size(), total);
  for (const auto& [raw, count] : expected) {
    for (size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(held.contains(raw));
      held.remove(raw);
    }
    EXPECT_FALSE(held.contains(raw));
  }
  commit(held, state);
  EXPECT_TRUE(state.empty());
}

TEST(HeldRecords, OfManyEqualOnesEachIsFoundQuickly) {
  HeldRecords held;
  for (int i = 0; i < 200'000; ++i) held.add("the same");
  EXPECT_EQ(held.size(), 200'000u);
  for (int i = 0; i < 200'000; ++i) held.remove("the same");
  EXPECT_FALSE(held.contains("the same"));
}

TEST(HeldRecords, BeyondTheirMaximumAreNotRemembered) {
  HeldRecords held;
  for (size_t i = 0; i < HeldRecords::kRecordsMax; ++i) held.add(std::to_string(i));
  held.add("one more");
  EXPECT_FALSE(held.contains("one more"));
  held.remove("7");
  held.add("one more");
  EXPECT_TRUE(held.contains("one more"));
}

TEST(HeldRecords, AMalformedBlobIsRefused) {
  BlobWriter out;
  out.put(2);
  out.put_raw(std::string(sizeof(Hash128), 'x'));
  HeldRecords held;
  EXPECT_FALSE(held.restore("held/s/0", 0, out.sealed()));
  BlobWriter zeros;
  zeros.put(1);
  zeros.put_raw(std::string(sizeof(Hash128), '\0'));
  EXPECT_FALSE(held.restore("held/s/0", 0, zeros.sealed()));
}

}  // namespace
}  // namespace penstock::stream::testing

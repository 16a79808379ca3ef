// Gaps, duplicates and order: rules over what came before of a symbol.
#include "stream/blob.h"
#include "stream/checks/checks_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TextRow with_id(double second, std::optional<std::string> id, std::optional<std::string> venue = "V",
                const std::string& symbol = "A") {
  return trade(second, "1", {{"id", std::move(id)}, {"venue", std::move(venue)}, {"symbol", symbol}});
}

TEST(Gap, ARecordBehindAHoleIsFoundWithWhatWasExpected) {
  const plan::Plan plan = checks_plan("g: {gap: id}");
  CheckRun run(plan);
  run.give({with_id(0, "5"), with_id(1, "6"), with_id(2, "9"), with_id(3, "10"), with_id(4, "12")});
  EXPECT_THAT(run.found(), ElementsAre("g A 14:30:02Z: 9 | 7", "g A 14:30:04Z: 12 | 11"));
  EXPECT_EQ(run.take("rows").size(), 5u);
}

TEST(Gap, VenuesAndSymbolsCountForThemselvesAndRecordsWithoutAVenueToo) {
  const plan::Plan plan = checks_plan("g: {gap: id}");
  CheckRun run(plan);
  run.give({with_id(0, "1"), with_id(1, "7", "W"), with_id(2, "3", std::nullopt), with_id(3, "20", "V", "B"),
            with_id(4, "2"), with_id(5, "8", "W"), with_id(6, "5", std::nullopt), with_id(7, "21", "V", "B")});
  EXPECT_THAT(run.found(), ElementsAre("g A 14:30:06Z: 5 | 4"));
}

TEST(Gap, OldTextualAndMissingIdsAreNotJudged) {
  const plan::Plan plan = checks_plan("g: {gap: id}");
  CheckRun run(plan);
  run.give(
      {with_id(0, "5"), with_id(1, "5"), with_id(2, "3"), with_id(3, "x9"), with_id(4, std::nullopt), with_id(5, "6")});
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(Gap, WholeNumbersOfASelectCountOnAsWellAndBelowZero) {
  const plan::Plan plan =
      checks_plan("g: {gap: n}", "trades", "select: {symbol: symbol, ts_event: ts_event, n: cast(price as bigint)}, ");
  CheckRun run(plan);
  run.give({trade(0, "-3"), trade(1, "-2"), trade(2, "0"), trade(3, "1")});
  EXPECT_THAT(run.found(), ElementsAre("g A 14:30:02Z: 0 | -1"));
}

TEST(Duplicate, OfTheSameVenueAndIdIsTakenOutWithItsReason) {
  const plan::Plan plan = checks_plan("d: {duplicate: id}");
  CheckRun run(plan);
  run.give({with_id(0, "5"), with_id(1, "5", "W"), with_id(2, "5"), with_id(3, "x"), with_id(4, "x"),
            with_id(5, "5", "V", "B"), with_id(6, "5", std::nullopt), with_id(7, "5", std::nullopt)});
  EXPECT_THAT(run.found(), ElementsAre("d A 14:30:02Z: 5 | once within 1d", "d A 14:30:04Z: x | once within 1d",
                                       "d A 14:30:07Z: 5 | once within 1d"));
  EXPECT_THAT(run.take("quarantine"), ElementsAre(HasSubstr("|rule d (duplicate): 5, bound once within 1d|"),
                                                  HasSubstr("rule d"), HasSubstr("rule d")));
  EXPECT_EQ(run.counts().quarantined, 3u);
  EXPECT_EQ(run.counts().duplicates, 0u);
}

TEST(Duplicate, ARecordWithoutAnIdIsNoneWhateverItsVenue) {
  const plan::Plan plan = checks_plan("d: {duplicate: id}");
  CheckRun run(plan);
  run.give({with_id(0, std::nullopt), with_id(1, std::nullopt), with_id(2, "1"), with_id(3, std::nullopt)});
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(Duplicate, IsJudgedBehindRulesOfTheRecordAloneAndBeforeTheOthers) {
  // A duplicate is no gap's business, and what a rule of the record alone refused was not seen.
  const plan::Plan plan = checks_plan("o: {out_of_order: true}, d: {duplicate: id}, p: price > 0");
  CheckRun run(plan);
  run.give({with_id(5, "1"), with_id(4, "1"), trade(3, "-1", {{"id", "2"}}), trade(6, "1", {{"id", "2"}})});
  EXPECT_THAT(run.found(), ElementsAre("d A 14:30:04Z: 1 | once within 1d", "p A 14:30:03Z: -1 | price > 0"));
}

TEST(Duplicate, ForgetsByEventTimeAndAnotherKeyOrLengthBeginsAnew) {
  StateChanges state;
  {
    const plan::Plan plan = checks_plan("d: {duplicate: id, within: 80s}");
    CheckRun run(plan);
    run.give({with_id(0, "5")});
    run.partition.commit(state);
    run.give({with_id(90, "6"), with_id(90, "5")});
    EXPECT_THAT(run.found(), IsEmpty());
  }
  const plan::Plan plan = checks_plan("d: {duplicate: id, within: 1h}");
  CheckRun run(plan);
  const Status restored = run.partition.engine->restore(state);
  ASSERT_TRUE(restored) << restored.error().message;
  run.give({with_id(1, "5"), with_id(2, "5")});
  EXPECT_THAT(run.found(), ElementsAre("d A 14:30:02Z: 5 | once within 1h"));
  run.partition.commit(state);
  for (const auto& [name, blob] : state) EXPECT_THAT(name, ::testing::Not(HasSubstr(":80000000000/")));
}

TEST(OutOfOrder, IsMeasuredFromTheNewestOfTheSymbolExactly) {
  const plan::Plan plan = checks_plan("o: {out_of_order: 2s}");
  CheckRun run(plan);
  run.give({trade(10, "1"), trade(8, "1"), trade(7.5, "1"), trade(10, "1"), trade(1, "1", {{"symbol", "B"}}),
            trade(12, "1"), trade(9, "1")});
  EXPECT_THAT(run.found(), ElementsAre("o A 14:30:07.500Z: 2.5s | 2s", "o A 14:30:09Z: 3s | 2s"));
}

TEST(OutOfOrder, OfZeroAllowsEqualTimesOnly) {
  const plan::Plan plan = checks_plan("o: {out_of_order: 0s, action: quarantine}");
  CheckRun run(plan);
  run.give({trade(10, "1"), trade(10, "1"), trade(9.999999999, "1")});
  EXPECT_THAT(run.take("quarantine"), ElementsAre(HasSubstr("rule o (out_of_order): 0.000000001s, bound 0s")));
}

TEST(CheckState, OfRulesThatAreGoneOrChangedIsLeftBehindAndTheOthersGoOn) {
  StateChanges state;
  {
    const plan::Plan plan = checks_plan("g: {gap: id}, o: {out_of_order: true}, m: {mad: 3, window: 3}");
    CheckRun run(plan);
    run.give({with_id(0, "5"), with_id(1, "6")});
    run.partition.commit(state);
  }
  {
    // Without the gap rule, and with another window.
    const plan::Plan plan = checks_plan("o: {out_of_order: true}, m: {mad: 3, window: 4}, p: {positive: true}");
    CheckRun run(plan);
    ASSERT_TRUE(run.partition.engine->restore(state));
    run.give({with_id(0.5, "9")});
    EXPECT_THAT(run.found(), ElementsAre("o A 14:30:00.500Z: 0.5s | 0s"));
    run.partition.commit(state);
  }
  {
    // The gap rule comes back: what it knew then does not.
    const plan::Plan plan = checks_plan("g: {gap: id}");
    CheckRun run(plan);
    ASSERT_TRUE(run.partition.engine->restore(state));
    run.give({with_id(3, "20"), with_id(4, "22")});
    EXPECT_THAT(run.found(), ElementsAre("g A 14:30:04Z: 22 | 21"));
  }
  {
    // No check at all any more.
    const plan::Plan plan = checks_plan("p: {positive: true}");
    CheckRun run(plan);
    ASSERT_TRUE(run.partition.engine->restore(state));
    run.give({with_id(5, "30")});
    run.partition.commit(state);
    for (const auto& [name, blob] : state) EXPECT_THAT(name, ::testing::Not(::testing::StartsWith("check/")));
  }
}

TEST(CheckState, AnyChangedOrCutByteIsFoundAndNothingCrashesOnAWellSummedOne) {
  const plan::Plan plan = checks_plan(
      "g: {gap: id}, d: {duplicate: id}, o: {out_of_order: true}, s: {stale: 2m, session: XNYS}, m: {mad: 3, window: "
      "3}, "
      "e: {erroneous: true}, l: {luld: true}, c: {cross_source: true}");
  StateChanges state;
  {
    CheckRun run(plan);
    run.give({with_id(0, "5"), with_id(1, "6", "W"), with_id(2, "7"), with_id(3, "x")});
    run.partition.commit(state);
  }
  const auto restore = [&](const StateChanges& changed) { return CheckRun(plan).partition.engine->restore(changed); };
  ASSERT_TRUE(restore(state));
  size_t blobs = 0;
  for (const auto& [name, blob] : state) {
    if (!name.starts_with("check/")) continue;
    ++blobs;
    for (size_t at = 0; at < blob.size(); ++at) {
      StateChanges changed = state;
      changed[name][at] = static_cast<char>(changed[name][at] ^ 0x11);
      EXPECT_FALSE(restore(changed)) << name << " byte " << at;
      // The same with a sum that fits: refused, or taken for what it says.
      if (blob.size() < 8 || at + 4 >= blob.size() || at == 0) continue;
      BlobWriter writer;
      writer.put_raw(std::string_view(changed[name]).substr(1, blob.size() - 5));
      changed[name] = writer.sealed();
      const Status status = restore(changed);
      EXPECT_TRUE(status || !status.error().message.empty());
    }
  }
  EXPECT_EQ(blobs, 2u);
}

}  // namespace
}  // namespace penstock::stream::testing

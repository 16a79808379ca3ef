// `stale:`: silence beyond what is usual for a symbol, in the time of its venue.
#include "stream/checks/checks_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Stale, ARecordAfterALongSilenceIsFoundAndOneAtTheBoundIsNot) {
  const plan::Plan plan = checks_plan("s: {stale: 10s, factor: 0}");
  CheckRun run(plan);
  run.give({trade(0, "1"), trade(10, "1"), trade(20.000000001, "1"), trade(21, "1"), trade(15, "1")});
  EXPECT_THAT(run.found(), ElementsAre("s A 14:30:20.000000001Z: 10.000000001s | 10s"));
  EXPECT_EQ(run.take("rows").size(), 5u);
}

TEST(Stale, AMarkFindsASilenceAndTheRecordThatEndsItDoesNotFindItAgain) {
  const plan::Plan plan = checks_plan("s: {stale: 10s, factor: 0}");
  CheckRun run(plan);
  run.give({trade(0, "1"), trade(3, "1", {{"symbol", "B"}}), trade(1, "1", {{"symbol", "C"}})});
  run.mark(11);
  EXPECT_THAT(run.take("quality"),
              ElementsAre("s|s|stale|flag|A|2024-01-02T14:30:00Z|11s|10s|{\"symbol\": \"A\", \"silent_at\": "
                          "\"2024-01-02T14:30:11Z\"}"));
  run.mark(12);
  EXPECT_THAT(run.found(), ElementsAre("s C 14:30:01Z: 11s | 10s"));
  run.give({trade(13, "1"), trade(15, "1", {{"symbol", "B"}})});
  EXPECT_THAT(run.found(), ElementsAre("s B 14:30:15Z: 12s | 10s"));
  run.mark(24);
  EXPECT_THAT(run.found(), ElementsAre("s A 14:30:13Z: 11s | 10s"));
}

TEST(Stale, SeveralOfOneMarkComeByTimeAndThenSymbolWhateverTheirCodes) {
  const plan::Plan plan = checks_plan("s: {stale: 10s, factor: 0}");
  for (const std::vector<std::string>& first : {std::vector<std::string>{}, {"C", "B", "A"}}) {
    CheckRun run(plan, first);
    run.give({trade(2, "1"), trade(1, "1", {{"symbol", "C"}}), trade(1, "1", {{"symbol", "B"}})});
    run.mark(60);
    EXPECT_THAT(run.found(),
                ElementsAre("s B 14:30:01Z: 59s | 10s", "s C 14:30:01Z: 59s | 10s", "s A 14:30:02Z: 58s | 10s"));
  }
}

TEST(Stale, TheEndOfASourceIsNoSilence) {
  const plan::Plan plan = checks_plan("s: {stale: 10s}");
  CheckRun run(plan);
  run.give({trade(0, "1")});
  run.partition.end();
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(Stale, OnlyTheTimeOfTheSessionCounts) {
  const plan::Plan plan = checks_plan("s: {stale: 2m, factor: 0, session: XNYS}");
  CheckRun run(plan);
  const auto on = [](const std::string& time) { return trade(0, "1", {{"ts_event", time}}); };
  // One minute before the close, one after the next open; then three minutes within the day.
  run.give({on("2024-01-02T20:59:00Z"), on("2024-01-03T14:31:00Z"), on("2024-01-03T14:34:00Z")});
  EXPECT_THAT(run.found(), ElementsAre("s A 14:34:00Z: 180s | 120s"));
  // Over night marks find nothing; in the morning they do.
  run.give({on("2024-01-03T20:59:30Z")});
  EXPECT_EQ(run.found().size(), 1u);
  const auto mark = [&](const std::string& time) {
    Timestamp at;
    ASSERT_EQ(parse_rfc3339(time, at), TimeError::ok);
    ASSERT_TRUE(run.partition.engine->mark(0, at));
  };
  mark("2024-01-04T14:00:00Z");
  mark("2024-01-04T14:31:30Z");
  EXPECT_THAT(run.found(), IsEmpty());
  mark("2024-01-04T14:31:31Z");
  EXPECT_THAT(run.found(), ElementsAre("s A 20:59:30Z: 121s | 120s"));
}

TEST(Stale, ASymbolThatIsUsuallyQuietHasALongerBound) {
  const plan::Plan plan = checks_plan("s: {stale: 10s, factor: 3}");
  CheckRun run(plan);
  // Every 9 s: the usual gap is 9 s, the bound 27 s.
  std::vector<TextRow> rows;
  for (int i = 0; i < 20; ++i) rows.push_back(trade(i * 9, "1"));
  run.give(rows);
  run.give({trade(19 * 9 + 27, "1")});
  EXPECT_THAT(run.found(), IsEmpty());
  // 19 gaps of 9 s and one of 27 s: (19 * 81 + 729) / 198 = 11.45 s.
  run.give({trade(19 * 9 + 27 + 34.5, "1")});
  EXPECT_THAT(run.found(), ElementsAre(HasSubstr("34.5s | 34.3636363")));
}

TEST(Stale, ABurstDoesNotShortenTheUsualGapNorDoesAnOutageLengthenItMuch) {
  const plan::Plan plan = checks_plan("s: {stale: 10s, factor: 3}");
  CheckRun run(plan);
  std::vector<TextRow> rows;
  for (int i = 0; i < 20; ++i) rows.push_back(trade(i * 9, "1"));
  for (int i = 1; i <= 500; ++i) rows.push_back(trade(19 * 9 + i * 0.001, "1"));
  run.give(rows);
  run.give({trade(19 * 9 + 0.5 + 26, "1")});
  EXPECT_THAT(run.found(), IsEmpty());
  // An hour of silence counts as its bound.
  run.give({trade(3600 + 200, "1"), trade(3600 + 200 + 60, "1")});
  const std::vector<std::string> found = run.found();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_THAT(found[1], HasSubstr("60s | 43.44"));
}

TEST(Stale, GoesOnOverARestartAndIsReportedOnce) {
  const plan::Plan plan = checks_plan("s: {stale: 10s, factor: 0, session: XNYS}");
  StateChanges state;
  {
    CheckRun run(plan);
    run.give({trade(0, "1"), trade(1, "1", {{"symbol", "B"}})});
    run.mark(10.5);
    EXPECT_EQ(run.found().size(), 1u);
    run.partition.commit(state);
  }
  CheckRun run(plan);
  ASSERT_TRUE(run.partition.engine->restore(state));
  run.mark(11.5);
  EXPECT_THAT(run.found(), ElementsAre("s B 14:30:01Z: 10.5s | 10s"));
  run.give({trade(20, "1")});
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(Stale, OfActionFailStopsAtAMark) {
  const plan::Plan plan = checks_plan("s: {stale: 10s, action: fail}");
  CheckRun run(plan);
  run.give({trade(0, "1")});
  const Status status = run.partition.engine->mark(0, Timestamp{1'704'205'811'000'000'000});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("rule 's' (stale) of action fail: 11s against 10s"));
}

}  // namespace
}  // namespace penstock::stream::testing

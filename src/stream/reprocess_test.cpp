// Records that leave the quarantine after a rule changed: once, in their stream alone, and the same in a replay of the
// log.
#include "stream/checks/checks_testing.h"
#include "stream/checks/judge.h"
#include "stream/row_json.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TextRow with_id(double second, const std::string& price, const std::string& id) {
  return trade(second, price, {{"id", id}});
}

// The rows of the quarantine as `reprocess` sends them.
std::vector<QuarantinedRecord> quarantined(CheckRun& run) {
  std::vector<QuarantinedRecord> records;
  for (const std::string& line : run.take("quarantine")) {
    std::vector<std::string> fields;
    size_t at = 0;
    for (int i = 0; i < 4; ++i) {
      const size_t bar = line.find('|', at);
      fields.push_back(line.substr(at, bar - at));
      at = bar + 1;
    }
    records.push_back({fields[0], fields[1], fields[2], fields[3], line.substr(at)});
  }
  return records;
}

// An engine of `rules` that goes on with what one of other rules had.
class Restarted {
 public:
  Restarted(const plan::Plan& plan, const StateChanges& state) : run(plan) {
    const Status status = run.partition.engine->restore(state);
    EXPECT_TRUE(status) << status.error().message;
  }
  void again(const QuarantinedRecord& record) { ASSERT_TRUE(run.partition.engine->reprocess(record)); }
  // What keeps it; empty: nothing.
  std::string why_held(const QuarantinedRecord& record) {
    auto why = run.partition.engine->why_held(record);
    EXPECT_TRUE(why) << why.error().message;
    return why->value_or("");
  }
  // Rows to remove since the last call.
  std::vector<std::string> removed() {
    std::vector<std::string> lines;
    for (const TableRows& table : run.partition.engine->take_removed_rows()) {
      for (size_t row = 0; row < table.rows.rows; ++row) {
        lines.push_back(line_of(table.rows, row, run.partition.symbols));
      }
    }
    return lines;
  }
  CheckRun run;
};

struct Before {
  StateChanges state;
  std::vector<QuarantinedRecord> records;
};
Before before(const std::string& rules, const std::vector<TextRow>& rows) {
  const plan::Plan plan = checks_plan(rules);
  CheckRun run(plan);
  run.give(rows);
  Before out;
  out.records = quarantined(run);
  run.partition.commit(out.state);
  return out;
}

TEST(Reprocess, WhatPassesTheChangedRuleGoesOnAndItsRowLeavesTheQuarantine) {
  const Before old = before("p: price > 10", {with_id(0, "5", "1"), with_id(1, "20", "2"), with_id(2, "7", "3")});
  ASSERT_THAT(old.records, SizeIs(2));
  const plan::Plan plan = checks_plan("p: price > 6");
  Restarted restarted(plan, old.state);
  EXPECT_EQ(restarted.why_held(old.records[0]), "fails the rule 'p' (sql)");
  EXPECT_EQ(restarted.why_held(old.records[1]), "");
  for (const QuarantinedRecord& record : old.records) restarted.again(record);
  EXPECT_THAT(restarted.run.take("rows"), ElementsAre(HasSubstr("|7|1|3|")));
  EXPECT_THAT(restarted.removed(),
              ElementsAre("s|feed|A 2024-01-02T14:30:02Z id 3|rule p: price > 10|" + old.records[1].raw));
  EXPECT_THAT(restarted.run.take("quarantine"), IsEmpty());
  EXPECT_THAT(restarted.run.found(), IsEmpty());
  const StreamCounts& counts = restarted.run.counts();
  EXPECT_EQ(counts.in, 3u);
  EXPECT_EQ(counts.out, 2u);
  EXPECT_EQ(counts.quarantined, 1u);
  expect_accounted(restarted.run.partition.engine->counts());
}

TEST(Reprocess, AskingChangesNothingAndTheSecondTimeNothingHappens) {
  const Before old = before("p: price > 10", {with_id(0, "5", "1")});
  const plan::Plan plan = checks_plan("p: price > 1");
  Restarted restarted(plan, old.state);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(restarted.why_held(old.records[0]), "");
  EXPECT_THAT(restarted.run.take("rows"), IsEmpty());
  for (int i = 0; i < 3; ++i) restarted.again(old.records[0]);
  EXPECT_THAT(restarted.run.take("rows"), SizeIs(1));
  EXPECT_THAT(restarted.removed(), SizeIs(1));
  EXPECT_THAT(restarted.why_held(old.records[0]), HasSubstr("is not held"));
}

TEST(Reprocess, InAReplayWhereTheRecordPassedAtOnceItsSecondComingIsNothing) {
  const std::vector<TextRow> rows{with_id(0, "5", "1"), with_id(1, "20", "2")};
  const Before old = before("p: price > 10", rows);
  // The log: the rows, and then the record sent again. By the new rule, and by the old one.
  const plan::Plan changed = checks_plan("p: price > 1");
  CheckRun replay(changed);
  replay.give(rows);
  ASSERT_TRUE(replay.partition.engine->reprocess(old.records[0]));
  EXPECT_THAT(replay.take("rows"), SizeIs(2));
  EXPECT_THAT(replay.take("quarantine"), IsEmpty());
  const plan::Plan same = checks_plan("p: price > 10");
  CheckRun strict(same);
  strict.give(rows);
  ASSERT_TRUE(strict.partition.engine->reprocess(old.records[0]));
  EXPECT_THAT(strict.take("rows"), SizeIs(1));
  EXPECT_THAT(strict.take("quarantine"), SizeIs(1));
  EXPECT_EQ(strict.counts().quarantined, 1u);
}

TEST(Reprocess, OfEqualRecordsEachIsTakenOnce) {
  const Before old = before("p: price > 10", {with_id(0, "5", "1"), with_id(0, "5", "1"), with_id(0, "5", "1")});
  ASSERT_THAT(old.records, SizeIs(3));
  const plan::Plan plan = checks_plan("p: price > 1");
  Restarted restarted(plan, old.state);
  for (int i = 0; i < 5; ++i) restarted.again(old.records[0]);
  EXPECT_THAT(restarted.run.take("rows"), SizeIs(3));
  EXPECT_THAT(restarted.removed(), SizeIs(3));
}

TEST(Reprocess, ADuplicateStaysAndOfTwoThatNeverMetTheRuleOnePasses) {
  const std::string rules = "p: price > 10, d: {duplicate: id}";
  const Before old = before(rules, {with_id(0, "5", "1"), with_id(1, "5.5", "1"), with_id(2, "20", "2"),
                                    with_id(3, "21", "2"), with_id(4, "6", "2")});
  ASSERT_THAT(old.records, SizeIs(4));
  const plan::Plan plan = checks_plan("p: price > 1, d: {duplicate: id}");
  Restarted restarted(plan, old.state);
  // 21 was refused by the duplicate rule; 6 by the price, and its id came before.
  EXPECT_EQ(restarted.why_held(old.records[0]), "");
  EXPECT_THAT(restarted.why_held(old.records[2]), HasSubstr("was refused by the rule 'd' (duplicate)"));
  EXPECT_EQ(restarted.why_held(old.records[3]), "fails the rule 'd' (duplicate)");
  for (const QuarantinedRecord& record : old.records) restarted.again(record);
  EXPECT_THAT(restarted.run.take("rows"), ElementsAre(HasSubstr("|5|1|1|")));
  // Once it is in, the other's id is known.
  EXPECT_EQ(restarted.why_held(old.records[1]), "fails the rule 'd' (duplicate)");
}

TEST(Reprocess, WhatARuleOverOtherRecordsRefusedStaysWhileTheRuleRefuses) {
  const Before old =
      before("o: {out_of_order: 0s, action: quarantine}", {with_id(5, "20", "1"), with_id(4, "21", "2")});
  ASSERT_THAT(old.records, SizeIs(1));
  for (const std::string rules : {"o: {out_of_order: 0s, action: quarantine}", "o: {out_of_order: 1h, action: fail}"}) {
    const plan::Plan plan = checks_plan(rules);
    Restarted restarted(plan, old.state);
    EXPECT_THAT(restarted.why_held(old.records[0]), HasSubstr("remove the rule, or set its action to flag"));
    restarted.again(old.records[0]);
    EXPECT_THAT(restarted.removed(), IsEmpty());
  }
  for (const std::string rules : {"o: {out_of_order: 0s, action: flag}",
                                  "other: {out_of_order: 0s, action: quarantine}", "o: {positive: true}"}) {
    const plan::Plan plan = checks_plan(rules);
    Restarted restarted(plan, old.state);
    EXPECT_EQ(restarted.why_held(old.records[0]), "") << rules;
    restarted.again(old.records[0]);
    EXPECT_THAT(restarted.run.take("rows"), SizeIs(1)) << rules;
    // It judged the record at its place; it does not judge it again.
    EXPECT_THAT(restarted.run.found(), IsEmpty()) << rules;
  }
}

TEST(Reprocess, ARuleThatFlagsNowLetsTheRecordGoOnAndWritesItDown) {
  const Before old = before("p: price > 10", {with_id(0, "5", "1")});
  const plan::Plan plan = checks_plan("p: {sql: price > 10, action: flag}, q: {sql: price > 9, action: flag}");
  Restarted restarted(plan, old.state);
  restarted.again(old.records[0]);
  EXPECT_THAT(restarted.run.take("rows"), SizeIs(1));
  EXPECT_THAT(restarted.run.found(), ElementsAre("p A 14:30:00Z: 5 | price > 10", "q A 14:30:00Z: 5 | price > 9"));
  EXPECT_THAT(restarted.removed(), SizeIs(1));
}

TEST(Reprocess, ARuleOfActionFailKeepsTheRecordAndStopsNothing) {
  const Before old = before("p: price > 10", {with_id(0, "5", "1")});
  const plan::Plan plan = checks_plan("p: {sql: price > 6, action: fail}");
  Restarted restarted(plan, old.state);
  EXPECT_EQ(restarted.why_held(old.records[0]), "fails the rule 'p' (sql)");
  restarted.again(old.records[0]);
  EXPECT_THAT(restarted.removed(), IsEmpty());
}

TEST(Reprocess, OtherStepsStreamsAndTablesOfTheTopicDoNotSeeItAgain) {
  const std::string text = R"(
name: test
sources: {feed: {type: file, path: none.csv, topic: t}}
topics: {t: {partitions: 1}}
streams:
  s: {from: t, where: size > 0, dedup: id, check: {p: price > LEAST}}
  other: {from: t, where: price < 100}
  bars: {from: s, bars: {every: 1m, lateness: 0s}}
tables: {raw: {from: t}, rows: {from: s}, other: {from: other}, bars: {from: bars}, mine: {from: s.quarantine}}
)";
  const auto plan_with = [&](const std::string& least) {
    std::string file = text;
    file.replace(file.find("LEAST"), 5, least);
    auto plan = plan::parse_plan(file, "test.yaml", {.set = {}, .use_environment = false});
    EXPECT_TRUE(plan) << plan.error().message;
    return *std::move(plan);
  };
  const plan::Plan strict = plan_with("10");
  StateChanges state;
  QuarantinedRecord record;
  {
    CheckRun run(strict);
    run.give({with_id(0, "5", "1"), with_id(70, "20", "2"), with_id(10, "6", "3")});
    EXPECT_THAT(run.take("quarantine"), IsEmpty());
    const std::string line = run.take("mine").at(1);
    const size_t raw = line.find("|{") + 1;
    record = {"s", "feed", "A 2024-01-02T14:30:10Z id 3", "rule p: price > 10", line.substr(raw)};
    EXPECT_EQ(line, "s|feed|" + record.position + "|" + record.reason + "|" + record.raw);
    run.partition.commit(state);
  }
  const plan::Plan loose = plan_with("1");
  Restarted restarted(loose, state);
  restarted.again(record);
  EXPECT_THAT(restarted.run.take("rows"), SizeIs(1));
  EXPECT_THAT(restarted.run.take("raw"), IsEmpty());
  EXPECT_THAT(restarted.run.take("other"), IsEmpty());
  // The window of 14:30 is closed: it comes too late for its bar, or makes it anew, as any trade does.
  EXPECT_EQ(restarted.removed(),
            std::vector<std::string>{"s|feed|" + record.position + "|" + record.reason + "|" + record.raw});
  expect_accounted(restarted.run.partition.engine->counts());
}

TEST(Reprocess, WhatOtherStepsPutAsideAndRowsOfAnotherSchemaAreNotForIt) {
  const plan::Plan plan = checks_plan("p: price > 10", "trades", "where: cast(side as bigint) > 0, ");
  CheckRun run(plan);
  run.give({trade(0, "20", {{"side", "x"}})});
  const auto records = quarantined(run);
  ASSERT_THAT(records, SizeIs(1));
  auto why = run.partition.engine->why_held(records[0]);
  ASSERT_TRUE(why);
  EXPECT_THAT(why->value_or(""), HasSubstr("is not held"));

  const Before old = before("p: price > 10", {with_id(0, "5", "1")});
  const plan::Plan narrow = checks_plan("p: price > 1", "trades", "select: {symbol: symbol, price: price}, ");
  Restarted restarted(narrow, old.state);
  EXPECT_THAT(restarted.why_held(old.records[0]), HasSubstr("cannot be read back"));
  QuarantinedRecord unknown = old.records[0];
  unknown.stream = "nobody";
  EXPECT_THAT(restarted.why_held(unknown), HasSubstr("does not have"));
}

TEST(Reprocess, IsRememberedOverRestartsAndForgottenWhenItHasPassed) {
  const Before old = before("p: price > 10", {with_id(0, "5", "1"), with_id(1, "6", "2")});
  StateChanges state = old.state;
  const plan::Plan plan = checks_plan("p: price > 1");
  {
    Restarted restarted(plan, state);
    restarted.again(old.records[0]);
    for (auto& [name, blob] : restarted.run.partition.engine->take_state_changes()) {
      if (blob.empty()) {
        state.erase(name);
      } else {
        state[name] = blob;
      }
    }
  }
  Restarted restarted(plan, state);
  EXPECT_THAT(restarted.why_held(old.records[0]), HasSubstr("is not held"));
  EXPECT_EQ(restarted.why_held(old.records[1]), "");
}

TEST(Reprocess, AReasonIsReadBackAsItWasWritten) {
  const auto of = [](const std::string& reason) {
    const auto refused = RefusedBy::of(reason);
    return refused ? refused->rule + "/" + refused->kind : "none";
  };
  EXPECT_EQ(of("rule price: price > 0 and (size > 1): x"), "price/sql");
  EXPECT_EQ(of("rule my rule (mad): 5, bound 1 to 2"), "my rule/mad");
  EXPECT_EQ(of("where: price > 0"), "none");
  EXPECT_EQ(of("rule "), "none");
  EXPECT_EQ(of("rule x (mad"), "none");
}

}  // namespace
}  // namespace penstock::stream::testing

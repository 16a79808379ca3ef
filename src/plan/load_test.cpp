// What is wrong with a pipeline file is said at its place, with what to write instead.
#include "plan/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>

#include "market/schema.h"
#include "plan/explain.h"

namespace penstock::plan {
namespace {

using testing::HasSubstr;

const std::string kHead = "name: p\nsources:\n  s: {type: file, path: a.csv, topic: trades}\n";

std::vector<std::string> errors(const std::string& text, Variables variables = {.set = {}, .use_environment = false}) {
  std::vector<std::string> out;
  const Loaded loaded = load_text(text, "p.yaml", variables);
  EXPECT_EQ(loaded.plan.has_value(), loaded.diagnostics.empty());
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    EXPECT_GE(diagnostic.location.line, 1) << diagnostic.message;
    EXPECT_GE(diagnostic.location.column, 1) << diagnostic.message;
    EXPECT_FALSE(diagnostic.message.empty());
    out.push_back(diagnostic.to_string());
  }
  return out;
}

Plan plan_of(const std::string& text, Variables variables = {.set = {}, .use_environment = false}) {
  auto plan = parse_plan(text, "p.yaml", variables);
  if (!plan) throw std::runtime_error(plan.error().message);
  return *plan;
}

TEST(Unset, ATextStandsForItselfANumberKeepsItsDefaultAndWhatDecidesTheShapeIsAnError) {
  const Variables looking{.set = {}, .use_environment = false, .allow_unset = true};
  const Plan plan = plan_of(
      "name: p\nlog: {fsync_interval: \"${often}\"}\nsources:\n"
      "  s: {type: http, url: \"${scheme}://a/${page:-b}\", interval: \"${every}\", max_bytes: \"${most}\", topic: "
      "t}\n",
      looking);
  const auto& http = std::get<HttpSource>(plan.sources.at(0).options);
  EXPECT_EQ(http.url, "${scheme}://a/b");
  EXPECT_EQ(http.interval, kSecond);
  EXPECT_EQ(http.response_bytes_max, HttpSource{}.response_bytes_max);
  EXPECT_EQ(plan.log.fsync_interval, kSecond);
  std::vector<std::string> names;
  for (const Plan::Unset& unset : plan.unset) names.push_back(unset.location.to_string() + " " + unset.name);
  EXPECT_THAT(names,
              testing::ElementsAre("p.yaml:2:24 often", "p.yaml:4:25 scheme", "p.yaml:4:63 every", "p.yaml:4:86 most"));
  EXPECT_THAT(errors("name: p\nsources:\n  s: {type: \"${kind}\", topic: t}\n", looking),
              testing::ElementsAre(HasSubstr("not '${kind}'")));
  EXPECT_THAT(errors(kHead + "streams:\n  b: {from: trades, bars: {every: \"${every}\"}}\n", looking),
              testing::ElementsAre(HasSubstr("not '${every}'")));
}

struct Case {
  std::string name;
  std::string text;      // behind kHead
  std::string position;  // line:column in the whole file
  std::string message;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class Wrong : public testing::TestWithParam<Case> {};
TEST_P(Wrong, IsSaidAtItsPlace) {
  const auto found = errors(kHead + GetParam().text);
  ASSERT_EQ(found.size(), 1u) << testing::PrintToString(found);
  EXPECT_THAT(found[0], testing::StartsWith("p.yaml:" + GetParam().position + ": "));
  EXPECT_THAT(found[0], HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Files, Wrong,
    testing::Values(
        Case{"UnknownSection", "stream: {}\n", "4:1", "did you mean 'streams'?"},
        Case{"UnknownKey", "streams:\n  a: {from: trades, were: \"price > 0\"}\n", "5:21", "did you mean 'where'?"},
        Case{"KeyTwice", "streams:\n  a: {from: trades, from: trades}\n", "5:21", "given twice"},
        Case{"UnknownInput", "streams:\n  a: {from: trade}\n", "5:13", "did you mean 'trades'?"},
        Case{"UnknownColumn", "streams:\n  a:\n    from: trades\n    where: prise > 0\n", "7:12",
             "did you mean 'price'?"},
        Case{"ColumnInQuotes", "streams:\n  a: {from: trades, where: \"1 = 1 and sice > 0\"}\n", "5:39",
             "did you mean 'size'?"},
        Case{"ColumnInABlock", "streams:\n  a:\n    from: trades\n    where: >-\n      price > 0 and\n      sice > 0\n",
             "9:7", "did you mean 'size'?"},
        Case{"NotACondition", "streams:\n  a: {from: trades, where: price}\n", "5:28", "this is of type price"},
        Case{"UnknownDedupColumn", "streams:\n  a: {from: trades, dedup: idd}\n", "5:28", "did you mean 'id'?"},
        Case{"UnknownRuleFunction", "streams:\n  a: {from: trades, check: {r: uper(symbol) = 'A'}}\n", "5:32",
             "did you mean 'upper'?"},
        Case{"BadDuration", "streams:\n  a: {from: trades, bars: {every: 1min}}\n", "5:35", "such as 250ms"},
        Case{"BarTwice", "streams:\n  a: {from: trades, bars: {every: [1m, 60s]}}\n", "5:40", "twice"},
        Case{"BarsWithoutPrice",
             "streams:\n  a: {from: trades, select: {symbol: symbol, ts_event: ts_event, size: size}, bars: {every: "
             "1m}}\n",
             "5:85", "'price'"},
        Case{"BarsOfBars",
             "streams:\n  a: {from: trades, bars: {every: 1m}}\n  b: {from: a, select: {symbol: symbol, ts_event: "
             "start, price: close}, bars: {every: 1h}}\n",
             "6:79", "'size'"},
        Case{"OtherSymbols",
             "streams:\n  a: {from: trades, select: {symbol: upper(symbol), ts_event: ts_event, price: price, size: "
             "size}, bars: {every: 1h}}\n",
             "5:106", "partitions: 1"},
        Case{"Circle", "streams:\n  a: {from: a}\n", "5:13", "circle: a from a"},
        Case{"LateWithoutBars", "streams:\n  a: {from: trades}\ntables:\n  t: {from: a.late}\n", "7:13",
             "only a stream with `bars`"},
        Case{"UnknownPort", "streams:\n  a: {from: trades}\ntables:\n  t: {from: a.lates}\n", "7:13",
             ".late, .quarantine and .quality"},
        Case{"TopicAndStream", "streams:\n  trades: {from: trades}\n", "5:3", "topic already"},
        Case{"OtherSchemas", "streams:\n  a: {from: trades, bars: {every: 1m}}\ntables:\n  t: {from: [trades, a]}\n",
             "7:22", "other columns"},
        Case{"UnknownKeyColumn", "tables:\n  t: {from: trades, key: ids}\n", "5:26", "did you mean 'id'?"},
        Case{"BuiltInTable", "tables:\n  quarantine: {from: trades}\n", "5:3", "built in"},
        Case{"TableOfRevisions",
             "streams:\n  b: {from: trades, bars: {every: 1m}}\ntables:\n  B_Revisions: {from: trades}\n  b: {from: "
             "b}\n",
             "7:3", "where the revisions of the table 'b' are kept"},
        Case{"TableTwice", "tables:\n  t: {from: trades}\n  T: {from: trades}\n", "6:3", "table 't' already"},
        Case{"UnknownTopic", "topics:\n  trade: {partitions: 2}\n", "5:3", "did you mean 'trades'?"},
        Case{"Partitions", "topics:\n  trades: {partitions: 0}\n", "5:24", "from 1 to 256"},
        Case{"Kafka", "log: kafka://localhost:9092\n", "4:6", "no Kafka log"},
        Case{"Cassandra", "store: {type: cassandra}\n", "4:15", "no Cassandra store"},
        Case{"Spark", "engine: sc://localhost:15002\n", "4:9", "no Spark engine"},
        Case{"Codec", "log: {type: embedded, codec: lz}\n", "4:30", "did you mean 'lz4'?"},
        Case{"SegmentSize", "log: {segment_bytes: 1Gb}\n", "4:22", "512MiB"},
        Case{"TestColumn",
             "streams:\n  a: {from: trades}\ntests:\n  - {name: n, given: {trades: [{prise: 1}]}, expect: {a: []}}\n",
             "7:33", "did you mean 'price'?"},
        Case{"TestTopic", "streams:\n  a: {from: trades}\ntests:\n  - {name: n, given: {trade: []}, expect: {a: []}}\n",
             "7:23", "did you mean 'trades'?"},
        Case{"TestStream",
             "streams:\n  a: {from: trades}\ntests:\n  - {name: n, given: {trades: []}, expect: {b: []}}\n", "7:45",
             "no topic or stream 'b'"},
        Case{"MissingValue", "streams:\n  a: {from: trades, where: price > ${least}}\n", "5:36", "--set least=..."},
        Case{"NotAReference", "streams:\n  a: {from: trades, where: price > ${no name}}\n", "5:36", "not a reference"},
        Case{"NotYaml", "streams: [}\n", "4:11", "not valid YAML"},
        Case{"TwoDocuments", "---\nname: q\n", "5:1", "second YAML document"},
        Case{"NotUtf8", "# \xff\n", "4:3", "not UTF-8"}, Case{"Control", "# \x01\n", "4:3", "control character"},
        Case{"Tag", "engine: !x native\n", "4:9", "tag"}),
    [](const testing::TestParamInfo<Case>& tested) { return tested.param.name; });

TEST(Sources, AreCheckedEachAtItsPlace) {
  const auto found = errors(
      "name: p\n"
      "sources:\n"
      "  a: {type: fil, path: x, topic: t}\n"
      "  b: {type: http, url: ftp://x, topic: u}\n"
      "  c: {type: file, path: x, topic: v, time_unit: sec}\n"
      "  d: {type: simulated, topic: w, quotes: w}\n"
      "  e: {type: file, topic: y}\n"
      "  f: {type: http, url: \"http://x\", topic: v}\n"
      "streams:\n"
      "  s: {from: t}\n");
  EXPECT_THAT(found, testing::ElementsAre(HasSubstr("p.yaml:3:13: 'type' of source 'a' must be one of file, http, "
                                                    "simulated, not 'fil'; did you mean 'file'?"),
                                          HasSubstr("p.yaml:4:24: "), HasSubstr("p.yaml:5:49: "),
                                          HasSubstr("p.yaml:6:42: "), HasSubstr("p.yaml:7:6: source 'e' needs 'path'"),
                                          HasSubstr("p.yaml:8:43: the topic 'v' holds trades already")));
}

TEST(Files, SeveralErrorsAreFoundAtOnceAndBounded) {
  std::string text = kHead + "streams:\n";
  for (int i = 0; i < 100; ++i) text += "  s" + std::to_string(i) + ": {from: nothing_like_it}\n";
  const auto found = errors(text);
  ASSERT_EQ(found.size(), kDiagnosticsMax + 1);
  EXPECT_THAT(found.front(), HasSubstr("p.yaml:5:"));
  EXPECT_THAT(found.back(), HasSubstr("and 50 more errors"));
}

TEST(Files, WhatReadsABrokenStreamIsNotReportedToo) {
  EXPECT_EQ(errors(kHead + "streams:\n  a: {from: trades, where: x}\n  b: {from: a}\ntables:\n  t: {from: b}\n").size(),
            1u);
}

TEST(Streams, AreOrderedSoThatEachFollowsWhatItReads) {
  const Plan plan = plan_of(kHead +
                            "streams:\n  c: {from: b}\n  b: {from: a.quarantine}\n  a: {from: trades, check: {r: price "
                            "> 0}}\ntables:\n  bad: {from: b}\n");
  std::vector<std::string> names;
  for (const Stream& stream : plan.streams) names.push_back(stream.name);
  EXPECT_THAT(names, testing::ElementsAre("a", "b", "c"));
  EXPECT_EQ(plan.streams[1].input.port, Port::quarantine);
  EXPECT_EQ(plan.streams[2].output, market::quarantine_schema());
}

TEST(Streams, StepsAreInTheFixedOrderWhateverTheFileSays) {
  const Plan plan = plan_of(
      kHead +
      "streams:\n  a:\n    bars: {every: 1m}\n    check: {r: price > 0}\n    dedup: {by: [symbol, id], within: 2h}\n"
      "    select: {symbol: symbol, ts_event: ts_event, price: cast(price * 2 as price), size: 1, id: \"concat('a', "
      "id)\"}\n"
      "    where: size > 1\n    from: trades\n");
  ASSERT_EQ(plan.streams.size(), 1u);
  const Stream& stream = plan.streams[0];
  ASSERT_EQ(stream.steps.size(), 5u);
  EXPECT_TRUE(std::holds_alternative<Filter>(stream.steps[0].what));
  EXPECT_TRUE(std::holds_alternative<Project>(stream.steps[1].what));
  EXPECT_EQ(stream.steps[1].output->fields[3].type, market::kSizeType);
  EXPECT_EQ(stream.steps[1].output->fields[4].type.kind, market::Kind::id);
  EXPECT_EQ(std::get<Dedup>(stream.steps[2].what).within, Duration{2 * kHour.ns});
  EXPECT_TRUE(std::holds_alternative<Check>(stream.steps[3].what));
  EXPECT_TRUE(std::holds_alternative<Bars>(stream.steps[4].what));
}

TEST(Tables, TheBuiltInOnesTakeWhatNoTableReads) {
  const Plan plan = plan_of(kHead +
                            "streams:\n  a: {from: trades, bars: {every: 1m}}\n  b: {from: trades, bars: {every: "
                            "1m}}\ntables:\n  mine: {from: a.late}\n");
  ASSERT_EQ(plan.tables.size(), 4u);
  EXPECT_EQ(plan.tables[1].name, "quarantine");
  EXPECT_EQ(plan.tables[1].inputs.size(), 2u);
  EXPECT_EQ(plan.tables[2].name, "late");
  ASSERT_EQ(plan.tables[2].inputs.size(), 1u);
  EXPECT_EQ(plan.tables[2].inputs[0].index, 1u);
  EXPECT_EQ(plan.tables[3].name, "quality");
  EXPECT_TRUE(plan.tables[3].inputs.empty());
}

TEST(Json, RecordsOfOnePartitionCanHaveBarsAndOfSeveralCannot) {
  const std::string text =
      "name: p\nsources:\n  s: {type: http, url: \"http://x\", topic: t}\nstreams:\n  a:\n    from: t\n    select:\n"
      "      {symbol: cast(s as text), ts_event: to_timestamp(t), price: cast(p as price), size: cast(q as size)}\n"
      "    bars: {every: 1m}\n";
  EXPECT_EQ(plan_of(text).topics[0].partitions, 1);
  EXPECT_THAT(errors(text + "topics: {t: {partitions: 3}}\n"),
              testing::ElementsAre(HasSubstr("`topics: {t: {partitions: 1}}`")));
}

TEST(Log, OptionsAreRead) {
  const Plan plan = plan_of(
      kHead +
      "log: {type: embedded, codec: lz4, fsync: always, fsync_interval: 100ms, partitions: 2, segment_bytes: 64MiB, "
      "retention: {time: 7d, bytes: 10GiB}}\nstore: {memory: 256MiB, commit_interval: 250ms}\n");
  EXPECT_EQ(plan.log.codec, Codec::lz4);
  EXPECT_EQ(plan.log.fsync, Fsync::always);
  EXPECT_EQ(plan.log.segment_bytes_max, 64 << 20);
  EXPECT_EQ(plan.log.retention_time, Duration{7 * kDay.ns});
  EXPECT_EQ(plan.log.retention_bytes, int64_t{10} << 30);
  EXPECT_EQ(plan.topics[0].partitions, 2);
  EXPECT_EQ(plan.store.memory_bytes_max, 256 << 20);
  EXPECT_EQ(plan.store.commit_interval, Duration{250 * kMillisecond.ns});
}

TEST(Simulated, OptionsAreRead) {
  const Plan plan = plan_of(
      "name: p\nsources:\n  m: {type: simulated, seed: 7, symbols: [A, B], rate: 1e3, pace: max, start: "
      "2024-01-02T14:30:00Z, duration: 1h, late: 0.01,"
      " duplicates: 0, quotes: q, halts: [{symbol: A, after: 1m, length: 30s}], topic: t}\n");
  const auto& market = std::get<SimulatedSource>(plan.sources[0].options);
  EXPECT_EQ(market.seed, 7u);
  EXPECT_THAT(market.symbols, testing::ElementsAre("A", "B"));
  EXPECT_EQ(market.trades_per_second, 1000);
  EXPECT_FALSE(market.pace);
  EXPECT_EQ(market.halts.size(), 1u);
  EXPECT_EQ(market.halts[0].after, kMinute);
  EXPECT_EQ(plan.topics.size(), 2u);
}

TEST(References, TakeSetBeforeEnvironmentBeforeDefault) {
  const std::string text = kHead + "streams:\n  a: {from: trades, where: \"price > ${PENSTOCK_TEST_LEAST:-1}\"}\n";
  const auto condition = [&](Variables variables) {
    return std::get<Filter>(plan_of(text, std::move(variables)).streams[0].steps[0].what).condition.text;
  };
  ::unsetenv("PENSTOCK_TEST_LEAST");
  EXPECT_EQ(condition({}), "price > 1");
  ::setenv("PENSTOCK_TEST_LEAST", "2", 1);
  EXPECT_EQ(condition({}), "price > 2");
  EXPECT_EQ(condition({.set = {}, .use_environment = false}), "price > 1");
  EXPECT_EQ(condition({.set = {{"PENSTOCK_TEST_LEAST", "3"}}}), "price > 3");
  ::unsetenv("PENSTOCK_TEST_LEAST");
}

TEST(References, MayHoldWhatMeansSomethingToYaml) {
  const Plan plan =
      plan_of("name: p\nsources:\n  s: {type: http, url: ${url:-http://x/?a=[1]#b,c}, id: $${x}, topic: t}\n");
  EXPECT_EQ(std::get<HttpSource>(plan.sources[0].options).url, "http://x/?a=[1]#b,c");
  EXPECT_EQ(std::get<HttpSource>(plan.sources[0].options).id, "${x}");
}

TEST(References, AnErrorBehindOneStandsWhereTheFileHasIt) {
  EXPECT_THAT(errors(kHead + "streams:\n  a: {from: trades, where: \"price > ${n} and sice > 0\"}\n",
                     {.set = {{"n", "1000000"}}, .use_environment = false}),
              testing::ElementsAre(HasSubstr("p.yaml:5:46: ")));
}

TEST(References, AValueThatIsSetAndNotAskedForIsAnError) {
  EXPECT_THAT(errors(kHead + "log: {codec: ${codec:-none}}\n", {.set = {{"codek", "lz4"}}, .use_environment = false}),
              testing::ElementsAre(HasSubstr("did you mean 'codec'?")));
}

TEST(Secrets, AreInNoDiagnosticAndNoExplanation) {
  ::setenv("PENSTOCK_TEST_HIDDEN", "hunter2hunter2", 1);
  for (const std::string& text :
       {kHead + "streams:\n  a: {from: trades, where: \"${PENSTOCK_TEST_HIDDEN} > 0\"}\n",
        kHead + "streams:\n  a: {from: \"${PENSTOCK_TEST_HIDDEN}\"}\n", kHead + "engine: ${PENSTOCK_TEST_HIDDEN}\n",
        kHead + "log: {codec: \"${PENSTOCK_TEST_HIDDEN}\"}\n",
        kHead + "log: {partitions: \"${PENSTOCK_TEST_HIDDEN}\"}\n",
        kHead + "tables:\n  t: {from: trades, key: \"${PENSTOCK_TEST_HIDDEN}\"}\n"}) {
    const auto found = errors(text, {});
    ASSERT_FALSE(found.empty()) << text;
    for (const std::string& message : found) {
      EXPECT_THAT(message, testing::Not(HasSubstr("hunter2"))) << text;
      EXPECT_THAT(message, HasSubstr("${PENSTOCK_TEST_HIDDEN}")) << text;
    }
  }
  const Plan plan =
      plan_of("name: p\nsources:\n  s: {type: http, url: \"http://x/?k=${PENSTOCK_TEST_HIDDEN}\", topic: t}\n", {});
  EXPECT_EQ(std::get<HttpSource>(plan.sources[0].options).url, "http://x/?k=hunter2hunter2");
  EXPECT_THAT(explain(plan), HasSubstr("http://x/?k=${PENSTOCK_TEST_HIDDEN}"));
  EXPECT_EQ(plan.redact("GET hunter2hunter2!"), "GET ${PENSTOCK_TEST_HIDDEN}!");
  ::unsetenv("PENSTOCK_TEST_HIDDEN");
}

TEST(Secrets, OfSetAreThoseNamedLikeOne) {
  const std::string text =
      "name: p\nsources:\n  s: {type: http, url: \"http://${host}/\", headers: {A: \"${api_key}\"}, topic: t}\n";
  const Plan plan = plan_of(text, {.set = {{"host", "example"}, {"api_key", "abcdef"}}, .use_environment = false});
  EXPECT_EQ(plan.redact("http://example abcdef"), "http://example ${api_key}");
}

TEST(Bounds, NestingAliasesAndSizeAreRefusedNotRun) {
  EXPECT_THAT(errors(std::string(10'000, '[')), testing::ElementsAre(HasSubstr("nested more than 32 levels")));
  EXPECT_THAT(errors("a: " + std::string(10'000, '{')), testing::ElementsAre(HasSubstr("nested more than 32 levels")));
  std::string block;
  for (int i = 0; i < 1'000; ++i) block += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_THAT(errors(block), testing::ElementsAre(HasSubstr("nested more than 32 levels")));
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) laughs += std::string(j > 0 ? ", " : "") + "*a" + std::to_string(i - 1);
    laughs += "]\n";
  }
  EXPECT_THAT(errors(laughs), testing::ElementsAre(HasSubstr("more than 100000 values")));
  EXPECT_THAT(errors("a: &a [*a]\n"), testing::ElementsAre(HasSubstr("alias")));
  EXPECT_THAT(errors(std::string(kFileBytesMax + 1, ' ')), testing::ElementsAre(HasSubstr("bytes")));
  EXPECT_THAT(errors(""), testing::ElementsAre(HasSubstr("empty")));
}

TEST(Aliases, StandForWhatTheyName) {
  const Plan plan = plan_of(
      "name: p\nsources:\n  s: {type: file, path: a.csv, topic: trades}\nstreams:\n  a: {from: trades, check: &rules "
      "{r: price > 0}}\n  b: {from: trades, check: *rules}\n");
  EXPECT_EQ(std::get<Check>(plan.streams[1].steps[0].what).rules[0].name, "r");
}

TEST(Files, OneThatIsNotThereIsNotFound) {
  const auto plan = load_plan("no/such/file.yaml", {});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::not_found);
  EXPECT_FALSE(load_plan(".", {}));
}

}  // namespace
}  // namespace penstock::plan

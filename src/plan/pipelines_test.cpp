// The pipelines that the project ships are read as they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "plan/evaluate.h"
#include "plan/explain.h"
#include "plan/load.h"
#include "plan/test_case.h"

namespace penstock::plan {
namespace {

// Beside this file, so that the test runs from any folder.
std::string pipeline(const std::string& name) {
  return (std::filesystem::path(__FILE__).parent_path() / "../../pipelines" / name).lexically_normal().string();
}

Plan load(const std::string& name, std::map<std::string, std::string> set = {}) {
  auto plan = load_plan(pipeline(name), {.set = std::move(set), .use_environment = false});
  EXPECT_TRUE(plan) << plan.error().message;
  return plan ? *plan : Plan{};
}

std::vector<std::string> table_names(const Plan& plan) {
  std::vector<std::string> names;
  for (const Table& table : plan.tables) names.push_back(table.name);
  return names;
}

TEST(Pipelines, ReplayMakesTradesAndBarsOfTheFileItIsGiven) {
  const Plan plan = load("replay.yaml", {{"path", "a.csv"}, {"price_column", "px"}, {"time_unit", "ms"}});
  ASSERT_EQ(plan.sources.size(), 1u);
  const auto& file = std::get<FileSource>(plan.sources[0].options);
  EXPECT_EQ(file.path, "a.csv");
  EXPECT_EQ(file.format, "");
  EXPECT_EQ(file.time_unit, TimeUnit::ms);
  EXPECT_EQ(file.columns, (std::map<std::string, std::string>{{"price", "px"}}));
  EXPECT_FALSE(file.symbol);
  EXPECT_FALSE(file.pace);
  EXPECT_THAT(table_names(plan), testing::ElementsAre("trades", "bars", "quarantine", "late", "quality"));
  ASSERT_EQ(plan.streams.size(), 2u);
  EXPECT_EQ(plan.streams[0].steps.size(), 2u);
  const auto& bars = std::get<Bars>(plan.streams[1].steps.back().what);
  EXPECT_THAT(bars.every, testing::ElementsAre(kMinute, Duration{5 * kMinute.ns}));
  EXPECT_EQ(bars.lateness, Duration{10 * kMinute.ns});
  EXPECT_EQ(plan.tests.size(), 2u);
}

TEST(Pipelines, ReplayWithoutAPathSaysHowToGiveIt) {
  const auto plan = load_plan(pipeline("replay.yaml"), {.use_environment = false});
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, testing::MatchesRegex(".*replay.yaml:16:11: path has no value: add --set path=.*"));
}

TEST(Pipelines, LookedAtWithoutAPathItIsWholeAndTellsThatThePathIsMissing) {
  for (const char* name : {"replay.yaml", "bars.yaml"}) {
    SCOPED_TRACE(name);
    const auto plan = load_plan(pipeline(name), {.use_environment = false, .allow_unset = true});
    ASSERT_TRUE(plan) << plan.error().message;
    ASSERT_EQ(plan->unset.size(), 1u);
    EXPECT_EQ(plan->unset[0].name, "path");
    EXPECT_THAT(plan->unset[0].location.to_string(), testing::MatchesRegex(".*yaml:1[56]:11"));
    EXPECT_THAT(explain(*plan), testing::HasSubstr("file ${path}, "));
  }
}

TEST(Pipelines, BarsAndDemoLoad) {
  EXPECT_THAT(table_names(load("bars.yaml", {{"path", "a.parquet"}})),
              testing::ElementsAre("bars", "quarantine", "late", "quality"));
  const Plan demo = load("demo.yaml");
  EXPECT_THAT(table_names(demo), testing::ElementsAre("trades", "quotes", "bars", "quarantine", "late", "quality"));
  ASSERT_EQ(demo.topics.size(), 2u);
  EXPECT_EQ(demo.topics[1].kind, RecordKind::quote);
  EXPECT_EQ(demo.topics[1].sources, std::vector<size_t>{0});
}

// The rows that users.yaml makes of `record`, one column a field.
std::map<std::string, std::string> user_row(const std::string& record) {
  const Plan plan = load("users.yaml");
  market::SymbolTable symbols;
  const auto given = build_rows(plan, {.topic = 0, .rows = {{{"value", record}}}}, symbols);
  EXPECT_TRUE(given && given->rejects.empty());
  const auto& project = std::get<Project>(plan.streams.at(0).steps.at(0).what);
  RowErrors errors;
  const auto columns = evaluate_all(project.columns, given->rows, symbols, &errors);
  EXPECT_TRUE(columns);
  EXPECT_TRUE(errors.items.empty());
  std::map<std::string, std::string> row;
  for (size_t c = 0; c < columns->size(); ++c) {
    row[plan.streams[0].output->fields[c].name] = market::value_text((*columns)[c], 0, symbols).value_or("null");
  }
  return row;
}

TEST(Pipelines, UsersMakesTheExpectedRowOfItsOwnTest) {
  const Plan plan = load("users.yaml");
  ASSERT_EQ(plan.tests.size(), 1u);
  const auto row = user_row(*plan.tests[0].given[0].rows[0].at("value"));
  ASSERT_EQ(row.size(), 12u);
  for (const auto& [name, value] : plan.tests[0].expect[0].rows[0]) EXPECT_EQ(row.at(name), value) << name;
  EXPECT_EQ(plan.tables[0].name, "spark_streams.created_users");
  EXPECT_EQ(plan.tables[0].key, std::vector<size_t>{0});
}

TEST(Pipelines, UsersKeepsEveryFieldOfARealAnswer) {
  const char* data = std::getenv("PENSTOCK_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "PENSTOCK_TEST_DATA is not set: the real answers are not here";
  std::ifstream file(std::filesystem::path(data) / "randomuser/one-a.json");
  std::stringstream text;
  text << file.rdbuf();
  const std::string answer = text.str();
  const size_t begin = answer.find('{', answer.find("\"results\""));
  const size_t end = answer.rfind('}', answer.find("\"info\""));
  const auto row = user_row(answer.substr(begin, end - begin + 1));
  EXPECT_EQ(row.at("id"), "4bbbf423-b3dd-409f-b35b-53957fc1b362");
  EXPECT_EQ(row.at("address"), "6972 Rua Vinte E Quatro de Outubro, Cotia, Bahia, Brazil");
  EXPECT_EQ(row.at("postcode"), "32158");
  EXPECT_EQ(row.at("dob"), "1958-06-23T03:40:17.665Z");
  for (const auto& [name, value] : row) EXPECT_NE(value, "null") << name;
}

TEST(Pipelines, ExplainShowsTheTreeOfSourcesStreamsAndTables) {
  Plan plan = load("replay.yaml", {{"path", "a.csv"}});
  plan.file = "replay.yaml";
  EXPECT_EQ(explain(plan), R"(pipeline replay (replay.yaml)
log embedded: no compression, fsync every 1s, segments of 1 GiB
store embedded: 512 MiB of memory, commits every 1s
engine native

topic trades: trades, 4 partitions
  <- source file: file a.csv, format by the name's end, as fast as it goes
  columns: symbol text, venue text, ts_event timestamp, ts_recv timestamp, price price, size size, id text, side text, conditions text, tape text, action text, ref_id text
  -> stream checked
      dedup by id within 1d
      check price: price > 0
      check size: size > 0
    rows: symbol text, venue text, ts_event timestamp, ts_recv timestamp, price price, size size, id text, side text, conditions text, tape text, action text, ref_id text
      -> table trades
      -> stream bars
          bars of 1m, 5m, lateness 10m
        rows: symbol text, every text, start timestamp, open price, high price, low price, close price, volume decimal(8), vwap price, trades bigint, revision bigint, final boolean, edge text
          -> table bars
        late:
          -> table late
        quarantine:
          -> table quarantine
    quarantine:
      -> table quarantine
    quality:
      -> table quality

table trades: symbol text, venue text, ts_event timestamp, ts_recv timestamp, price price, size size, id text, side text, conditions text, tape text, action text, ref_id text
  rows are appended
table bars: symbol text, every text, start timestamp, open price, high price, low price, close price, volume decimal(8), vwap price, trades bigint, revision bigint, final boolean, edge text
  rows are appended
table quarantine: stream text, source text, position text, reason text, raw bytes
  rows are appended
table late: stream text, symbol text, venue text, ts_event timestamp, price price, size size, id text, watermark timestamp, lateness_ns bigint, bid price, bid_size size, ask price, ask_size size
  rows are appended
table quality: stream text, rule text, kind text, action text, symbol text, ts_event timestamp, value text, bound text, record json
  rows are appended

test: two trades of a minute make a bar of it, a duplicate makes nothing
test: a price of zero and a negative size are kept aside with the rule they break
)");
}

}  // namespace
}  // namespace penstock::plan

#include <fcntl.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <limits>

#include "store/duckdb/handles.h"
#include "store/duckdb/store_fixture.h"

namespace penstock::store {
namespace {

using market::Kind;
using OpenTest = StoreTest;

market::SchemaPtr schema(std::vector<market::Field> fields) {
  return std::make_shared<const market::Schema>(market::Schema{std::move(fields)});
}
// Opens a table of these columns, and gives the error.
Error open_error(const std::string& path, std::vector<market::Field> fields, std::vector<size_t> key = {}) {
  const auto store =
      open_duckdb_store(path, {}, {{.name = "t", .schema = schema(std::move(fields)), .key = std::move(key)}});
  EXPECT_FALSE(store.has_value());
  return store ? Error{} : store.error();
}

TEST_F(OpenTest, EveryTypeComesBackAsItWasAndNullAsNull) {
  const TableSpec spec{.name = "own.everything",
                       .schema = schema({{"b", {Kind::boolean}},
                                         {"i", {Kind::int64}},
                                         {"f", {Kind::float64}},
                                         {"p", market::kPriceType},
                                         {"s", market::kSizeType},
                                         {"d", {Kind::decimal, 18}},
                                         {"w", {Kind::decimal128, 17}},
                                         {"t", {Kind::timestamp}},
                                         {"y", {Kind::symbol}},
                                         {"id", {Kind::id}},
                                         {"x", {Kind::text}},
                                         {"j", {Kind::json}},
                                         {"r", {Kind::bytes}}}),
                       .key = {}};
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  market::Batch batch = market::make_batch(spec.schema);
  batch.rows = 3;
  auto& c = batch.columns;
  c[0].u8 = {1, 0, 0};
  c[1].i64 = {kMax, kMin, 0};
  c[2].f64 = {0.1, -1e300, 0};
  for (const size_t decimal : {3u, 4u, 5u}) c[decimal].i64 = {kMax, kMin, 0};
  Int128 digits38 = 1;
  for (int i = 0; i < 38; ++i) digits38 *= 10;
  c[6].i128 = {digits38 - 1, 1 - digits38, 0};
  c[7].i64 = {kMax, kMin, 0};
  c[8].codes = {symbols.intern("A"), symbols.intern("a symbol of many letters"), market::kNoSymbol};
  c[9].ids.append({kMax, {}});
  c[9].ids.append(market::parse_id("007-a text longer than twelve bytes"));
  c[9].ids.append({0, {}});
  for (const std::string_view text : {"short", "é, a text longer than twelve bytes", ""}) c[10].text.append(text);
  for (const std::string_view text : {"{\"a\":1}", "[1,2,3,4,5,6,7,8]", ""}) c[11].text.append(text);
  for (const std::string_view text : {std::string_view("\0\xFF", 2), std::string_view("plain"), std::string_view()})
    c[12].text.append(text);
  for (market::Column& column : c) column.valid = {1, 1, 0};
  market::Batch nothing = market::make_batch(spec.schema);
  nothing.rows = 1;
  for (market::Column& column : nothing.columns) column.all_null = true;
  {
    const auto store = open({spec});
    const auto commit = must(store->begin());
    ASSERT_OK(commit->append(0, batch));
    ASSERT_OK(commit->append(0, nothing));
    ASSERT_OK(commit->commit());
  }
  const auto store = open({spec});
  EXPECT_EQ(
      query(*store, "FROM own.everything"),
      "b,i,f,p,s,d,w,t,y,id,x,j,r\n"
      "true,9223372036854775807,0.1,9223372036.854775807,92233720368.54775807,9.223372036854775807,"
      "999999999999999999999.99999999999999999,infinity,A,9223372036854775807,short,\"{\"\"a\"\":1}\",\\x00\\xFF\n"
      "false,-9223372036854775808,-1e+300,-9223372036.854775808,-92233720368.54775808,-9.223372036854775808,"
      "-999999999999999999999.99999999999999999,-infinity,a symbol of many letters,007-a text longer than twelve bytes,"
      "\"é, a text longer than twelve bytes\",\"[1,2,3,4,5,6,7,8]\",plain\n"
      ",,,,,,,,,,,,\n,,,,,,,,,,,,\n");
  const auto commit = must(store->begin());
  batch.columns[6].i128[0] = digits38;
  EXPECT_FALSE(commit->append(0, batch).has_value());
}

TEST_F(OpenTest, TextThatIsNoUtf8IsRepairedVisibly) {
  const auto store = open({{.name = "t", .schema = schema({{"x", {Kind::text}}}), .key = {}}});
  market::Batch batch = market::make_batch(schema({{"x", {Kind::text}}}));
  const std::vector<std::string> texts = {"a\xFF", "\xC3", "\xE2\x82\xAC", "\xED\xA0\x80",
                                          "long enough to be kept outside \x80"};
  for (const std::string& text : texts) batch.columns[0].text.append(text);
  batch.rows = texts.size();
  const auto commit = must(store->begin());
  ASSERT_OK(commit->append(0, batch));
  ASSERT_OK(commit->commit());
  EXPECT_EQ(query(*store, "FROM t"),
            "x\na\uFFFD\n\uFFFD\n\u20AC\n\uFFFD\uFFFD\uFFFD\nlong enough to be kept outside \uFFFD\n");
}

TEST_F(OpenTest, BarsStartAsAPlainTimestamp) {
  const auto store = open({{.name = "bars", .schema = market::bar_schema(), .key = {0, 1, 2}}});
  EXPECT_EQ(
      query(*store,
            "SELECT column_name, column_type FROM (DESCRIBE bars) WHERE column_name IN ('every', 'start', 'open', "
            "'volume')"),
      "column_name,column_type\nevery,VARCHAR\nstart,TIMESTAMP\nopen,\"DECIMAL(19,9)\"\nvolume,\"DECIMAL(38,8)\"\n");
  const auto commit = must(store->begin());
  market::Batch bar = market::make_batch(market::bar_schema());
  bar.rows = 1;
  for (market::Column& column : bar.columns) column.all_null = true;
  auto& c = bar.columns;
  for (const size_t key : {0u, 1u, 2u}) c[key].all_null = false;
  c[0].codes = {symbols.intern("A")};
  c[1].codes = {symbols.intern("1m")};
  c[2].i64 = {1'570'752'000'000'000'000};
  ASSERT_OK(commit->append(0, bar));
  c[2].i64 = {1'570'752'000'000'000'001};
  const Status finer = commit->append(0, bar);
  ASSERT_FALSE(finer.has_value());
  EXPECT_THAT(finer.error().message, testing::HasSubstr("column start is kept to the microsecond"));
}

TEST_F(OpenTest, OtherColumnsThanThePipelineWantsAreAnErrorThatNamesThem) {
  open_duckdb_store(path, {},
                    {{.name = "t", .schema = schema({{"a", {Kind::int64}}, {"b", {Kind::text}}}), .key = {0}}})
      .value();
  const std::string unchanged = read_file(path);
  const Error type = open_error(path, {{"a", {Kind::float64}}, {"b", {Kind::text}}}, {0});
  EXPECT_EQ(type.kind, ErrorKind::invalid);
  EXPECT_THAT(type.message,
              testing::HasSubstr("column a of table t is BIGINT in the store, and the pipeline wants DOUBLE"));
  EXPECT_THAT(open_error(path, {{"a", {Kind::int64}}}, {0}).message, testing::HasSubstr("has a column b (VARCHAR)"));
  EXPECT_THAT(open_error(path, {{"a", {Kind::int64}}, {"b", {Kind::text}}, {"c", {Kind::text}}}, {0}).message,
              testing::HasSubstr("has no column c (VARCHAR)"));
  EXPECT_THAT(open_error(path, {{"a", {Kind::int64}}, {"z", {Kind::text}}}, {0}).message,
              testing::HasSubstr("has b as column 2"));
  EXPECT_THAT(open_error(path, {{"a", {Kind::int64}}, {"b", {Kind::text}}}, {0, 1}).message,
              testing::HasSubstr("key (a)"));
  EXPECT_EQ(read_file(path), unchanged);
}

TEST_F(OpenTest, TheStoresOwnSchemaIsNotForTables) {
  const auto store =
      open_duckdb_store(path, {}, {{.name = "penstock.state", .schema = schema({{"a", {Kind::int64}}}), .key = {}}});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().kind, ErrorKind::invalid);
}

// The file's first 8 bytes sum the rest of its header as an exclusive or of each word times a constant, so that the
// word with the version is exchanged without knowing the others.
TEST_F(OpenTest, AFileOfANewerDuckDbIsLeftAlone) {
  open({}).reset();
  std::string bytes = read_file(path);
  ASSERT_EQ(bytes.substr(8, 4), "DUCK");
  constexpr uint64_t kFactor = 0xbf58476d1ce4e5b9;
  uint64_t sum = 0;
  uint64_t before = 0;
  uint64_t after = 0;
  std::memcpy(&sum, bytes.data(), 8);
  std::memcpy(&before, bytes.data() + 8, 8);
  bytes[12] = '\x7F';  // the version: 127
  std::memcpy(&after, bytes.data() + 8, 8);
  sum ^= before * kFactor ^ after * kFactor;
  std::memcpy(bytes.data(), &sum, 8);
  std::ofstream(path, std::ios::binary) << bytes;
  const auto store = open_duckdb_store(path, options(), {});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().kind, ErrorKind::invalid) << store.error().message;
  EXPECT_THAT(store.error().message, testing::HasSubstr("another version of DuckDB"));
  EXPECT_EQ(read_file(path), bytes);
}

TEST_F(OpenTest, AStoreOfANewerFormatIsLeftAlone) {
  open({}).reset();
  {
    duck::Database database;
    ASSERT_EQ(duckdb_open(path.c_str(), database.out()), DuckDBSuccess);
    duck::Connection connection;
    ASSERT_EQ(duckdb_connect(database.get(), connection.out()), DuckDBSuccess);
    ASSERT_OK(
        duck::run(connection.get(), "UPDATE penstock.meta SET value = '3' WHERE key = 'format_version'", "the test"));
  }
  const std::string bytes = read_file(path);
  const auto store =
      open_duckdb_store(path, options(), {{.name = "t", .schema = schema({{"a", {Kind::int64}}}), .key = {}}});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().kind, ErrorKind::invalid);
  EXPECT_THAT(store.error().message, testing::HasSubstr("format version 3"));
  EXPECT_EQ(read_file(path), bytes);
}

TEST_F(OpenTest, WhatIsNoDuckDbFileIsLeftAlone) {
  const std::string bytes(8192, 'x');
  std::ofstream(path, std::ios::binary) << bytes;
  const auto store = open_duckdb_store(path, options(), {});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().kind, ErrorKind::corrupt) << store.error().message;
  EXPECT_EQ(read_file(path), bytes);
}

TEST_F(OpenTest, ASecondProcessIsToldThatTheFileIsTaken) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto store = open({});
    static_cast<void>(write(pipe_ends[1], "x", 1));
    pause();
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(pipe_ends[0], &byte, 1), 1);
  const auto store = open_duckdb_store(path, options(), {});
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().kind, ErrorKind::closed) << store.error().message;
}

TEST_F(OpenTest, ReadingNeedsAStoreThatIsThere) {
  DuckDbOptions reading = options();
  reading.read_only = true;
  const auto store = open_duckdb_store(path, reading, {});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().kind, ErrorKind::not_found);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(OpenTest, AFolderThatIsNotThereIsAnError) {
  const auto store = open_duckdb_store(folder + "/no/store.duckdb", options(), {});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().kind, ErrorKind::io);
}

TEST_F(OpenTest, AReadOnlyFolderCanBeReadAndRefusesWriting) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write to a read-only folder";
  open({}).reset();
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  std::filesystem::permissions(folder, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const auto writing = open_duckdb_store(path, options(), {});
  ASSERT_FALSE(writing.has_value());
  EXPECT_EQ(writing.error().kind, ErrorKind::io);
  DuckDbOptions reading = options();
  reading.read_only = true;
  const auto store = must(open_duckdb_store(path, reading, {}));
  EXPECT_EQ(query(*store, "SELECT 1 AS a"), "a\n1\n");
}

}  // namespace
}  // namespace penstock::store

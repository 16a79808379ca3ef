#include <atomic>
#include <limits>

#include "store/duckdb/store_fixture.h"

namespace penstock::store {
namespace {

TableSpec trades_table() { return {.name = "trades", .schema = market::trade_schema(), .key = {}}; }

class QueryTest : public StoreTest {
 protected:
  QueryTest() : store(open({trades_table()})) {
    const auto commit = must(store->begin());
    must(commit->append(0, trades("AAPL", 3)));
    must(commit->commit());
  }
  std::unique_ptr<Store> store;
};

TEST_F(QueryTest, CsvIsQuotedWhereItMustBeAndTellsNullFromEmpty) {
  EXPECT_EQ(
      query(*store, "SELECT 'a,b' AS \"x,y\", 'say \"hi\"' AS q, '' AS e, NULL::VARCHAR AS n, 'l\nm' AS l, 'é' AS u"),
      "\"x,y\",q,e,n,l,u\n\"a,b\",\"say \"\"hi\"\"\",\"\",,\"l\nm\",é\n");
}

TEST_F(QueryTest, TradesGoOutExactly) {
  EXPECT_EQ(query(*store, "SELECT symbol, ts_event, price, size, id, venue FROM trades ORDER BY id"),
            "symbol,ts_event,price,size,id,venue\n"
            "AAPL,2019-10-11 00:00:01,100.000000001,1.00000000,1,\n"
            "AAPL,2019-10-11 00:00:02,100.000000002,2.00000000,2,\n"
            "AAPL,2019-10-11 00:00:03,100.000000003,3.00000000,3,\n");
}

TEST_F(QueryTest, JsonKeepsNumbersExactAndJsonWhole) {
  EXPECT_EQ(
      query(*store,
            "SELECT 1.500000000::DECIMAL(19,9) AS d, 9223372036854775807 AS i, true AS b, NULL AS n, 'x\"\\\n' AS t,"
            " '{\"a\": [1, 2]}'::JSON AS j, [1, 2] AS l, 'nan'::DOUBLE AS nan, 2 AS d",
            Format::json),
      "[\n{\"d\":1.500000000,\"i\":9223372036854775807,\"b\":true,\"n\":null,\"t\":\"x\\\"\\\\\\n\",\"j\":{\"a\": [1, "
      "2]},"
      "\"l\":[1,2],\"nan\":\"nan\",\"d_1\":2}\n]\n");
  EXPECT_EQ(query(*store, "SELECT 1 AS a WHERE false", Format::json), "[\n]\n");
}

TEST_F(QueryTest, TableIsAlignedAndCountsItsRows) {
  EXPECT_EQ(
      query(*store, "SELECT * FROM (VALUES ('a', 1), ('ünï\x01', 22), (NULL, NULL)) AS t(name, n)", Format::table),
      "name    |    n\n"
      "--------+-----\n"
      "a       |    1\n"
      "ünï\\x01 |   22\n"
      "NULL    | NULL\n"
      "(3 rows)\n");
  EXPECT_THAT(query(*store, "SELECT 1 AS a", Format::table), testing::EndsWith("(1 row)\n"));
}

TEST_F(QueryTest, OurTextsAreDuckDbsOwn) {
  // Each expression is rendered by us, and cast to text by DuckDB.
  for (const char* expression : {"0.1::DOUBLE",
                                 "1e20::DOUBLE",
                                 "100::DOUBLE",
                                 "1.5e-7::DOUBLE",
                                 "1e15::DOUBLE",
                                 "1e16::DOUBLE",
                                 "(-0.0)::DOUBLE",
                                 "'nan'::DOUBLE",
                                 "'-inf'::DOUBLE",
                                 "0.1::FLOAT",
                                 "16777216::FLOAT",
                                 "1e10::FLOAT",
                                 "3.4e38::FLOAT",
                                 "(-0.05)::DECIMAL(4,2)",
                                 "12::DECIMAL(9,0)",
                                 "(-1.5)::DECIMAL(18,9)",
                                 "(-123456789.000000001)::DECIMAL(38,9)",
                                 "'infinity'::TIMESTAMP",
                                 "'-infinity'::TIMESTAMP_NS",
                                 "'0044-03-15 (BC) 12:00:00'::TIMESTAMP",
                                 "'1969-12-31 23:59:59.999999'::TIMESTAMP",
                                 "'1677-09-22 00:12:43.145224193'::TIMESTAMP_NS",
                                 "'2262-04-11 23:47:16.854775806'::TIMESTAMP_NS",
                                 "'2019-10-11 00:00:04.120'::TIMESTAMP_NS",
                                 "'12019-01-01'::DATE",
                                 "'2000-02-29'::DATE",
                                 "'infinity'::DATE",
                                 "'\\x00a\\xFF\\x27\\x22\\x5C'::BLOB",
                                 "true",
                                 "(-128)::TINYINT",
                                 "255::UTINYINT",
                                 "18446744073709551615::UBIGINT",
                                 "(-170141183460469231731687303715884105728)::HUGEINT",
                                 "'12:34:56.7'::TIME",
                                 "INTERVAL 3 DAY",
                                 "[1, NULL]",
                                 "{'a': 1}",
                                 "uuid()::VARCHAR::UUID IS NOT NULL"}) {
    const std::string ours = query(*store, fmt::format("SELECT {} AS v", expression), Format::csv);
    const std::string theirs = query(*store, fmt::format("SELECT CAST({} AS VARCHAR) AS v", expression), Format::csv);
    EXPECT_EQ(ours, theirs) << expression;
  }
}

TEST_F(QueryTest, WhatOnlyReadsIsAllowed) {
  for (const char* sql :
       {"SELECT 1;", "FROM trades", "WITH x AS (SELECT 1) FROM x", "VALUES (1)", "SHOW TABLES", "SHOW ALL TABLES",
        "DESCRIBE trades", "SUMMARIZE trades", "EXPLAIN SELECT * FROM trades", "TABLE trades",
        "/* a /* b */ */ SELECT 1 -- c", "SELECT * FROM range(3)", "SELECT unnest([1, 2])",
        "SELECT * FROM penstock.meta", "SELECT count(*) FROM duckdb_tables()", "SELECT * FROM query('SELECT 1')",
        "PIVOT trades ON side IN ('buy') USING count(*)"}) {
    EXPECT_FALSE(query(*store, sql).empty()) << sql;
  }
}

TEST_F(QueryTest, WhatWritesOrReachesOutIsRefused) {
  const std::string secret = folder + "/secret.csv";
  std::ofstream(secret) << "a\n1\n";
  const std::string target = folder + "/out";
  for (const std::string& sql : std::vector<std::string>{
           "INSERT INTO trades (symbol) VALUES ('X')", "DELETE FROM trades", "UPDATE trades SET symbol = 'X'",
           "DROP TABLE trades", "CREATE TABLE t (a INTEGER)", "CREATE TEMP TABLE t (a INTEGER)",
           "CREATE MACRO m() AS 1", "ALTER TABLE trades ADD COLUMN x INTEGER", "TRUNCATE trades",
           "EXPLAIN ANALYZE DELETE FROM trades", "explain (analyze) DELETE FROM trades",
           "EXPLAIN /* x */ ANALYZE SELECT * FROM enable_logging()", "-- x\nEXPLAIN ANALYZE DELETE FROM trades",
           "WITH gone AS (DELETE FROM trades RETURNING *) FROM gone", "BEGIN", "COMMIT", "ROLLBACK; DELETE FROM trades",
           "SELECT 1; DELETE FROM trades", "PREPARE p AS DELETE FROM trades", "EXECUTE p", "CHECKPOINT",
           "FORCE CHECKPOINT", "VACUUM", "ATTACH '" + target + "'", "ATTACH ':memory:' AS m", "DETACH store",
           "USE memory", "INSTALL httpfs", "LOAD httpfs", "LOAD '" + secret + "'", "SET memory_limit = '1TB'",
           "SET GLOBAL enable_external_access = true", "RESET lock_configuration", "PRAGMA enable_external_access",
           "PRAGMA database_list", "SET VARIABLE x = 1", "CALL force_checkpoint()", "COPY trades TO '" + target + "'",
           "COPY (SELECT 1) TO '" + target + "' (FORMAT parquet)", "COPY trades FROM '" + secret + "'",
           "EXPORT DATABASE '" + target + "'", "IMPORT DATABASE '" + target + "'", "CREATE SECRET s (TYPE http)",
           "SELECT * FROM read_csv('" + secret + "')", "SELECT * FROM '" + secret + "'",
           "SELECT * FROM read_text('" + secret + "')", "SELECT * FROM read_blob('" + secret + "')",
           "SELECT * FROM read_json('" + secret + "')", "SELECT * FROM read_parquet('" + secret + "')",
           "SELECT * FROM parquet_metadata('" + secret + "')", "SELECT * FROM glob('" + folder + "/*')",
           "SELECT * FROM sniff_csv('" + secret + "')", "SELECT * FROM read_duckdb('" + path + "')",
           "SELECT * FROM 'https://example.com/a.csv'", "SELECT * FROM read_csv('https://example.com/a.csv')",
           "SELECT * FROM query('SELECT * FROM read_text(''" + secret + "'')')",
           "SELECT * FROM query_table('" + secret + "')",
           // These are SELECTs to DuckDB, and act on the whole process; a log path would stop every later statement.
           "SELECT * FROM enable_logging(storage = 'file', storage_path = '" + target + "')",
           "SELECT * FROM query('FROM enable_' || 'logging()')", "SELECT (SELECT count(*) FROM disable_logging())",
           "WITH x AS MATERIALIZED (FROM force_checkpoint()) FROM x", "SELECT * FROM checkpoint()",
           "SELECT * FROM truncate_duckdb_logs()", "FROM \"enable_profiling\"()",
           "SELECT * FROM system.main.enable_logging()", "SELECT * FROM enable_peg_parser()",
           "SELECT * FROM arrow_scan(1, 2, 3)", "SELECT ?", "SELECT $1", "", "  -- nothing", "SELEC 1",
           "SELECT * FROM no_such_table", std::string("SELECT 1\0", 9), std::string(2'000'000, ' ')}) {
    const Error error = query_error(*store, sql);
    EXPECT_EQ(error.kind, ErrorKind::invalid) << sql.substr(0, 200) << ": " << error.message;
    EXPECT_FALSE(error.message.empty());
  }
  EXPECT_FALSE(std::filesystem::exists(target));
  EXPECT_EQ(query(*store, "SELECT count(*) AS n FROM trades"), "n\n3\n");
  const auto commit = must(store->begin());
  ASSERT_OK(commit->append(0, trades("MSFT", 1)));
  ASSERT_OK(commit->commit());
}

TEST_F(QueryTest, LimitsStopAQueryWithoutHarmToTheStore) {
  const std::string endless = "SELECT count(*) FROM range(1000000000000) a, range(1000000000000) b";
  EXPECT_EQ(query_error(*store, endless, {.time_max = kMillisecond}).kind, ErrorKind::cancelled);
  const Error rows = query_error(*store, "SELECT * FROM range(1000)", {.rows_max = 999});
  EXPECT_EQ(rows.kind, ErrorKind::full);
  EXPECT_THAT(rows.message, testing::HasSubstr("999 rows"));
  EXPECT_EQ(query_error(*store, "SELECT repeat('x', 1000) FROM range(100000)", {.bytes_max = 1 << 20}).kind,
            ErrorKind::full);
  EXPECT_EQ(query(*store, "SELECT count(*) AS n FROM trades"), "n\n3\n");
}

TEST_F(QueryTest, ALargeResultIsStreamedInPieces) {
  size_t pieces = 0;
  size_t largest = 0;
  uint64_t bytes = 0;
  ASSERT_OK(
      store->query("SELECT range AS i FROM range(2000000)", Format::csv, {}, [&](std::string_view piece) -> Status {
        ++pieces;
        largest = std::max(largest, piece.size());
        bytes += piece.size();
        return {};
      }));
  EXPECT_EQ(bytes, 14'888'892u);
  EXPECT_GT(pieces, 100u);
  EXPECT_LT(largest, 200'000u);
}

TEST_F(QueryTest, ASinkThatFailsEndsTheQueryWithItsError) {
  const Status done = store->query("SELECT * FROM range(1000000)", Format::csv, {}, [](std::string_view) -> Status {
    return fail(ErrorKind::closed, "the client has gone");
  });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().message, "the client has gone");
}

TEST_F(QueryTest, ParquetGoesOutWholeAndLeavesNoFile) {
  const std::string parquet = query(*store, "SELECT *, [1, 2] AS l FROM trades", Format::parquet);
  ASSERT_GT(parquet.size(), 8u);
  EXPECT_EQ(parquet.substr(0, 4), "PAR1");
  EXPECT_EQ(parquet.substr(parquet.size() - 4), "PAR1");
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    EXPECT_THAT(file.path().filename().string(), testing::StartsWith("store.duckdb"));
    EXPECT_THAT(file.path().string(), testing::Not(testing::HasSubstr("query")));
  }
}

TEST_F(QueryTest, ExportsAreWrittenWholeOrNotAtAll) {
  EXPECT_EQ(must(store->export_to("SELECT id FROM trades ORDER BY id", Format::csv, folder + "/t.csv")), 3u);
  EXPECT_EQ(read_file(folder + "/t.csv"), "id\n1\n2\n3\n");
  EXPECT_EQ(must(store->export_to("SELECT id, size FROM trades ORDER BY id LIMIT 2", Format::json_lines,
                                  folder + "/t.jsonl")),
            2u);
  EXPECT_EQ(read_file(folder + "/t.jsonl"), "{\"id\":\"1\",\"size\":1.00000000}\n{\"id\":\"2\",\"size\":2.00000000}\n");
  EXPECT_EQ(must(store->export_to("FROM range(300000)", Format::parquet, folder + "/t.parquet")), 300'000u);
  EXPECT_EQ(read_file(folder + "/t.parquet").substr(0, 4), "PAR1");
  for (const Format format : {Format::csv, Format::parquet}) {
    const auto failed = store->export_to("SELECT error('no ' || range) FROM range(3)", format, folder + "/bad");
    ASSERT_FALSE(failed.has_value());
    EXPECT_FALSE(store->export_to("SELECT 1", format, folder + "/no/such/folder").has_value());
  }
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const std::string name = file.path().filename().string();
    EXPECT_TRUE(name.starts_with("store.duckdb") || name.starts_with("t.")) << name;
  }
}

TEST_F(QueryTest, JsonIsAnArrayAndJsonLinesAreTheSameObjectsOneALine) {
  const std::string sql = "SELECT id, size FROM trades ORDER BY id LIMIT 2";
  const std::string lines = "{\"id\":\"1\",\"size\":1.00000000}\n{\"id\":\"2\",\"size\":2.00000000}\n";
  EXPECT_EQ(query(*store, sql, Format::json_lines), lines);
  EXPECT_EQ(query(*store, "SELECT 1 AS a WHERE false", Format::json_lines), "");
  EXPECT_EQ(must(store->export_to(sql, Format::json, folder + "/t.json")), 2u);
  EXPECT_EQ(read_file(folder + "/t.json"), query(*store, sql, Format::json));
}

TEST(ParseFormat, KnowsFive) {
  EXPECT_EQ(*parse_format("csv"), Format::csv);
  EXPECT_EQ(*parse_format("table"), Format::table);
  EXPECT_EQ(*parse_format("json"), Format::json);
  EXPECT_EQ(*parse_format("jsonl"), Format::json_lines);
  EXPECT_EQ(*parse_format("parquet"), Format::parquet);
  EXPECT_FALSE(parse_format("xml").has_value());
}

}  // namespace
}  // namespace penstock::store

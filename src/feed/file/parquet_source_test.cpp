#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "feed/file/parquet_fixture.h"

namespace penstock::feed::file {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::Values;

// Every test holds for both readers: the one that the file chooses, and DuckDB.
class ParquetSource : public ParquetFixture, public testing::WithParamInterface<ParquetReaderChoice> {
 protected:
  Seen read(const std::string& path, FileOptions options = {}, uint64_t position = 0) {
    return ParquetFixture::read(path, GetParam(), std::move(options), position);
  }
};

INSTANTIATE_TEST_SUITE_P(Readers, ParquetSource, Values(ParquetReaderChoice::by_file, ParquetReaderChoice::duckdb),
                         [](const auto& choice) {
                           return choice.param == ParquetReaderChoice::duckdb ? "duckdb" : "by_file";
                         });

TEST_P(ParquetSource, TakesPricesOfEveryTypeExactly) {
  for (const char* type : {"DOUBLE", "FLOAT", "DECIMAL(9,3)", "DECIMAL(18,4)", "DECIMAL(30,5)", "VARCHAR"}) {
    const Seen seen =
        read(write(fmt::format("SELECT 'A' AS symbol, 1704205800 AS ts_event, CAST(x AS {}) AS price, 2 AS size "
                               "FROM (VALUES (187.15), (0.125), (100.3)) v(x)",
                               type)));
    ASSERT_TRUE(seen.status) << seen.status.error().message;
    EXPECT_THAT(seen.emitter.rows(),
                ElementsAre("A|-|2024-01-02T14:30:00Z|-|187.15|2|-|-|-", "A|-|2024-01-02T14:30:00Z|-|0.125|2|-|-|-",
                            "A|-|2024-01-02T14:30:00Z|-|100.3|2|-|-|-"))
        << type;
  }
}

TEST_P(ParquetSource, TakesTimesOfEveryType) {
  for (const char* time :
       {"TIMESTAMP '2024-01-02 14:30:00'", "TIMESTAMP_S '2024-01-02 14:30:00'", "TIMESTAMP_MS '2024-01-02 14:30:00'",
        "TIMESTAMP_NS '2024-01-02 14:30:00'", "TIMESTAMPTZ '2024-01-02 14:30:00+00'", "'2024-01-02T14:30:00Z'",
        "1704205800::INTEGER", "1704205800000::BIGINT", "1704205800::UBIGINT", "1704205800.0::DOUBLE"}) {
    const Seen seen =
        read(write(fmt::format("SELECT 'A' AS symbol, {} AS ts_event, 1 AS price, 2::TINYINT AS size", time)));
    ASSERT_TRUE(seen.status) << seen.status.error().message;
    EXPECT_THAT(seen.emitter.rows(), ElementsAre("A|-|2024-01-02T14:30:00Z|-|1|2|-|-|-")) << time;
  }
}

TEST_P(ParquetSource, KeepsIdsOfEveryTypeAndNulls) {
  const std::string row =
      "SELECT 'a longer symbol' AS symbol, 1 AS ts_event, 1 AS price, 2 AS size, true AS side, {} AS id";
  const std::vector<std::pair<const char*, const char*>> ids{{"17", "17"},
                                                             {"-5::BIGINT", "-5"},
                                                             {"18446744073709551615::UBIGINT", "18446744073709551615"},
                                                             {"12.0::DOUBLE", "12"},
                                                             {"'t-000000000000001'", "t-000000000000001"},
                                                             {"'42'", "42"},
                                                             {"NULL::BIGINT", "-"}};
  for (const auto& [sql, expected] : ids) {
    const Seen seen = read(write(fmt::format(fmt::runtime(row), sql)));
    ASSERT_TRUE(seen.status) << seen.status.error().message;
    EXPECT_THAT(seen.emitter.rows(),
                ElementsAre(fmt::format("a longer symbol|-|1970-01-01T00:00:01Z|-|1|2|{}|true|-", expected)));
  }
}

TEST_P(ParquetSource, EachBadRowIsARejectWithItsNumberReasonAndValues) {
  const Seen seen =
      read(write("SELECT * FROM (VALUES ('A', TIMESTAMP '2024-01-02 14:30:00', 1.5::DOUBLE, 2::BIGINT), "
                 "(NULL, TIMESTAMP '2024-01-02 14:30:00', 1.5, 2), ('A', TIMESTAMP '9999-01-01 00:00:00', 1.5, 2), "
                 "('A', TIMESTAMP '2024-01-02 14:30:00', 1e30, 2), ('A', TIMESTAMP '2024-01-02 14:30:00', 'nan', 2), "
                 "('A', TIMESTAMP '2024-01-02 14:30:00', 1e-10, 2), ('A', TIMESTAMP '2024-01-02 14:30:00', 1.5, NULL), "
                 "('A', TIMESTAMP '2024-01-02 14:30:00', 1.5, 9223372036854775807), ('B', TIMESTAMP '2024-01-02 "
                 "14:30:00', -1, -2)) "
                 "v(symbol, ts_event, price, size)"));
  ASSERT_TRUE(seen.status) << seen.status.error().message;
  EXPECT_THAT(seen.emitter.rows(),
              ElementsAre("A|-|2024-01-02T14:30:00Z|-|1.5|2|-|-|-", "B|-|2024-01-02T14:30:00Z|-|-1|-2|-|-|-"));
  EXPECT_THAT(seen.emitter.rejects(),
              ElementsAre(StartsWith("row 2: symbol: no value: symbol=, ts_event="), StartsWith("row 3: ts_event: "),
                          StartsWith("row 4: price: 1e+30 cannot be kept exactly: symbol=A"),
                          StartsWith("row 5: price: nan"), StartsWith("row 6: price: 1e-10"),
                          StartsWith("row 7: size: no value"), StartsWith("row 8: size: 9223372036854775807")));
}

TEST_P(ParquetSource, ManyRowGroupsGiveTheSameWhateverTheChunkSizeAndResumeAtAnyChunk) {
  const std::string path = write(
      "SELECT 'S' || (i % 7) AS symbol, i * 1000000 AS ts_event, CASE WHEN i % 1000 = 3 THEN NULL ELSE i / 8 END AS "
      "price, "
      "1 AS size, i AS id FROM range(20000) r(i)",
      "FORMAT parquet, ROW_GROUP_SIZE 3000");
  const FileOptions options{.time_unit = TimeUnit::us, .threads = 2, .chunk_bytes = 64 * 1777};
  const Seen whole = read(path, options);
  ASSERT_TRUE(whole.status) << whole.status.error().message;
  EXPECT_EQ(whole.emitter.rows().size(), 19980u);
  EXPECT_EQ(whole.emitter.rejects().size(), 20u);
  EXPECT_EQ(whole.emitter.chunks.size(), 12u);
  EXPECT_THAT(whole.emitter.marks(), ElementsAre(Timestamp::max()));
  const Seen serial = read(path, {.time_unit = TimeUnit::us, .threads = 1, .chunk_bytes = 64 * 50});
  EXPECT_EQ(serial.emitter.rows(), whole.emitter.rows());
  EXPECT_EQ(serial.emitter.rejects(), whole.emitter.rejects());
  for (size_t done = 0; done < whole.emitter.chunks.size(); ++done) {
    const Seen rest = read(path, options, whole.emitter.chunks[done].position_end);
    ASSERT_TRUE(rest.status) << rest.status.error().message;
    std::vector<std::string> rows;
    std::vector<std::string> rejects;
    for (size_t i = done + 1; i < whole.emitter.chunks.size(); ++i) {
      rows.insert(rows.end(), whole.emitter.chunks[i].rows.begin(), whole.emitter.chunks[i].rows.end());
      rejects.insert(rejects.end(), whole.emitter.chunks[i].rejects.begin(), whole.emitter.chunks[i].rejects.end());
    }
    EXPECT_EQ(rest.emitter.rows(), rows);
    EXPECT_EQ(rest.emitter.rejects(), rejects);
  }
}

TEST_P(ParquetSource, AWrongFileIsOneClearError) {
  const std::string path = write("SELECT 'A' AS symbol, 1 AS ts_event, [1] AS price, 2 AS quantity");
  EXPECT_THAT(read(path).status.error().message, HasSubstr("'price' is nested"));
  EXPECT_THAT(read(path, {.columns = {{"price", "ts_event"}}}).status.error().message,
              HasSubstr("no column 'size' for 'size'; the file has 'symbol', 'ts_event', 'price', 'quantity'"));
  const std::string text = (folder_ / "text.parquet").string();
  std::ofstream(text) << "symbol,ts_event\n";
  EXPECT_THAT(read(text).status.error().message, HasSubstr("cannot be read as Parquet"));
  auto missing = make_file_source({.path = "nothing.parquet"}, symbols_, clock_, files_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
}

TEST_P(ParquetSource, TheSameRowsAsCsvAndJsonLinesAndParquetAreTheSame) {
  const std::string query =
      "SELECT 'S' || (i % 7) AS symbol, TIMESTAMP '2024-01-02 14:30:00' + INTERVAL (i * 1250) MICROSECOND AS ts_event, "
      "(100 + hash(i) % 10000 / 100.0)::DECIMAL(9,2)::{} AS price, hash(i + 1) % 1000 + 1 AS size, i AS id, "
      "CASE WHEN i % 3 = 0 THEN NULL ELSE 'XNAS' END AS venue FROM range(5000) r(i)";
  const std::string as_double = fmt::format(fmt::runtime(query), "DOUBLE");
  const Seen parquet = read(write(as_double));
  ASSERT_TRUE(parquet.status) << parquet.status.error().message;
  EXPECT_EQ(parquet.emitter.rows().size(), 5000u);
  const Seen csv = read(write(as_double, "FORMAT csv, HEADER", "t.csv"));
  ASSERT_TRUE(csv.status) << csv.status.error().message;
  const Seen jsonl = read(write(as_double, "FORMAT json", "t.jsonl"));
  ASSERT_TRUE(jsonl.status) << jsonl.status.error().message;
  const Seen decimal = read(write(fmt::format(fmt::runtime(query), "DECIMAL(9,2)"), "FORMAT parquet", "d.parquet"));
  EXPECT_EQ(csv.emitter.rows(), parquet.emitter.rows());
  EXPECT_EQ(jsonl.emitter.rows(), parquet.emitter.rows());
  EXPECT_EQ(decimal.emitter.rows(), parquet.emitter.rows());
  EXPECT_THAT(csv.emitter.rejects(), IsEmpty());
}

TEST_P(ParquetSource, ReadsARealFile) {
  const char* folder = std::getenv("PENSTOCK_TEST_DATA");
  if (folder == nullptr) GTEST_SKIP() << "PENSTOCK_TEST_DATA is not set: the folder of real data is not here";
  const std::string path = std::string(folder) + "/binance-xrpeth/XRP_ETH-trades.parquet";
  const Seen seen = read(path, {.columns = {{"ts_event", "timestamp"}, {"size", "amount"}}, .symbol = "XRP/ETH"});
  ASSERT_TRUE(seen.status) << seen.status.error().message;
  EXPECT_EQ(seen.emitter.rows().size(), 12'477u);
  EXPECT_THAT(seen.emitter.rejects(), IsEmpty());
  EXPECT_THAT(seen.emitter.rows()[0], StartsWith("XRP/ETH|-|2019-10-11T00:0"));
}

}  // namespace
}  // namespace penstock::feed::file

// The reader of our own against DuckDB's: the same rows, rejects and positions.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "feed/file/parquet_fixture.h"
#include "feed/file/parquet_testing.h"

namespace penstock::feed::file {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

void expect_same_texts(const std::vector<std::string>& ours, const std::vector<std::string>& theirs) {
  EXPECT_EQ(ours.size(), theirs.size());
  const auto [a, b] = std::ranges::mismatch(ours, theirs);
  if (a != ours.end() && b != theirs.end()) {
    EXPECT_EQ(a->substr(0, 500), b->substr(0, 500));
  }
}

class ParquetReaders : public ParquetFixture {
 protected:
  // What our own reader gives, once it is shown that DuckDB gives the same.
  Seen same(const std::string& path, const FileOptions& options = {}, uint64_t position = 0) {
    Seen ours = read(path, ParquetReaderChoice::native, options, position);
    const Seen theirs = read(path, ParquetReaderChoice::duckdb, options, position);
    EXPECT_TRUE(ours.status) << ours.status.error().message;
    EXPECT_TRUE(theirs.status) << theirs.status.error().message;
    EXPECT_EQ(ours.emitter.chunks.size(), theirs.emitter.chunks.size());
    for (size_t i = 0; i < std::min(ours.emitter.chunks.size(), theirs.emitter.chunks.size()); ++i) {
      const SeenChunk& a = ours.emitter.chunks[i];
      const SeenChunk& b = theirs.emitter.chunks[i];
      expect_same_texts(a.rows, b.rows);
      expect_same_texts(a.rejects, b.rejects);
      EXPECT_EQ(a.marks, b.marks);
      EXPECT_EQ(a.position_end, b.position_end);
    }
    return ours;
  }
};

bool ends_with(const std::vector<std::string>& whole, const std::vector<std::string>& end) {
  return end.size() <= whole.size() && std::equal(end.rbegin(), end.rend(), whole.rbegin());
}

// A query of rows with every sort of value that `type` has between nulls, many of them to be rejected.
std::string rows_of(const char* field, const std::string& value, int rows) {
  std::string query = "SELECT ";
  for (const auto& [name, sql] : {std::pair<std::string, std::string>{"symbol", "'S' || (i % 7)"},
                                  {"ts_event", "1700000000 + i"},
                                  {"price", "i"},
                                  {"size", "1"},
                                  {"venue", "CASE WHEN i % 3 = 0 THEN NULL ELSE 'X' END"},
                                  {"id", "i"},
                                  {"conditions", "''"}}) {
    query += fmt::format("{} AS {}, ", name == field ? value : sql, name);
  }
  return query + fmt::format("'buy' AS side FROM range({}) r(i)", rows);
}

// Values of every type, few and many different ones, with and without nulls, for each field that may take them.
TEST_F(ParquetReaders, GiveTheSameForEveryTypeOfEveryField) {
  const std::vector<std::pair<std::vector<const char*>, std::vector<std::string>>> cases{
      {{"price", "size"},
       {"i::DOUBLE / 100", "(i % 10)::DOUBLE / 8", "-i::DOUBLE * 1e9", "i::DOUBLE / 3", "'nan'::DOUBLE", "-0.0::DOUBLE",
        "(hash(i) / 1e6)::DOUBLE", "i::FLOAT / 100", "hash(i)::FLOAT", "(i / 7)::DECIMAL(9, 4)",
        "(i / 7)::DECIMAL(18, 12)", "(i * 1e6)::DECIMAL(18, 2)", "(i / 7)::DECIMAL(4, 1)"}},
      {{"price", "size", "id", "ts_event", "venue", "conditions", "symbol"},
       {"(i % 200 - 100)::TINYINT", "(i % 300 - 100)::SMALLINT", "(i * 1000 - 9)::INTEGER", "i * 1000000000",
        "(i % 200)::UTINYINT", "(i % 300)::USMALLINT", "(i + 4294960000)::UINTEGER", "-i",
        "(18446744073709551615 - i)::UBIGINT", "i::UBIGINT", "hash(i) > 9000000000000000000", "true"}},
      {{"price", "size", "id", "ts_event", "venue", "conditions", "symbol"},
       {"i::VARCHAR", "(i % 5) || '.125'", "''", "'a text of some length'", "repeat('x', (i % 300)::INTEGER)",
        "'1e' || (i % 20)", "'2024-01-02T03:04:' || lpad((i % 70)::VARCHAR, 2, '0') || '.5Z'",
        "'\xc3\xa4\xe2\x82\xac' || i"}},
      {{"ts_event"},
       {"TIMESTAMP '2024-01-02 03:04:05' + INTERVAL (i) MICROSECOND", "make_timestamp_ns(1700000000123456789 + i)",
        "(TIMESTAMP '2024-01-02 03:04:05' + INTERVAL (i) SECOND)::TIMESTAMP_MS",
        "(TIMESTAMP '2024-01-02 03:04:05' + INTERVAL (i) SECOND)::TIMESTAMP_S",
        "(TIMESTAMP '2024-01-02 03:04:05' + INTERVAL (i) MICROSECOND)::TIMESTAMPTZ",
        "TIMESTAMP '0001-01-01' + INTERVAL (i * 100) DAY"}},
  };
  for (const auto& [fields, values] : cases) {
    for (const char* field : fields) {
      for (const std::string& value : values) {
        // Without nulls in the first pieces, with some in the next, nothing else in the last.
        const std::string query =
            rows_of(field, fmt::format("CASE WHEN i < 300 OR (i < 800 AND i % 5 < 2) THEN {} END", value), 1000);
        const Seen seen = same(write(query), {.threads = 1, .chunk_bytes = 64 * 100});
        EXPECT_EQ(seen.emitter.rows().size() + seen.emitter.rejects().size(), 1000u);
        ASSERT_FALSE(HasFailure()) << query;
      }
    }
  }
}

TEST_F(ParquetReaders, GiveTheSameForEveryCodecAndEncodingAndFromEveryPosition) {
  const std::string query =
      "SELECT 'S' || (hash(i) % 40) AS symbol, TIMESTAMP '2024-01-02' + INTERVAL (i * 1250) MICROSECOND AS ts_event, "
      "CASE WHEN i % 97 = 3 THEN NULL ELSE (hash(i) % 100000) / 100 END AS price, i % 50 AS size, "
      "(hash(i) % 1000000)::INTEGER AS id, CASE WHEN i % 4 < 2 THEN 'cond' || i END AS conditions, i % 2 = 0 AS side, "
      "CASE WHEN i > 2000 THEN 'XNAS' END AS venue FROM range(5000) r(i)";
  for (const char* codec : {"uncompressed", "snappy", "gzip", "zstd", "lz4_raw"}) {
    for (const char* version : {"V1", "V2"}) {
      for (const char* more : {"", ", DICTIONARY_SIZE_LIMIT 1", ", ROW_GROUP_SIZE 2048"}) {
        const std::string path =
            write(query, fmt::format("FORMAT parquet, COMPRESSION {}, PARQUET_VERSION {}{}", codec, version, more));
        const FileOptions options{.threads = 2, .chunk_bytes = 64 * 333};
        const Seen whole = same(path, options);
        ASSERT_THAT(whole.emitter.chunks, SizeIs(16));
        const auto rows = whole.emitter.rows();
        const auto rejects = whole.emitter.rejects();
        for (const uint64_t position : {1u, 332u, 333u, 2047u, 2048u, 2049u, 4096u, 4999u, 5000u}) {
          const Seen rest = read(path, ParquetReaderChoice::native, options, position);
          EXPECT_EQ(rest.emitter.rows().size() + rest.emitter.rejects().size(), 5000 - position);
          EXPECT_TRUE(ends_with(rows, rest.emitter.rows())) << position;
          EXPECT_TRUE(ends_with(rejects, rest.emitter.rejects())) << position;
        }
        ASSERT_FALSE(HasFailure()) << codec << version << more;
      }
    }
  }
}

TEST_F(ParquetReaders, SayTheSameOfTheTimesInRejectedRows) {
  for (const char* time :
       {"TIMESTAMP '2024-01-02 03:04:05.123456'", "TIMESTAMP_NS '2024-01-02 03:04:05.123456789'",
        "TIMESTAMP_MS '2024-01-02 03:04:05.123'", "TIMESTAMP_S '2024-01-02 03:04:05'",
        "TIMESTAMPTZ '2024-01-02 03:04:05.123456+01'", "TIMESTAMP '9999-01-01'", "TIMESTAMP_MS '9999-01-01'"}) {
    EXPECT_THAT(
        same(write(fmt::format("SELECT 'A' AS symbol, {} AS ts_event, NULL::DOUBLE AS price, 1 AS size, -7 AS id, "
                               "9.25::DECIMAL(9,3) AS x FROM range(2)",
                               time)),
             {.columns = {{"price", "x"}, {"size", "price"}}})
            .emitter.rejects(),
        SizeIs(2))
        << time;
  }
}

TEST_F(ParquetReaders, GiveTheSameAtAPaceAndWithConstantsAndOtherNames) {
  const std::string path = write(
      "SELECT 1700000000 + i // 100 AS t, i AS price, CASE WHEN i % 3 = 0 THEN NULL ELSE i END AS amount, i AS "
      "\"Price\" "
      "FROM range(3000) r(i)");
  const FileOptions options{.columns = {{"ts_event", "t"}, {"ts_recv", "t"}, {"size", "amount"}, {"price", "amount"}},
                            .pace = 1e15,  // every row is due at once
                            .symbol = "A/B",
                            .venue = "V"};
  const Seen seen = same(path, options);
  EXPECT_THAT(seen.emitter.rows(), SizeIs(2000));
  EXPECT_THAT(seen.emitter.rejects(), SizeIs(1000));
  for (const uint64_t position : {1u, 1500u, 3000u}) same(path, options, position);
}

TEST_F(ParquetReaders, WhatIsNotCommonIsLeftToDuckDb) {
  for (const char* price : {"1::DECIMAL(30, 2)", "DATE '2024-01-02'", "'x'::BLOB", "UUID()", "[1]"}) {
    const Seen seen = read(write(rows_of("price", price, 1)), ParquetReaderChoice::native);
    ASSERT_FALSE(seen.status);
    EXPECT_EQ(seen.status.error().kind, ErrorKind::invalid) << price;
  }
  const std::string path = write("SELECT 1 AS ts_event, 1 AS price, 2 AS size, 'A' AS symbol");
  for (const char* name : {"symbol=B/t.parquet"}) {
    std::filesystem::create_directories(folder_ / "symbol=B");
    const std::string other = write_bytes(bytes_of(path), name);
    EXPECT_FALSE(read(other, ParquetReaderChoice::native).status);
    EXPECT_THAT(read(other, ParquetReaderChoice::by_file).emitter.rows(),
                read(other, ParquetReaderChoice::duckdb).emitter.rows());
  }
}

// DuckDB's own type for it counts microseconds.
TEST_F(ParquetReaders, NanosecondsWithAZoneAreKept) {
  const ThriftWriter nanoseconds = ThriftWriter().structure(3, {});
  const ThriftWriter timestamp = ThriftWriter().boolean(1, true).structure(2, nanoseconds);
  CraftedColumn time = craft_column("ts_event", 2, false);
  time.schema.structure(10, ThriftWriter().structure(8, timestamp));
  const std::string values = craft_plain(std::vector<int64_t>{1'700'000'000'123'456'789});
  time.pages = craft_page(1, 0, values, values.size());
  CraftedColumn price = craft_column("price", 5, false);
  const std::string one = craft_plain(std::vector<double>{1.5});
  price.pages = craft_page(1, 0, one, one.size());
  const std::string path = write_bytes(craft_parquet(1, {time, price}));
  const Seen seen = read(path, ParquetReaderChoice::by_file, {.columns = {{"size", "price"}}, .symbol = "A"});
  ASSERT_TRUE(seen.status) << seen.status.error().message;
  EXPECT_THAT(seen.emitter.rows(), ElementsAre("A|-|2023-11-14T22:13:20.123456789Z|-|1.5|1.5|-|-|-"));
}

TEST_F(ParquetReaders, BytesThatAreNotUtf8AreARejectOfTheirRow) {
  CraftedColumn symbol = craft_column("symbol", 6, false);
  symbol.schema.i32(6, 0);
  symbol.dictionary_first = true;
  symbol.pages = craft_dictionary(2, craft_texts({"A", "B\xff"}));
  symbol.pages += craft_page(3, 8, '\1' + craft_packed({0, 1, 0}, 1), 3);
  const std::string plain = craft_texts({"C", "\xc3"});
  symbol.pages += craft_page(2, 0, plain, plain.size());
  CraftedColumn number = craft_column("n", 2, false);
  const std::string values = craft_plain(std::vector<int64_t>{1, 2, 3, 4, 5});
  number.pages = craft_page(5, 0, values, values.size());
  const std::string path = write_bytes(craft_parquet(5, {symbol, number}));
  const Seen seen =
      read(path, ParquetReaderChoice::native, {.columns = {{"ts_event", "n"}, {"price", "n"}, {"size", "n"}}});
  ASSERT_TRUE(seen.status) << seen.status.error().message;
  EXPECT_THAT(seen.emitter.rows(), SizeIs(3));
  EXPECT_THAT(seen.emitter.rejects(), ElementsAre(HasSubstr("row 2: symbol: not UTF-8: 'B\\xff'"),
                                                  HasSubstr("row 5: symbol: not UTF-8: '\\xc3'")));
}

// Pages of the second version, of every codec, which other writers than DuckDB make.
TEST_F(ParquetReaders, GiveTheSameForPagesOfTheSecondVersion) {
  const std::vector<int64_t> numbers{7, 8, 9, 10, 11};
  const std::string plain = craft_plain(numbers);
  const std::string levels = craft_packed({1, 0, 1, 1, 0, 1, 1}, 1);
  // Its size, and one literal.
  const std::string snappy = std::string("\x28\x9c") + plain;
  std::string zstd(ZSTD_compressBound(plain.size()), '\0');
  zstd.resize(ZSTD_compress(zstd.data(), zstd.size(), plain.data(), plain.size(), 1));
  std::string lz4(200, '\0');
  lz4.resize(static_cast<size_t>(LZ4_compress_default(plain.data(), lz4.data(), static_cast<int>(plain.size()), 200)));
  for (const auto& [codec, stored] : {std::pair{0, plain}, {1, snappy}, {6, zstd}, {7, lz4}}) {
    CraftedColumn column = craft_column("n", 2, true, codec);
    column.pages = craft_page_v2(7, 2, 0, levels, stored, plain.size(), true);
    column.pages += craft_page_v2(3, 3, 0, craft_repeated(0, 3, 1), "", 0, false);
    column.pages += craft_page_v2(5, 0, 0, craft_repeated(1, 5, 1), plain, plain.size(), false);
    CraftedColumn symbol = craft_column("symbol", 6, false);
    symbol.schema.i32(6, 0);
    symbol.dictionary_first = true;
    symbol.pages = craft_dictionary(3, craft_texts({"A", "BC", ""}));
    symbol.pages += craft_page_v2(15, 0, 8, "",
                                  '\2' + craft_repeated(1, 7, 2) + craft_packed({0, 1, 0, 0, 2, 0, 0, 1}, 2), 6, false);
    const std::string path = write_bytes(craft_parquet(15, {column, symbol}));
    const Seen seen = same(path, {.columns = {{"ts_event", "n"}, {"price", "n"}, {"size", "n"}, {"id", "n"}},
                                  .threads = 1,
                                  .chunk_bytes = 64 * 4});
    EXPECT_THAT(seen.emitter.rows(), SizeIs(9)) << codec;
    ASSERT_FALSE(HasFailure()) << codec;
  }
}

TEST_F(ParquetReaders, AFileThatIsCutIsOneClearError) {
  const std::string bytes = bytes_of(write(rows_of("price", "i", 100)));
  for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 50) {
    const std::string path = write_bytes(bytes.substr(0, size), "cut.parquet");
    for (const auto reader : {ParquetReaderChoice::native, ParquetReaderChoice::by_file}) {
      const Seen seen = read(path, reader);
      ASSERT_FALSE(seen.status) << size;
      EXPECT_THAT(seen.status.error().message, HasSubstr("cut.parquet")) << size;
      EXPECT_THAT(seen.emitter.chunks, IsEmpty());
    }
  }
}

// Whatever a file says: rows, rejects or one error that names it.
TEST_F(ParquetReaders, AFileWithAnyOneByteWrongIsReadOrOneClearError) {
  const std::string bytes = bytes_of(write(rows_of("price", "CASE WHEN i % 3 = 0 THEN NULL ELSE i / 100 END", 60),
                                           "FORMAT parquet, COMPRESSION snappy"));
  size_t failed = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string other = bytes;
      other[at] = static_cast<char>(other[at] ^ flip);
      const std::string path = "wrong.parquet";
      files_.contents[path] = other;
      KeepingEmitter emitter(symbols_);
      auto source = make_parquet_source({.path = path, .threads = 1, .chunk_bytes = 64 * 16}, symbols_, clock_, files_,
                                        ParquetReaderChoice::native);
      const Status status = source ? (*source)->run(0, emitter, {}) : Status(std::unexpected(source.error()));
      if (status) {
        EXPECT_EQ(emitter.rows().size() + emitter.rejects().size(),
                  (*source)->stats().records + (*source)->stats().rejects);
        EXPECT_THAT(emitter.marks(), ElementsAre(Timestamp::max()));
      } else {
        ++failed;
        EXPECT_THAT(status.error().message, HasSubstr("wrong.parquet"));
        EXPECT_THAT(emitter.marks(), IsEmpty());
      }
    }
  }
  EXPECT_GT(failed, 100u);
}

TEST_F(ParquetReaders, WhatCannotBeReadFromTheDiskEndsTheRunBehindWhatCould) {
  const std::string path =
      write(rows_of("price", "i", 20000), "FORMAT parquet, ROW_GROUP_SIZE 2048, COMPRESSION uncompressed");
  files_.contents[path] = bytes_of(path);
  const uint64_t half = files_.contents[path].size() / 2;
  KeepingEmitter emitter(symbols_);
  auto source = make_parquet_source({.path = path, .threads = 2, .chunk_bytes = 64 * 1000}, symbols_, clock_, files_,
                                    ParquetReaderChoice::native);
  ASSERT_TRUE(source);
  // A file that another process cuts while it is read.
  files_.contents[path].resize(half);
  const Status status = (*source)->run(0, emitter, {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::corrupt);
  EXPECT_THAT(status.error().message, AllOf(HasSubstr(path), HasSubstr("row"), HasSubstr("ends inside of a page")));
  EXPECT_GT(emitter.chunks.size(), 5u);
  EXPECT_THAT(emitter.marks(), IsEmpty());
}

}  // namespace
}  // namespace penstock::feed::file

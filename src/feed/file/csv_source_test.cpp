#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/core.h>

#include <stop_token>

#include "base/clock.h"
#include "feed/file/file_testing.h"
#include "feed/file/line_decoder.h"

namespace penstock::feed::file {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CsvSource : public testing::Test {
 protected:
  struct Seen {
    Status status;
    KeepingEmitter emitter;
  };

  Seen read(const std::string& content, FileOptions options = {}, uint64_t position = 0) {
    options.path = "trades.csv";
    files_.contents[options.path] = content;
    Seen seen{{}, KeepingEmitter(symbols_)};
    auto source = make_file_source(options, symbols_, clock_, files_);
    if (!source) {
      seen.status = std::unexpected(source.error());
      return seen;
    }
    seen.status = (*source)->run(position, seen.emitter, {});
    return seen;
  }
  std::string error_of(const std::string& content, FileOptions options = {}) {
    const Seen seen = read(content, std::move(options));
    return seen.status ? "no error" : seen.status.error().message;
  }

  market::SymbolTable symbols_;
  ManualClock clock_{Timestamp{0}};
  MemoryFiles files_;
};

const std::string kHeader = "symbol,ts_event,price,size,id\n";

TEST_F(CsvSource, ReadsEveryColumnOfATrade) {
  const Seen seen = read(
      "id,conditions,symbol,side,ts_event,ts_recv,price,size,venue,extra\n"
      "17,@ T,AAPL,buy,2024-01-02T14:30:00.123456789Z,1704205800124,187.15,100,XNAS,ignored\n");
  ASSERT_TRUE(seen.status);
  EXPECT_THAT(seen.emitter.rows(),
              ElementsAre("AAPL|XNAS|2024-01-02T14:30:00.123456789Z|2024-01-02T14:30:00.124Z|187.15|100|17|buy|@ T"));
  EXPECT_THAT(seen.emitter.rejects(), IsEmpty());
  EXPECT_THAT(seen.emitter.marks(), ElementsAre(Timestamp::max()));
}

TEST_F(CsvSource, ReadsTheTapeAndWhatTakesATradeBack) {
  const Seen seen = read(
      "symbol,ts_event,price,size,id,tape,action,ref_id\n"
      "AAPL,1704205800,187.1,3,17,C,,\n"
      "AAPL,1704205801,187.1,3,,C,cancel,17\n"
      "AAPL,1704205802,187.2,3,19,C,correct,x-17\n");
  ASSERT_TRUE(seen.status);
  EXPECT_THAT(seen.emitter.rows(), ElementsAre("AAPL|-|2024-01-02T14:30:00Z|-|187.1|3|17|-|-|C",
                                               "AAPL|-|2024-01-02T14:30:01Z|-|187.1|3|-|-|-|C|cancel|17",
                                               "AAPL|-|2024-01-02T14:30:02Z|-|187.2|3|19|-|-|C|correct|x-17"));
}

TEST_F(CsvSource, ACancelNeedsNoPriceAndACorrectionDoes) {
  const Seen seen = read(
      "symbol,ts_event,price,size,id,action,ref_id\n"
      "AAPL,1704205801,,,,cancel,17\n"
      "AAPL,1704205802,,3,19,correct,17\n"
      "AAPL,1704205803,1,,20,,\n");
  ASSERT_TRUE(seen.status);
  EXPECT_THAT(seen.emitter.rows(), ElementsAre("AAPL|-|2024-01-02T14:30:01Z|-|0|0|-|-|-|cancel|17"));
  EXPECT_THAT(seen.emitter.rejects(), ElementsAre(::testing::StartsWith("line 3: price: no value"),
                                                  ::testing::StartsWith("line 4: size: no value")));
}

TEST_F(CsvSource, ReadsQuotes) {
  const Seen seen = read("symbol,ts_event,bid,bid_size,ask,ask_size\nAAPL,1704205800,187.1,3,187.2,\n",
                         {.record = FileRecord::quote});
  ASSERT_TRUE(seen.status);
  EXPECT_THAT(seen.emitter.rows(), ElementsAre("AAPL|-|2024-01-02T14:30:00Z|-|187.1|3|187.2|-"));
}

TEST_F(CsvSource, TakesTheFilesOwnNamesAndConstants) {
  const Seen seen =
      read("t;p;q\r\n1570752004123;0.0015;7.5\r\n", {.columns = {{"ts_event", "t"}, {"price", "p"}, {"size", "q"}},
                                                     .symbol = "XRP/ETH",
                                                     .venue = "BINANCE",
                                                     .delimiter = ';'});
  ASSERT_TRUE(seen.status) << seen.status.error().message;
  EXPECT_THAT(seen.emitter.rows(), ElementsAre("XRP/ETH|BINANCE|2019-10-11T00:00:04.123Z|-|0.0015|7.5|-|-|-"));
}

TEST_F(CsvSource, TheTimeUnitIsTheOptionsOneWhereItIsStated) {
  const Seen seen = read(kHeader + "A,1000,1,1,1\n", {.time_unit = TimeUnit::ms});
  EXPECT_THAT(seen.emitter.rows(), ElementsAre("A|-|1970-01-01T00:00:01Z|-|1|1|1|-|-"));
}

TEST_F(CsvSource, UnderstandsQuotingCarriageReturnsAByteOrderMarkAndALastLineWithoutEnd) {
  const Seen seen = read(
      "\xef\xbb\xbf\"symbol\",\"ts_event\",price,size,\"id\"\r\n"
      "\"A,B\",\"1704205800\",\"1.5\",\"2\",\"x \"\"1\"\"\"\r\n"
      "\r\n"
      "C,1704205801,2.5,3,\"\"");
  ASSERT_TRUE(seen.status);
  EXPECT_THAT(seen.emitter.rejects(), IsEmpty());
  EXPECT_THAT(seen.emitter.rows(),
              ElementsAre("A,B|-|2024-01-02T14:30:00Z|-|1.5|2|x \"1\"|-|-", "C|-|2024-01-02T14:30:01Z|-|2.5|3|-|-|-"));
}

TEST_F(CsvSource, KeepsIdsAsTheyAreWritten) {
  const Seen seen =
      read(kHeader +
           "A,1,1,1,0\nA,2,1,1,007\nA,3,1,1,9223372036854775807\nA,4,1,1,9223372036854775808\nA,5,1,1,t-1\n"
           "A,6,1,1,\nA,7,1,1,8\n");
  std::vector<std::string> ids;
  for (const std::string& row : seen.emitter.rows()) {
    ids.push_back(row.substr(row.find("|1|1|") + 5, row.size() - row.find("|1|1|") - 9));
  }
  EXPECT_THAT(ids, ElementsAre("0", "007", "9223372036854775807", "9223372036854775808", "t-1", "-", "8"));
}

TEST_F(CsvSource, EachBadLineIsARejectWithItsNumberReasonAndBytes) {
  const std::string good = "A,1704205800,1.5,2,1\n";
  const Seen seen = read(kHeader + good +                                                        // line 2
                         "A,1704205800,1.5,2\n"                                                  // 3
                         "A,1704205800,1.5,2,1,9\n"                                              // 4
                         ",1704205800,1.5,2,1\n"                                                 // 5
                         "A,1704205800,cheap,2,1\n"                                              // 6
                         "A,1704205800,123456789012345678901234567890,2,1\n"                     // 7
                         "A,9999-01-01T00:00:00Z,1.5,2,1\n"                                      // 8
                         "A\xff,1704205800,1.5,2,1\n"                                            // 9
                         "A,1704205800,1.5,,1\n"                                                 // 10
                         "\"A,1704205800,1.5,2,1\n"                                              // 11
                         "A,1704205800,0.0000000001,2,1\n"                                       // 12
                         "A,yesterday,1.5,2,1\n"                                                 // 13
                         "A,2024-02-30T00:00:00Z,1.5,2,1\n" +                                    // 14
                         std::string(kSymbolBytesMax + 1, 'S') +
                         ",1704205800,1.5,2,1\n" +       // 15
                         std::string("A,1704205800,1.5,-2,1\n"));  // 16: a check's business
  ASSERT_TRUE(seen.status);
  EXPECT_THAT(seen.emitter.rows(),
              ElementsAre("A|-|2024-01-02T14:30:00Z|-|1.5|2|1|-|-", "A|-|2024-01-02T14:30:00Z|-|1.5|-2|1|-|-"));
  EXPECT_THAT(seen.emitter.rejects(),
              ElementsAre("line 3: 4 fields where the header has 5: A,1704205800,1.5,2",
                          "line 4: 6 fields where the header has 5: A,1704205800,1.5,2,1,9",
                          "line 5: symbol: no value: ,1704205800,1.5,2,1",
                          "line 6: price: not a number: 'cheap': A,1704205800,cheap,2,1",
                          "line 7: price: number out of range: '123456789012345678901234567890': "
                          "A,1704205800,123456789012345678901234567890,2,1",
                          "line 8: ts_event: time outside 1677-09-21 to 2262-04-11: '9999-01-01T00:00:00Z': "
                          "A,9999-01-01T00:00:00Z,1.5,2,1",
                          "line 9: not UTF-8: A\xff,1704205800,1.5,2,1", "line 10: size: no value: A,1704205800,1.5,,1",
                          HasSubstr("line 11: column 1: a quote that is not closed"),
                          HasSubstr("line 12: price: more digits after the point"),
                          HasSubstr("line 13: ts_event: not a time"), HasSubstr("line 14: ts_event: not a time"),
                          HasSubstr("line 15: symbol: text longer than 256 bytes")));
}

TEST_F(CsvSource, TextsLongerThanTheLogsRecordsKeepAreRejectsOfTheirLine) {
  const std::string header = "symbol,ts_event,price,size,id,venue,side,conditions\n";
  const auto line = [](size_t id, size_t venue, size_t side, size_t conditions) {
    return fmt::format("{},1,1,1,{},{},{},{}\n", std::string(256, 'S'), std::string(id, 'i'), std::string(venue, 'v'),
                       std::string(side, 's'), std::string(conditions, 'c'));
  };
  const Seen seen = read(header + line(255, 255, 255, 255) + line(256, 1, 1, 1) + line(1, 256, 1, 1) +
                         line(1, 1, 256, 1) + line(1, 1, 1, 256));
  EXPECT_EQ(seen.emitter.rows().size(), 1u);
  EXPECT_THAT(seen.emitter.rejects(), ElementsAre(HasSubstr("line 3: id: text longer than 255 bytes"),
                                                  HasSubstr("line 4: venue: text longer than 255 bytes"),
                                                  HasSubstr("line 5: side: text longer than 255 bytes"),
                                                  HasSubstr("line 6: conditions: text longer than 255 bytes")));
}

TEST_F(CsvSource, UnicodeIsKept) {
  const Seen seen = read(kHeader + "Société,1,1,1,é1\nA,2,1,1,2\n");
  EXPECT_THAT(seen.emitter.rows(),
              ElementsAre("Société|-|1970-01-01T00:00:01Z|-|1|1|é1|-|-", "A|-|1970-01-01T00:00:02Z|-|1|1|2|-|-"));
}

TEST_F(CsvSource, ALineLongerThanTheMaximumIsRejectedWhateverTheChunkSize) {
  const std::string header = "symbol,ts_event,price,size,note\n";
  const std::string longest = "A,1,1,1," + std::string(kLineBytesMax - 8, 'n') + "\n";
  const std::string too_long = "A,1,1,1," + std::string(kLineBytesMax - 7, 'n') + "\n";
  for (const size_t chunk_bytes : {size_t{1}, size_t{100}, size_t{70'000}, size_t{3} << 20}) {
    const Seen seen =
        read(header + too_long + "A,2,1,1,2\n" + longest + "A,x,1,1,2\n" + too_long, {.chunk_bytes = chunk_bytes});
    ASSERT_TRUE(seen.status);
    EXPECT_EQ(seen.emitter.rows().size(), 2u);
    ASSERT_EQ(seen.emitter.rejects().size(), 3u);
    const std::string kept = too_long.substr(0, kRejectBytesMax);
    EXPECT_EQ(
        seen.emitter.rejects()[0],
        "line 2: the line has 1048577 bytes; the maximum is 1048576 (only the first 65536 bytes are kept): " + kept);
    EXPECT_THAT(seen.emitter.rejects()[1], HasSubstr("line 5: ts_event"));
    EXPECT_THAT(seen.emitter.rejects()[2], HasSubstr("line 6: the line has 1048577 bytes"));
  }
}

TEST_F(CsvSource, AWrongFileIsOneClearError) {
  EXPECT_THAT(error_of(""), HasSubstr("trades.csv is empty"));
  EXPECT_THAT(error_of("symbol,ts_event,price,id\nA,1,1,1\n"), HasSubstr("the header has no column 'size' for 'size'"));
  EXPECT_THAT(error_of(kHeader, {.columns = {{"price", "px"}}}), HasSubstr("no column 'px' for 'price'"));
  EXPECT_THAT(error_of(kHeader, {.columns = {{"prise", "px"}}}), HasSubstr("'prise' is not a column"));
  EXPECT_THAT(error_of("symbol,ts_event,price,size,price\n"), HasSubstr("names 'price' 2 times"));
  EXPECT_THAT(error_of("\"symbol,ts_event,price,size\n"), HasSubstr("quote that is not closed"));
  EXPECT_THAT(error_of(kHeader, {.format = "xml"}), HasSubstr("format 'xml' is not known"));
  EXPECT_THAT(error_of(kHeader, {.compression = "rar"}), HasSubstr("compression 'rar' is not known"));
  EXPECT_THAT(error_of(kHeader, {.pace = 0}), HasSubstr("pace"));
  EXPECT_THAT(error_of(kHeader, {.chunk_bytes = 0}), HasSubstr("chunk_bytes"));
  EXPECT_THAT(error_of(kHeader, {.record = FileRecord::json}), HasSubstr("JSON lines"));

  auto missing = make_file_source({.path = "nothing.csv"}, symbols_, clock_, files_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  auto unnamed = make_file_source({.path = "trades"}, symbols_, clock_, files_);
  ASSERT_FALSE(unnamed);
  EXPECT_THAT(unnamed.error().message, HasSubstr("does not tell the format"));
  auto directory = make_file_source({.path = testing::TempDir(), .format = "csv"}, symbols_, clock_, files_);
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().message, HasSubstr("is a directory"));
}

TEST_F(CsvSource, AHeaderAloneIsAnEmptySourceThatEnds) {
  for (const std::string& content : {kHeader, kHeader.substr(0, kHeader.size() - 1)}) {
    const Seen seen = read(content);
    ASSERT_TRUE(seen.status);
    EXPECT_THAT(seen.emitter.rows(), IsEmpty());
    EXPECT_THAT(seen.emitter.marks(), ElementsAre(Timestamp::max()));
  }
}

// Lines of many shapes: good, blank, rejected, short, long, quoted, not ASCII.
std::string mixed_lines(int count) {
  std::string content = kHeader;
  for (int i = 0; i < count; ++i) {
    switch (i % 7) {
      case 0: content += "\n"; break;
      case 1: content += "B,oops,1,1,1\n"; break;
      case 2: content += fmt::format("\"Q{}\",{},\"1.5\",2,{}\n", i, i, i); break;
      case 3: content += fmt::format("Å{},{},1.25,2,\r\n", i, i); break;
      case 4: content += fmt::format("L,{},1.25,2,{}\n", i, std::string(static_cast<size_t>(i), 'x')); break;
      default: content += fmt::format("S{},{},{}.{},2,{}\n", i % 5, i, i, i, i);
    }
  }
  return content;
}

TEST_F(CsvSource, AnyChunkSizeAndAnyNumberOfThreadsGivesTheSameRowsAndRejects) {
  const std::string content = mixed_lines(300);
  const Seen whole = read(content, {.threads = 1});
  ASSERT_TRUE(whole.status);
  EXPECT_GT(whole.emitter.rows().size(), 200u);
  EXPECT_GT(whole.emitter.rejects().size(), 40u);
  for (const int threads : {1, 2, 5}) {
    for (const size_t chunk_bytes : std::vector<size_t>{1, 2, 7, 30, 64, 100, 1000, 9973}) {
      const Seen seen = read(content, {.threads = threads, .chunk_bytes = chunk_bytes});
      ASSERT_TRUE(seen.status);
      EXPECT_EQ(seen.emitter.rows(), whole.emitter.rows()) << chunk_bytes;
      EXPECT_EQ(seen.emitter.rejects(), whole.emitter.rejects()) << chunk_bytes;
      EXPECT_EQ(seen.emitter.marks(), whole.emitter.marks());
    }
  }
}

TEST_F(CsvSource, ResumedAtAnyChunkItGivesTheRestExactly) {
  const std::string content = mixed_lines(150);
  for (const size_t chunk_bytes : {size_t{40}, size_t{333}}) {
    const FileOptions options{.threads = 2, .chunk_bytes = chunk_bytes};
    const Seen whole = read(content, options);
    ASSERT_GT(whole.emitter.chunks.size(), 10u);
    for (size_t done = 0; done < whole.emitter.chunks.size(); ++done) {
      const Seen rest = read(content, options, whole.emitter.chunks[done].position_end);
      ASSERT_TRUE(rest.status);
      std::vector<std::string> expected_rows;
      std::vector<std::string> expected_rejects;
      for (size_t i = done + 1; i < whole.emitter.chunks.size(); ++i) {
        const SeenChunk& chunk = whole.emitter.chunks[i];
        expected_rows.insert(expected_rows.end(), chunk.rows.begin(), chunk.rows.end());
        expected_rejects.insert(expected_rejects.end(), chunk.rejects.begin(), chunk.rejects.end());
      }
      EXPECT_EQ(rest.emitter.rows(), expected_rows);
      EXPECT_EQ(rest.emitter.rejects(), expected_rejects);
      EXPECT_THAT(rest.emitter.marks(), ElementsAre(Timestamp::max()));
      // Chunk for chunk, but for one of blank lines only, which says nothing.
      if (done + 1 < whole.emitter.chunks.size()) {
        EXPECT_EQ(rest.emitter.chunks.size(), whole.emitter.chunks.size() - done - 1);
        EXPECT_EQ(rest.emitter.chunks[0].position_end, whole.emitter.chunks[done + 1].position_end);
      }
    }
  }
}

TEST_F(CsvSource, APositionBehindTheEndIsAnError) {
  const Seen seen = read(kHeader, {}, 1000);
  ASSERT_FALSE(seen.status);
  EXPECT_THAT(seen.status.error().message, HasSubstr("cannot go on at byte 1000"));
}

TEST_F(CsvSource, AFailingReadOrPublishEndsTheRunAfterWhatCameBefore) {
  const std::string content = mixed_lines(300);
  Seen seen{{}, KeepingEmitter(symbols_)};
  seen.emitter.fail_publish_at = 5;
  files_.contents["trades.csv"] = content;
  FileOptions options{.path = "trades.csv", .threads = 3, .chunk_bytes = 100};
  {
    auto source = make_file_source(options, symbols_, clock_, files_);
    ASSERT_TRUE(source);
    seen.status = (*source)->run(0, seen.emitter, {});
    ASSERT_FALSE(seen.status);
    EXPECT_EQ(seen.status.error().kind, ErrorKind::full);
    EXPECT_EQ(seen.emitter.chunks.size(), 5u);
  }
  files_.fail_reads_at = 8000;
  KeepingEmitter emitter(symbols_);
  auto source = make_file_source(options, symbols_, clock_, files_);
  ASSERT_TRUE(source);
  const Status status = (*source)->run(0, emitter, {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::io);
  EXPECT_GT(emitter.chunks.size(), 0u);
  EXPECT_THAT(emitter.marks(), IsEmpty());
}

TEST_F(CsvSource, AStopEndsTheRunWithoutTheEndMark) {
  files_.contents["trades.csv"] = mixed_lines(300);
  auto source = make_file_source({.path = "trades.csv", .threads = 2, .chunk_bytes = 100}, symbols_, clock_, files_);
  ASSERT_TRUE(source);
  std::stop_source stop;
  stop.request_stop();
  KeepingEmitter emitter(symbols_);
  EXPECT_TRUE((*source)->run(0, emitter, stop.get_token()));
  EXPECT_THAT(emitter.marks(), IsEmpty());
}

// What a chunk's rejects take in memory, about.
size_t reject_bytes(const SeenChunk& chunk) {
  size_t bytes = chunk.rejects.size() * sizeof(Reject);
  for (const std::string& reject : chunk.rejects) bytes += reject.size();
  return bytes;
}

TEST_F(CsvSource, AFileOfNothingButGarbageComesInChunksOfBoundedMemoryThatAreTheSameAfterAResume) {
  std::string content = kHeader;
  for (int i = 0; i < 400'000; ++i) content += i % 50'000 == 7 ? "A,1704205800,1.5,2,1\n" : "x\n";
  content += std::string(kLineBytesMax + 1, 'y') + "\nx\n";
  const Seen seen = read(content, {.threads = 1});
  ASSERT_TRUE(seen.status);
  EXPECT_EQ(seen.emitter.rows().size(), 8u);
  const std::vector<std::string> rejects = seen.emitter.rejects();
  ASSERT_EQ(rejects.size(), 400'002u - 8u);
  EXPECT_THAT(rejects.front(), testing::StartsWith("line 2: 1 fields"));
  EXPECT_THAT(rejects.back(), testing::StartsWith("line 400003: 1 fields"));
  for (const SeenChunk& chunk : seen.emitter.chunks) EXPECT_LT(reject_bytes(chunk), kPartRejectBytesMax * 3 / 2);

  EXPECT_EQ(read(content, {.threads = 4}).emitter.rejects(), rejects);
  for (const size_t from : {size_t{0}, seen.emitter.chunks.size() / 2, seen.emitter.chunks.size() - 3}) {
    const Seen resumed = read(content, {.threads = 2}, seen.emitter.chunks[from].position_end);
    ASSERT_EQ(resumed.emitter.chunks.size(), seen.emitter.chunks.size() - from - 1);
    for (size_t i = 0; i < resumed.emitter.chunks.size(); ++i) {
      EXPECT_EQ(resumed.emitter.chunks[i].rejects, seen.emitter.chunks[from + 1 + i].rejects);
      EXPECT_EQ(resumed.emitter.chunks[i].rows, seen.emitter.chunks[from + 1 + i].rows);
      EXPECT_EQ(resumed.emitter.chunks[i].position_end, seen.emitter.chunks[from + 1 + i].position_end);
    }
  }
}

TEST_F(CsvSource, StatsCountWhatWasRead) {
  const std::string content = mixed_lines(70);
  files_.contents["trades.csv"] = content;
  auto source = make_file_source({.path = "trades.csv", .threads = 2, .chunk_bytes = 100}, symbols_, clock_, files_);
  ASSERT_TRUE(source);
  KeepingEmitter emitter(symbols_);
  ASSERT_TRUE((*source)->run(0, emitter, {}));
  EXPECT_TRUE((*source)->deterministic());
  EXPECT_EQ((*source)->stats().records, emitter.rows().size());
  EXPECT_EQ((*source)->stats().rejects, emitter.rejects().size());
  EXPECT_EQ((*source)->stats().bytes, content.size());
  EXPECT_EQ((*source)->stats().bytes_total, content.size());
}

}  // namespace
}  // namespace penstock::feed::file

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "feed/file/file_testing.h"
#include "feed/file/line_decoder.h"

namespace penstock::feed::file {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class JsonlSource : public testing::Test {
 protected:
  KeepingEmitter read(const std::string& content, FileOptions options = {}) {
    options.path = "trades.jsonl";
    files_.contents[options.path] = content;
    KeepingEmitter emitter(symbols_);
    auto source = make_file_source(options, symbols_, clock_, files_);
    EXPECT_TRUE(source) << source.error().message;
    if (source) {
      const Status status = (*source)->run(0, emitter, {});
      EXPECT_TRUE(status) << status.error().message;
    }
    return emitter;
  }

  market::SymbolTable symbols_;
  ManualClock clock_{Timestamp{0}};
  MemoryFiles files_;
};

TEST_F(JsonlSource, ReadsNumbersAndTextsOfEveryColumn) {
  const KeepingEmitter seen = read(
      R"({"id":17,"conditions":"@ T","symbol":"AAPL","side":"buy","ts_event":"2024-01-02T14:30:00.123456789Z","ts_recv":1704205800124,"price":187.15,"size":"100","venue":"XNAS","x":{"y":[1,2]}})"
      "\n"
      R"( { "ts_event" : 1704205800.5 , "symbol" : "A\u00e9\"" , "size" : 1e2 , "price" : "1.50" , "id" : "t-1", "side":null } )"
      "\r\n\n  \n"
      R"({"symbol":"B","ts_event":1704205801,"price":1,"size":2})");
  EXPECT_THAT(seen.rejects(), IsEmpty());
  EXPECT_THAT(
      seen.rows(),
      ElementsAre("AAPL|XNAS|2024-01-02T14:30:00.123456789Z|2024-01-02T14:30:00.124Z|187.15|100|17|buy|@ T",
                  "A\u00e9\"|-|2024-01-02T14:30:00.500Z|-|1.5|100|t-1|-|-", "B|-|2024-01-02T14:30:01Z|-|1|2|-|-|-"));
  EXPECT_THAT(seen.marks(), ElementsAre(Timestamp::max()));
}

// As a double 0.1234567890123456 or 9007199254740993.25 would lose digits.
TEST_F(JsonlSource, NoNumberPassesThroughADouble) {
  const KeepingEmitter seen = read(
      R"({"symbol":"A","ts_event":1704205800123456789,"price":9007199.254740993,"size":90071992547.40993,"id":9007199254740993})"
      "\n");
  EXPECT_THAT(seen.rows(), ElementsAre("A|-|2024-01-02T14:30:00.123456789Z|-|9007199.254740993|90071992547.40993|"
                                       "9007199254740993|-|-"));
}

TEST_F(JsonlSource, TheLastOfTwoMembersOfOneNameCounts) {
  const KeepingEmitter seen = read(R"({"symbol":"A","ts_event":1,"price":1,"size":2,"price":3})"
                                   "\n");
  EXPECT_THAT(seen.rows(), ElementsAre("A|-|1970-01-01T00:00:01Z|-|3|2|-|-|-"));
}

TEST_F(JsonlSource, TakesTheFilesOwnNames) {
  const KeepingEmitter seen =
      read(R"({"T":1570752004123,"p":"0.0015","q":7.5})"
           "\n",
           {.columns = {{"ts_event", "T"}, {"price", "p"}, {"size", "q"}}, .symbol = "XRP/ETH"});
  EXPECT_THAT(seen.rows(), ElementsAre("XRP/ETH|-|2019-10-11T00:00:04.123Z|-|0.0015|7.5|-|-|-"));
}

TEST_F(JsonlSource, EachBadLineIsARejectWithItsNumberReasonAndBytes) {
  const KeepingEmitter seen = read(
      "{\"symbol\":\"A\",\"ts_event\":1,\"price\":1,\"size\":2}\n"
      "{\"symbol\":\"A\",\"ts_event\":1,\"price\":1,\"size\":2\n"             // 2: cut
      "not json\n"                                                            // 3
      "[1,2]\n"                                                               // 4
      "{\"symbol\":\"A\",\"ts_event\":1,\"price\":1}\n"                       // 5
      "{\"symbol\":\"A\",\"ts_event\":1,\"price\":true,\"size\":2}\n"         // 6
      "{\"symbol\":\"A\",\"ts_event\":1,\"price\":{\"a\":1},\"size\":2}\n"    // 7
      "{\"symbol\":\"A\",\"ts_event\":1,\"price\":12345678901234567890123456789,\"size\":2}\n"  // 8
      "{\"symbol\":\"A\xff\",\"ts_event\":1,\"price\":1,\"size\":2}\n"        // 9
      "{\"symbol\":\"A\",\"ts_event\":\"9999-01-01T00:00:00Z\",\"price\":1,\"size\":2}\n"       // 10
      "{\"symbol\":\"A\",\"ts_event\":1,\"price\":1,\"size\":2} {}\n"         // 11
      "{\"symbol\":null,\"ts_event\":1,\"price\":1,\"size\":2}\n"             // 12
      "{\"symbol\":\"A\",\"ts_event\":1,\"price\":1,\"size\":2,}\n"           // 13
      "{\"symbol\":\"\\ud800\",\"ts_event\":1,\"price\":1,\"size\":2}\n"      // 14
      "{\"symbol\":\"A\",\"ts_event\":1,\"price\":1,\"size\":-2}\n");         // a check's business
  EXPECT_EQ(seen.rows().size(), 2u);
  EXPECT_THAT(
      seen.rejects(),
      ElementsAre(StartsWith("line 2: not a JSON object: "),
                  AllOf(StartsWith("line 3: not a JSON object"), testing::EndsWith(": not json")),
                  StartsWith("line 4: not a JSON object"), StartsWith("line 5: size: no value"),
                  StartsWith("line 6: price: not a number: 'true'"), StartsWith("line 7: price: not a number: '{"),
                  StartsWith("line 8: price: number out of range"), StartsWith("line 9: not"),
                  StartsWith("line 10: ts_event: time outside"), StartsWith("line 11: not a JSON object"),
                  StartsWith("line 12: symbol: no value"), StartsWith("line 13: not a JSON object"),
                  StartsWith("line 14: not a JSON object")));
}

TEST_F(JsonlSource, AnyChunkSizeAndAnyNumberOfThreadsGivesTheSame) {
  std::string content = "\xef\xbb\xbf";
  for (int i = 0; i < 200; ++i) {
    if (i % 9 == 0) content += "\n";
    if (i % 10 == 3) content += "{oops}\n";
    content += fmt::format(R"({{"symbol":"S{}","ts_event":{},"price":{}.5,"size":1,"id":{}}})", i % 5, i, i, i) + "\n";
  }
  const KeepingEmitter whole = read(content, {.threads = 1});
  EXPECT_EQ(whole.rows().size(), 200u);
  EXPECT_EQ(whole.rejects().size(), 20u);
  for (const size_t chunk_bytes : std::vector<size_t>{1, 50, 64, 999}) {
    const KeepingEmitter seen = read(content, {.threads = 3, .chunk_bytes = chunk_bytes});
    EXPECT_EQ(seen.rows(), whole.rows());
    EXPECT_EQ(seen.rejects(), whole.rejects());
  }
}

TEST_F(JsonlSource, GarbageComesInChunksOfBoundedMemory) {
  std::string content;
  for (int i = 0; i < 100'000; ++i) content += "{oops}\n";
  for (const FileRecord record : {FileRecord::trade, FileRecord::json}) {
    const KeepingEmitter seen = read(content, {.record = record, .threads = 2});
    ASSERT_EQ(seen.rejects().size(), 100'000u);
    EXPECT_THAT(seen.rejects().back(), StartsWith("line 100000: not "));
    for (const SeenChunk& chunk : seen.chunks) {
      EXPECT_LT(chunk.rejects.size() * sizeof(Reject), kPartRejectBytesMax);
    }
  }
}

TEST_F(JsonlSource, RecordsOfKindJsonAreTheLinesThemselves) {
  const KeepingEmitter seen =
      read(" {\"a\": 1.50, \"k\": \"x\"} \n[1,2]\n{\"k\":7,\"t\":\"2024-01-02T14:30:00Z\"}\n{bad\n",
           {.record = FileRecord::json, .columns = {{"key", "k"}, {"ts_recv", "t"}}});
  EXPECT_THAT(seen.rows(),
              ElementsAre("x|{\"a\": 1.50, \"k\": \"x\"}|1970-01-01T00:00:00Z", "-|[1,2]|1970-01-01T00:00:00Z",
                          "7|{\"k\":7,\"t\":\"2024-01-02T14:30:00Z\"}|2024-01-02T14:30:00Z"));
  EXPECT_THAT(seen.rejects(), ElementsAre(StartsWith("line 4: not JSON: ")));
}

}  // namespace
}  // namespace penstock::feed::file

#include "market/control_codec.h"

#include <gtest/gtest.h>

namespace penstock::market {
namespace {

TEST(ControlCodec, MarksReadBackOverTheWholeRangeOfTime) {
  for (const Timestamp time : {Timestamp::min(), Timestamp{-1}, Timestamp{0}, Timestamp::max()}) {
    const auto mark = decode_mark(encode_mark({"alpaca", time}));
    ASSERT_TRUE(mark);
    EXPECT_EQ(mark->source, "alpaca");
    EXPECT_EQ(mark->time, time);
  }
}

TEST(ControlCodec, RejectsKeepEveryByte) {
  const RejectRecord reject{"file", "line 7", "not a number", std::string("\0\xff\n,", 4)};
  const auto read = decode_reject(encode_reject(reject));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->source, reject.source);
  EXPECT_EQ(read->position, reject.position);
  EXPECT_EQ(read->reason, reject.reason);
  EXPECT_EQ(read->raw, reject.raw);
}

TEST(ControlCodec, RecordsSentAgainKeepEveryByte) {
  const ReprocessRecord record{"checked", "a,b", "A 2024-01-02T14:30:00Z", "rule p: price > 0", "{\"x\": \"\xff\0\"}"};
  const auto read = decode_reprocess(encode_reprocess(record));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->stream, record.stream);
  EXPECT_EQ(read->source, record.source);
  EXPECT_EQ(read->position, record.position);
  EXPECT_EQ(read->reason, record.reason);
  EXPECT_EQ(read->raw, record.raw);
  EXPECT_FALSE(decode_reprocess(encode_reject({"a", "b", "c", "d"})));
}

TEST(ControlCodec, ACutOrNewerRecordIsCorruptAtEveryLength) {
  const std::string whole = encode_reject({"file", "line 7", "why", "raw"});
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto read = decode_reject(std::string_view(whole).substr(0, length));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  }
  std::string newer = encode_mark({"a", Timestamp{1}});
  newer[0] = 2;
  EXPECT_FALSE(decode_mark(newer));
}

}  // namespace
}  // namespace penstock::market

#include "feed/file/thrift_reader.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "feed/file/parquet_testing.h"

namespace penstock::feed::file {
namespace {

using Field = ThriftReader::Field;

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string sample() {
  ThriftWriter inner;
  inner.boolean(1, true).boolean(2, false).binary(3, "text");
  return ThriftWriter()
      .integer(1, ThriftType::i8, -5)
      .integer(2, ThriftType::i16, -300)
      .i32(3, std::numeric_limits<int32_t>::min())
      .i64(40, std::numeric_limits<int64_t>::max())
      .structure(41, inner)
      .list(42, std::vector<ThriftWriter>(20, inner))
      .i32_list(43, {1, -2, 3})
      .done();
}

TEST(ThriftReader, ReadsEveryKindOfValue) {
  const std::string text = sample();
  ThriftReader reader(bytes_of(text));
  Field field;
  ASSERT_TRUE(reader.next_field(field));
  EXPECT_EQ(field.id, 1);
  EXPECT_EQ(reader.integer(field), -5);
  ASSERT_TRUE(reader.next_field(field));
  EXPECT_EQ(reader.integer(field), -300);
  ASSERT_TRUE(reader.next_field(field));
  EXPECT_EQ(reader.small_integer(field), std::numeric_limits<int32_t>::min());
  ASSERT_TRUE(reader.next_field(field));
  EXPECT_EQ(field.id, 40);
  EXPECT_EQ(reader.integer(field), std::numeric_limits<int64_t>::max());
  ASSERT_TRUE(reader.next_field(field));
  ASSERT_TRUE(reader.structure(field));
  Field inner;
  ASSERT_TRUE(reader.next_field(inner));
  EXPECT_TRUE(reader.boolean(inner));
  ASSERT_TRUE(reader.next_field(inner));
  EXPECT_FALSE(reader.boolean(inner));
  ASSERT_TRUE(reader.next_field(inner));
  EXPECT_EQ(reader.binary(inner), "text");
  EXPECT_FALSE(reader.next_field(inner));
  ASSERT_TRUE(reader.next_field(field));
  ASSERT_EQ(reader.list(field, ThriftType::structure), 20u);
  for (int i = 0; i < 20; ++i) reader.skip_structure();
  ASSERT_TRUE(reader.next_field(field));
  ASSERT_EQ(reader.list(field, ThriftType::i32), 3u);
  EXPECT_EQ(reader.integer_element(), 1);
  EXPECT_EQ(reader.integer_element(), -2);
  EXPECT_EQ(reader.integer_element(), 3);
  EXPECT_FALSE(reader.next_field(field));
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.bytes_read(), text.size());
}

TEST(ThriftReader, SkipsWhatItDoesNotKnowAndEveryCutEndsEarly) {
  const std::string text = sample();
  for (size_t size = 0; size <= text.size(); ++size) {
    // In memory of its own, so that a sanitizer sees a read beyond.
    const std::vector<uint8_t> cut(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
    ThriftReader reader(cut);
    Field field;
    while (reader.next_field(field)) reader.skip(field);
    EXPECT_EQ(reader.ok(), size == text.size()) << size;
    EXPECT_EQ(reader.ended_early(), size < text.size()) << size;
  }
}

TEST(ThriftReader, WhatIsMalformedFailsForGood) {
  const std::string deep(200, '\x1c');  // structures in structures
  const std::string long_number = "\x15\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
  for (const std::string& text : {deep, long_number, std::string("\x1e")}) {
    ThriftReader reader(bytes_of(text));
    Field field;
    while (reader.next_field(field)) reader.skip(field);
    EXPECT_FALSE(reader.ok());
    EXPECT_FALSE(reader.ended_early());
    EXPECT_EQ(reader.integer_element(), 0);
  }
  const std::string text = sample();
  ThriftReader other(bytes_of(text));
  Field field;
  ASSERT_TRUE(other.next_field(field));
  EXPECT_EQ(other.binary(field), "");
  EXPECT_FALSE(other.ok());
  EXPECT_FALSE(other.next_field(field));
}

}  // namespace
}  // namespace penstock::feed::file

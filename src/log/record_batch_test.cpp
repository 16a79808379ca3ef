#include "log/record_batch.h"

#include <gtest/gtest.h>

#include <random>

#include "base/crc32c.h"
#include "log/compression.h"

namespace penstock::log {
namespace {

struct Given {
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::string>> headers;
};

std::optional<std::string_view> view(const std::optional<std::string>& text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

std::vector<Header> views(const Given& given) {
  std::vector<Header> headers;
  for (const auto& [key, value] : given.headers) headers.push_back({key, value});
  return headers;
}

ReadBatch as_read(const EncodedBatch& batch, std::vector<std::byte>& plain) {
  ReadBatch read{.base_offset = Offset{100},
                 .count = batch.count,
                 .codec = batch.codec,
                 .base_timestamp_ms = batch.base_timestamp_ms,
                 .records = batch.records};
  if (batch.codec == Codec::none) return read;
  const Status status = decompress(batch.codec, batch.records, plain);
  EXPECT_TRUE(status) << status.error().message;
  read.records = plain;
  return read;
}

void expect_same(const std::vector<Given>& given, const EncodedBatch& batch) {
  EXPECT_EQ(batch.records_crc, crc32c(batch.records));
  std::vector<std::byte> plain;
  RecordIterator records(as_read(batch, plain));
  RecordView record;
  for (size_t i = 0; i < given.size(); ++i) {
    ASSERT_TRUE(records.next(record)) << "record " << i;
    ASSERT_EQ(record.offset.value, 100 + static_cast<int64_t>(i));
    ASSERT_EQ(record.timestamp_ms, given[i].timestamp_ms);
    ASSERT_EQ(record.has_key, given[i].key.has_value());
    ASSERT_EQ(record.key, given[i].key.value_or(""));
    ASSERT_EQ(record.has_value, given[i].value.has_value());
    ASSERT_EQ(record.value, given[i].value.value_or(""));
    for (const auto& [key, value] : given[i].headers) ASSERT_EQ(find_header(record.headers, key), value);
    ASSERT_EQ(find_header(record.headers, "no such header"), std::nullopt);
  }
  ASSERT_FALSE(records.next(record));
  ASSERT_TRUE(records.status()) << records.status().error().message;
}

TEST(RecordBatch, IsByteForByteWhatKafkaFrames) {
  RecordBatchBuilder builder;
  builder.add(1000, "a", "bc");
  builder.add(999, std::nullopt, std::nullopt, std::array{Header{"h", "v"}});
  const EncodedBatch batch = builder.finish(Codec::none).value();
  // Worked out by hand from the format: zigzag lengths, deltas -1 for the earlier time, -1 for null.
  const std::vector<uint8_t> expected{18, 0, 0, 0, 2, 'a', 4, 'b', 'c', 0, 20, 0, 1, 2, 1, 1, 2, 2, 'h', 2, 'v'};
  ASSERT_EQ(batch.records.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(std::to_integer<uint8_t>(batch.records[i]), expected[i]) << i;
  EXPECT_EQ(batch.base_timestamp_ms, 1000);
  EXPECT_EQ(batch.max_timestamp_ms, 1000);
  EXPECT_EQ(batch.count, 2);
}

TEST(RecordBatch, GivesBackRandomRecordsThroughEveryCodec) {
  std::mt19937_64 random(42);
  const auto text = [&](size_t bytes_max) {
    std::string made(random() % bytes_max, '\0');
    for (char& c : made) c = static_cast<char>(random() % 7);
    return made;
  };
  RecordBatchBuilder builder;
  for (int round = 0; round < 300; ++round) {
    std::vector<Given> given(1 + random() % 40);
    for (Given& record : given) {
      // Any int64: deltas are taken modulo 2^64.
      record.timestamp_ms = round % 3 == 0 ? static_cast<int64_t>(random()) : static_cast<int64_t>(random() % 100'000);
      if (random() % 4 != 0) record.key = text(100);
      if (random() % 8 != 0) record.value = text(random() % 20 == 0 ? 20'000 : 90);
      for (uint64_t h = 0; h < random() % 3; ++h) record.headers.emplace_back(fmt::format("header {}", h), text(200));
      builder.add(record.timestamp_ms, view(record.key), view(record.value), views(record));
    }
    const Codec codec = std::array{Codec::none, Codec::lz4, Codec::zstd}[static_cast<size_t>(round) % 3];
    auto batch = builder.finish(codec);
    ASSERT_TRUE(batch) << batch.error().message;
    expect_same(given, *batch);
    if (HasFatalFailure()) FAIL() << "round " << round;
    builder.recycle(std::move(*batch));
  }
}

TEST(RecordBatch, RecordsWrittenInPlaceAreTheSameAsCopiedOnesAtEveryLengthAroundAWidthOfItsLength) {
  for (const size_t around : std::initializer_list<size_t>{0, 56, 64, 8180, 8192}) {
    for (size_t length = around > 12 ? around - 12 : 0; length < around + 12; ++length) {
      const std::string value(length, 'v');
      RecordBatchBuilder copied;
      RecordBatchBuilder written;
      copied.add(5, "key", value);
      written.add_written(5, "key", length + 1000, [&](std::byte* out) {
        std::fill_n(out, length + 1000, std::byte{0xEE});  // it may scribble on all that it asked for
        std::memcpy(out, value.data(), length);
        return length;
      });
      ASSERT_EQ(copied.finish(Codec::none)->records, written.finish(Codec::none)->records) << length;
    }
  }
}

TEST(RecordBatch, AnEmptyOrTooLargeBatchIsAnErrorAndTheBuilderGoesOn) {
  RecordBatchBuilder builder;
  EXPECT_EQ(builder.finish(Codec::none).error().kind, ErrorKind::invalid);
  const std::string megabyte(size_t{1} << 20, 'x');
  for (int i = 0; i < 70; ++i) builder.add(0, std::nullopt, megabyte);
  EXPECT_LE(builder.byte_size(), kRecordsBytesMax);
  EXPECT_EQ(builder.finish(Codec::none).error().kind, ErrorKind::full);
  builder.add(1, "k", "v");
  expect_same({{1, "k", "v", {}}}, builder.finish(Codec::none).value());
}

TEST(RecordBatch, DamagedRecordsAreAnErrorAndNeverReadOutside) {
  RecordBatchBuilder builder;
  for (int i = 0; i < 5; ++i) builder.add(i, "key", "value", std::array{Header{"name", "of a header"}});
  const EncodedBatch batch = builder.finish(Codec::none).value();
  std::vector<std::byte> plain;
  // Cut at every byte, in memory of exactly that size, so that a sanitizer sees a read beyond it.
  for (size_t length = 0; length < batch.records.size(); ++length) {
    const std::vector<std::byte> cut(batch.records.begin(), batch.records.begin() + static_cast<ptrdiff_t>(length));
    ReadBatch read = as_read(batch, plain);
    read.records = cut;
    RecordIterator records(read);
    for (RecordView record; records.next(record);) {
    }
    ASSERT_FALSE(records.status()) << "cut at " << length;
    ASSERT_EQ(records.status().error().kind, ErrorKind::corrupt);
  }
  // A byte after the last record is noticed too.
  std::vector<std::byte> longer = batch.records;
  longer.push_back(std::byte{0});
  ReadBatch read = as_read(batch, plain);
  read.records = longer;
  RecordIterator records(read);
  for (RecordView record; records.next(record);) {
  }
  EXPECT_FALSE(records.status());
}

TEST(RecordBatch, CompressedBytesThatAreCutOrForeignAreAnError) {
  RecordBatchBuilder builder;
  std::vector<std::byte> plain;
  for (const Codec codec : {Codec::lz4, Codec::zstd}) {
    for (int i = 0; i < 200; ++i) builder.add(i, "key", fmt::format("value {}", i * i));
    const EncodedBatch batch = builder.finish(codec).value();
    for (size_t length = 0; length < batch.records.size(); ++length) {
      ASSERT_FALSE(decompress(codec, std::span(batch.records).first(length), plain)) << length;
    }
    std::vector<std::byte> longer = batch.records;
    longer.push_back(std::byte{1});
    ASSERT_FALSE(decompress(codec, longer, plain));
  }
  EXPECT_EQ(decompress(static_cast<Codec>(1), plain, plain).error().kind, ErrorKind::invalid);
}

TEST(RecordBatch, CompressedRecordsMayNotGrowPastTheirBound) {
  const std::vector<std::byte> zeros(kRecordsBytesMax + 1);
  std::vector<std::byte> plain;
  for (const Codec codec : {Codec::lz4, Codec::zstd}) {
    const auto bomb = compress(codec, zeros);
    ASSERT_TRUE(bomb);
    const Status status = decompress(codec, *bomb, plain);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind, ErrorKind::corrupt);
  }
}

TEST(Varint, TakesEveryWidthAndRefusesWhatIsTooLong) {
  for (int bit = 0; bit < 64; ++bit) {
    for (const int64_t near : {-1, 0, 1}) {
      const auto value = static_cast<int64_t>((uint64_t{1} << bit) + static_cast<uint64_t>(near));
      std::array<std::byte, kVarlongBytesMax> bytes{};
      const std::byte* const end = put_varint(bytes.data(), value);
      ASSERT_EQ(static_cast<size_t>(end - bytes.data()), varint_size(value));
      const std::byte* at = bytes.data();
      int64_t read = 0;
      ASSERT_TRUE(take_varint<64>(at, end, read));
      ASSERT_EQ(read, value);
      ASSERT_EQ(at, end);
      at = bytes.data();
      ASSERT_FALSE(take_varint<64>(at, end - 1, read));
      at = bytes.data();
      ASSERT_EQ(take_varint<32>(at, end, read), value >= INT32_MIN && value <= INT32_MAX) << value;
    }
  }
}

}  // namespace
}  // namespace penstock::log

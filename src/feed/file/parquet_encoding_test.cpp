#include "feed/file/parquet_encoding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "feed/file/parquet_testing.h"

namespace penstock::feed::file {
namespace {

PaddedBytes padded(const std::string& text) {
  PaddedBytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

std::vector<uint32_t> read_from(const PackedIntegers& integers, size_t first) {
  std::vector<uint32_t> values(integers.size() - first);
  PackedIntegers::Cursor(integers, first).read(values.data(), values.size());
  return values;
}

TEST(PackedIntegers, AreReadFromAnyValueOnWhateverTheirRunsAndWidth) {
  std::mt19937_64 random(1);
  for (int bits = 0; bits <= PackedIntegers::kBitsMax; ++bits) {
    std::vector<uint32_t> expected;
    std::string text;
    const auto value = [&] { return bits == 0 ? 0 : static_cast<uint32_t>(random() >> (64 - bits)); };
    while (expected.size() < 5000) {
      if (random() % 2 == 0) {
        const size_t count = random() % 40;  // none, too
        expected.insert(expected.end(), count, value());
        text += craft_repeated(count == 0 ? 0 : expected.back(), count, bits);
      } else {
        std::vector<uint32_t> run(8 * (random() % 200));
        std::ranges::generate(run, value);
        text += craft_packed(run, bits);
        expected.insert(expected.end(), run.begin(), run.end());
      }
    }
    // The last run may hold more than the values that count.
    expected.resize(expected.size() - random() % 5);
    const PaddedBytes bytes = padded(text);
    const auto integers = PackedIntegers::open(bytes.span(), bits, expected.size());
    ASSERT_TRUE(integers) << bits;
    for (size_t first = 0; first <= expected.size(); first += 1 + random() % 500) {
      ASSERT_EQ(read_from(*integers, first),
                std::vector<uint32_t>(expected.begin() + static_cast<std::ptrdiff_t>(first), expected.end()))
          << bits << " bits from " << first;
    }
    PackedIntegers::Cursor cursor(*integers, 0);
    std::vector<uint32_t> parts(expected.size());
    for (size_t at = 0; at < parts.size();) {
      const size_t count = std::min<size_t>(parts.size() - at, random() % 100);
      cursor.read(parts.data() + at, count);
      at += count;
    }
    EXPECT_EQ(parts, expected);
  }
}

TEST(PackedIntegers, ARunThatEndsBehindTheLastValueMayBeCutThere) {
  const std::vector<uint32_t> values{1, 2, 3};
  const std::string text = craft_packed(values, 5);
  const PaddedBytes whole = padded(text);
  const auto cut = PackedIntegers::open(whole.span().first(3), 5, 3);
  ASSERT_TRUE(cut);
  EXPECT_EQ(read_from(*cut, 0), values);
  EXPECT_FALSE(PackedIntegers::open(whole.span().first(2), 5, 3));
}

TEST(PackedIntegers, WhatIsTooShortOrTooWideIsRefused) {
  const PaddedBytes bytes = padded(craft_repeated(7, 100, 12) + craft_packed(std::vector<uint32_t>(64, 9), 12));
  EXPECT_TRUE(PackedIntegers::open(bytes.span(), 12, 164));
  EXPECT_FALSE(PackedIntegers::open(bytes.span(), 12, 165));
  EXPECT_FALSE(PackedIntegers::open(bytes.span(), 33, 1));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(PackedIntegers::open(bytes.span().first(size), 12, 164)) << size;
  }
  EXPECT_FALSE(PackedIntegers::open_unframed(bytes.span().first(2), 1, 17));
}

TEST(PackedIntegers, OneRunOfOneValueIsToldAsConstant) {
  uint32_t value = 0;
  const PaddedBytes repeated = padded(craft_repeated(1, 100, 1));
  EXPECT_TRUE(PackedIntegers::open(repeated.span(), 1, 100)->is_constant(value));
  EXPECT_EQ(value, 1u);
  const PaddedBytes packed = padded(craft_packed({1, 1}, 1));
  EXPECT_FALSE(PackedIntegers::open(packed.span(), 1, 2)->is_constant(value));
}

// The example of Parquet's documentation, and one whose deltas need all 64 bits.
TEST(DeltaIntegers, AreSummedUpWithWrapAround) {
  const PaddedBytes bytes =
      padded(std::string("\x80\x01\x04\x08\x0e\x03\x02\x00\x00\x00\xc0\x3f\x00\x00\x00\x00\x00\x00", 18));
  std::vector<int64_t> out(8);
  ASSERT_TRUE(read_delta_integers(bytes.span(), out));
  EXPECT_EQ(out, (std::vector<int64_t>{7, 5, 3, 1, 2, 3, 4, 5}));
  EXPECT_FALSE(read_delta_integers(bytes.span(), std::span(out).first(7)));
  for (size_t size = 0; size < 12; ++size) EXPECT_FALSE(read_delta_integers(bytes.span().first(size), out)) << size;
  const PaddedBytes wide =
      padded(std::string("\x08\x01\x02\x00\x00\x40", 6) + std::string(7, '\0') + '\x80' + std::string(56, '\0'));
  out.resize(2);
  ASSERT_TRUE(read_delta_integers(wide.span(), out));
  EXPECT_EQ(out, (std::vector<int64_t>{0, std::numeric_limits<int64_t>::min()}));
}

}  // namespace
}  // namespace penstock::feed::file

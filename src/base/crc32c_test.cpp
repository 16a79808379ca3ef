#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string_view>
#include <vector>

namespace penstock {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// The definition, bit by bit, which shares nothing with the code under test.
uint32_t crc32c_by_definition(std::span<const std::byte> bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
  }
  return ~crc;
}

std::vector<std::byte> random_bytes(std::mt19937_64& random, size_t size) {
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// RFC 3720, appendix B.4.
TEST(Crc32c, GivesThePublishedVectors) {
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0})), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0xFF})), 0x62A8AB43U);
  std::vector<std::byte> counting(32);
  for (size_t i = 0; i < counting.size(); ++i) counting[i] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c(counting), 0x46DD794EU);
  std::ranges::reverse(counting);
  EXPECT_EQ(crc32c(counting), 0x113FDB5CU);
}

TEST(Crc32c, EqualsItsDefinitionAtEveryLengthAroundTheLaneSizes) {
  std::mt19937_64 random(7);
  const auto bytes = random_bytes(random, 20'000);
  for (const size_t around : std::initializer_list<size_t>{0, 8, 768, 1536, 6144, 12288, 19'000}) {
    for (size_t length = around > 20 ? around - 20 : 0; length < around + 20; ++length) {
      for (const size_t from : std::initializer_list<size_t>{0, 1, 5}) {
        const auto part = std::span(bytes).subspan(from, length);
        ASSERT_EQ(crc32c(part), crc32c_by_definition(part)) << "length " << length << " from " << from;
      }
    }
  }
}

TEST(Crc32c, ContinuesFromAnEarlierPartAndCombinesTwoParts) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 500; ++round) {
    const auto bytes = random_bytes(random, random() % 30'000);
    const size_t cut = bytes.empty() ? 0 : random() % (bytes.size() + 1);
    const auto a = std::span(bytes).first(cut);
    const auto b = std::span(bytes).subspan(cut);
    const uint32_t whole = crc32c(bytes);
    ASSERT_EQ(crc32c(b, crc32c(a)), whole) << "round " << round;
    ASSERT_EQ(crc32c_combine(crc32c(a), crc32c(b), b.size()), whole) << "round " << round;
  }
}

TEST(Crc32c, CombinesOverLengthsThatUseEveryByteOfTheCount) {
  // Shifting by m and then by n must be shifting by m + n; zeros have a checksum of their own at each length.
  const uint32_t a = crc32c(bytes_of("a trade"));
  for (const uint64_t m : {uint64_t{1}, uint64_t{255}, uint64_t{256}, uint64_t{70'001}, uint64_t{5'000'000'123}}) {
    for (const uint64_t n : {uint64_t{3}, uint64_t{65'536}, uint64_t{1} << 40}) {
      ASSERT_EQ(crc32c_combine(crc32c_combine(a, 0, m), 0, n), crc32c_combine(a, 0, m + n)) << m << " " << n;
    }
  }
}

TEST(Crc32c, NoticesEveryFlippedBit) {
  std::mt19937_64 random(3);
  auto bytes = random_bytes(random, 300);
  const uint32_t crc = crc32c(bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    ASSERT_NE(crc32c(bytes), crc) << "bit " << bit;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

}  // namespace
}  // namespace penstock

#include "feed/file/field_parse.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace penstock::feed::file {
namespace {

// A text with readable memory around it, filled with what would be misread if the length were not heeded.
class Padded {
 public:
  explicit Padded(std::string_view text)
      : bytes_(std::string(64, '7') + std::string(text) + std::string(64, '7')), size_(text.size()) {}
  [[nodiscard]] const char* begin() const { return bytes_.data() + 64; }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  std::string bytes_;
  size_t size_;
};

// Texts that are numbers, nearly numbers, and not.
std::string random_number(std::mt19937_64& random) {
  constexpr std::string_view kBytes = "0123456789000111999...-+eE :/";
  std::string text(random() % 22, '0');
  const size_t kinds = random() % 3 == 0 ? kBytes.size() : random() % 2 == 0 ? 20 : 10;
  for (char& c : text) c = kBytes[random() % kinds];
  return text;
}

TEST(FieldParse, AFastDecimalIsWhatTheExactParserSays) {
  std::mt19937_64 random(1);
  size_t fast = 0;
  for (int i = 0; i < 300'000; ++i) {
    const std::string text = random_number(random);
    const Padded padded(text);
    for (const int scale : {market::kPriceScale, market::kSizeScale, 0}) {
      int64_t value = 0;
      if (!fast_decimal(padded.begin(), padded.size(), scale, value)) continue;
      ++fast;
      int64_t expected = 0;
      ASSERT_EQ(market::parse_decimal(text, scale, expected), market::DecimalError::ok) << text;
      ASSERT_EQ(value, expected) << text;
    }
  }
  EXPECT_GT(fast, 100'000u);
}

TEST(FieldParse, PlainDecimalsTakeTheFastWay) {
  for (const char* text :
       {"0", "5", "100", "123.45", ".5", "5.", "0.000000001", "1234567.12345678", "9223372036.85477"}) {
    const Padded padded(text);
    int64_t value = 0;
    EXPECT_TRUE(fast_decimal(padded.begin(), padded.size(), market::kPriceScale, value)) << text;
  }
  for (const char* text : {"", ".", "-1", "1..2", "1e5", "12345678901234567", "0.0000000001", "99999999999"}) {
    const Padded padded(text);
    int64_t value = 0;
    EXPECT_FALSE(fast_decimal(padded.begin(), padded.size(), market::kPriceScale, value)) << text;
  }
}

TEST(FieldParse, AFastIntegerIsExact) {
  for (const int64_t number : {int64_t{0}, int64_t{7}, int64_t{1'704'205'800'123}, int64_t{9'999'999'999'999'999},
                               int64_t{10'000'000'000'000'000}, int64_t{9'223'372'036'854'775'807}}) {
    const Padded padded(std::to_string(number));
    int64_t value = 0;
    ASSERT_TRUE(fast_integer(padded.begin(), padded.size(), value)) << number;
    EXPECT_EQ(value, number);
  }
  for (const char* text : {"", "9223372036854775808", "12345678901234567890", "1x", "-1", "123456789012345678x"}) {
    const Padded padded(text);
    int64_t value = 0;
    EXPECT_FALSE(fast_integer(padded.begin(), padded.size(), value)) << text;
  }
}

TEST(FieldParse, AFastTimeIsWhatTheParserSaysForGoodAndBadTexts) {
  std::mt19937_64 random(2);
  TimeParser parser;
  size_t fast = 0;
  for (int i = 0; i < 200'000; ++i) {
    const auto ns = static_cast<int64_t>(1'704'205'800'000'000'000 + random() % 200'000'000'000'000);
    std::string text = format_rfc3339(Timestamp{random() % 2 == 0 ? ns : ns / 1'000'000 * 1'000'000});
    // Now and then damaged, without its Z, with another separator, or with an offset.
    switch (random() % 8) {
      case 0: text[random() % text.size()] = "0123456789:-.TZ x"[random() % 17]; break;
      case 1: text.pop_back(); break;
      case 2: text[10] = ' '; break;
      case 3: text.replace(text.size() - 1, 1, "+02:00"); break;
      default: break;
    }
    const Padded padded(text);
    Timestamp expected;
    const TimeError error = parse_time(text, TimeUnit::detect, expected);
    Timestamp time;
    if (parser.parse_fast(padded.begin(), padded.size(), time)) {
      ++fast;
      ASSERT_EQ(error, TimeError::ok) << text;
      ASSERT_EQ(time, expected) << text;
    } else {
      ASSERT_EQ(parser.parse(text, time), error) << text;
    }
  }
  EXPECT_GT(fast, 40'000u);
}

}  // namespace
}  // namespace penstock::feed::file

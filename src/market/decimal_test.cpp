#include "market/decimal.h"

#include <gtest/gtest.h>

#include <limits>

namespace penstock::market {
namespace {

int64_t price(std::string_view text) {
  int64_t out = 0;
  EXPECT_EQ(parse_decimal(text, kPriceScale, out), DecimalError::ok) << text;
  return out;
}

DecimalError error_of(std::string_view text, int scale = kPriceScale) {
  int64_t out = 0;
  return parse_decimal(text, scale, out);
}

TEST(Decimal, ReadsEveryFormExactly) {
  EXPECT_EQ(price("123.45"), 123'450'000'000);
  EXPECT_EQ(price("-0.5"), -500'000'000);
  EXPECT_EQ(price(".5"), 500'000'000);
  EXPECT_EQ(price("5."), 5'000'000'000);
  EXPECT_EQ(price("+3"), 3'000'000'000);
  EXPECT_EQ(price("1e-7"), 100);
  EXPECT_EQ(price("1.5E+3"), 1'500'000'000'000);
  EXPECT_EQ(price("100"), 100'000'000'000);
  EXPECT_EQ(price("000100.000"), 100'000'000'000);
  EXPECT_EQ(price("1.50000000000000000000000000000"), 1'500'000'000);
  EXPECT_EQ(price("0e999999"), 0);
  EXPECT_EQ(price("9223372036.854775807"), std::numeric_limits<int64_t>::max());
}

TEST(Decimal, RefusesWhatItCannotKeep) {
  EXPECT_EQ(error_of("0.0000000001"), DecimalError::too_many_digits);
  EXPECT_EQ(error_of("9223372036.854775808"), DecimalError::out_of_range);
  EXPECT_EQ(error_of("123456789012345678901234567890"), DecimalError::out_of_range);
  EXPECT_EQ(error_of("1e30"), DecimalError::out_of_range);
  for (const char* text : {"", "-", ".", "abc", "1,5", "1.2.3", "1e", "1ex", "0x10", " 1", "1 ", "nan", "inf"}) {
    EXPECT_EQ(error_of(text), DecimalError::not_a_number) << text;
  }
}

TEST(Decimal, ADoubleIsTakenAsItsShortestDecimal) {
  int64_t out = 0;
  EXPECT_EQ(from_double(0.1, kPriceScale, out), DecimalError::ok);
  EXPECT_EQ(out, 100'000'000);
  EXPECT_EQ(from_double(0.00151234, kPriceScale, out), DecimalError::ok);
  EXPECT_EQ(out, 1'512'340);
  EXPECT_EQ(from_double(std::numeric_limits<double>::quiet_NaN(), kPriceScale, out), DecimalError::not_a_number);
  EXPECT_EQ(from_double(1e30, kPriceScale, out), DecimalError::out_of_range);
}

TEST(Decimal, FormatReadsBack) {
  EXPECT_EQ(Price{123'450'000'000}.to_string(), "123.45");
  EXPECT_EQ(Price{-500'000'000}.to_string(), "-0.5");
  EXPECT_EQ(Size{700'000'000}.to_string(), "7");
  for (int64_t units :
       {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{1'000'000'000}, std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(price(Price{units}.to_string()), units);
  }
}

}  // namespace
}  // namespace penstock::market

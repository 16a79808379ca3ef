#include "io/http_message.h"

#include <gtest/gtest.h>

namespace penstock::io {
namespace {

TEST(HttpMessage, HeadersAreFoundWithoutCase) {
  const HttpHeaders headers{{"Content-Type", "text/plain"}, {"content-type", "second"}};
  EXPECT_EQ(headers.find("CONTENT-TYPE"), "text/plain");
  EXPECT_EQ(headers.find("Content-Typ"), std::nullopt);
}

TEST(HttpMessage, PercentDecodingKeepsBrokenEscapes) {
  EXPECT_EQ(decode_percent("a%20b%C3%B8+c", true), "a b\xC3\xB8 c");
  EXPECT_EQ(decode_percent("a+b", false), "a+b");
  EXPECT_EQ(decode_percent("100%", true), "100%");
  EXPECT_EQ(decode_percent("%4", true), "%4");
  EXPECT_EQ(decode_percent("%zz", true), "%zz");
}

TEST(HttpMessage, EncodedTextDecodesToItself) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  EXPECT_EQ(decode_percent(encode_percent(all), true), all);
}

TEST(HttpMessage, FormValuesAreFoundByDecodedName) {
  EXPECT_EQ(find_form_value("sql=select+1%2B1&format=csv", "sql"), "select 1+1");
  EXPECT_EQ(find_form_value("a=1&a=2", "a"), "1");
  EXPECT_EQ(find_form_value("a&b=", "a"), "");
  EXPECT_EQ(find_form_value("a&b=", "b"), "");
  EXPECT_EQ(find_form_value("ab=1", "a"), std::nullopt);
  EXPECT_EQ(find_form_value("", "a"), std::nullopt);
}

TEST(HttpMessage, DatesReadBackAsWritten) {
  EXPECT_EQ(format_http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  for (const int64_t seconds : {int64_t{0}, int64_t{951782400}, int64_t{4102444799}})
    EXPECT_EQ(parse_http_date(format_http_date(seconds)), seconds);
  EXPECT_EQ(parse_http_date("Sun, 31 Feb 1994 08:49:37 GMT"), std::nullopt);
  EXPECT_EQ(parse_http_date("Sun, 06 Foo 1994 08:49:37 GMT"), std::nullopt);
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 CET"), std::nullopt);
  EXPECT_EQ(parse_http_date("-1"), std::nullopt);
}

}  // namespace
}  // namespace penstock::io

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/http_client.h"

namespace penstock::io {
namespace {

using testing::HasSubstr;

TEST(Url, IsTakenApart) {
  const auto url = parse_url("https://Example.com:8443/a/b?c=d#e");
  ASSERT_TRUE(url.has_value());
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "Example.com");
  EXPECT_EQ(url->port, "8443");
  EXPECT_EQ(url->target, "/a/b?c=d");
  EXPECT_EQ(url->host_header(), "Example.com:8443");
}

TEST(Url, WhatIsLeftOutIsFilledIn) {
  EXPECT_EQ(parse_url("http://h")->target, "/");
  EXPECT_EQ(parse_url("http://h?x=1")->target, "/?x=1");
  EXPECT_EQ(parse_url("http://h")->port, "80");
  EXPECT_EQ(parse_url("HTTPS://h/")->port, "443");
  EXPECT_EQ(parse_url("https://h:443/")->host_header(), "h");
  EXPECT_EQ(parse_url("http://[::1]:81/")->host, "::1");
  EXPECT_EQ(parse_url("http://[::1]:81/")->host_header(), "[::1]:81");
}

TEST(Url, WhatIsNoneSaysWhyAndShowsNoSecret) {
  for (const std::string text :
       {"", "ftp://h/", "h/path", "http://", "http:///x", "http://h:x/", "http://h:99999/", "http://h:/",
        "http://[::1/", "http://h/a b", "http://h/\r\nX: y", "http://u:secret@h/"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url.has_value()) << text;
    EXPECT_EQ(url.error().kind, ErrorKind::invalid);
    EXPECT_THAT(url.error().message, testing::Not(HasSubstr("secret")));
  }
  EXPECT_THAT(parse_url("ftp://h/?key=secret").error().message, testing::Not(HasSubstr("secret")));
}

TEST(Url, ARedirectsLocationIsReadAgainstTheOneBefore) {
  const Url base = *parse_url("https://h:8443/a/b?c=d");
  const auto text = [&](std::string_view location) {
    const auto url = resolve_url(base, location);
    return url ? (url->tls ? "https://" : "http://") + url->host_header() + url->target : url.error().message;
  };
  EXPECT_EQ(text("http://other/x"), "http://other/x");
  EXPECT_EQ(text("//other/x"), "https://other/x");
  EXPECT_EQ(text("/x"), "https://h:8443/x");
  EXPECT_EQ(text("x?to=http://y"), "https://h:8443/a/x?to=http://y");
  EXPECT_EQ(text("?x"), "https://h:8443/a/b?x");
}

}  // namespace
}  // namespace penstock::io

// What HTTP/1.1 messages are made of, for both the server and the client edge.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::io {

// Names compare without case, as HTTP has it; order and repeats are kept.
class HttpHeaders {
 public:
  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  // The first value of `name`.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
  std::string method;  // as sent: `GET`
  std::string path;    // percent-decoded, without the query: `/api/query`
  std::string query;   // as sent, without the `?`
  HttpHeaders headers;
  std::string body;
  // The first value of a query parameter, decoded.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
};

[[nodiscard]] bool equal_without_case(std::string_view a, std::string_view b);

// `%41` is `A`; a broken escape stays as it is. With `form`, `+` is a space.
[[nodiscard]] std::string decode_percent(std::string_view text, bool form);
// The reverse, for a query parameter's value.
[[nodiscard]] std::string encode_percent(std::string_view text);

// The first value of `name` in `a=1&b=2`, decoded.
[[nodiscard]] std::optional<std::string> find_form_value(std::string_view form, std::string_view name);

// `Sun, 06 Nov 1994 08:49:37 GMT` from seconds since the epoch, and back (only this form, which is the one sent today).
[[nodiscard]] std::string format_http_date(int64_t seconds);
[[nodiscard]] std::optional<int64_t> parse_http_date(std::string_view text);

}  // namespace penstock::io

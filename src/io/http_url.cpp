#include <algorithm>

#include "io/http_client.h"

namespace penstock::io {
namespace {

bool has_space_or_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == std::string_view::npos &&
         std::stoi(std::string(text)) <= 65535;
}

// A url may hold a key in its query: messages show it up to there.
std::string_view shown(std::string_view url) { return url.substr(0, url.find('?')); }

}  // namespace

std::string Url::host_header() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (tls ? "443" : "80")) text += ":" + port;
  return text;
}

Result<Url> parse_url(std::string_view text) {
  const auto invalid = [&](std::string_view why) {
    return fail(ErrorKind::invalid, "url '{}' {}; write http://host:port/path or https://host/path", shown(text), why);
  };
  if (has_space_or_control(text)) return invalid("has a space or control character (a space is written %20)");
  Url url;
  std::string_view rest = text;
  if (equal_without_case(rest.substr(0, 8), "https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else if (equal_without_case(rest.substr(0, 7), "http://")) {
    rest.remove_prefix(7);
  } else {
    return invalid("does not begin with http:// or https://");
  }
  const size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, end);
  rest.remove_prefix(end);
  // It would be shown wherever the url is; a header is not.
  if (authority.find('@') != std::string_view::npos)
    return fail(ErrorKind::invalid,
                "a url with a user or password in it is not taken; send an Authorization header instead");
  url.port = url.tls ? "443" : "80";
  const size_t host_end = authority.starts_with('[') ? authority.find(']') : authority.find(':');
  if (authority.starts_with('[')) {
    if (host_end == std::string_view::npos) return invalid("has a [ without its ]");
    url.host = authority.substr(1, host_end - 1);
    authority.remove_prefix(host_end + 1);
  } else {
    url.host = authority.substr(0, host_end);
    authority.remove_prefix(url.host.size());
  }
  if (url.host.empty()) return invalid("names no host");
  if (!authority.empty()) {
    if (authority[0] != ':' || !is_port(authority.substr(1))) return invalid("has a port that is none");
    url.port = authority.substr(1);
  }
  url.target = rest.substr(0, rest.find('#'));
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

Result<Url> resolve_url(const Url& base, std::string_view location) {
  const std::string scheme = base.tls ? "https:" : "http:";
  const size_t colon = location.find("://");
  if (colon != std::string_view::npos && colon < location.find_first_of("/?#")) return parse_url(location);
  if (location.starts_with("//")) return parse_url(scheme + std::string(location));
  const std::string origin = scheme + "//" + base.host_header();
  if (location.starts_with('/')) return parse_url(origin + std::string(location));
  const std::string path = base.target.substr(0, base.target.find('?'));
  if (location.starts_with('?')) return parse_url(origin + path + std::string(location));
  return parse_url(origin + path.substr(0, path.rfind('/') + 1) + std::string(location));
}

}  // namespace penstock::io

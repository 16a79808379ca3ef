#include "serve/guard.h"

#include <fmt/core.h>

namespace penstock::serve {
namespace {

bool names_this_machine(std::string_view host) {
  if (host.starts_with("[::1]")) {
    host.remove_prefix(5);
  } else {
    const std::string_view name = host.substr(0, host.find(':'));
    const bool loopback = name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string_view::npos;
    if (!loopback && !io::equal_without_case(name, "localhost")) return false;
    host.remove_prefix(name.size());
  }
  return host.empty() || (host[0] == ':' && host.find_first_not_of("0123456789", 1) == std::string_view::npos);
}

}  // namespace

std::optional<std::string> why_refused(const io::HttpRequest& request, bool navigation) {
  const auto host = request.headers.find("Host");
  if (!host || !names_this_machine(*host))
    return fmt::format("Host '{}' does not name this machine; use 127.0.0.1 or localhost", host.value_or(""));
  const auto origin = request.headers.find("Origin");
  if (origin && !io::equal_without_case(*origin, fmt::format("http://{}", *host)))
    return fmt::format("a page of '{}' may not use this server", *origin);
  const auto site = request.headers.find("Sec-Fetch-Site");
  if (!navigation && site && *site != "same-origin" && *site != "none")
    return "a page of another site may not use this server";
  return std::nullopt;
}

}  // namespace penstock::serve

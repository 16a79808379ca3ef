#include <fmt/core.h>

#include "stream/checks/judge.h"

namespace penstock::stream {

namespace {
constexpr std::string_view kRule = "rule ";
}  // namespace

std::string reason_of(const plan::CheckRule& rule, const Failure& failure) {
  if (std::holds_alternative<plan::SqlCheck>(rule.kind)) return fmt::format("rule {}: {}", rule.name, failure.bound);
  return fmt::format("rule {} ({}): {}, bound {}", rule.name, plan::kind_name(rule.kind), failure.value, failure.bound);
}

// Rule names have neither colons nor parentheses.
std::optional<RefusedBy> RefusedBy::of(std::string_view reason) {
  if (!reason.starts_with(kRule)) return std::nullopt;
  reason.remove_prefix(kRule.size());
  const size_t end = reason.find_first_of(":(");
  if (end == std::string_view::npos) return std::nullopt;
  if (reason[end] == ':') return RefusedBy{std::string(reason.substr(0, end)), "sql"};
  const size_t close = reason.find("): ", end);
  if (close == std::string_view::npos || end == 0 || reason[end - 1] != ' ') return std::nullopt;
  return RefusedBy{std::string(reason.substr(0, end - 1)), std::string(reason.substr(end + 1, close - end - 1))};
}

}  // namespace penstock::stream

#include "plan/diagnostics.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

namespace penstock::plan {

std::string Diagnostic::to_string() const { return fmt::format("{}: {}", location.to_string(), message); }

void Diagnostics::add(Position at, std::string message) {
  if (items_.size() == kDiagnosticsMax) {
    ++dropped_;
    return;
  }
  items_.push_back({location(at), std::move(message)});
}

std::vector<Diagnostic> Diagnostics::take(const std::vector<Secret>& secrets) {
  std::sort(items_.begin(), items_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.location.line, a.location.column, a.message) <
           std::tie(b.location.line, b.location.column, b.message);
  });
  if (dropped_ > 0) {
    items_.push_back({items_.back().location, fmt::format("and {} more errors, which are not shown", dropped_)});
  }
  for (Diagnostic& item : items_) item.message = redact(item.message, secrets);
  return std::move(items_);
}

}  // namespace penstock::plan

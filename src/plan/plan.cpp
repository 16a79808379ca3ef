#include "plan/plan.h"

#include <fmt/core.h>

#include <algorithm>

#include "market/schema.h"

namespace penstock::plan {
namespace {

// A secret of fewer bytes is replaced only where it stands alone: `1` inside `10:31` is no leak, and a message whose
// every digit is replaced says nothing.
constexpr size_t kReplacedAnywhereMin = 4;

bool is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool stands_alone(std::string_view text, size_t at, size_t length) {
  const bool before = at > 0 && is_word(text[at - 1]) && is_word(text[at]);
  const size_t end = at + length;
  const bool after = end < text.size() && is_word(text[end]) && is_word(text[end - 1]);
  return !before && !after;
}

}  // namespace

std::string Location::to_string() const { return fmt::format("{}:{}:{}", file, line, column); }

const market::SchemaPtr& Plan::schema_of(const Input& input) const {
  switch (input.port) {
    case Port::rows: break;
    case Port::late: return market::late_schema();
    case Port::quarantine: return market::quarantine_schema();
    case Port::quality: return market::quality_schema();
  }
  return input.from == Input::From::topic ? topics[input.index].schema : streams[input.index].output;
}

std::string redact(std::string_view text, const std::vector<Secret>& secrets) {
  // One pass from the left, the longest secret first, so that a replacement is never searched again.
  std::vector<const Secret*> longest_first;
  for (const Secret& secret : secrets) {
    if (!secret.value.empty()) longest_first.push_back(&secret);
  }
  std::sort(longest_first.begin(), longest_first.end(), [](const Secret* a, const Secret* b) {
    return a->value.size() != b->value.size() ? a->value.size() > b->value.size() : a->name < b->name;
  });
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto hit = std::find_if(longest_first.begin(), longest_first.end(), [&](const Secret* secret) {
      return text.substr(at).starts_with(secret->value) &&
             (secret->value.size() >= kReplacedAnywhereMin || stands_alone(text, at, secret->value.size()));
    });
    if (hit == longest_first.end()) {
      out += text[at++];
    } else {
      out += fmt::format("${{{}}}", (*hit)->name);
      at += (*hit)->value.size();
    }
  }
  return out;
}

std::string Plan::redact(std::string_view text) const { return plan::redact(text, secrets); }

}  // namespace penstock::plan

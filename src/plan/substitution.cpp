#include "plan/substitution.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

namespace penstock::plan {
namespace {

constexpr size_t kValueBytesMax = 64 * 1024;

bool is_name(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  });
}

bool names_a_secret(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  for (const char* word : {"KEY", "SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL"}) {
    if (upper.find(word) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

void Substitution::apply(YamlNode& node) {
  if (node.is_scalar()) apply_scalar(node);
  for (YamlNode& item : node.items) apply(item);
  for (YamlEntry& entry : node.entries) apply(entry.value);
}

void Substitution::apply_scalar(YamlNode& node) {
  const std::string& raw = node.raw;
  if (raw.find('$') == std::string::npos) return;
  const auto refuse = [&](size_t at, std::string message) {
    diagnostics_.add(document_.locate(node, at), std::move(message));
    node.broken = true;
  };
  std::string text;
  std::string shown;
  for (size_t at = 0; at < raw.size();) {
    if (raw.compare(at, 2, "${") == 0) {
      refuse(at, "`${` is not closed: write ${NAME} or ${NAME:-default} on one line, or $${ for the two characters");
      return;
    }
    if (raw.compare(at, 2, "$$") == 0 && at + 2 < raw.size() && raw[at + 2] == kOpenCode) {
      text += '$';
      shown += '$';
      at += 2;
      const size_t end = raw.find(kCloseCode, at);
      const std::string literal = decode_references(std::string_view(raw).substr(at, end - at + 1));
      node.replaced.push_back({text.size() - 1, text.size() + literal.size(), at - 2, end + 1});
      text += literal;
      shown += literal;
      at = end == std::string::npos ? raw.size() : end + 1;
      continue;
    }
    if (raw[at] != '$' || at + 1 >= raw.size() || raw[at + 1] != kOpenCode) {
      text += raw[at];
      shown += raw[at];
      ++at;
      continue;
    }
    const size_t end = raw.find(kCloseCode, at);
    if (end == std::string::npos) {
      refuse(at, "`${` is not closed: write ${NAME} or ${NAME:-default} on one line");
      return;
    }
    const std::string_view inside = std::string_view(raw).substr(at + 2, end - at - 2);
    const size_t colon = inside.find(kColonCode);
    const std::string name(inside.substr(0, colon));
    if (!is_name(name) || (colon != std::string_view::npos && inside.substr(colon + 1, 1) != "-")) {
      refuse(at,
             fmt::format("`${{{}}}` is not a reference: write ${{NAME}} or ${{NAME:-default}}, the name of letters, "
                         "digits and _",
                         decode_references(inside)));
      return;
    }
    asked_.insert(name);
    std::string value;
    bool secret = false;
    const char* environment = nullptr;
    if (const auto set = variables_.set.find(name); set != variables_.set.end()) {
      value = set->second;
      secret = names_a_secret(name);
    } else if (variables_.use_environment && (environment = std::getenv(name.c_str())) != nullptr) {
      value = environment;
      secret = true;
    } else if (colon != std::string_view::npos) {
      value = decode_references(inside.substr(colon + 2));
    } else if (variables_.allow_unset) {
      node.unset = true;
      unset_.push_back({diagnostics_.location(document_.locate(node, at)), name});
      value = fmt::format("${{{}}}", name);
    } else {
      refuse(at, fmt::format("{0} has no value: add --set {0}=... or set it in the environment{1}", name,
                             variables_.use_environment ? "" : " (which is not read here)"));
      return;
    }
    if (value.size() > kValueBytesMax) {
      refuse(at, fmt::format("the value of {} has {} bytes, at most {} are taken", name, value.size(), kValueBytesMax));
      return;
    }
    if (secret) keep_secret(name, value);
    node.replaced.push_back({text.size(), text.size() + value.size(), at, end + 1});
    text += value;
    shown += secret ? fmt::format("${{{}}}", name) : value;
    at = end + 1;
  }
  node.text = std::move(text);
  node.shown = std::move(shown);
}

void Substitution::keep_secret(const std::string& name, const std::string& value) {
  const auto same = [&](const Secret& secret) { return secret.name == name; };
  if (std::none_of(secrets_.begin(), secrets_.end(), same)) secrets_.push_back({name, value});
}

void Substitution::report_unused() {
  const std::vector<std::string> names(asked_.begin(), asked_.end());
  for (const auto& [name, value] : variables_.set) {
    if (asked_.contains(name)) continue;
    diagnostics_.add({}, fmt::format("--set {}=...: the file has no ${{{}}}{}{}", name, name, suggestion(name, names),
                                     names.empty() ? "; it takes no values" : "; it takes " + list_names(names)));
  }
}

}  // namespace penstock::plan

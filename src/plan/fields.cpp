#include "plan/fields.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

namespace penstock::plan {
namespace {

constexpr size_t kNameCharactersMax = 100;
constexpr size_t kShownBytesMax = 60;

struct ByteUnit {
  std::string_view name;
  int64_t bytes;
};
constexpr std::array<ByteUnit, 12> kByteUnits{{{"", 1},
                                               {"B", 1},
                                               {"KiB", int64_t{1} << 10},
                                               {"MiB", int64_t{1} << 20},
                                               {"GiB", int64_t{1} << 30},
                                               {"TiB", int64_t{1} << 40},
                                               {"KB", 1'000},
                                               {"kB", 1'000},
                                               {"MB", 1'000'000},
                                               {"GB", 1'000'000'000},
                                               {"TB", 1'000'000'000'000},
                                               {"PiB", int64_t{1} << 50}}};

std::string shape_of(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null: return "nothing";
    case YamlNode::Kind::scalar: {
      std::string shown = node.shown;
      if (shown.size() > kShownBytesMax) {
        shown.resize(kShownBytesMax);
        while (!shown.empty() && (static_cast<unsigned char>(shown.back()) & 0xc0u) == 0x80u) shown.pop_back();
        if (!shown.empty() && static_cast<unsigned char>(shown.back()) >= 0xc0u) shown.pop_back();
        shown += "...";
      }
      return fmt::format("'{}'", shown);
    }
    case YamlNode::Kind::sequence: return "a list";
    case YamlNode::Kind::map: return "a map";
  }
  return "nothing";
}

}  // namespace

std::optional<std::string> ValueReader::text(const YamlNode& node, std::string_view what) {
  if (node.broken) return std::nullopt;
  if (!node.is_scalar() || node.text.empty()) {
    error(node, fmt::format("{} must be a text, not {}", what, node.is_scalar() ? "empty" : shape_of(node)));
    return std::nullopt;
  }
  return node.text;
}

std::optional<std::string> ValueReader::stated_text(const YamlNode& node, std::string_view what) {
  if (node.broken || node.is_null() || (node.is_scalar() && node.text.empty())) return std::nullopt;
  return text(node, what);
}

std::optional<int64_t> ValueReader::integer(const YamlNode& node, std::string_view what, int64_t least,
                                            int64_t greatest) {
  if (node.broken) return std::nullopt;
  int64_t value = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [rest, failure] = std::from_chars(node.text.data(), end, value);
  if (!node.is_scalar() || failure != std::errc{} || rest != end || value < least || value > greatest) {
    error(node, fmt::format("{} must be a whole number from {} to {}, not {}", what, least, greatest, shape_of(node)));
    return std::nullopt;
  }
  return value;
}

std::optional<double> ValueReader::number(const YamlNode& node, std::string_view what, double least, double greatest) {
  if (node.broken) return std::nullopt;
  double value = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [rest, failure] = std::from_chars(node.text.data(), end, value);
  if (!node.is_scalar() || failure != std::errc{} || rest != end || !std::isfinite(value) || value < least ||
      value > greatest) {
    error(node, fmt::format("{} must be a number from {} to {}, not {}", what, least, greatest, shape_of(node)));
    return std::nullopt;
  }
  return value;
}

std::optional<Duration> ValueReader::duration(const YamlNode& node, std::string_view what, Duration least,
                                              Duration greatest) {
  if (node.broken) return std::nullopt;
  const auto value = node.is_scalar() ? parse_duration(node.text) : Result<Duration>(fail(ErrorKind::invalid, ""));
  if (!value) {
    error(node, fmt::format("{} must be a duration such as 250ms, 2s, 5m, 1h or 1d, not {}", what, shape_of(node)));
    return std::nullopt;
  }
  if (*value < least || *value > greatest) {
    error(node, fmt::format("{} must be from {} to {}, not {}", what, format_duration(least), format_duration(greatest),
                            shape_of(node)));
    return std::nullopt;
  }
  return *value;
}

std::optional<int64_t> ValueReader::bytes(const YamlNode& node, std::string_view what, int64_t least,
                                          int64_t greatest) {
  if (node.broken) return std::nullopt;
  int64_t count = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [rest, failure] = std::from_chars(node.text.data(), end, count);
  std::string_view unit_name(rest, static_cast<size_t>(end - rest));
  if (unit_name.starts_with(' ')) unit_name.remove_prefix(1);
  const auto unit = std::find_if(kByteUnits.begin(), kByteUnits.end(),
                                 [&](const ByteUnit& known) { return known.name == unit_name; });
  int64_t value = 0;
  if (!node.is_scalar() || failure != std::errc{} || unit == kByteUnits.end() ||
      __builtin_mul_overflow(count, unit == kByteUnits.end() ? 1 : unit->bytes, &value)) {
    error(node,
          fmt::format("{} must be a number of bytes such as 64KiB, 512MiB or 1GiB, not {}", what, shape_of(node)));
    return std::nullopt;
  }
  if (value < least || value > greatest) {
    error(node, fmt::format("{} must be from {} to {} bytes, not {}", what, least, greatest, shape_of(node)));
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> ValueReader::choice(const YamlNode& node, std::string_view what,
                                               const std::vector<std::string>& choices) {
  if (node.broken) return std::nullopt;
  if (node.is_scalar() && std::find(choices.begin(), choices.end(), node.text) != choices.end()) return node.text;
  error(node, fmt::format("{} must be one of {}, not {}{}", what, list_names(choices), shape_of(node),
                          node.is_scalar() ? suggestion(node.shown, choices) : ""));
  return std::nullopt;
}

std::vector<const YamlNode*> ValueReader::scalars(const YamlNode& node, std::string_view what) {
  std::vector<const YamlNode*> out;
  if (node.is_sequence()) {
    if (node.items.empty()) error(node, fmt::format("{} is an empty list", what));
    for (const YamlNode& item : node.items) {
      if (item.broken) continue;
      if (item.is_scalar()) {
        out.push_back(&item);
      } else {
        error(item, fmt::format("{} must be a list of texts, not of {}", what, shape_of(item)));
      }
    }
  } else if (node.is_scalar()) {
    if (!node.broken) out.push_back(&node);
  } else {
    error(node, fmt::format("{} must be a text or a list of texts, not {}", what, shape_of(node)));
  }
  return out;
}

Fields::Fields(ValueReader& reader, const YamlNode& node, std::string what, std::vector<std::string> known)
    : reader_(reader), node_(node), what_(std::move(what)) {
  if (!node.is_map()) {
    reader_.error(node, fmt::format("{} must be a map of {}, not {}", what_, list_names(known), shape_of(node)));
    return;
  }
  std::set<std::string_view> seen;
  for (const YamlEntry& entry : node.entries) {
    if (!entry.key.is_scalar()) {
      reader_.error(entry.key, fmt::format("a key of {} must be a text, not {}", what_, shape_of(entry.key)));
    } else if (std::find(known.begin(), known.end(), entry.key.text) == known.end()) {
      reader_.error(entry.key, fmt::format("{} has no key '{}'{}; it takes {}", what_, entry.key.text,
                                           suggestion(entry.key.text, known), list_names(known)));
    } else if (!seen.insert(entry.key.text).second) {
      reader_.error(entry.key, fmt::format("{} is given twice", name_of(entry.key.text)));
    }
  }
}

const YamlNode* Fields::find(std::string_view key) const {
  for (const YamlEntry& entry : node_.entries) {
    if (entry.key.is_scalar() && entry.key.text == key) return entry.value.is_null() ? nullptr : &entry.value;
  }
  return nullptr;
}

const YamlNode* Fields::find_set(std::string_view key) const {
  const YamlNode* node = find(key);
  return node == nullptr || node->unset ? nullptr : node;
}

const YamlNode* Fields::require(std::string_view key, std::string_view why) {
  const YamlNode* node = find(key);
  if (node == nullptr && node_.is_map()) reader_.error(node_, fmt::format("{} needs '{}': {}", what_, key, why));
  return node;
}

std::string Fields::name_of(std::string_view key) const { return fmt::format("'{}' of {}", key, what_); }

void Fields::text(std::string_view key, std::string& out) {
  if (const YamlNode* node = find(key)) out = reader_.stated_text(*node, name_of(key)).value_or("");
}

void Fields::text(std::string_view key, std::optional<std::string>& out) {
  if (const YamlNode* node = find(key)) out = reader_.stated_text(*node, name_of(key));
}

void Fields::number(std::string_view key, double& out, double least, double greatest) {
  if (const YamlNode* node = find_set(key)) out = reader_.number(*node, name_of(key), least, greatest).value_or(out);
}

void Fields::duration(std::string_view key, Duration& out, Duration least, Duration greatest) {
  if (const YamlNode* node = find_set(key)) out = reader_.duration(*node, name_of(key), least, greatest).value_or(out);
}

void Fields::bytes(std::string_view key, int64_t& out, int64_t least, int64_t greatest) {
  if (const YamlNode* node = find_set(key)) out = reader_.bytes(*node, name_of(key), least, greatest).value_or(out);
}

std::vector<const YamlEntry*> named_entries(ValueReader& reader, const YamlNode& node, std::string_view what) {
  std::vector<const YamlEntry*> out;
  if (!node.is_map()) {
    reader.error(node, fmt::format("{} must be a map of names, not {}", what, shape_of(node)));
    return out;
  }
  std::set<std::string_view> seen;
  for (const YamlEntry& entry : node.entries) {
    if (!entry.key.is_scalar() || entry.key.text.empty()) {
      reader.error(entry.key, fmt::format("a name in {} must be a text, not {}", what, shape_of(entry.key)));
    } else if (!seen.insert(entry.key.text).second) {
      reader.error(entry.key, fmt::format("'{}' is given twice in {}", entry.key.text, what));
    } else {
      out.push_back(&entry);
    }
  }
  return out;
}

bool is_identifier(std::string_view text) {
  if (text.empty() || text.size() > kNameCharactersMax || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  });
}

}  // namespace penstock::plan

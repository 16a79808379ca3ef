// Reads the values of a YAML map by name and reports, with place and suggestion, what is unknown, missing or misshaped.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "plan/diagnostics.h"
#include "plan/yaml_document.h"

namespace penstock::plan {

// Readers of one value. Each gives nullopt after a diagnostic, or without one where the node is `broken` already.
// `what` names the value in messages: `'interval' of source 'users'`.
class ValueReader {
 public:
  ValueReader(const YamlDocument& document, Diagnostics& diagnostics)
      : document_(document), diagnostics_(diagnostics) {}

  void error(const YamlNode& node, std::string message) {
    if (!node.broken) diagnostics_.add(node.at, std::move(message));
  }
  void error_within(const YamlNode& scalar, size_t offset, std::string message) {
    diagnostics_.add(document_.locate(scalar, offset), std::move(message));
  }

  [[nodiscard]] std::optional<std::string> text(const YamlNode& node, std::string_view what);
  // A text that may be empty or null, which both mean "not stated".
  [[nodiscard]] std::optional<std::string> stated_text(const YamlNode& node, std::string_view what);
  [[nodiscard]] std::optional<int64_t> integer(const YamlNode& node, std::string_view what, int64_t least,
                                               int64_t greatest);
  [[nodiscard]] std::optional<double> number(const YamlNode& node, std::string_view what, double least,
                                             double greatest);
  [[nodiscard]] std::optional<Duration> duration(const YamlNode& node, std::string_view what, Duration least,
                                                 Duration greatest);
  // `512MiB`, `1GB`, `4096`.
  [[nodiscard]] std::optional<int64_t> bytes(const YamlNode& node, std::string_view what, int64_t least,
                                             int64_t greatest);
  [[nodiscard]] std::optional<std::string> choice(const YamlNode& node, std::string_view what,
                                                  const std::vector<std::string>& choices);
  // One scalar, or a list of scalars.
  [[nodiscard]] std::vector<const YamlNode*> scalars(const YamlNode& node, std::string_view what);
  [[nodiscard]] const Diagnostics& diagnostics() const { return diagnostics_; }
  [[nodiscard]] Location location(const YamlNode& node) const { return diagnostics_.location(node.at); }

 private:
  const YamlDocument& document_;
  Diagnostics& diagnostics_;
};

// The entries of one map. Reports at once: no map, keys that are no text, unknown keys, keys given twice.
class Fields {
 public:
  // `what` names the map: `source 'users'`. Borrows reader and node.
  Fields(ValueReader& reader, const YamlNode& node, std::string what, std::vector<std::string> known);

  // The value of `key`, or nullptr where it is absent or null.
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
  // The same; its absence is an error. `why` says what it is for, or what to write.
  [[nodiscard]] const YamlNode* require(std::string_view key, std::string_view why);
  [[nodiscard]] std::string name_of(std::string_view key) const;
  [[nodiscard]] bool is_map() const { return node_.is_map(); }

  // Into `out`, where the key is there and its value right; else `out` stays as it is. A number that is unset counts as
  // absent, a text that is unset is taken.
  void text(std::string_view key, std::string& out);
  void text(std::string_view key, std::optional<std::string>& out);
  template <typename Int>
  void integer(std::string_view key, Int& out, int64_t least, int64_t greatest) {
    if (const YamlNode* node = find_set(key)) {
      if (const auto value = reader_.integer(*node, name_of(key), least, greatest)) out = static_cast<Int>(*value);
    }
  }
  void number(std::string_view key, double& out, double least, double greatest);
  void duration(std::string_view key, Duration& out, Duration least, Duration greatest);
  void bytes(std::string_view key, int64_t& out, int64_t least, int64_t greatest);

 private:
  [[nodiscard]] const YamlNode* find_set(std::string_view key) const;

  ValueReader& reader_;
  const YamlNode& node_;
  std::string what_;
};

// Entries of a map of names (`sources:`, `streams:`): reports a node that is no map, and names given twice or not of
// letters, digits, _ and -. Gives those that are right, in the order of the file.
[[nodiscard]] std::vector<const YamlEntry*> named_entries(ValueReader& reader, const YamlNode& node,
                                                          std::string_view what);

// True for a name of letters, digits and _, not beginning with a digit, of at most 100 characters.
[[nodiscard]] bool is_identifier(std::string_view text);

}  // namespace penstock::plan

// A YAML text as a tree that knows where each node stands, read within bounds: size, depth, number of nodes (an alias
// counts as what it stands for). `${NAME}` in scalars is left for Substitution.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/diagnostics.h"

namespace penstock::plan {

inline constexpr int kYamlDepthMax = 32;
inline constexpr size_t kYamlNodesMax = 100'000;

struct YamlEntry;

struct YamlNode {
  enum class Kind : uint8_t { null, scalar, sequence, map } kind = Kind::null;
  Position at;
  size_t source_offset = 0;          // of the node in the document's text
  bool plain = false;                // a scalar without quotes
  bool broken = false;               // an error was reported for it: whoever reads it says nothing more
  bool unset = false;                // a scalar with a `${NAME}` that has no value and stands for itself
  std::string text;                  // of a scalar; after substitution, what it means
  std::string shown;                 // of a scalar, as messages may show it: secrets as `${NAME}`
  std::vector<YamlNode> items;       // of a sequence
  std::vector<YamlEntry> entries;    // of a map, in the order of the file

  // What a substitution put into `text`: [begin, end) of it stands for [raw_begin, raw_end) of `raw`.
  struct Replaced {
    size_t begin = 0;
    size_t end = 0;
    size_t raw_begin = 0;
    size_t raw_end = 0;
  };
  std::string raw;                   // of a scalar, before substitution, in the encoding of YamlDocument
  std::vector<Replaced> replaced;

  [[nodiscard]] bool is_scalar() const { return kind == Kind::scalar; }
  [[nodiscard]] bool is_map() const { return kind == Kind::map; }
  [[nodiscard]] bool is_sequence() const { return kind == Kind::sequence; }
  [[nodiscard]] bool is_null() const { return kind == Kind::null; }
};

struct YamlEntry {
  YamlNode key;
  YamlNode value;
};

class YamlDocument {
 public:
  // nullopt after at least one diagnostic.
  [[nodiscard]] static std::optional<YamlDocument> parse(std::string_view text, Diagnostics& diagnostics);

  [[nodiscard]] YamlNode& root() { return root_; }
  [[nodiscard]] const YamlNode& root() const { return root_; }
  // Where the byte `offset` of a scalar's text stands in the file; the scalar's start where that cannot be told.
  [[nodiscard]] Position locate(const YamlNode& scalar, size_t offset) const;

 private:
  friend class YamlBuilder;
  [[nodiscard]] Position position_of(size_t source_offset) const;

  std::string source_;
  std::vector<size_t> line_starts_;
  YamlNode root_;
};

// Inside `${...}`, characters that mean something to YAML are replaced by control characters before the YAML is read
// (a valid file has none), so that `{url: ${URL:-https://a/?b=[1]}}` is one plain scalar.
[[nodiscard]] std::string encode_references(std::string_view text);
[[nodiscard]] std::string decode_references(std::string_view text);
inline constexpr char kOpenCode = '\x01';
inline constexpr char kCloseCode = '\x02';
inline constexpr char kColonCode = '\x04';

}  // namespace penstock::plan

#include "plan/yaml_document.h"

#include <fmt/core.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace penstock::plan {
namespace {

constexpr std::array<std::pair<char, char>, 8> kCodes{{{'{', kOpenCode},
                                                       {'}', kCloseCode},
                                                       {',', '\x03'},
                                                       {':', kColonCode},
                                                       {'[', '\x05'},
                                                       {']', '\x06'},
                                                       {'#', '\x07'},
                                                       {'?', '\x08'}}};

// The length of the valid UTF-8 character at `at`, or 0.
size_t utf8_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> unsigned { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(at + 1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned second = byte(at + 1);
    if (!follows(at + 1) || !follows(at + 2) || (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) {
      return 0;
    }
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned second = byte(at + 1);
    if (!follows(at + 1) || !follows(at + 2) || !follows(at + 3) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f)) {
      return 0;
    }
    return 4;
  }
  return 0;
}

// Without the byte order mark, lines ended by \n.
std::string normalize(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out += text[i];
  }
  return out;
}

// Why the YAML is not read to its end: thrown through the YAML library by the builder.
struct Refused : std::runtime_error {
  Refused(const YAML::Mark& where, const std::string& why) : std::runtime_error(why), mark(where) {}
  YAML::Mark mark;
};

size_t skip_properties(std::string_view source, size_t at) {
  while (at < source.size() && (source[at] == '&' || source[at] == '!')) {
    while (at < source.size() && source[at] != ' ' && source[at] != '\n') ++at;
    while (at < source.size() && (source[at] == ' ' || source[at] == '\n')) ++at;
  }
  return at;
}

}  // namespace

std::string encode_references(std::string_view text) {
  std::string out(text);
  for (size_t at = 0; (at = out.find("${", at)) != std::string::npos;) {
    const size_t end = out.find_first_of("}\n", at);
    if (end == std::string::npos || out[end] == '\n') {
      at += 2;
      continue;
    }
    for (size_t i = at + 1; i <= end; ++i) {
      for (const auto& [plain, code] : kCodes) {
        if (out[i] == plain) out[i] = code;
      }
    }
    at = end + 1;
  }
  return out;
}

std::string decode_references(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    for (const auto& [plain, code] : kCodes) {
      if (c == code) c = plain;
    }
  }
  return out;
}

// Takes the library's events and builds the tree. The depth is checked here, before the library goes a level deeper.
class YamlBuilder final : public YAML::EventHandler {
 public:
  explicit YamlBuilder(const YamlDocument& document) : document_(document) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(mark, YamlNode::Kind::null), anchor, mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refused(mark, "an alias may not stand inside what it stands for");
    count(size_of(found->second), mark);
    if (static_cast<int>(stack_.size()) + depth_of(found->second) > kYamlDepthMax) {
      throw Refused(mark, fmt::format("nested more than {} levels deep", kYamlDepthMax));
    }
    YamlNode copy = found->second;
    add(std::move(copy), 0, mark, false);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    YamlNode node = make(mark, YamlNode::Kind::scalar);
    node.plain = tag == "?";
    node.raw = value;
    node.text = decode_references(value);
    node.shown = node.text;
    add(std::move(node), anchor, mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::sequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::map);
  }
  void OnMapEnd() override { close(); }

  [[nodiscard]] YamlNode take() { return std::move(root_); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    std::optional<YamlNode> key;
  };

  [[nodiscard]] YamlNode make(const YAML::Mark& mark, YamlNode::Kind kind) const {
    YamlNode node;
    node.kind = kind;
    const size_t line = static_cast<size_t>(std::max(mark.line, 0));
    const size_t start = document_.line_starts_[std::min(line, document_.line_starts_.size() - 1)];
    node.source_offset = std::min(start + static_cast<size_t>(std::max(mark.column, 0)), document_.source_.size());
    node.at = document_.position_of(node.source_offset);
    return node;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    check_tag(mark, tag);
    if (stack_.size() == kYamlDepthMax)
      throw Refused(mark, fmt::format("nested more than {} levels deep", kYamlDepthMax));
    stack_.push_back({make(mark, kind), anchor, mark, std::nullopt});
  }

  void close() {
    Open done = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(done.node), done.anchor, done.mark);
  }

  void add(YamlNode node, YAML::anchor_t anchor, const YAML::Mark& mark, bool counted = true) {
    if (counted) count(1, mark);
    if (anchor != 0) {
      count(size_of(node), mark);  // kept a second time
      anchors_[anchor] = node;
    }
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = stack_.back();
    if (parent.node.is_sequence()) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      parent.key = std::move(node);
    } else {
      // The mark of a missing value is that of the next token: the key tells better where it belongs.
      if (node.is_null()) node.at = parent.key->at;
      parent.node.entries.push_back({*std::move(parent.key), std::move(node)});
      parent.key.reset();
    }
  }

  void count(size_t nodes, const YAML::Mark& mark) {
    nodes_ += nodes;
    if (nodes_ > kYamlNodesMax) {
      throw Refused(mark, fmt::format("more than {} values, counting what aliases stand for", kYamlNodesMax));
    }
  }

  static void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!" || tag.starts_with("tag:yaml.org,2002:")) return;
    throw Refused(mark, fmt::format("the tag {} means nothing here; leave it out", tag));
  }

  static size_t size_of(const YamlNode& node) {
    size_t nodes = 1;
    for (const YamlNode& item : node.items) nodes += size_of(item);
    for (const YamlEntry& entry : node.entries) nodes += size_of(entry.key) + size_of(entry.value);
    return nodes;
  }

  static int depth_of(const YamlNode& node) {
    int deepest = 0;
    for (const YamlNode& item : node.items) deepest = std::max(deepest, depth_of(item));
    for (const YamlEntry& entry : node.entries) {
      deepest = std::max({deepest, depth_of(entry.key), depth_of(entry.value)});
    }
    return deepest + 1;
  }

  const YamlDocument& document_;
  YamlNode root_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  size_t nodes_ = 0;
};

Position YamlDocument::position_of(size_t source_offset) const {
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), source_offset);
  const size_t line = static_cast<size_t>(after - line_starts_.begin());
  int column = 1;
  for (size_t i = line_starts_[line - 1]; i < source_offset && i < source_.size(); ++i) {
    if ((static_cast<unsigned char>(source_[i]) & 0xc0u) != 0x80u) ++column;
  }
  return {static_cast<int>(line), column};
}

std::optional<YamlDocument> YamlDocument::parse(std::string_view text, Diagnostics& diagnostics) {
  if (text.size() > kFileBytesMax) {
    diagnostics.add({}, fmt::format("the file has {} bytes, a pipeline file may have {}", text.size(), kFileBytesMax));
    return std::nullopt;
  }
  YamlDocument document;
  document.source_ = normalize(text);
  document.line_starts_.push_back(0);
  for (size_t i = 0; i < document.source_.size(); ++i) {
    if (document.source_[i] == '\n') document.line_starts_.push_back(i + 1);
  }
  for (size_t i = 0; i < document.source_.size();) {
    const unsigned char c = static_cast<unsigned char>(document.source_[i]);
    const size_t length = utf8_length(document.source_, i);
    if (length == 0) {
      diagnostics.add(document.position_of(i),
                      fmt::format("the byte 0x{:02x} is not UTF-8; save the file as UTF-8", c));
      return std::nullopt;
    }
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
      diagnostics.add(document.position_of(i),
                      fmt::format("the control character 0x{:02x} has no place in a pipeline file", c));
      return std::nullopt;
    }
    i += length;
  }
  document.source_ = encode_references(document.source_);

  YamlBuilder builder(document);
  const auto report = [&](const YAML::Mark& mark, std::string message) {
    const size_t line = std::min(static_cast<size_t>(std::max(mark.line, 0)), document.line_starts_.size() - 1);
    const size_t offset = document.line_starts_[line] + static_cast<size_t>(std::max(mark.column, 0));
    diagnostics.add(document.position_of(std::min(offset, document.source_.size())), std::move(message));
  };
  try {
    std::istringstream stream(document.source_);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      diagnostics.add({}, "the file is empty; a pipeline needs at least `name`, `sources` and `tables`");
      return std::nullopt;
    }
    document.root_ = builder.take();
    YamlBuilder second(document);
    if (parser.HandleNextDocument(second)) {
      diagnostics.add(second.take().at, "a second YAML document begins here; a file holds one pipeline");
      return std::nullopt;
    }
  } catch (const Refused& refused) {
    report(refused.mark, refused.what());
    return std::nullopt;
  } catch (const YAML::Exception& error) {
    report(error.mark, fmt::format("not valid YAML: {}", error.msg));
    return std::nullopt;
  } catch (const std::exception& error) {
    diagnostics.add({}, fmt::format("not valid YAML: {}", error.what()));
    return std::nullopt;
  }
  return document;
}

Position YamlDocument::locate(const YamlNode& scalar, size_t offset) const {
  // Back from the substituted text to the text of the file.
  size_t raw_offset = offset;
  for (const YamlNode::Replaced& piece : scalar.replaced) {
    if (offset < piece.begin) break;
    raw_offset = offset < piece.end ? piece.raw_begin : piece.raw_end + (offset - piece.end);
  }
  // Then alongside the file: a line break is folded into a space or, in a block, followed by the indentation.
  size_t at = skip_properties(source_, scalar.source_offset);
  if (at < source_.size() && (source_[at] == '|' || source_[at] == '>')) {
    at = source_.find('\n', at);
    if (at == std::string::npos) return scalar.at;
    at = source_.find_first_not_of(" \n", at);
    if (at == std::string::npos) return scalar.at;
  } else if (!scalar.plain && at < source_.size() && (source_[at] == '\'' || source_[at] == '"')) {
    ++at;
  }
  for (size_t i = 0; i < raw_offset && i < scalar.raw.size(); ++i) {
    if (at >= source_.size()) return scalar.at;
    const char wanted = scalar.raw[i];
    if (source_[at] == wanted && wanted != '\n') {
      at += !scalar.plain && wanted == '\'' && source_.compare(at, 2, "''") == 0 ? 2u : 1u;
      continue;
    }
    if ((wanted != ' ' && wanted != '\n') || (source_[at] != '\n' && source_[at] != ' ')) return scalar.at;
    at = source_.find_first_not_of(" \n", at);
    if (at == std::string::npos) return scalar.at;
  }
  return position_of(std::min(at, source_.size()));
}

}  // namespace penstock::plan

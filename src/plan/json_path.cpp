#include "plan/json_path.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "plan/utf8.h"

namespace penstock::plan {
namespace {

namespace ondemand = simdjson::ondemand;

// The paths as a tree, so that one pass over a record finds all of them.
struct PathTree {
  JsonStep step;
  std::vector<size_t> wanted;     // paths that end here
  std::vector<PathTree> children;
};

void add_path(PathTree& tree, const JsonPath& path, size_t index) {
  PathTree* at = &tree;
  for (const JsonStep& step : path) {
    auto child =
        std::find_if(at->children.begin(), at->children.end(), [&](const PathTree& c) { return c.step == step; });
    if (child == at->children.end()) {
      at->children.push_back({step, {}, {}});
      child = at->children.end() - 1;
    }
    at = &*child;
  }
  at->wanted.push_back(index);
}

std::string_view trimmed(std::string_view text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  return end == std::string_view::npos ? std::string_view{} : text.substr(0, end + 1);
}

class Extractor {
 public:
  Extractor(const std::vector<JsonPath>& paths) : found_(paths.size()) {
    for (size_t i = 0; i < paths.size(); ++i) add_path(tree_, paths[i], i);
  }

  // What each path leads to in `record`; empty views where nowhere. Borrows from the extractor until the next call.
  const std::vector<std::string_view>& read(std::string_view record) {
    std::fill(found_.begin(), found_.end(), std::string_view{});
    if (record.size() + simdjson::SIMDJSON_PADDING > padded_.size()) {
      padded_.resize(record.size() * 2 + simdjson::SIMDJSON_PADDING);
    }
    if (record.empty()) return found_;
    std::memcpy(padded_.data(), record.data(), record.size());
    std::memset(padded_.data() + record.size(), ' ', simdjson::SIMDJSON_PADDING);
    ondemand::document document;
    if (parser_.iterate(padded_.data(), record.size(), padded_.size()).get(document) != simdjson::SUCCESS)
      return found_;
    ondemand::json_type type{};
    if (document.type().get(type) != simdjson::SUCCESS) return found_;
    if (type == ondemand::json_type::object || type == ondemand::json_type::array) {
      ondemand::value value;
      if (document.get_value().get(value) == simdjson::SUCCESS) (void)visit(value, tree_);
    } else if (!tree_.wanted.empty()) {
      std::string_view token;
      if (document.raw_json_token().get(token) == simdjson::SUCCESS) keep(tree_, trimmed(token));
    }
    return found_;
  }

 private:
  void keep(const PathTree& node, std::string_view json) {
    if (json == "null") return;
    for (const size_t index : node.wanted) {
      if (found_[index].empty()) found_[index] = json;
    }
  }

  // False when the record is broken from here on.
  bool visit(ondemand::value value, const PathTree& node) {
    ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    if (type == ondemand::json_type::object) {
      ondemand::object object;
      if (value.get_object().get(object) != simdjson::SUCCESS) return false;
      if (!node.wanted.empty()) {
        std::string_view json;
        if (object.raw_json().get(json) != simdjson::SUCCESS) return false;
        keep(node, trimmed(json));
        if (object.reset().error() != simdjson::SUCCESS) return false;
      }
      if (node.children.empty()) return true;
      std::vector<bool> seen(node.children.size(), false);
      for (auto field : object) {
        std::string_view key;
        if (field.unescaped_key().get(key) != simdjson::SUCCESS) return false;
        for (size_t i = 0; i < node.children.size(); ++i) {
          const PathTree& child = node.children[i];
          if (child.step.is_index || child.step.name != key || seen[i]) continue;
          seen[i] = true;
          ondemand::value inner;
          if (field.value().get(inner) != simdjson::SUCCESS || !visit(inner, child)) return false;
          break;
        }
      }
      return true;
    }
    if (type == ondemand::json_type::array) {
      ondemand::array array;
      if (value.get_array().get(array) != simdjson::SUCCESS) return false;
      if (!node.wanted.empty()) {
        std::string_view json;
        if (array.raw_json().get(json) != simdjson::SUCCESS) return false;
        keep(node, trimmed(json));
        if (array.reset().error() != simdjson::SUCCESS) return false;
      }
      if (node.children.empty()) return true;
      size_t index = 0;
      for (auto item : array) {
        ondemand::value inner;
        if (item.get(inner) != simdjson::SUCCESS) return false;
        for (const PathTree& child : node.children) {
          if (!child.step.is_index || child.step.index != index) continue;
          if (!visit(inner, child)) return false;
          break;
        }
        ++index;
      }
      return true;
    }
    if (!node.wanted.empty()) keep(node, trimmed(value.raw_json_token()));
    return true;
  }

  PathTree tree_;
  std::vector<std::string_view> found_;
  ondemand::parser parser_;
  std::string padded_;
};

// The four hex digits at `at`, or 0x110000 where they are none.
uint32_t hex4(std::string_view text, size_t at) {
  uint32_t value = 0;
  if (at + 4 > text.size()) return 0x110000;
  for (size_t i = at; i < at + 4; ++i) {
    const char c = text[i];
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A') + 10;
    } else {
      return 0x110000;
    }
    value = value * 16 + digit;
  }
  return value;
}

}  // namespace

std::vector<market::Column> extract_json(const market::Column& records, size_t rows,
                                         const std::vector<JsonPath>& paths) {
  std::vector<market::Column> columns(paths.size(), market::Column{.type = {market::Kind::json}});
  for (market::Column& column : columns) column.valid.assign(rows, 0);
  Extractor extractor(paths);
  for (size_t row = 0; row < rows; ++row) {
    const bool null = records.is_null(row);
    const std::vector<std::string_view>& found = extractor.read(null ? std::string_view{} : records.text[row]);
    for (size_t i = 0; i < paths.size(); ++i) {
      columns[i].text.append(found[i]);
      columns[i].valid[row] = found[i].empty() ? 0 : 1;
    }
  }
  return columns;
}

std::string_view json_text(std::string_view value, std::string& scratch) {
  if (value.size() < 2 || value.front() != '"') return value;
  const std::string_view inside = value.substr(1, value.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return inside;
  scratch.clear();
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] != '\\' || i + 1 == inside.size()) {
      scratch += inside[i];
      continue;
    }
    switch (const char escaped = inside[++i]) {
      case 'b': scratch += '\b'; break;
      case 'f': scratch += '\f'; break;
      case 'n': scratch += '\n'; break;
      case 'r': scratch += '\r'; break;
      case 't': scratch += '\t'; break;
      case 'u': {
        uint32_t c = hex4(inside, i + 1);
        if (c >= 0x110000) {
          scratch += "\xef\xbf\xbd";
          break;
        }
        i += 4;
        if (c >= 0xd800 && c < 0xdc00 && inside.substr(i + 1, 2) == "\\u") {
          const uint32_t low = hex4(inside, i + 3);
          if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            i += 6;
          }
        }
        // Half of a surrogate pair is no character: it becomes the replacement character, as in every UTF-8 decoder.
        append_utf8(scratch, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
        break;
      }
      default: scratch += escaped;
    }
  }
  return scratch;
}

}  // namespace penstock::plan

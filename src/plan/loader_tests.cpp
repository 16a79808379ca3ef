// The tests of a pipeline file.
#include <fmt/core.h>

#include <algorithm>

#include "market/schema.h"
#include "plan/loader.h"

namespace penstock::plan {
namespace {

constexpr size_t kTestsMax = 1'000;

// A number, true or false as JSON writes it: what a plain scalar may stand for without quotes.
bool is_json_literal(std::string_view text) {
  if (text == "true" || text == "false") return true;
  size_t at = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - begin;
  };
  const size_t first = at;
  const size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_json(std::string& out, const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null: out += "null"; return;
    case YamlNode::Kind::scalar:
      if (node.plain && is_json_literal(node.text)) {
        out += node.text;
      } else {
        append_json_text(out, node.text);
      }
      return;
    case YamlNode::Kind::sequence:
      out += '[';
      for (size_t i = 0; i < node.items.size(); ++i) {
        if (i > 0) out += ',';
        append_json(out, node.items[i]);
      }
      out += ']';
      return;
    case YamlNode::Kind::map:
      out += '{';
      for (size_t i = 0; i < node.entries.size(); ++i) {
        if (i > 0) out += ',';
        append_json_text(out, node.entries[i].key.text);
        out += ':';
        append_json(out, node.entries[i].value);
      }
      out += '}';
      return;
  }
}

}  // namespace

void Loader::load_tests(const YamlNode& node) {
  if (!node.is_sequence()) {
    reader_.error(node,
                  "tests must be a list of maps such as {name: ..., given: {trades: [...]}, expect: {bars: [...]}}");
    return;
  }
  if (node.items.size() > kTestsMax) {
    reader_.error(node, fmt::format("{} tests, at most {} are taken", node.items.size(), kTestsMax));
    return;
  }
  for (const YamlNode& item : node.items) load_test(item);
}

void Loader::load_test(const YamlNode& node) {
  Fields fields(reader_, node, "a test", {"name", "given", "expect"});
  if (!fields.is_map()) return;
  TestCase test;
  test.location = reader_.location(node);
  if (const YamlNode* name = fields.require("name", "what it shows, in words")) {
    test.name = reader_.text(*name, fields.name_of("name")).value_or("");
  }
  const std::string what = fmt::format("test '{}'", test.name);
  for (const TestCase& other : plan_.tests) {
    if (other.name == test.name && !test.name.empty()) reader_.error(node, fmt::format("there is a {} already", what));
  }
  if (const YamlNode* given = fields.require("given", "rows by topic, such as {trades: [{symbol: A, ...}]}")) {
    for (const YamlEntry* entry : named_entries(reader_, *given, "'given' of " + what)) {
      const auto topic = find_topic(entry->key.text);
      if (!topic) {
        std::vector<std::string> known;
        for (const Topic& each : plan_.topics) known.push_back(each.name);
        if (!broken_.contains(entry->key.text) || find_stream(entry->key.text)) {
          reader_.error(entry->key, fmt::format("'given' of {} names topics, and there is no topic '{}'{}", what,
                                                entry->key.text, suggestion(entry->key.text, known)));
        }
        continue;
      }
      test.given.push_back({*topic, rows(entry->value, fmt::format("'{}' given in {}", entry->key.text, what),
                                         *plan_.topics[*topic].schema)});
    }
  }
  if (const YamlNode* expect = fields.require("expect", "rows by stream, such as {bars: [...], bars.late: [...]}")) {
    for (const YamlEntry* entry : named_entries(reader_, *expect, "'expect' of " + what)) {
      TestCase::Expected expected;
      expected.name = entry->key.text;
      market::SchemaPtr schema;
      if ((expected.name == "quarantine" || expected.name == "late" || expected.name == "quality") &&
          !find_stream(expected.name)) {
        const auto built_in = std::find_if(plan_.tables.begin(), plan_.tables.end(),
                                           [&](const Table& table) { return table.name == expected.name; });
        expected.table = static_cast<size_t>(built_in - plan_.tables.begin());
        schema = built_in->schema;
      } else {
        const auto reads = input(entry->key, "'expect' of " + what);
        if (!reads) continue;
        if (reads->from == Input::From::topic) {
          reader_.error(entry->key,
                        fmt::format("'expect' of {}: '{}' is a topic, which holds what was given; name a stream", what,
                                    expected.name));
          continue;
        }
        expected.from = *reads;
        schema = plan_.schema_of(*reads);
      }
      expected.rows = rows(entry->value, fmt::format("'{}' expected in {}", expected.name, what), *schema);
      test.expect.push_back(std::move(expected));
    }
  }
  plan_.tests.push_back(std::move(test));
}

std::vector<TestCase::Row> Loader::rows(const YamlNode& node, const std::string& what, const market::Schema& schema) {
  std::vector<TestCase::Row> out;
  if (node.is_null()) return out;
  if (!node.is_sequence()) {
    reader_.error(node, fmt::format("{} must be a list of rows, each a map of columns; [] for none", what));
    return out;
  }
  std::vector<std::string> known;
  for (const market::Field& field : schema.fields) known.push_back(field.name);
  for (const YamlNode& item : node.items) {
    Fields fields(reader_, item, "a row of " + what, known);
    TestCase::Row row;
    for (const YamlEntry& entry : item.entries) {
      const auto column = entry.key.is_scalar() ? schema.find(entry.key.text) : std::nullopt;
      if (!column || entry.value.broken) continue;
      if (entry.value.is_null()) {
        row[entry.key.text] = std::nullopt;
      } else if (entry.value.is_scalar()) {
        row[entry.key.text] = entry.value.text;
      } else if (schema.fields[*column].type.kind == market::Kind::json) {
        std::string json;
        append_json(json, entry.value);
        row[entry.key.text] = std::move(json);
      } else {
        reader_.error(entry.value, fmt::format("the column '{}' takes one value", entry.key.text));
      }
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace penstock::plan

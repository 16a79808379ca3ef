// The tables of a pipeline file, and what streams and tables read.
#include <fmt/core.h>

#include <algorithm>

#include "market/schema.h"
#include "plan/loader.h"

namespace penstock::plan {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::string columns_of(const market::Schema& schema) {
  std::string text;
  for (const market::Field& field : schema.fields) {
    if (!text.empty()) text += ", ";
    text += field.name + " " + market::to_string(field.type);
  }
  return text;
}

}  // namespace

std::optional<Input> Loader::input(const YamlNode& node, const std::string& what) {
  const auto name = reader_.text(node, what);
  if (!name) return std::nullopt;
  if (const auto topic = find_topic(*name)) return Input{Input::From::topic, *topic, Port::rows};
  std::string_view stream_name = *name;
  Port port = Port::rows;
  if (stream_name.ends_with(".late")) {
    port = Port::late;
    stream_name.remove_suffix(5);
  } else if (stream_name.ends_with(".quarantine")) {
    port = Port::quarantine;
    stream_name.remove_suffix(11);
  } else if (stream_name.ends_with(".quality")) {
    port = Port::quality;
    stream_name.remove_suffix(8);
  }
  if (const auto stream = find_stream(stream_name)) {
    if (port == Port::late && !facts_[*stream].has_bars) {
      reader_.error(node,
                    fmt::format("{}: only a stream with `bars` has late rows, and '{}' has none", what, stream_name));
      return std::nullopt;
    }
    if (port == Port::quality && !facts_[*stream].has_check) {
      reader_.error(node, fmt::format("{}: only a stream with `check` has rows of quality, and '{}' has none", what,
                                      stream_name));
      return std::nullopt;
    }
    return Input{Input::From::stream, *stream, port};
  }
  if (broken_.contains(stream_name) || broken_.contains(*name)) return std::nullopt;
  std::vector<std::string> known;
  for (const Topic& topic : plan_.topics) known.push_back(topic.name);
  for (const Stream& stream : plan_.streams) known.push_back(stream.name);
  for (const std::string& broken : broken_) {
    if (std::find(known.begin(), known.end(), broken) == known.end()) known.push_back(broken);
  }
  const size_t dot = name->rfind('.');
  if (dot != std::string::npos && find_stream(std::string_view(*name).substr(0, dot))) {
    reader_.error(
        node, fmt::format("{}: '{}' has no '{}'; beside its rows a stream has .late, .quarantine and .quality", what,
                          name->substr(0, dot), name->substr(dot + 1)));
    return std::nullopt;
  }
  reader_.error(node, fmt::format("{}: there is no topic or stream '{}'{}{}", what, node.shown,
                                  suggestion(*name, known), known.empty() ? "" : "; there are " + list_names(known)));
  return std::nullopt;
}

std::optional<std::vector<size_t>> Loader::columns(const YamlNode& node, const std::string& what,
                                                   const market::Schema& schema) {
  std::vector<std::string> names;
  for (const market::Field& field : schema.fields) names.push_back(field.name);
  std::vector<size_t> out;
  bool right = true;
  const auto items = reader_.scalars(node, what);
  for (const YamlNode* item : items) {
    const auto index = schema.find(item->text);
    if (!index) {
      reader_.error(*item, fmt::format("{}: there is no column '{}'{}; there are {}", what, item->shown,
                                       suggestion(item->shown, names), list_names(names)));
      right = false;
    } else if (std::find(out.begin(), out.end(), *index) != out.end()) {
      reader_.error(*item, fmt::format("{}: the column '{}' is named twice", what, item->shown));
      right = false;
    } else {
      out.push_back(*index);
    }
  }
  const size_t written = node.is_sequence() ? node.items.size() : 1;
  if (!right || items.size() != written) return std::nullopt;
  return out;
}

void Loader::load_tables(const YamlNode& node) {
  const auto entries = named_entries(reader_, node, "tables");
  if (too_many(node, entries.size(), "tables")) return;
  for (const YamlEntry* entry : entries) load_table(*entry);
  for (const Table& bars : plan_.tables) {
    if (!bars.key.empty() || !market::has_revisions(*bars.schema)) continue;
    for (const YamlEntry* entry : entries) {
      if (lower(entry->key.text) != lower(bars.name) + std::string(market::kRevisions)) continue;
      reader_.error(entry->key,
                    fmt::format("the table '{}' is where the revisions of the table '{}' are kept; call this "
                                "one otherwise",
                                entry->key.text, bars.name));
    }
  }
}

void Loader::load_table(const YamlEntry& entry) {
  const std::string& name = entry.key.text;
  const size_t dot = name.find('.');
  const std::string folder = dot == std::string::npos ? "" : lower(name.substr(0, dot));
  const std::string_view bare =
      dot == std::string::npos ? std::string_view(name) : std::string_view(name).substr(dot + 1);
  if (!is_identifier(bare) || (dot != std::string::npos && !is_identifier(folder))) {
    reader_.error(entry.key,
                  fmt::format("the table name '{}' must be `table` or `schema.table`, of letters, digits and _", name));
    return;
  }
  for (std::string_view reserved : {"main", "temp", "system", "pg_catalog", "information_schema", "penstock"}) {
    if (folder == reserved) {
      reader_.error(entry.key,
                    fmt::format("the schema '{}' belongs to the store; write '{}' or another schema", folder, bare));
      return;
    }
  }
  if (folder.empty() && (lower(bare) == "quarantine" || lower(bare) == "late" || lower(bare) == "quality")) {
    reader_.error(entry.key, fmt::format("the table '{}' is built in; call this one otherwise", name));
    return;
  }
  for (const Table& other : plan_.tables) {
    if (lower(other.name) == lower(name)) {
      reader_.error(entry.key, fmt::format("there is a table '{}' already (names are compared without regard to case)",
                                           other.name));
      return;
    }
  }
  const std::string what = fmt::format("table '{}'", name);
  Fields fields(reader_, entry.value, what, {"from", "key"});
  if (!fields.is_map()) return;
  const YamlNode* from = fields.require("from", "the topic or stream whose rows it keeps, or a list of them");
  if (from == nullptr) return;

  Table table;
  table.name = name;
  table.location = reader_.location(entry.key);
  for (const YamlNode* item : reader_.scalars(*from, fields.name_of("from"))) {
    const auto reads = input(*item, fields.name_of("from"));
    if (!reads) continue;
    const auto same = [&](const Input& other) {
      return other.from == reads->from && other.index == reads->index && other.port == reads->port;
    };
    if (std::any_of(table.inputs.begin(), table.inputs.end(), same)) {
      reader_.error(*item, fmt::format("{}: '{}' is named twice", fields.name_of("from"), item->shown));
      continue;
    }
    const market::SchemaPtr schema = plan_.schema_of(*reads);
    if (table.schema != nullptr && table.schema->fields != schema->fields) {
      reader_.error(*item, fmt::format("{}: '{}' has other columns ({}) than the first ({})", fields.name_of("from"),
                                       item->shown, columns_of(*schema), columns_of(*table.schema)));
      continue;
    }
    if (table.schema == nullptr) table.schema = schema;
    table.inputs.push_back(*reads);
  }
  if (table.schema == nullptr) return;

  const YamlNode* key = fields.find("key");
  if (key != nullptr && !(key->is_sequence() && key->items.empty())) {
    const auto found = columns(*key, fields.name_of("key"), *table.schema);
    if (!found) return;
    for (const size_t column : *found) {
      const market::Type type = table.schema->fields[column].type;
      if (type.kind == market::Kind::json || type.kind == market::Kind::bytes || type.kind == market::Kind::float64) {
        reader_.error(*key,
                      fmt::format("{}: the column '{}' of type {} cannot be compared for equality; cast it to text in "
                                  "a `select`",
                                  fields.name_of("key"), table.schema->fields[column].name, market::to_string(type)));
      }
    }
    table.key = *found;
  }
  plan_.tables.push_back(std::move(table));
}

void Loader::add_built_in_tables() {
  const auto read_by_a_table = [&](size_t stream, Port port) {
    return std::any_of(plan_.tables.begin(), plan_.tables.end(), [&](const Table& table) {
      return std::any_of(table.inputs.begin(), table.inputs.end(), [&](const Input& input) {
        return input.from == Input::From::stream && input.index == stream && input.port == port;
      });
    });
  };
  Table quarantine{
      .name = "quarantine", .inputs = {}, .schema = market::quarantine_schema(), .key = {}, .location = {}};
  Table late{.name = "late", .inputs = {}, .schema = market::late_schema(), .key = {}, .location = {}};
  Table quality{.name = "quality", .inputs = {}, .schema = market::quality_schema(), .key = {}, .location = {}};
  for (size_t stream = 0; stream < plan_.streams.size(); ++stream) {
    if (!read_by_a_table(stream, Port::quarantine)) {
      quarantine.inputs.push_back({Input::From::stream, stream, Port::quarantine});
    }
    if (facts_[stream].has_bars && !read_by_a_table(stream, Port::late)) {
      late.inputs.push_back({Input::From::stream, stream, Port::late});
    }
    if (facts_[stream].has_check && !read_by_a_table(stream, Port::quality)) {
      quality.inputs.push_back({Input::From::stream, stream, Port::quality});
    }
  }
  plan_.tables.push_back(std::move(quarantine));
  plan_.tables.push_back(std::move(late));
  plan_.tables.push_back(std::move(quality));
}

}  // namespace penstock::plan

// The streams of a pipeline file.
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "market/schema.h"
#include "plan/compile.h"
#include "plan/loader.h"

namespace penstock::plan {
namespace {

constexpr size_t kIntervalsMax = 32;
constexpr size_t kColumnsMax = 1'000;
constexpr Duration kEveryMin = kMillisecond;
constexpr Duration kEveryMax{366 * kDay.ns};

const std::vector<std::string>& stream_keys() {
  static const std::vector<std::string> keys{"from", "where", "select", "dedup", "check", "bars", "indicators"};
  return keys;
}

// `checked` of `checked.late`.
std::string_view without_port(std::string_view name) {
  for (std::string_view port : {".late", ".quarantine", ".quality"}) {
    if (name.ends_with(port)) return name.substr(0, name.size() - port.size());
  }
  return name;
}

const YamlNode* from_of(const YamlNode& stream) {
  for (const YamlEntry& entry : stream.entries) {
    if (entry.key.is_scalar() && entry.key.text == "from") return &entry.value;
  }
  return nullptr;
}

// The type that a text gets under a name that every room knows as a symbol or an id.
std::optional<market::Type> well_known_type(std::string_view name) {
  if (name == "symbol" || name == "venue" || name == "side") return market::Type{market::Kind::symbol};
  if (name == "id") return market::Type{market::Kind::id};
  if (name == "size" || name == "bid_size" || name == "ask_size") return market::kSizeType;
  if (name == "price" || name == "bid" || name == "ask") return market::kPriceType;
  return std::nullopt;
}

}  // namespace

void Loader::load_streams(const YamlNode& node) {
  const auto entries = named_entries(reader_, node, "streams");
  if (too_many(node, entries.size(), "streams")) return;
  for (const YamlEntry* entry : entries) broken_.insert(entry->key.text);

  // In order of dependence: each after the one it reads, else in the order of the file.
  std::vector<const YamlEntry*> waiting;
  for (const YamlEntry* entry : entries) {
    if (!is_identifier(entry->key.text)) {
      reader_.error(entry->key, fmt::format("the stream name '{}' must be of letters, digits and _", entry->key.text));
    } else if (find_topic(entry->key.text)) {
      reader_.error(entry->key,
                    fmt::format("'{0}' is a topic already; call the stream otherwise (`from: {0}` could mean either)",
                                entry->key.text));
    } else {
      waiting.push_back(entry);
    }
  }
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t i = 0; i < waiting.size(); ++i) {
      const YamlNode* from = from_of(waiting[i]->value);
      const std::string_view reads = from == nullptr ? std::string_view{} : without_port(from->text);
      const bool blocked =
          std::any_of(waiting.begin(), waiting.end(), [&](const YamlEntry* other) { return other->key.text == reads; });
      if (blocked && !find_topic(reads)) continue;
      const YamlEntry* ready = waiting[i];
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
      load_stream(*ready);
      moved = true;
      break;
    }
  }
  for (const YamlEntry* entry : waiting) {
    // Those left form circles, or read from one.
    std::string path = entry->key.text;
    std::vector<std::string_view> seen{entry->key.text};
    bool in_circle = false;
    for (const YamlEntry* at = entry;;) {
      const std::string_view reads = without_port(from_of(at->value)->text);
      path += fmt::format(" from {}", reads);
      in_circle = reads == entry->key.text;
      if (in_circle || std::find(seen.begin(), seen.end(), reads) != seen.end()) break;
      seen.push_back(reads);
      at = *std::find_if(waiting.begin(), waiting.end(),
                         [&](const YamlEntry* other) { return other->key.text == reads; });
    }
    if (in_circle) reader_.error(*from_of(entry->value), fmt::format("streams may not form a circle: {}", path));
  }
}

void Loader::load_stream(const YamlEntry& entry) {
  const std::string what = fmt::format("stream '{}'", entry.key.text);
  Fields fields(reader_, entry.value, what, stream_keys());
  if (!fields.is_map()) return;
  const YamlNode* from = fields.require("from", "a topic, or another stream");
  if (from == nullptr) return;
  const auto reads = input(*from, fields.name_of("from"));
  if (!reads) return;

  Stream stream;
  stream.name = entry.key.text;
  stream.location = reader_.location(entry.key);
  stream.input = *reads;
  stream.output = plan_.schema_of(*reads);
  StreamFacts facts;
  if (reads->from == Input::From::topic) {
    stream.topic = reads->index;
    facts.keeps_symbol = plan_.topics[reads->index].kind != RecordKind::json;
  } else {
    stream.topic = plan_.streams[reads->index].topic;
    facts.keeps_symbol = facts_[reads->index].keeps_symbol && reads->port != Port::quarantine;
  }

  // A step that is wrong leaves the schema behind it unknown: the steps that follow are not checked then.
  bool right = true;
  if (const YamlNode* node = fields.find("where")) right = load_filter(*node, stream);
  if (const YamlNode* node = fields.find("select"); node != nullptr && right)
    right = load_project(*node, stream, facts);
  if (const YamlNode* node = fields.find("dedup"); node != nullptr && right) right = load_dedup(*node, stream, facts);
  if (const YamlNode* node = fields.find("check"); node != nullptr && right) right = load_check(*node, stream, facts);
  if (const YamlNode* node = fields.find("bars"); node != nullptr && right) right = load_bars(*node, stream, facts);
  if (const YamlNode* node = fields.find("indicators"); node != nullptr && right)
    right = load_indicators(*node, stream);
  if (!right) return;
  plan_.streams.push_back(std::move(stream));
  facts_.push_back(facts);
}

std::optional<Expression> Loader::expression(const YamlNode& node, const std::string& what,
                                             const market::Schema& schema) {
  if (node.broken) return std::nullopt;
  if (!node.is_scalar() || node.text.empty()) {
    reader_.error(node, fmt::format("{} must be an SQL expression, such as \"price > 0\"", what));
    return std::nullopt;
  }
  auto compiled = compile_expression(node.text, schema);
  if (!compiled) {
    reader_.error_within(node, compiled.error().offset, fmt::format("{}: {}", what, compiled.error().message));
    return std::nullopt;
  }
  return *std::move(compiled);
}

std::optional<Expression> Loader::condition(const YamlNode& node, const std::string& what,
                                            const market::Schema& schema) {
  auto compiled = expression(node, what, schema);
  if (compiled && compiled->type.kind != market::Kind::boolean) {
    reader_.error(node, fmt::format("{} must be true or false, such as \"price > 0\"; this is of type {}", what,
                                    market::to_string(compiled->type)));
    return std::nullopt;
  }
  return compiled;
}

bool Loader::load_filter(const YamlNode& node, Stream& stream) {
  auto compiled = condition(node, fmt::format("'where' of stream '{}'", stream.name), *stream.output);
  if (!compiled) return false;
  stream.steps.push_back({Filter{*std::move(compiled)}, stream.output, reader_.location(node)});
  return true;
}

bool Loader::load_project(const YamlNode& node, Stream& stream, StreamFacts& facts) {
  const auto entries = named_entries(reader_, node, fmt::format("'select' of stream '{}'", stream.name));
  if (!node.is_map()) return false;
  if (entries.empty() || entries.size() > kColumnsMax) {
    reader_.error(node, fmt::format("'select' of stream '{}' has {} columns; it may have 1 to {}", stream.name,
                                    entries.size(), kColumnsMax));
    return false;
  }
  bool right = entries.size() == node.entries.size();
  Project project;
  market::Schema output;
  bool keeps_symbol = false;
  for (const YamlEntry* entry : entries) {
    const std::string& name = entry->key.text;
    const std::string what = fmt::format("column '{}'", name);
    if (!is_identifier(name)) {
      reader_.error(entry->key, fmt::format("the column name '{}' must be of letters, digits and _", name));
      right = false;
    }
    // A number or truth value written alone is YAML's scalar, and SQL's literal all the same.
    auto compiled = expression(entry->value, what, *stream.output);
    if (!compiled) {
      right = false;
      continue;
    }
    if (const auto type = well_known_type(name)) compiled = with_type(*std::move(compiled), *type);
    if (name == "symbol") {
      const auto from = stream.output->find("symbol");
      const bool same = from && compiled->text == "symbol";
      keeps_symbol = facts.keeps_symbol && same;
    }
    output.fields.push_back({name, compiled->type});
    project.columns.push_back(*std::move(compiled));
  }
  if (!right) return false;
  facts.keeps_symbol = keeps_symbol;
  stream.output = std::make_shared<const market::Schema>(std::move(output));
  stream.steps.push_back({std::move(project), stream.output, reader_.location(node)});
  return true;
}

bool Loader::load_dedup(const YamlNode& node, Stream& stream, const StreamFacts& facts) {
  const std::string what = fmt::format("'dedup' of stream '{}'", stream.name);
  Dedup dedup;
  const YamlNode* by = &node;
  if (node.is_map()) {
    Fields fields(reader_, node, what, {"by", "within"});
    by = fields.require("by", "the column or columns that are equal in a duplicate");
    fields.duration("within", dedup.within, kSecond, Duration{3650 * kDay.ns});
    if (by == nullptr) return false;
  }
  const auto found = columns(*by, what, *stream.output);
  if (!found || found->empty()) return false;
  dedup.columns = *found;

  // Each partition remembers its own records: duplicates must be able to meet.
  const Topic& topic = plan_.topics[stream.topic];
  const bool by_key =
      topic.kind == RecordKind::json && std::any_of(dedup.columns.begin(), dedup.columns.end(), [&](size_t column) {
        return stream.steps.empty() && column == market::JsonColumn::key;
      });
  if (topic.partitions > 1 && !facts.keeps_symbol && !by_key) {
    reader_.error(*by, fmt::format("{}: duplicates may lie in different partitions of the topic '{}', which has {}; "
                                   "write `topics: {{{}: {{partitions: 1}}}}`",
                                   what, topic.name, topic.partitions, topic.name));
    return false;
  }
  stream.steps.push_back({std::move(dedup), stream.output, reader_.location(node)});
  return true;
}

bool Loader::load_bars(const YamlNode& node, Stream& stream, StreamFacts& facts) {
  const std::string what = fmt::format("'bars' of stream '{}'", stream.name);
  Fields fields(reader_, node, what,
                {"every", "lateness", "revise_for", "early", "session", "conditions", "form_t", "vwap"});
  if (!node.is_map()) return false;
  Bars bars;
  bool right = true;
  if (const YamlNode* every = fields.require("every", "the length of a bar, such as 1m, or several: [1m, 5m]")) {
    const auto items = reader_.scalars(*every, fields.name_of("every"));
    if (items.empty()) right = false;
    if (items.size() > kIntervalsMax) {
      reader_.error(*every, fmt::format("{} lengths of bars, at most {} are made", items.size(), kIntervalsMax));
      right = false;
    }
    for (const YamlNode* item : items) {
      const auto length = reader_.duration(*item, fields.name_of("every"), kEveryMin, kEveryMax);
      if (!length) {
        right = false;
      } else if (std::find(bars.every.begin(), bars.every.end(), *length) != bars.every.end()) {
        reader_.error(*item, fmt::format("bars of {} are asked for twice", format_duration(*length)));
        right = false;
      } else {
        bars.every.push_back(*length);
      }
    }
    std::sort(bars.every.begin(), bars.every.end());
  } else {
    right = false;
  }
  if (const YamlNode* lateness = fields.find("lateness")) {
    const auto value = reader_.duration(*lateness, fields.name_of("lateness"), Duration{0}, Duration{3650 * kDay.ns});
    right = right && value.has_value();
    bars.lateness = value.value_or(bars.lateness);
  }
  right = load_bar_rules(fields, bars) && right;

  right = check_bar_columns(node, fields, stream, bars) && right;
  const Topic& topic = plan_.topics[stream.topic];
  if (right && topic.partitions > 1 && !facts.keeps_symbol) {
    reader_.error(node,
                  fmt::format("{}: the records of one symbol may lie in different partitions of the topic '{}', which "
                              "has {}; write `topics: {{{}: {{partitions: 1}}}}`",
                              what, topic.name, topic.partitions, topic.name));
    right = false;
  }
  if (!right) return false;
  facts.has_bars = true;
  stream.output = bars.of_quotes ? market::quote_bar_schema() : market::bar_schema();
  stream.steps.push_back({std::move(bars), stream.output, reader_.location(node)});
  return true;
}

// Trades have a price and a size, quotes a bid and an ask.
bool Loader::check_bar_columns(const YamlNode& node, Fields& fields, const Stream& stream, Bars& bars) {
  const market::Schema& input = *stream.output;
  const auto has = [&](std::string_view name) { return input.find(name).has_value(); };
  const std::string what = fmt::format("'bars' of stream '{}'", stream.name);
  if (!has("price") && !has("size") && !has("bid") && !has("ask")) {
    std::vector<std::string> names;
    for (const market::Field& field : input.fields) names.push_back(field.name);
    reader_.error(node, fmt::format("{}: bars need the columns 'price' and 'size' of trades, or 'bid' and 'ask' of "
                                    "quotes; there are {}; add them to `select`",
                                    what, list_names(names)));
    return false;
  }
  bars.of_quotes = !has("price") && !has("size");

  struct Needed {
    std::string_view name;
    market::Type type;
    std::string_view cast;
    bool optional;
  };
  std::vector<Needed> needed{{"symbol", {market::Kind::symbol}, "cast(... as text)", false},
                             {"ts_event", {market::Kind::timestamp}, "to_timestamp(...)", false}};
  if (bars.of_quotes) {
    needed.insert(needed.end(), {{"bid", market::kPriceType, "cast(... as price)", false},
                                 {"ask", market::kPriceType, "cast(... as price)", false},
                                 {"bid_size", market::kSizeType, "cast(... as size)", true},
                                 {"ask_size", market::kSizeType, "cast(... as size)", true}});
  } else {
    needed.insert(needed.end(), {{"price", market::kPriceType, "cast(... as price)", false},
                                 {"size", market::kSizeType, "cast(... as size)", false},
                                 {"id", {market::Kind::id}, "cast(... as text)", true}});
  }
  bool right = true;
  for (const Needed& column : needed) {
    const auto index = input.find(column.name);
    if (!index && column.optional) continue;
    if (index && input.fields[*index].type == column.type) continue;
    right = false;
    const std::string found =
        !index ? "there is none" : "it is of type " + market::to_string(input.fields[*index].type);
    reader_.error(node, fmt::format("{}: bars{} need a column '{}' of type {}, but {}; add `{}: {}` to `select`", what,
                                    bars.of_quotes ? " of quotes" : "", column.name, market::to_string(column.type),
                                    found, column.name, column.cast));
  }
  for (const std::string_view key : {"revise_for", "early", "conditions", "form_t", "vwap"}) {
    const YamlNode* of_trades = bars.of_quotes ? fields.find(key) : nullptr;
    if (of_trades == nullptr) continue;
    right = false;
    reader_.error(*of_trades,
                  fmt::format("{} is for bars of trades, and these are of quotes: leave it out", fields.name_of(key)));
  }
  return right;
}

}  // namespace penstock::plan

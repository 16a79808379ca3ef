// log, store, engine, sources and topics of a pipeline file.
#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "market/schema.h"
#include "plan/loader.h"

namespace penstock::plan {
namespace {

constexpr Duration kForever{std::numeric_limits<int64_t>::max()};
constexpr int64_t kBytesMax = std::numeric_limits<int64_t>::max();
constexpr size_t kTopicNameMax = 200;
constexpr size_t kSymbolsMax = 100'000;
constexpr size_t kHaltsMax = 1'000;
constexpr size_t kHeadersMax = 100;

std::string record_name(RecordKind kind) {
  switch (kind) {
    case RecordKind::trade: return "trades";
    case RecordKind::quote: return "quotes";
    case RecordKind::json: return "JSON records";
  }
  return "records";
}

const market::SchemaPtr& schema_of_kind(RecordKind kind) {
  switch (kind) {
    case RecordKind::trade: return market::trade_schema();
    case RecordKind::quote: return market::quote_schema();
    case RecordKind::json: return market::json_schema();
  }
  return market::trade_schema();
}

// The type that a section states, as a scalar or as `type:` of a map: `embedded` for `log: embedded`.
const YamlNode* stated_type(const YamlNode& node) {
  if (node.is_scalar()) return &node;
  for (const YamlEntry& entry : node.entries) {
    if (entry.key.is_scalar() && entry.key.text == "type" && !entry.value.is_null()) return &entry.value;
  }
  return nullptr;
}

bool is_topic_name(std::string_view text) {
  if (text.empty() || text.size() > kTopicNameMax || text == "." || text == "..") return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == '-';
  });
}

}  // namespace

void Loader::load_log(const YamlNode& node) {
  if (const YamlNode* type = stated_type(node); type != nullptr && !type->broken && type->text != "embedded") {
    if (type->text.starts_with("kafka")) {
      reader_.error(*type, "this build has no Kafka log; write `log: embedded`");
    } else {
      reader_.error(*type, fmt::format("there is no log '{}'; write `log: embedded`", type->shown));
    }
    return;
  }
  if (node.is_scalar()) return;
  Fields fields(reader_, node, "log",
                {"type", "codec", "fsync", "fsync_interval", "partitions", "segment_bytes", "retention"});
  if (const YamlNode* codec = fields.find("codec")) {
    if (const auto text = reader_.choice(*codec, fields.name_of("codec"), {"none", "lz4", "zstd"})) {
      plan_.log.codec = *text == "lz4" ? Codec::lz4 : *text == "zstd" ? Codec::zstd : Codec::none;
    }
  }
  if (const YamlNode* fsync = fields.find("fsync")) {
    if (const auto text = reader_.choice(*fsync, fields.name_of("fsync"), {"always", "interval", "never"})) {
      plan_.log.fsync = *text == "always" ? Fsync::always : *text == "never" ? Fsync::never : Fsync::interval;
    }
  }
  fields.duration("fsync_interval", plan_.log.fsync_interval, kMillisecond, kHour);
  fields.integer("partitions", plan_.log.partitions, 1, kPartitionsMax);
  fields.bytes("segment_bytes", plan_.log.segment_bytes_max, int64_t{1} << 20, int64_t{2} << 30);
  if (const YamlNode* retention = fields.find("retention")) {
    Fields limits(reader_, *retention, "'retention' of log", {"time", "bytes"});
    if (const YamlNode* time = limits.find("time")) {
      plan_.log.retention_time = reader_.duration(*time, limits.name_of("time"), kSecond, kForever);
    }
    if (const YamlNode* bytes = limits.find("bytes")) {
      plan_.log.retention_bytes = reader_.bytes(*bytes, limits.name_of("bytes"), 1, kBytesMax);
    }
  }
}

void Loader::load_store(const YamlNode& node) {
  if (const YamlNode* type = stated_type(node); type != nullptr && !type->broken && type->text != "embedded") {
    if (type->text.starts_with("cassandra")) {
      reader_.error(*type, "this build has no Cassandra store; write `store: embedded`");
    } else {
      reader_.error(*type, fmt::format("there is no store '{}'; write `store: embedded`", type->shown));
    }
    return;
  }
  if (node.is_scalar()) return;
  Fields fields(reader_, node, "store", {"type", "memory", "commit_interval"});
  fields.bytes("memory", plan_.store.memory_bytes_max, int64_t{64} << 20, int64_t{1} << 46);
  fields.duration("commit_interval", plan_.store.commit_interval, kMillisecond, kHour);
}

void Loader::load_engine(const YamlNode& node) {
  const auto text = reader_.text(node, "engine");
  if (!text || *text == "native") return;
  if (text->starts_with("spark") || text->starts_with("sc://")) {
    reader_.error(node, "this build has no Spark engine; write `engine: native`");
  } else {
    reader_.error(node, fmt::format("there is no engine '{}'; write `engine: native`", node.shown));
  }
}

void Loader::load_sources(const YamlNode& node) {
  const auto entries = named_entries(reader_, node, "sources");
  if (too_many(node, entries.size(), "sources")) return;
  if (node.is_map() && entries.empty()) reader_.error(node, "sources is empty: a pipeline reads at least one");
  for (const YamlEntry* entry : entries) load_source(*entry);
}

void Loader::load_source(const YamlEntry& entry) {
  const std::string& name = entry.key.text;
  if (!is_identifier(name)) {
    reader_.error(entry.key, fmt::format("the source name '{}' must be of letters, digits and _", name));
    return;
  }
  const std::string what = fmt::format("source '{}'", name);
  // Should this source be left out for its errors, its topics are not unknown to those who read them.
  for (const YamlEntry& field : entry.value.entries) {
    if (field.value.is_scalar() && (field.key.text == "topic" || field.key.text == "quotes"))
      broken_.insert(field.value.text);
  }
  const YamlNode* type_node = entry.value.is_map() ? stated_type(entry.value) : nullptr;
  if (type_node == nullptr) {
    if (entry.value.is_map()) {
      reader_.error(entry.key, what + " needs 'type': file, http or simulated");
    } else {
      reader_.error(entry.value, what + " must be a map such as {type: file, path: trades.csv, topic: trades}");
    }
    return;
  }
  const auto type = reader_.choice(*type_node, "'type' of " + what, {"file", "http", "simulated"});
  std::vector<std::string> known{"type", "topic"};
  if (type == "file") {
    known.insert(known.end(), {"records", "path", "format", "compression", "columns", "time_unit", "pace", "symbol",
                               "venue", "delimiter"});
  } else if (type == "http") {
    known.insert(known.end(),
                 {"url", "records", "id", "interval", "timeout", "headers", "max_bytes", "backoff", "polls"});
  } else if (type == "simulated") {
    known.insert(known.end(), {"records", "seed", "symbols", "rate", "pace", "start", "duration", "late", "duplicates",
                               "cancels", "corrections", "quotes", "halts"});
  } else {
    return;
  }
  Fields fields(reader_, entry.value, what, known);

  Source source;
  source.name = name;
  source.location = reader_.location(entry.key);
  source.kind = type == "http" ? RecordKind::json : RecordKind::trade;
  if (const YamlNode* records = fields.find("records"); records != nullptr && type != "http") {
    const std::vector<std::string> kinds =
        type == "file" ? std::vector<std::string>{"trades", "quotes", "json"} : std::vector<std::string>{"trades"};
    const auto kind = reader_.choice(*records, fields.name_of("records"), kinds);
    source.kind = kind == "quotes" ? RecordKind::quote : kind == "json" ? RecordKind::json : RecordKind::trade;
  }
  if (type == "file") source.options = load_file(fields, source.kind);
  if (type == "http") source.options = load_http(fields);
  if (type == "simulated") source.options = load_simulated(fields);

  const size_t index = plan_.sources.size();
  if (const YamlNode* topic = fields.require("topic", "the name under which its records are kept in the log")) {
    if (const auto text = reader_.text(*topic, fields.name_of("topic"))) {
      source.topic = *text;
      add_topic(*topic, *text, source.kind, index);
    }
  }
  if (const auto* simulated = std::get_if<SimulatedSource>(&source.options);
      simulated != nullptr && !simulated->quotes_topic.empty()) {
    const YamlNode* quotes = fields.find("quotes");
    if (simulated->quotes_topic == source.topic) {
      reader_.error(*quotes,
                    fmt::format("{} writes trades to the topic '{}'; its quotes need another", what, source.topic));
    } else {
      add_topic(*quotes, simulated->quotes_topic, RecordKind::quote, index);
    }
  }
  plan_.sources.push_back(std::move(source));
}

void Loader::load_pace(Fields& fields, std::optional<double>& pace) {
  const YamlNode* node = fields.find("pace");
  if (node == nullptr || node->broken) return;
  if (node->is_scalar() && node->text == "max") {
    pace.reset();
    return;
  }
  if (const auto value = reader_.number(*node, fields.name_of("pace") + " (or `max`)", 0.000'001, 1'000'000))
    pace = *value;
}

FileSource Loader::load_file(Fields& fields, RecordKind kind) {
  FileSource file;
  if (const YamlNode* path = fields.require("path", "the file to read")) {
    file.path = reader_.text(*path, fields.name_of("path")).value_or("");
  }
  const auto optional_choice = [&](std::string_view key, std::string& out, const std::vector<std::string>& choices) {
    const YamlNode* node = fields.find(key);
    if (node != nullptr && reader_.stated_text(*node, fields.name_of(key))) {
      out = reader_.choice(*node, fields.name_of(key), choices).value_or("");
    }
  };
  optional_choice("format", file.format, {"csv", "jsonl", "parquet"});
  optional_choice("compression", file.compression, {"none", "gzip", "zstd"});
  if (kind == RecordKind::json && (file.format == "csv" || file.format == "parquet")) {
    reader_.error(*fields.find("format"), "`records: json` are read from JSON lines; write `format: jsonl`");
  }
  if (const YamlNode* columns = fields.find("columns")) {
    std::vector<std::string> known;
    for (const market::Field& field : schema_of_kind(kind)->fields) known.push_back(field.name);
    Fields mapping(reader_, *columns, fields.name_of("columns"), known);
    for (const std::string& name : known) {
      const YamlNode* node = mapping.find(name);
      if (node == nullptr) continue;
      const auto text = reader_.stated_text(*node, mapping.name_of(name));
      // A column that keeps its name is left out, so that stating the default does not make it required.
      if (text && *text != name) file.columns[name] = *text;
    }
  }
  std::string unit;
  optional_choice("time_unit", unit, {"detect", "s", "ms", "us", "ns"});
  file.time_unit = parse_time_unit(unit).value_or(TimeUnit::detect);
  load_pace(fields, file.pace);
  fields.text("symbol", file.symbol);
  fields.text("venue", file.venue);
  if (const YamlNode* delimiter = fields.find("delimiter");
      delimiter != nullptr && !delimiter->broken && !delimiter->unset) {
    const std::string text = delimiter->text == "\\t" || delimiter->text == "tab" ? "\t" : delimiter->text;
    if (delimiter->is_scalar() && text.size() == 1 && text != "\"" && text != "\n") {
      file.delimiter = text[0];
    } else {
      reader_.error(*delimiter,
                    fmt::format("{} must be one character, such as ',', ';' or tab", fields.name_of("delimiter")));
    }
  }
  return file;
}

HttpSource Loader::load_http(Fields& fields) {
  HttpSource http;
  if (const YamlNode* url = fields.require("url", "the address to poll")) {
    http.url = reader_.text(*url, fields.name_of("url")).value_or("");
    if (!http.url.empty() && !url->unset && !http.url.starts_with("http://") && !http.url.starts_with("https://")) {
      reader_.error(*url, fmt::format("{} must begin with http:// or https://", fields.name_of("url")));
    }
  }
  fields.text("records", http.records);
  fields.text("id", http.id);
  fields.duration("interval", http.interval, kMillisecond, Duration{365 * kDay.ns});
  fields.duration("timeout", http.timeout, kMillisecond, kHour);
  fields.bytes("max_bytes", http.response_bytes_max, 1, int64_t{1} << 30);
  if (const YamlNode* headers = fields.find("headers")) {
    const auto entries = named_entries(reader_, *headers, fields.name_of("headers"));
    if (entries.size() > kHeadersMax) {
      reader_.error(*headers, fmt::format("{} headers, at most {} are sent", entries.size(), kHeadersMax));
    }
    for (const YamlEntry* entry : entries) {
      const auto value = reader_.text(entry->value, fmt::format("the header '{}'", entry->key.text));
      if (!value) continue;
      if (value->find_first_of("\r\n") != std::string::npos ||
          entry->key.text.find_first_of("\r\n: ") != std::string::npos) {
        reader_.error(entry->value, fmt::format("the header '{}' may hold no line break, its name no space or colon",
                                                entry->key.text));
        continue;
      }
      http.headers[entry->key.text] = *value;
    }
  }
  if (const YamlNode* backoff = fields.find("backoff")) {
    Fields limits(reader_, *backoff, fields.name_of("backoff"), {"min", "max"});
    limits.duration("min", http.backoff_min, kMillisecond, kHour);
    limits.duration("max", http.backoff_max, kMillisecond, kDay);
    if (http.backoff_max < http.backoff_min) {
      reader_.error(*backoff, fmt::format("{}: max ({}) is less than min ({})", fields.name_of("backoff"),
                                          format_duration(http.backoff_max), format_duration(http.backoff_min)));
    }
  }
  if (const YamlNode* polls = fields.find("polls");
      polls != nullptr && reader_.stated_text(*polls, fields.name_of("polls"))) {
    http.polls_max = reader_.integer(*polls, fields.name_of("polls"), 1, std::numeric_limits<int64_t>::max());
  }
  return http;
}

SimulatedSource Loader::load_simulated(Fields& fields) {
  SimulatedSource market;
  fields.integer("seed", market.seed, 0, std::numeric_limits<int64_t>::max());
  if (const YamlNode* symbols = fields.find("symbols")) {
    if (symbols->is_sequence()) {
      if (symbols->items.size() > kSymbolsMax) {
        reader_.error(*symbols,
                      fmt::format("{} symbols, at most {} are simulated", symbols->items.size(), kSymbolsMax));
      }
      for (const YamlNode* item : reader_.scalars(*symbols, fields.name_of("symbols"))) {
        if (std::find(market.symbols.begin(), market.symbols.end(), item->text) != market.symbols.end()) {
          reader_.error(*item, fmt::format("the symbol '{}' is given twice", item->shown));
        } else {
          market.symbols.push_back(item->text);
        }
      }
      market.symbol_count = static_cast<int32_t>(market.symbols.size());
    } else if (const auto count =
                   reader_.integer(*symbols, fields.name_of("symbols") + " (or a list of symbols)", 1, kSymbolsMax)) {
      market.symbol_count = static_cast<int32_t>(*count);
    }
  }
  fields.number("rate", market.trades_per_second, 0.001, 10'000'000);
  load_pace(fields, market.pace);
  if (const YamlNode* start = fields.find("start")) {
    if (const auto text = reader_.stated_text(*start, fields.name_of("start"))) {
      Timestamp time;
      if (const TimeError error = parse_rfc3339(*text, time); error != TimeError::ok) {
        reader_.error(*start, fmt::format("{}: {}", fields.name_of("start"), to_string(error)));
      } else {
        market.start = time;
      }
    }
  }
  if (const YamlNode* duration = fields.find("duration");
      duration != nullptr && reader_.stated_text(*duration, fields.name_of("duration"))) {
    market.duration = reader_.duration(*duration, fields.name_of("duration"), kMillisecond, Duration{3650 * kDay.ns});
  }
  fields.number("late", market.late_fraction, 0, 1);
  fields.number("duplicates", market.duplicate_fraction, 0, 1);
  fields.number("cancels", market.cancel_fraction, 0, 1);
  fields.number("corrections", market.correct_fraction, 0, 1);
  fields.text("quotes", market.quotes_topic);
  if (const YamlNode* halts = fields.find("halts")) load_halts(*halts, market);
  return market;
}

void Loader::load_halts(const YamlNode& node, SimulatedSource& market) {
  if (!node.is_sequence() || node.items.size() > kHaltsMax) {
    reader_.error(node,
                  fmt::format("'halts' must be a list of at most {} maps such as {{symbol: A, after: 1m, length: 30s}}",
                              kHaltsMax));
    return;
  }
  for (const YamlNode& item : node.items) {
    Fields fields(reader_, item, "a halt", {"symbol", "after", "length"});
    SimulatedSource::Halt halt;
    if (const YamlNode* symbol = fields.require("symbol", "which symbol stops trading")) {
      halt.symbol = reader_.text(*symbol, fields.name_of("symbol")).value_or("");
      if (!halt.symbol.empty() && !market.symbols.empty() &&
          std::find(market.symbols.begin(), market.symbols.end(), halt.symbol) == market.symbols.end()) {
        reader_.error(*symbol, fmt::format("'{}' is none of the simulated symbols{}", symbol->shown,
                                           suggestion(symbol->shown, market.symbols)));
      }
    }
    fields.duration("after", halt.after, Duration{0}, kForever);
    if (fields.require("length", "how long it stops") != nullptr)
      fields.duration("length", halt.length, kMillisecond, kForever);
    market.halts.push_back(std::move(halt));
  }
}

void Loader::add_topic(const YamlNode& node, std::string_view name, RecordKind kind, size_t source) {
  if (!is_topic_name(name) || name.ends_with(".late") || name.ends_with(".quarantine")) {
    reader_.error(node,
                  fmt::format("the topic name '{}' must be of letters, digits, '.', '_' and '-' (at most {}), and not "
                              "end in .late or .quarantine",
                              node.shown, kTopicNameMax));
    broken_.insert(std::string(name));
    return;
  }
  if (const auto known = find_topic(name)) {
    Topic& topic = plan_.topics[*known];
    if (topic.kind != kind) {
      reader_.error(node, fmt::format("the topic '{}' holds {} already, {} need a topic of their own", node.shown,
                                      record_name(topic.kind), record_name(kind)));
    } else {
      topic.sources.push_back(source);
    }
    return;
  }
  plan_.topics.push_back(
      {.name = std::string(name), .kind = kind, .schema = schema_of_kind(kind), .partitions = 0, .sources = {source}});
}

void Loader::load_topics(const YamlNode& node) {
  // JSON records have no symbol to be partitioned by: one partition keeps their order and lets dedup see all of them.
  for (Topic& topic : plan_.topics) topic.partitions = topic.kind == RecordKind::json ? 1 : plan_.log.partitions;
  std::vector<std::string> names;
  for (const Topic& topic : plan_.topics) names.push_back(topic.name);
  for (const YamlEntry* entry : named_entries(reader_, node, "topics")) {
    const auto index = find_topic(entry->key.text);
    if (!index) {
      if (broken_.contains(entry->key.text)) continue;
      reader_.error(entry->key, fmt::format("no source writes the topic '{}'{}", entry->key.text,
                                            suggestion(entry->key.text, names)));
      continue;
    }
    Fields fields(reader_, entry->value, fmt::format("topic '{}'", entry->key.text), {"partitions"});
    fields.integer("partitions", plan_.topics[*index].partitions, 1, kPartitionsMax);
  }
}

}  // namespace penstock::plan

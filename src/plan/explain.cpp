#include "plan/explain.h"

#include <fmt/core.h>

#include <algorithm>

#include "market/adjusted_columns.h"
#include "market/schema.h"

namespace penstock::plan {
namespace {

std::string columns_text(const market::Schema& schema) {
  std::string text;
  for (const market::Field& field : schema.fields) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", field.name, market::to_string(field.type));
  }
  return text;
}

std::string bytes_text(int64_t bytes) {
  for (const auto& [name, unit] :
       {std::pair{"GiB", int64_t{1} << 30}, std::pair{"MiB", int64_t{1} << 20}, std::pair{"KiB", int64_t{1} << 10}}) {
    if (bytes % unit == 0) return fmt::format("{} {}", bytes / unit, name);
  }
  return fmt::format("{} bytes", bytes);
}

std::string_view kind_text(RecordKind kind) {
  switch (kind) {
    case RecordKind::trade: return "trades";
    case RecordKind::quote: return "quotes";
    case RecordKind::json: return "JSON records";
  }
  return "records";
}

std::string pace_text(const std::optional<double>& pace) {
  if (!pace) return "as fast as it goes";
  return *pace == 1 ? std::string("at the recorded pace") : fmt::format("at {} times the recorded pace", *pace);
}

std::string source_text(const FileSource& file) {
  std::string text = fmt::format("file {}", file.path);
  text += fmt::format(", {}", file.format.empty() ? "format by the name's end" : file.format);
  if (!file.compression.empty()) text += fmt::format(", compression {}", file.compression);
  text += ", " + pace_text(file.pace);
  if (file.symbol) text += fmt::format(", every symbol is {}", *file.symbol);
  if (file.venue) text += fmt::format(", every venue is {}", *file.venue);
  for (const auto& [name, written] : file.columns) text += fmt::format(", {} from its column {}", name, written);
  return text;
}

std::string source_text(const HttpSource& http) {
  std::string text = fmt::format("http {}, every {}", http.url, format_duration(http.interval));
  if (!http.records.empty()) text += fmt::format(", records at {}", http.records);
  if (!http.id.empty()) text += fmt::format(", id at {}", http.id);
  if (!http.headers.empty()) {
    text += ", headers";
    for (const auto& [name, value] : http.headers) text += " " + name;
  }
  text += fmt::format(", retries after {} to {}", format_duration(http.backoff_min), format_duration(http.backoff_max));
  if (http.polls_max) text += fmt::format(", ends after {} polls", *http.polls_max);
  return text;
}

std::string source_text(const SimulatedSource& market) {
  std::string text =
      fmt::format("SIMULATED market, seed {}, {} symbols, {} trades/s", market.seed,
                  market.symbols.empty() ? static_cast<size_t>(market.symbol_count) : market.symbols.size(),
                  market.trades_per_second);
  if (!market.pace) {
    text += ", as fast as it goes";
  } else if (*market.pace != 1) {
    text += fmt::format(", {} simulated seconds a second", *market.pace);
  }
  if (market.start) text += fmt::format(", from {}", format_rfc3339(*market.start));
  if (market.duration) text += fmt::format(", for {}", format_duration(*market.duration));
  text += fmt::format(", late {}, duplicates {}", market.late_fraction, market.duplicate_fraction);
  if (market.cancel_fraction > 0 || market.correct_fraction > 0) {
    text += fmt::format(", cancels {}, corrections {}", market.cancel_fraction, market.correct_fraction);
  }
  if (!market.quotes_topic.empty()) text += fmt::format(", quotes to {}", market.quotes_topic);
  for (const auto& halt : market.halts) {
    text += fmt::format(", halt of {} after {} for {}", halt.symbol, format_duration(halt.after),
                        format_duration(halt.length));
  }
  return text;
}

class Explainer {
 public:
  explicit Explainer(const Plan& plan) : plan_(plan) {}

  std::string text() {
    line(0, fmt::format("pipeline {} ({})", plan_.name, plan_.file));
    const LogSpec& log = plan_.log;
    const std::string_view codec = log.codec == Codec::lz4    ? "lz4"
                                   : log.codec == Codec::zstd ? "zstd"
                                                              : "no compression";
    const std::string fsync = log.fsync == Fsync::always  ? "fsync always"
                              : log.fsync == Fsync::never ? "fsync never"
                                                          : "fsync every " + format_duration(log.fsync_interval);
    std::string kept;
    if (log.retention_time) kept += ", kept for " + format_duration(*log.retention_time);
    if (log.retention_bytes) kept += fmt::format(", kept up to {} a partition", bytes_text(*log.retention_bytes));
    line(0,
         fmt::format("log embedded: {}, {}, segments of {}{}", codec, fsync, bytes_text(log.segment_bytes_max), kept));
    line(0, fmt::format("store embedded: {} of memory, commits every {}", bytes_text(plan_.store.memory_bytes_max),
                        format_duration(plan_.store.commit_interval)));
    line(0, "engine native");
    for (const Topic& topic : plan_.topics) {
      out_ += '\n';
      line(0, fmt::format("topic {}: {}, {} partition{}", topic.name, kind_text(topic.kind), topic.partitions,
                          topic.partitions == 1 ? "" : "s"));
      for (const size_t source : topic.sources) {
        line(1, fmt::format("<- source {}: {}", plan_.sources[source].name,
                            std::visit([](const auto& options) { return source_text(options); },
                                       plan_.sources[source].options)));
      }
      line(1, "columns: " + columns_text(*topic.schema));
      readers({Input::From::topic, static_cast<size_t>(&topic - plan_.topics.data()), Port::rows}, 1);
    }
    out_ += '\n';
    for (const Table& table : plan_.tables) {
      line(0, fmt::format("table {}: {}", table.name, columns_text(*table.schema)));
      std::string key;
      for (const size_t column : table.key) key += (key.empty() ? "" : ", ") + table.schema->fields[column].name;
      line(1, key.empty() ? "rows are appended" : fmt::format("key {}: a later row replaces the earlier", key));
      if (plan_.reference && !market::adjusted_columns(*table.schema).empty()) {
        line(1, fmt::format("adjusted: {0}{1}, and {0}{1}(as_of)", table.name, market::kAdjusted));
      }
    }
    if (plan_.reference) reference(*plan_.reference);
    if (!plan_.tests.empty()) {
      out_ += '\n';
      for (const TestCase& test : plan_.tests) line(0, "test: " + test.name);
    }
    return plan_.redact(out_);
  }

 private:
  void line(int depth, std::string_view text) {
    out_.append(static_cast<size_t>(depth) * 2, ' ');
    out_ += text;
    out_ += '\n';
  }

  void reference(const Reference& reference) {
    size_t factors = 0;
    size_t tickers = 0;
    for (const auto& [name, security] : reference.data->securities()) {
      factors += security.factors.size();
      tickers += security.tickers.size();
    }
    out_ += '\n';
    line(0, fmt::format("reference: {} securities, dates of {}", reference.data->securities().size(),
                        reference.time_zone_name));
    if (!reference.factors_path.empty()) {
      line(1,
           fmt::format("factors from {}: {} rows -> table {}", reference.factors_path, factors, market::kFactorsTable));
    }
    if (!reference.symbol_changes_path.empty()) {
      line(1, fmt::format("symbol changes from {}: {} rows -> table {}", reference.symbol_changes_path, tickers,
                          market::kSymbolChangesTable));
    }
  }

  static bool same(const Input& a, const Input& b) {
    return a.from == b.from && a.index == b.index && a.port == b.port;
  }

  void readers(const Input& input, int depth) {
    for (const Table& table : plan_.tables) {
      if (std::any_of(table.inputs.begin(), table.inputs.end(), [&](const Input& each) { return same(each, input); })) {
        line(depth, "-> table " + table.name);
      }
    }
    for (const Stream& stream : plan_.streams) {
      if (same(stream.input, input)) this->stream(stream, depth);
    }
  }

  void stream(const Stream& stream, int depth) {
    line(depth, "-> stream " + stream.name);
    const market::Schema* input = plan_.schema_of(stream.input).get();
    for (const Step& step : stream.steps) {
      std::visit([&](const auto& what) { describe(what, *input, step, depth + 2); }, step.what);
      input = step.output.get();
    }
    const size_t index = static_cast<size_t>(&stream - plan_.streams.data());
    for (const auto& [port, name] : {std::pair{Port::rows, "rows"}, std::pair{Port::late, "late"},
                                     std::pair{Port::quarantine, "quarantine"}, std::pair{Port::quality, "quality"}}) {
      const Input from{Input::From::stream, index, port};
      const auto reads = [&](const Input& each) { return same(each, from); };
      const bool read =
          std::any_of(plan_.streams.begin(), plan_.streams.end(), [&](const Stream& s) { return reads(s.input); }) ||
          std::any_of(plan_.tables.begin(), plan_.tables.end(),
                      [&](const Table& t) { return std::any_of(t.inputs.begin(), t.inputs.end(), reads); });
      if (!read) continue;
      line(depth + 1,
           port == Port::rows ? fmt::format("{}: {}", name, columns_text(*stream.output)) : fmt::format("{}:", name));
      readers(from, depth + 2);
    }
  }

  void describe(const Filter& filter, const market::Schema&, const Step&, int depth) {
    line(depth, "where " + filter.condition.text);
  }
  void describe(const Project& project, const market::Schema&, const Step& step, int depth) {
    line(depth, "select");
    for (size_t i = 0; i < project.columns.size(); ++i) {
      const market::Field& field = step.output->fields[i];
      line(depth + 1, fmt::format("{} {} = {}", field.name, market::to_string(field.type), project.columns[i].text));
    }
  }
  void describe(const Dedup& dedup, const market::Schema& input, const Step&, int depth) {
    std::string by;
    for (const size_t column : dedup.columns) by += (by.empty() ? "" : ", ") + input.fields[column].name;
    line(depth, fmt::format("dedup by {} within {}", by, format_duration(dedup.within)));
  }
  void describe(const Check& check, const market::Schema& input, const Step&, int depth) {
    for (const CheckRule& rule : check.rules) {
      const bool usual = std::holds_alternative<SqlCheck>(rule.kind) && rule.action == CheckAction::quarantine;
      line(depth, fmt::format("check {}: {}{}{}", rule.name, plan::describe(rule.kind, input), usual ? "" : ", action ",
                              usual ? "" : to_string(rule.action)));
    }
  }
  void describe(const Bars& bars, const market::Schema&, const Step&, int depth) {
    std::string every;
    for (const Duration length : bars.every) every += (every.empty() ? "" : ", ") + format_duration(length);
    std::string rules;
    if (bars.revise_for.ns > 0) rules += ", revised for " + format_duration(bars.revise_for);
    if (bars.early) rules += ", provisional every " + format_duration(*bars.early);
    if (bars.calendar != nullptr) rules += ", in sessions of " + bars.calendar->name() + " and by day";
    if (bars.conditions != nullptr) rules += ", sale conditions " + bars.conditions_name;
    line(depth, fmt::format("bars of {}, lateness {}{}", every, format_duration(bars.lateness), rules));
  }
  void describe(const Indicators& indicators, const market::Schema&, const Step&, int depth) {
    line(depth, fmt::format("indicators, sessions of {}", indicators.session));
    for (const Indicator& indicator : indicators.items) {
      const int64_t null = warm_up_bars(indicator);
      line(depth + 1,
           fmt::format("{} = {}{}", indicator.name, call_text(indicator),
                       null == 0 ? "" : fmt::format(", null for the first {} bar{}", null, null == 1 ? "" : "s")));
    }
  }

  const Plan& plan_;
  std::string out_;
};

}  // namespace

std::string explain(const Plan& plan) { return Explainer(plan).text(); }

}  // namespace penstock::plan

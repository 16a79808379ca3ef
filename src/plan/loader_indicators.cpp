// The `indicators:` step of a stream.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "market/calendar.h"
#include "market/schema.h"
#include "plan/loader.h"

namespace penstock::plan {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// `{sma20: sma(close, 20)}`: YAML ends the value at the comma.
const YamlNode* cut_by_a_comma(const YamlNode& map) {
  for (const YamlEntry& entry : map.entries) {
    const YamlNode& value = entry.value;
    if (value.is_scalar() && value.plain &&
        std::count(value.text.begin(), value.text.end(), '(') > std::count(value.text.begin(), value.text.end(), ')')) {
      return &value;
    }
  }
  return nullptr;
}

// The bars that `stream` reads, maybe through streams that leave some out.
const Bars* bars_read_by(const Stream& stream, const std::vector<Stream>& streams) {
  for (Input input = stream.input; input.from == Input::From::stream; input = streams[input.index].input) {
    for (const Step& step : streams[input.index].steps) {
      if (const auto* bars = std::get_if<Bars>(&step.what)) return bars;
    }
  }
  return nullptr;
}

}  // namespace

bool Loader::load_session(const YamlNode& node, const std::string& what, Indicators& indicators) {
  const auto name = reader_.text(node, fmt::format("'session' of {}", what));
  if (!name) return false;
  const auto names = market::Calendar::names();
  if (std::find(names.begin(), names.end(), *name) == names.end()) {
    reader_.error(node, fmt::format("'session' of {}: there is no calendar '{}'{}; there are {}", what, node.shown,
                                    suggestion(node.shown, names), list_names(names)));
    return false;
  }
  if (const auto calendar = market::Calendar::find(*name); !calendar) {
    reader_.error(node, fmt::format("'session' of {}: {}", what, calendar.error().message));
    return false;
  }
  indicators.session = *name;
  return true;
}

bool Loader::load_indicators(const YamlNode& node, Stream& stream) {
  const std::string what = fmt::format("'indicators' of stream '{}'", stream.name);
  if (!stream.steps.empty() && std::holds_alternative<Bars>(stream.steps.back().what)) {
    reader_.error(node, fmt::format("{}: give the indicators a stream of their own, which reads this one", what));
    return false;
  }
  if (stream.output != market::bar_schema() || stream.input.from != Input::From::stream) {
    reader_.error(node, fmt::format("{}: indicators are computed from bars: `from` must name a stream with `bars`, and "
                                    "no `select` may stand before them",
                                    what));
    return false;
  }
  if (node.is_map()) {
    if (const YamlNode* cut = cut_by_a_comma(node)) {
      reader_.error(*cut, fmt::format("{}: inside {{...}} a comma ends a value: put the call in quotes, such as "
                                      "\"sma(close, 20)\", or write each indicator on a line of its own",
                                      what));
      return false;
    }
  }
  const auto entries = named_entries(reader_, node, what);
  if (!node.is_map()) return false;

  bool right = entries.size() == node.entries.size();
  Indicators indicators;
  if (const Bars* bars = bars_read_by(stream, plan_.streams)) {
    indicators.revised_within = bars->revise_for;
    if (bars->calendar != nullptr) indicators.session = bars->calendar->name();
  }
  std::set<std::string> taken;
  const market::SchemaPtr always = indicator_schema({});
  for (const market::Field& field : always->fields) taken.insert(field.name);
  for (const YamlEntry* entry : entries) {
    const std::string& name = entry->key.text;
    if (name == "session") {
      right = load_session(entry->value, what, indicators) && right;
      continue;
    }
    if (!is_identifier(name)) {
      reader_.error(entry->key, fmt::format("the column name '{}' must be of letters, digits and _", name));
      right = false;
      continue;
    }
    const auto call = reader_.text(entry->value, fmt::format("indicator '{}'", name));
    auto parsed = call ? parse_indicator(*call) : std::unexpected(ExpressionError{});
    if (!parsed) {
      if (call) {
        reader_.error_within(entry->value, parsed.error().offset,
                             fmt::format("indicator '{}': {}", name, parsed.error().message));
      }
      right = false;
      continue;
    }
    parsed->name = name;
    for (const std::string& column : column_names(*parsed)) {
      if (taken.insert(lower(column)).second) continue;
      reader_.error(entry->key,
                    fmt::format("{}: there is a column '{}' already; call this indicator otherwise", what, column));
      right = false;
    }
    indicators.items.push_back(*std::move(parsed));
  }
  if (right && (indicators.items.empty() || indicators.items.size() > kIndicatorsMax)) {
    reader_.error(
        node, fmt::format("{} has {} indicators; it may have 1 to {}", what, indicators.items.size(), kIndicatorsMax));
    right = false;
  }
  if (!right) return false;
  stream.output = indicator_schema(indicators);
  stream.steps.push_back({std::move(indicators), stream.output, reader_.location(node)});
  return true;
}

}  // namespace penstock::plan

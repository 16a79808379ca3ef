#include "plan/indicators.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "market/schema.h"
#include "plan/diagnostics.h"
#include "plan/syntax.h"

namespace penstock::plan {
namespace {

using Parameter = IndicatorFunction::Parameter;
using TakesSource = IndicatorFunction::TakesSource;

constexpr double kWidthMax = 100;

constexpr std::array<std::string_view, 7> kBarValues{"open", "high", "low", "close", "volume", "vwap", "typical"};

constexpr std::array<Parameter, 1> kBars{{{"bars"}}};
constexpr std::array<Parameter, 1> kDeviationBars{{{"bars", 2}}};
constexpr std::array<Parameter, 3> kMacd{{{"short"}, {"long", 2}, {"signal"}}};
constexpr std::array<Parameter, 3> kStoch{{{"bars"}, {"slowing"}, {"d"}}};
constexpr std::array<std::string_view, 1> kOne{""};
constexpr std::array<std::string_view, 3> kMacdOutputs{"", "_signal", "_hist"};
constexpr std::array<std::string_view, 3> kBandOutputs{"_lower", "_middle", "_upper"};
constexpr std::array<std::string_view, 2> kStochOutputs{"_k", "_d"};

// In the order of IndicatorKind.
const std::array<IndicatorFunction, 13>& functions() {
  using enum IndicatorKind;
  const auto simple = [](IndicatorKind kind, std::string_view name) {
    return IndicatorFunction{.kind = kind, .name = name, .periods = kBars, .outputs = kOne};
  };
  static const std::array<IndicatorFunction, 13> all{{
      simple(sma, "sma"),
      simple(ema, "ema"),
      simple(wma, "wma"),
      simple(rsi, "rsi"),
      {.kind = macd, .name = "macd", .periods = kMacd, .outputs = kMacdOutputs},
      {.kind = bbands, .name = "bbands", .periods = kBars, .takes_width = true, .outputs = kBandOutputs},
      {.kind = atr, .name = "atr", .source = TakesSource::none, .periods = kBars, .outputs = kOne},
      {.kind = vwap,
       .name = "vwap",
       .source = TakesSource::optional,
       .default_source = BarValue::vwap,
       .periods = {},
       .outputs = kOne},
      {.kind = obv, .name = "obv", .source = TakesSource::none, .periods = {}, .outputs = kOne},
      {.kind = stoch, .name = "stoch", .source = TakesSource::none, .periods = kStoch, .outputs = kStochOutputs},
      {.kind = volatility, .name = "volatility", .periods = kDeviationBars, .outputs = kOne},
      simple(returns, "returns"),
      simple(log_returns, "log_returns"),
  }};
  return all;
}

std::vector<std::string> names_of_functions() {
  std::vector<std::string> names;
  for (const IndicatorFunction& function : functions()) names.emplace_back(function.name);
  return names;
}

std::unexpected<ExpressionError> refuse(size_t offset, std::string message) {
  return std::unexpected(ExpressionError{offset, std::move(message)});
}

std::expected<BarValue, ExpressionError> parse_source(const Syntax& node, const IndicatorFunction& function) {
  const std::vector<std::string> known(kBarValues.begin(), kBarValues.end());
  const bool named = node.kind == Syntax::Kind::name && node.path.empty();
  const auto found = named ? std::find(known.begin(), known.end(), node.text) : known.end();
  if (found == known.end()) {
    return refuse(node.offset, fmt::format("the source of {} must be one of {}{}", function.name, list_names(known),
                                           named ? suggestion(node.text, known) : ""));
  }
  return static_cast<BarValue>(found - known.begin());
}

std::expected<int, ExpressionError> parse_period(const Syntax& node, const Parameter& parameter,
                                                 const IndicatorFunction& function) {
  int value = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [rest, failure] = std::from_chars(node.text.data(), end, value);
  if (node.kind != Syntax::Kind::integer || failure != std::errc{} || rest != end || value < parameter.least ||
      value > kPeriodMax) {
    return refuse(node.offset, fmt::format("'{}' of {} must be a whole number from {} to {}", parameter.name,
                                           function.usage(), parameter.least, kPeriodMax));
  }
  return value;
}

std::expected<double, ExpressionError> parse_width(const Syntax& node, const IndicatorFunction& function) {
  double value = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [rest, failure] = std::from_chars(node.text.data(), end, value);
  const bool number = node.kind == Syntax::Kind::integer || node.kind == Syntax::Kind::decimal;
  if (!number || failure != std::errc{} || rest != end || value <= 0 || value > kWidthMax) {
    return refuse(node.offset,
                  fmt::format("'deviations' of {} must be a number above 0 and up to {}", function.usage(), kWidthMax));
  }
  return value;
}

}  // namespace

std::string_view to_string(BarValue value) { return kBarValues[static_cast<size_t>(value)]; }

std::span<const IndicatorFunction> indicator_functions() { return functions(); }

const IndicatorFunction& function_of(IndicatorKind kind) { return functions()[static_cast<size_t>(kind)]; }

std::string IndicatorFunction::usage() const {
  std::string arguments = source == TakesSource::required   ? "source"
                          : source == TakesSource::optional ? "[source]"
                                                            : "";
  const auto add = [&](std::string_view argument) {
    if (!arguments.empty()) arguments += ", ";
    arguments += argument;
  };
  for (const Parameter& parameter : periods) add(parameter.name);
  if (takes_width) add("deviations");
  return fmt::format("{}({})", name, arguments);
}

std::expected<Indicator, ExpressionError> parse_indicator(std::string_view call) {
  auto parsed = parse_expression(call);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  const Syntax& node = **parsed;
  const auto known = names_of_functions();
  const bool called = node.kind == Syntax::Kind::call;
  const bool named = called || (node.kind == Syntax::Kind::name && node.path.empty());
  const auto function = named ? std::find_if(functions().begin(), functions().end(),
                                             [&](const IndicatorFunction& each) { return each.name == node.text; })
                              : functions().end();
  if (function == functions().end()) {
    if (!named) return refuse(node.offset, "an indicator is written as a call such as sma(close, 20)");
    return refuse(node.offset, fmt::format("there is no indicator '{}'{}; there are {}", node.text,
                                           suggestion(node.text, known), list_names(known)));
  }
  if (!called) return refuse(node.offset, fmt::format("write {}", function->usage()));

  Indicator indicator{.kind = function->kind, .source = function->default_source};
  const size_t given = node.children.size();
  const size_t others = function->periods.size() + (function->takes_width ? 1 : 0);
  const size_t sources = function->source == TakesSource::none ? 0 : 1;
  const bool source_given = sources == 1 && (function->source == TakesSource::required || given == others + 1);
  if (given != others + (source_given ? 1 : 0)) {
    return refuse(node.offset,
                  fmt::format("{} takes {}{} values, not {}", function->usage(),
                              function->source == TakesSource::optional ? "at most " : "", others + sources, given));
  }
  size_t at = 0;
  if (source_given) {
    const auto source = parse_source(*node.children[at++], *function);
    if (!source) return std::unexpected(source.error());
    indicator.source = *source;
  }
  for (const Parameter& parameter : function->periods) {
    const auto period = parse_period(*node.children[at++], parameter, *function);
    if (!period) return std::unexpected(period.error());
    indicator.periods.push_back(*period);
  }
  if (function->takes_width) {
    const auto width = parse_width(*node.children[at], *function);
    if (!width) return std::unexpected(width.error());
    indicator.width = *width;
  }
  if (indicator.kind == IndicatorKind::macd && indicator.periods[0] >= indicator.periods[1]) {
    return refuse(node.children[1]->offset, fmt::format("'short' of {} must be less than 'long'", function->usage()));
  }
  return indicator;
}

std::string call_text(const Indicator& indicator) {
  const IndicatorFunction& function = function_of(indicator.kind);
  std::string arguments(function.source == TakesSource::none ? std::string_view{} : to_string(indicator.source));
  for (const int period : indicator.periods) arguments += fmt::format("{}{}", arguments.empty() ? "" : ", ", period);
  if (function.takes_width) arguments += fmt::format(", {}", indicator.width);
  return fmt::format("{}({})", function.name, arguments);
}

std::vector<std::string> column_names(const Indicator& indicator) {
  std::vector<std::string> names;
  for (const std::string_view suffix : function_of(indicator.kind).outputs) {
    names.push_back(indicator.name + std::string(suffix));
  }
  return names;
}

int64_t warm_up_bars(const Indicator& indicator) {
  const auto period = [&](size_t i) { return int64_t{indicator.periods[i]}; };
  switch (indicator.kind) {
    case IndicatorKind::ema:
    case IndicatorKind::vwap:
    case IndicatorKind::obv: return 0;
    case IndicatorKind::sma:
    case IndicatorKind::wma:
    case IndicatorKind::bbands:
    case IndicatorKind::atr: return period(0) - 1;
    case IndicatorKind::rsi:
    case IndicatorKind::volatility:
    case IndicatorKind::returns:
    case IndicatorKind::log_returns: return period(0);
    case IndicatorKind::macd: return period(1) - 1;
    case IndicatorKind::stoch: return period(0) + period(1) + period(2) - 3;
  }
  return 0;
}

market::SchemaPtr indicator_schema(const Indicators& indicators) {
  using market::BarColumn;
  market::Schema schema;
  for (const size_t column : {BarColumn::symbol, BarColumn::every, BarColumn::start, BarColumn::close,
                              BarColumn::revision, BarColumn::final}) {
    schema.fields.push_back(market::bar_schema()->fields[column]);
  }
  PENSTOCK_ASSERT(schema.fields.size() == IndicatorColumn::count);
  for (const Indicator& indicator : indicators.items) {
    for (std::string& name : column_names(indicator)) {
      schema.fields.push_back({std::move(name), {market::Kind::float64}});
    }
  }
  return std::make_shared<const market::Schema>(std::move(schema));
}

}  // namespace penstock::plan

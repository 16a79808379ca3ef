// The `indicators:` step as the plan knows it: which indicators there are, what they take, what columns they make and
// how many bars they need first. The formulae are in stream/indicators, the page is docs/formats/indicators.md.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "plan/compile.h"

namespace penstock::plan {

inline constexpr size_t kIndicatorsMax = 128;  // of one step
inline constexpr int kPeriodMax = 10'000;      // bars that one value may look back over

enum class IndicatorKind : uint8_t {
  sma,
  ema,
  wma,
  rsi,
  macd,
  bbands,
  atr,
  vwap,
  obv,
  stoch,
  volatility,
  returns,
  log_returns,
};

// A value of each bar that an indicator may be computed from.
enum class BarValue : uint8_t { open, high, low, close, volume, vwap, typical };
[[nodiscard]] std::string_view to_string(BarValue value);

// One entry of `indicators:`.
struct Indicator {
  std::string name;  // of its column, or what its columns begin with
  IndicatorKind kind = IndicatorKind::sma;
  BarValue source = BarValue::close;
  std::vector<int> periods;  // in the order of the call
  double width = 2;          // of bbands: standard deviations
};

struct Indicators {
  std::vector<Indicator> items;
  std::string session = "24/7";  // the calendar whose sessions vwap is summed over; see market/calendar.h
  // How long behind its end, by its symbol's own time, a bar may still change, whatever the stream's mark; none: only
  // the mark says when it is settled.
  std::optional<Duration> revised_within;
};

// What a kind is called and takes.
struct IndicatorFunction {
  enum class TakesSource : uint8_t { none, required, optional };
  struct Parameter {
    std::string_view name;
    int least = 1;
  };
  IndicatorKind kind = IndicatorKind::sma;
  std::string_view name;
  TakesSource source = TakesSource::required;
  BarValue default_source = BarValue::close;
  std::span<const Parameter> periods;
  bool takes_width = false;
  std::span<const std::string_view> outputs;  // what is put behind the column's name
  [[nodiscard]] std::string usage() const;  // `macd(source, short, long, signal)`
};
[[nodiscard]] std::span<const IndicatorFunction> indicator_functions();
[[nodiscard]] const IndicatorFunction& function_of(IndicatorKind kind);

// `sma(close, 20)` as an Indicator without a name.
[[nodiscard]] std::expected<Indicator, ExpressionError> parse_indicator(std::string_view call);
// The call as parse_indicator() reads it, in one canonical form.
[[nodiscard]] std::string call_text(const Indicator& indicator);
// The columns it makes, in order.
[[nodiscard]] std::vector<std::string> column_names(const Indicator& indicator);
// The bars of a symbol and interval whose values are null before the first that is not.
[[nodiscard]] int64_t warm_up_bars(const Indicator& indicator);

// The rows that the step makes of bars.
[[nodiscard]] market::SchemaPtr indicator_schema(const Indicators& indicators);
// Where the columns before the indicators' own stand in it.
struct IndicatorColumn {
  enum : size_t { symbol, every, start, close, revision, final, count };
};

}  // namespace penstock::plan

#include "stream/indicators/formula.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace penstock::stream {
namespace {

using plan::IndicatorKind;
using Value = FormulaColumns::Value;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The `n` values of a column that end with row `at`; empty where there are fewer.
std::span<const double> window(const double* column, size_t at, size_t n) {
  if (at + 1 < n) return {};
  return {column + (at + 1 - n), n};
}

double mean(std::span<const double> values) {
  if (values.empty()) return kNone;
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double linear_mean(std::span<const double> values) {
  if (values.empty()) return kNone;
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) sum += values[i] * static_cast<double>(i + 1);
  const auto n = static_cast<double>(values.size());
  return sum / (n * (n + 1) / 2);
}

// Around the mean, in a second pass: the difference of two sums would lose what they have in common. `free` is what is
// taken from the number of values: 0 for the deviation of these values, 1 for that of what they are a sample of.
double deviation(std::span<const double> values, double center, double free) {
  if (values.empty()) return kNone;
  double sum = 0;
  for (const double value : values) sum += (value - center) * (value - center);
  return std::sqrt(sum / (static_cast<double>(values.size()) - free));
}

// min and max pass over NaN or not as it comes: asked of highs and lows only, which are never null.
double least(std::span<const double> values) { return *std::min_element(values.begin(), values.end()); }
double greatest(std::span<const double> values) { return *std::max_element(values.begin(), values.end()); }

double smoothed(double before, double value, double factor) { return (value - before) * factor + before; }

// Of 12 and 26 bars the book has .15 and .075, not 2 / (n + 1), and so has everyone who follows it.
struct MacdFactors {
  double fast = 0;
  double slow = 0;
};
MacdFactors macd_factors(size_t fast, size_t slow) {
  if (fast == 12 && slow == 26) return {.15, .075};
  return {2.0 / static_cast<double>(fast + 1), 2.0 / static_cast<double>(slow + 1)};
}

}  // namespace

Formula::Needs Formula::needs() const {
  const auto period = [&](size_t i) { return periods_[i]; };
  switch (kind_) {
    case IndicatorKind::sma:
    case IndicatorKind::wma:
    case IndicatorKind::bbands: return {.values = {source_}, .look_back = period(0) - 1};
    case IndicatorKind::ema: return {.values = {source_}, .carries = 1};
    case IndicatorKind::rsi:
    case IndicatorKind::macd: return {.values = {source_}, .carries = 4};
    case IndicatorKind::atr: return {.values = {Value::high, Value::low, Value::close}, .carries = 2, .look_back = 1};
    case IndicatorKind::vwap: return {.values = {source_, Value::volume, Value::session}, .carries = 3};
    case IndicatorKind::obv: return {.values = {Value::close, Value::volume}, .carries = 1, .look_back = 1};
    case IndicatorKind::stoch:
      return {.values = {Value::high, Value::low, Value::close},
              .derived = 2,
              .look_back = std::max({period(0), period(1), period(2)}) - 1};
    case IndicatorKind::volatility: return {.values = {source_}, .derived = 1, .look_back = period(0) - 1};
    case IndicatorKind::returns:
    case IndicatorKind::log_returns: return {.values = {source_}, .look_back = period(0)};
  }
  return {};
}

FormulaColumns Formula::lay_out(std::vector<Formula>& formulas) {
  FormulaColumns columns;
  for (const Formula& formula : formulas) {
    const Needs needs = formula.needs();
    for (const Value value : needs.values) {
      if (std::find(columns.values.begin(), columns.values.end(), value) == columns.values.end()) {
        columns.values.push_back(value);
      }
    }
    columns.carries += needs.carries;
    columns.look_back = std::max(columns.look_back, needs.look_back);
  }
  size_t carry = 0;
  for (Formula& formula : formulas) {
    const Needs needs = formula.needs();
    for (size_t i = 0; i < needs.values.size(); ++i) {
      const auto at = std::find(columns.values.begin(), columns.values.end(), needs.values[i]);
      formula.values_[i] = static_cast<size_t>(at - columns.values.begin());
    }
    formula.derived_ = columns.bar_columns();
    columns.derived += needs.derived;
    formula.carry_ = carry;
    carry += needs.carries;
    formula.output_ = columns.result_columns();
    columns.outputs += plan::function_of(formula.kind_).outputs.size();
  }
  return columns;
}

void Formula::compute(const FormulaRow& row) const {
  const size_t at = row.bar;
  const auto values = [&](size_t i) -> const double* { return row.bars.column(values_[i]); };
  const auto derived = [&](size_t i) { return row.bars.column(derived_ + i); };
  const auto before = [&](size_t i) { return row.results.column(carry_ + i)[row.result - 1]; };
  const auto carry = [&](size_t i, double value) { row.results.column(carry_ + i)[row.result] = value; };
  // What is no number is null, in one form, so that rows may be compared bit by bit.
  const auto output = [&](size_t i, double value) {
    row.results.column(output_ + i)[row.result] = std::isfinite(value) ? value : kNone;
  };
  const double* source = values(0);

  switch (kind_) {
    case IndicatorKind::sma: return output(0, mean(window(source, at, periods_[0])));
    case IndicatorKind::wma: return output(0, linear_mean(window(source, at, periods_[0])));
    case IndicatorKind::bbands: {
      const auto values_in = window(source, at, periods_[0]);
      const double middle = mean(values_in);
      const double band = width_ * deviation(values_in, middle, 0);
      output(0, middle - band);
      output(1, middle);
      return output(2, middle + band);
    }
    case IndicatorKind::ema: {
      const double value = source[at];
      double average = before(0);
      if (!std::isnan(value)) {
        average = std::isnan(average) ? value : smoothed(average, value, 2.0 / static_cast<double>(periods_[0] + 1));
      }
      carry(0, average);
      return output(0, std::isnan(value) ? kNone : average);
    }
    case IndicatorKind::rsi: {
      // The value before; the changes since the first; the means (until there are enough: sums) of rises and falls.
      const double value = source[at];
      const double previous = before(0);
      const bool first = std::isnan(previous);
      double changes = first ? 0 : before(1);
      double rise = first ? 0 : before(2);
      double fall = first ? 0 : before(3);
      if (!std::isnan(value) && !first) {
        const auto n = static_cast<double>(periods_[0]);
        const double up = std::max(value - previous, 0.0);
        const double down = std::max(previous - value, 0.0);
        if (changes < n) {
          rise += up;
          fall += down;
          if (++changes == n) {
            rise /= n;
            fall /= n;
          }
        } else {
          rise = smoothed(rise, up, 1 / n);
          fall = smoothed(fall, down, 1 / n);
        }
      }
      carry(0, std::isnan(value) ? previous : value);
      carry(1, changes);
      carry(2, rise);
      carry(3, fall);
      const bool enough = !std::isnan(value) && changes >= static_cast<double>(periods_[0]);
      return output(0, enough ? 100 * (rise / (rise + fall)) : kNone);
    }
    case IndicatorKind::macd: {
      // The two averages, the signal, and the bars so far.
      const double value = source[at];
      const MacdFactors factors = macd_factors(periods_[0], periods_[1]);
      const auto warm = static_cast<double>(periods_[1]);
      double fast = before(0);
      double slow = before(1);
      double signal = before(2);
      double count = std::isnan(before(3)) ? 0 : before(3);
      const bool given = !std::isnan(value);
      if (given) {
        fast = count == 0 ? value : smoothed(fast, value, factors.fast);
        slow = count == 0 ? value : smoothed(slow, value, factors.slow);
        count = std::min(count + 1, warm);
      }
      const bool enough = given && count == warm;
      const double line = fast - slow;
      if (enough) {
        signal = std::isnan(signal) ? line : smoothed(signal, line, 2.0 / static_cast<double>(periods_[2] + 1));
      }
      carry(0, fast);
      carry(1, slow);
      carry(2, signal);
      carry(3, count);
      output(0, enough ? line : kNone);
      output(1, enough ? signal : kNone);
      return output(2, enough ? line - signal : kNone);
    }
    case IndicatorKind::atr: {
      // The mean (until there are enough bars: the sum) of true ranges, and the bars so far.
      const double high = values(0)[at];
      const double low = values(1)[at];
      const auto n = static_cast<double>(periods_[0]);
      const double count = std::isnan(before(1)) ? 0 : before(1);
      double range = high - low;
      if (count > 0) {
        const double close = values(2)[at - 1];
        range = std::max({range, std::abs(high - close), std::abs(low - close)});
      }
      double average = count == 0 ? 0 : before(0);
      if (count < n) {
        average += range;
        if (count + 1 == n) average /= n;
      } else {
        average = smoothed(average, range, 1 / n);
      }
      carry(0, average);
      carry(1, std::min(count + 1, n));
      return output(0, count + 1 >= n ? average : kNone);
    }
    case IndicatorKind::vwap: {
      // The session, and its sums of price times volume and of volume.
      const double session = values(2)[at];
      double notional = before(1);
      double volume = before(2);
      // A bar outside of every session leaves the sums as they are: the session may go on behind a break.
      if (!std::isnan(session) && session != before(0)) notional = volume = 0;
      if (!std::isnan(session) && !std::isnan(source[at])) {
        notional += source[at] * values(1)[at];
        volume += values(1)[at];
      }
      carry(0, std::isnan(session) ? before(0) : session);
      carry(1, notional);
      carry(2, volume);
      return output(0, std::isnan(session) ? kNone : notional / volume);
    }
    case IndicatorKind::obv: {
      double balance = 0;
      if (!std::isnan(before(0))) {
        const double change = values(0)[at] - values(0)[at - 1];
        const double volume = values(1)[at];
        balance = before(0) + (change > 0 ? volume : change < 0 ? -volume : 0);
      }
      carry(0, balance);
      return output(0, balance);
    }
    case IndicatorKind::stoch: {
      const auto highs = window(values(0), at, periods_[0]);
      const auto lows = window(values(1), at, periods_[0]);
      double fast = kNone;
      if (!highs.empty()) {
        const double low = least(lows);
        const double range = greatest(highs) - low;
        fast = range == 0 ? 0 : 100 * ((values(2)[at] - low) / range);
      }
      derived(0)[at] = fast;
      derived(1)[at] = mean(window(derived(0), at, periods_[1]));
      const double d = mean(window(derived(1), at, periods_[2]));
      output(0, std::isnan(d) ? kNone : derived(1)[at]);
      return output(1, d);
    }
    case IndicatorKind::volatility: {
      derived(0)[at] = at == 0 ? kNone : std::log(source[at] / source[at - 1]);
      const auto changes = window(derived(0), at, periods_[0]);
      return output(0, deviation(changes, mean(changes), 1));
    }
    case IndicatorKind::returns: return output(0, at < periods_[0] ? kNone : source[at] / source[at - periods_[0]] - 1);
    case IndicatorKind::log_returns:
      return output(0, at < periods_[0] ? kNone : std::log(source[at] / source[at - periods_[0]]));
  }
}

}  // namespace penstock::stream

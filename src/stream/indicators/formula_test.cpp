// The indicators against published numbers, against their definitions computed plainly, and at their edges.
#include "stream/indicators/formula.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "stream/indicators/indicator_testing.h"

namespace penstock::stream::testing {
namespace {

using Numbers = std::vector<std::string>;
using Column = std::vector<std::optional<double>>;

std::vector<Column> columns_of(const std::string& call, const std::vector<TestBar>& bars,
                               const std::string& session = "24/7") {
  StepRun run({{"x", call}}, session, Duration{0});
  std::vector<Column> columns;
  for (const TestRow& row : run.give(bars)) {
    columns.resize(row.values.size());
    for (size_t c = 0; c < columns.size(); ++c) columns[c].push_back(row.values[c]);
  }
  return columns;
}

Column column_of(const std::string& call, const std::vector<TestBar>& bars) { return columns_of(call, bars).at(0); }

// The blocks of the published file: a line with the name and the parameters, then inputs and outputs, one a line.
std::map<std::string, std::vector<Numbers>> published() {
  std::map<std::string, std::vector<Numbers>> blocks;
  const char* data = std::getenv("PENSTOCK_TEST_DATA");
  if (data == nullptr) return blocks;
  std::ifstream file(std::filesystem::path(data) / "indicators/tulip-atoz.txt");
  std::string name;
  for (std::string line; std::getline(file, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    if (line.front() != '{') {
      name = line;
      continue;
    }
    Numbers& numbers = blocks[name].emplace_back();
    for (size_t at = 1; at < line.size();) {
      const size_t end = line.find_first_of(",}", at);
      numbers.push_back(line.substr(at, end - at));
      at = end + 1;
    }
  }
  return blocks;
}

int64_t units(const std::string& text, int scale) {
  int64_t value = 0;
  const std::string whole = text.front() == '.' ? "0" + text : text.back() == '.' ? text + "0" : text;
  EXPECT_EQ(market::parse_decimal(whole, scale, value), market::DecimalError::ok) << text;
  return value;
}

struct Published {
  std::string block;
  std::string call;
  std::string inputs;  // what each line of inputs is: h, l, c, v
};
void PrintTo(const Published& tested, std::ostream* out) { *out << tested.block; }

class PublishedVectors : public ::testing::TestWithParam<Published> {};
TEST_P(PublishedVectors, AreMetToTheirLastDigit) {
  const auto blocks = published();
  if (blocks.empty()) GTEST_SKIP() << "PENSTOCK_TEST_DATA is not set: the published vectors are not here";
  const Published& tested = GetParam();
  const std::vector<Numbers>& lines = blocks.at(tested.block);
  std::vector<TestBar> bars(lines.at(0).size());
  for (size_t i = 0; i < bars.size(); ++i) {
    bars[i].minute = static_cast<int64_t>(i);
    for (size_t in = 0; in < tested.inputs.size(); ++in) {
      const std::string& text = lines.at(in).at(i);
      switch (tested.inputs[in]) {
        case 'h': bars[i].high = units(text, market::kPriceScale); break;
        case 'l': bars[i].low = units(text, market::kPriceScale); break;
        case 'c': bars[i].close = units(text, market::kPriceScale); break;
        default: bars[i].volume = units(text, market::kSizeScale); break;
      }
    }
  }
  const auto columns = columns_of(tested.call, bars);
  ASSERT_EQ(columns.size(), lines.size() - tested.inputs.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    const Numbers& expected = lines[tested.inputs.size() + c];
    size_t digits = 0;
    for (const std::string& number : expected) {
      const size_t point = number.find('.');
      digits = std::max(digits, point == std::string::npos ? 0 : number.size() - point - 1);
    }
    // They are rounded where they were printed; whole ones are exact.
    const double tolerance =
        digits == 0 ? 1e-9 : std::max(1e-9, 0.5 * std::pow(10, -static_cast<double>(digits)) + 1e-12);
    const size_t warm_up = bars.size() - expected.size();
    for (size_t i = 0; i < bars.size(); ++i) {
      const auto& value = columns[c][i];
      if (i < warm_up) {
        EXPECT_EQ(value, std::nullopt) << "bar " << i;
        continue;
      }
      ASSERT_TRUE(value) << "bar " << i;
      EXPECT_NEAR(*value, std::stod(expected[i - warm_up]), tolerance) << "column " << c << " bar " << i;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(
    AToZ, PublishedVectors,
    ::testing::Values(Published{"sma 5", "sma(close, 5)", "c"}, Published{"ema 5", "ema(close, 5)", "c"},
                      Published{"wma 5", "wma(close, 5)", "c"}, Published{"rsi 5", "rsi(close, 5)", "c"},
                      Published{"macd 12 26 9", "macd(close, 12, 26, 9)", "c"},
                      Published{"bbands 5 2", "bbands(close, 5, 2)", "c"}, Published{"atr 4", "atr(4)", "hlc"},
                      Published{"stoch 5 3 3", "stoch(5, 3, 3)", "hlc"}, Published{"obv", "obv()", "cv"}),
    [](const auto& tested) { return tested.param.block.substr(0, tested.param.block.find(' ')); });

// The definitions, each from all bars from the first, in long double, in another form than the engine's where there is
// one. Null where there is no value yet, or none.
class Plainly {
 public:
  explicit Plainly(const std::vector<TestBar>& bars) {
    for (const TestBar& bar : bars) {
      high_.push_back(static_cast<long double>(bar.high) / 1e9L);
      low_.push_back(static_cast<long double>(bar.low) / 1e9L);
      close_.push_back(static_cast<long double>(bar.close) / 1e9L);
      volume_.push_back(static_cast<long double>(bar.volume) / 1e8L);
      vwap_.push_back(static_cast<long double>(*bar.vwap) / 1e9L);
      day_.push_back(bar.minute / 1440);
    }
  }
  using Values = std::vector<std::optional<long double>>;
  using Reals = std::vector<long double>;

  static long double mean(const Reals& x, size_t end, size_t n) {
    long double sum = 0;
    for (size_t i = end - n; i < end; ++i) sum += x[i];
    return sum / static_cast<long double>(n);
  }
  static long double variance(const Reals& x, size_t end, size_t n, size_t free) {
    const long double center = mean(x, end, n);
    long double sum = 0;
    for (size_t i = end - n; i < end; ++i) sum += std::pow(x[i] - center, 2.0L);
    return sum / static_cast<long double>(n - free);
  }
  [[nodiscard]] Values over(size_t warm_up, const std::function<long double(size_t)>& at) const {
    Values out(close_.size());
    for (size_t i = warm_up; i < close_.size(); ++i) {
      const long double value = at(i);
      if (std::isfinite(value)) out[i] = value;
    }
    return out;
  }

  [[nodiscard]] Values sma(size_t n) const {
    return over(n - 1, [&](size_t i) { return mean(close_, i + 1, n); });
  }
  [[nodiscard]] Values wma(size_t n) const {
    return over(n - 1, [&](size_t i) {
      long double sum = 0;
      long double weights = 0;
      for (size_t back = 0; back < n; ++back) {
        sum += static_cast<long double>(n - back) * close_[i - back];
        weights += static_cast<long double>(n - back);
      }
      return sum / weights;
    });
  }
  // As one weighted sum of all values from `from` to `i`.
  static long double ema_at(const Reals& x, size_t from, size_t i, long double k) {
    long double sum = std::pow(1 - k, static_cast<long double>(i - from)) * x[from];
    for (size_t j = from + 1; j <= i; ++j) sum += k * std::pow(1 - k, static_cast<long double>(i - j)) * x[j];
    return sum;
  }
  static long double factor(size_t n) { return 2.0L / static_cast<long double>(n + 1); }
  [[nodiscard]] Values ema(size_t n) const {
    return over(0, [&](size_t i) { return ema_at(close_, 0, i, factor(n)); });
  }
  [[nodiscard]] Values macd(size_t fast, size_t slow) const {
    return over(slow - 1,
                [&](size_t i) { return ema_at(close_, 0, i, factor(fast)) - ema_at(close_, 0, i, factor(slow)); });
  }
  [[nodiscard]] Values macd_signal(size_t fast, size_t slow, size_t n) const {
    const Values line = macd(fast, slow);
    Reals real;
    for (const auto& value : line) real.push_back(value.value_or(0));
    return over(slow - 1, [&](size_t i) { return ema_at(real, slow - 1, i, factor(n)); });
  }
  // The first `n` values as their mean, then each with the weight 1/n.
  static long double wilder_at(const Reals& x, size_t from, size_t i, size_t n) {
    const long double k = 1 / static_cast<long double>(n);
    const size_t first = from + n - 1;
    long double sum = std::pow(1 - k, static_cast<long double>(i - first)) * mean(x, first + 1, n);
    for (size_t j = first + 1; j <= i; ++j) sum += k * std::pow(1 - k, static_cast<long double>(i - j)) * x[j];
    return sum;
  }
  [[nodiscard]] Values rsi(size_t n) const {
    Reals up{0};
    Reals down{0};
    for (size_t i = 1; i < close_.size(); ++i) {
      up.push_back(std::max(close_[i] - close_[i - 1], 0.0L));
      down.push_back(std::max(close_[i - 1] - close_[i], 0.0L));
    }
    return over(n, [&](size_t i) {
      const long double rise = wilder_at(up, 1, i, n);
      const long double fall = wilder_at(down, 1, i, n);
      return 100 - 100 / (1 + rise / fall);
    });
  }
  [[nodiscard]] Values atr(size_t n) const {
    Reals range;
    for (size_t i = 0; i < close_.size(); ++i) {
      const long double before = i == 0 ? close_[0] : close_[i - 1];
      const long double top = i == 0 ? high_[i] : std::max(high_[i], before);
      const long double bottom = i == 0 ? low_[i] : std::min(low_[i], before);
      range.push_back(top - bottom);
    }
    return over(n - 1, [&](size_t i) { return wilder_at(range, 0, i, n); });
  }
  [[nodiscard]] Values band(size_t n, long double width) const {
    return over(n - 1,
                [&](size_t i) { return mean(close_, i + 1, n) + width * std::sqrt(variance(close_, i + 1, n, 0)); });
  }
  [[nodiscard]] Values obv() const {
    return over(0, [&](size_t i) {
      long double sum = 0;
      for (size_t j = 1; j <= i; ++j) {
        if (close_[j] != close_[j - 1]) sum += close_[j] > close_[j - 1] ? volume_[j] : -volume_[j];
      }
      return sum;
    });
  }
  [[nodiscard]] Values vwap() const {
    return over(0, [&](size_t i) {
      long double notional = 0;
      long double volume = 0;
      for (size_t j = 0; j <= i; ++j) {
        if (day_[j] != day_[i]) continue;
        notional += vwap_[j] * volume_[j];
        volume += volume_[j];
      }
      return notional / volume;
    });
  }
  [[nodiscard]] Values stoch_k(size_t n, size_t slowing, size_t d) const {
    return over(n + slowing + d - 3, [&](size_t i) { return slow_k(i, n, slowing); });
  }
  [[nodiscard]] Values stoch_d(size_t n, size_t slowing, size_t d) const {
    return over(n + slowing + d - 3, [&](size_t i) {
      long double sum = 0;
      for (size_t back = 0; back < d; ++back) sum += slow_k(i - back, n, slowing);
      return sum / static_cast<long double>(d);
    });
  }
  [[nodiscard]] Values returns(size_t n) const {
    return over(n, [&](size_t i) { return (close_[i] - close_[i - n]) / close_[i - n]; });
  }
  [[nodiscard]] Values log_returns(size_t n) const {
    return over(n, [&](size_t i) { return std::log(close_[i]) - std::log(close_[i - n]); });
  }
  [[nodiscard]] Values volatility(size_t n) const {
    Reals changes{0};
    for (size_t i = 1; i < close_.size(); ++i) changes.push_back(std::log(close_[i]) - std::log(close_[i - 1]));
    return over(n, [&](size_t i) { return std::sqrt(variance(changes, i + 1, n, 1)); });
  }

 private:
  [[nodiscard]] long double slow_k(size_t i, size_t n, size_t slowing) const {
    long double sum = 0;
    for (size_t at = i + 1 - slowing; at <= i; ++at) {
      long double top = high_[at];
      long double bottom = low_[at];
      for (size_t j = at + 1 - n; j <= at; ++j) {
        top = std::max(top, high_[j]);
        bottom = std::min(bottom, low_[j]);
      }
      sum += top == bottom ? 0 : 100 * (close_[at] - bottom) / (top - bottom);
    }
    return sum / static_cast<long double>(slowing);
  }

  Reals high_, low_, close_, volume_, vwap_;
  std::vector<int64_t> day_;
};

std::vector<TestBar> random_bars(size_t count) {
  std::vector<TestBar> bars;
  int64_t minute = 0;
  for (size_t i = 0; i < count; ++i) {
    // Bars leave out minutes, and pass into other days.
    minute +=
        *rc::gen::weightedOneOf<int64_t>({{8, rc::gen::just<int64_t>(1)}, {1, rc::gen::inRange<int64_t>(2, 900)}});
    TestBar bar = flat_bar(minute, 1);
    // Of few ticks, so that some are equal.
    const auto price = [] { return *rc::gen::inRange<int64_t>(90, 111) * 10'000'000; };
    bar.close = price();
    bar.high = std::max(bar.close, price());
    bar.low = std::min(bar.close, price());
    bar.vwap = price();
    bar.volume = *rc::gen::inRange<int64_t>(0, 5) * 12'345'678;
    bars.push_back(bar);
  }
  return bars;
}

TEST(Formulae, AreTheDefinitionsComputedPlainly) {
  EXPECT_TRUE(rc::check([] {
    const auto bars = random_bars(*rc::gen::inRange<size_t>(1, 80));
    const Plainly plainly(bars);
    const auto period = [](size_t least) { return *rc::gen::inRange<size_t>(least, 12); };
    const auto check = [&](const std::string& call, const std::vector<Plainly::Values>& expected) {
      const auto columns = columns_of(call, bars);
      RC_ASSERT(columns.size() == expected.size());
      for (size_t c = 0; c < columns.size(); ++c) {
        for (size_t i = 0; i < bars.size(); ++i) {
          const auto& value = columns[c][i];
          RC_LOG() << call << " column " << c << " bar " << i << ": " << (value ? fmt::format("{}", *value) : "null")
                   << ", plainly "
                   << (expected[c][i] ? fmt::format("{}", static_cast<double>(*expected[c][i])) : "null") << '\n';
          RC_ASSERT(value.has_value() == expected[c][i].has_value());
          if (value) RC_ASSERT(std::abs(static_cast<double>(*expected[c][i]) - *value) < 1e-9);
        }
      }
    };
    const size_t n = period(1);
    check(fmt::format("sma(close, {})", n), {plainly.sma(n)});
    check(fmt::format("wma(close, {})", n), {plainly.wma(n)});
    check(fmt::format("ema(close, {})", n), {plainly.ema(n)});
    check(fmt::format("atr({})", n), {plainly.atr(n)});
    check(fmt::format("bbands(close, {}, 1.5)", n), {plainly.band(n, -1.5L), plainly.sma(n), plainly.band(n, 1.5L)});
    check("obv()", {plainly.obv()});
    check("vwap()", {plainly.vwap()});
    check(fmt::format("returns(close, {})", n), {plainly.returns(n)});
    check(fmt::format("log_returns(close, {})", n), {plainly.log_returns(n)});
    const size_t deviation = period(2);
    check(fmt::format("volatility(close, {})", deviation), {plainly.volatility(deviation)});
    const size_t slowing = period(1);
    const size_t d = period(1);
    check(fmt::format("stoch({}, {}, {})", n, slowing, d),
          {plainly.stoch_k(n, slowing, d), plainly.stoch_d(n, slowing, d)});
    const size_t slow = n + period(1);
    const auto line = plainly.macd(n, slow);
    const auto signal = plainly.macd_signal(n, slow, d);
    Plainly::Values hist(bars.size());
    for (size_t i = 0; i < bars.size(); ++i) {
      if (line[i]) hist[i] = *line[i] - *signal[i];
    }
    check(fmt::format("macd(close, {}, {}, {})", n, slow, d), {line, signal, hist});
  }));
}

TEST(Formulae, RsiIsTheDefinitionComputedPlainlyAndNullWithoutAnyChange) {
  EXPECT_TRUE(rc::check([] {
    const auto bars = random_bars(*rc::gen::inRange<size_t>(1, 80));
    const size_t n = *rc::gen::inRange<size_t>(2, 12);
    const auto expected = Plainly(bars).rsi(n);
    const Column values = column_of(fmt::format("rsi(close, {})", n), bars);
    bool changed = false;
    for (size_t i = 0; i < bars.size(); ++i) {
      changed = changed || (i > 0 && bars[i].close != bars[i - 1].close);
      RC_ASSERT(values[i].has_value() == (i >= n && changed));
      // Without a fall the plain form divides by zero.
      if (values[i]) RC_ASSERT(std::abs(*values[i] - static_cast<double>(expected[i].value_or(100))) < 1e-9);
    }
  }));
}

TEST(Formulae, FirstValueComesAfterTheStatedWarmUp) {
  std::vector<TestBar> bars;
  for (int64_t i = 0; i < 60; ++i) {
    TestBar bar = flat_bar(i, 100 + i * i % 7);
    bar.high += 1'000'000'000;
    bars.push_back(bar);
  }
  for (const std::string call :
       {"sma(close, 1)", "sma(open, 9)", "ema(close, 9)", "wma(low, 9)", "rsi(close, 9)", "macd(close, 3, 9, 4)",
        "bbands(typical, 9, 2)", "atr(9)", "vwap()", "vwap(close)", "obv()", "stoch(9, 4, 3)", "stoch(2, 5, 7)",
        "volatility(close, 9)", "returns(close, 9)", "log_returns(volume, 9)"}) {
    const auto warm_up = static_cast<size_t>(plan::warm_up_bars(*plan::parse_indicator(call)));
    for (const Column& column : columns_of(call, bars)) {
      for (size_t i = 0; i < bars.size(); ++i) EXPECT_EQ(column[i].has_value(), i >= warm_up) << call << " bar " << i;
    }
  }
}

TEST(Formulae, ABarWithoutAVwapIsNullToWindowsAndPassedOverByAverages) {
  std::vector<TestBar> bars{flat_bar(0, 1), flat_bar(1, 2), flat_bar(2, 3), flat_bar(3, 4), flat_bar(4, 5)};
  bars[2].vwap.reset();
  bars[2].volume = 0;
  using ::testing::ElementsAre;
  constexpr std::nullopt_t kNull = std::nullopt;
  EXPECT_THAT(column_of("sma(vwap, 2)", bars), ElementsAre(kNull, 1.5, kNull, kNull, 4.5));
  EXPECT_THAT(column_of("ema(vwap, 3)", bars), ElementsAre(1, 1.5, kNull, 2.75, 3.875));
  EXPECT_THAT(column_of("rsi(vwap, 2)", bars), ElementsAre(kNull, kNull, kNull, 100, 100));
  EXPECT_THAT(
      columns_of("macd(vwap, 1, 2, 1)", bars)[0],
      ElementsAre(kNull, 2 - (2.0 / 3 * 1 + 1), kNull, ::testing::Optional(::testing::DoubleNear(0.777777777777, 1e-9)),
                  ::testing::Optional(::testing::DoubleNear(0.592592592592, 1e-9))));
  EXPECT_THAT(column_of("vwap()", bars), ElementsAre(1, 1.5, 1.5, 7.0 / 3, 3));
}

TEST(Formulae, WhatIsNoNumberIsNull) {
  const std::vector<TestBar> still{flat_bar(0, 5), flat_bar(1, 5), flat_bar(2, 5)};
  using ::testing::ElementsAre;
  constexpr std::nullopt_t kNull = std::nullopt;
  EXPECT_THAT(column_of("rsi(close, 1)", still), ElementsAre(kNull, kNull, kNull));
  EXPECT_THAT(column_of("stoch(2, 1, 1)", still), ElementsAre(kNull, 0, 0));
  const std::vector<TestBar> worthless{flat_bar(0, 0), flat_bar(1, 5), flat_bar(2, -5, 0)};
  EXPECT_THAT(column_of("returns(close, 1)", worthless), ElementsAre(kNull, kNull, -2));
  EXPECT_THAT(column_of("log_returns(close, 1)", worthless), ElementsAre(kNull, kNull, kNull));
  EXPECT_THAT(column_of("volatility(close, 2)", worthless), ElementsAre(kNull, kNull, kNull));
  EXPECT_THAT(column_of("vwap()", {flat_bar(0, 7, 0), flat_bar(1, 8, 2)}), ElementsAre(kNull, 8));
}

}  // namespace
}  // namespace penstock::stream::testing

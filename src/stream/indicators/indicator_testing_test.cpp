#include "stream/indicators/indicator_testing.h"

#include <cstdlib>

namespace penstock::stream::testing {
namespace {

using plan::IndicatorColumn;

// rapidcheck takes its seed from its own variable when the first property is run: it is given that of this run's other
// random tests.
const bool kSeeded = [] {
  const char* seed = std::getenv("PENSTOCK_TEST_SEED");
  const std::string parameters = std::string("seed=") + (seed == nullptr ? "42" : seed);
  return setenv("RC_PARAMS", parameters.c_str(), 0) == 0;
}();

}  // namespace

TestBar flat_bar(int64_t minute, int64_t price, int64_t volume) {
  const int64_t units = price * market::kPow10[market::kPriceScale];
  return {.minute = minute,
          .open = units,
          .high = units,
          .low = units,
          .close = units,
          .volume = volume * market::kPow10[market::kSizeScale],
          .vwap = units};
}

std::ostream& operator<<(std::ostream& out, const TestRow& row) {
  out << row.symbol << ' ' << row.every << " +" << row.minute << "m close ";
  if (row.close) {
    out << *row.close;
  } else {
    out << "null";
  }
  out << " revision " << row.revision << (row.final ? " final:" : ":");
  for (const auto& value : row.values) out << ' ' << (value ? fmt::format("{}", *value) : "null");
  return out;
}

plan::Indicators indicators_of(const StepRun::Calls& calls, const std::string& session) {
  plan::Indicators indicators;
  indicators.session = session;
  for (const auto& [name, call] : calls) {
    auto indicator = plan::parse_indicator(call);
    EXPECT_TRUE(indicator) << call << ": " << indicator.error().message;
    indicator->name = name;
    indicators.items.push_back(*std::move(indicator));
  }
  return indicators;
}

StepRun::StepRun(const Calls& calls, const std::string& session, std::optional<Duration> revised_within)
    : indicators_(indicators_of(calls, session)) {
  EXPECT_TRUE(kSeeded);
  indicators_.revised_within = revised_within;
  begin();
}

void StepRun::begin() {
  symbols_ = std::make_unique<market::SymbolTable>();
  auto made = IndicatorStep::create(indicators_, *market::bar_schema(), "s", *symbols_);
  EXPECT_TRUE(made) << made.error().message;
  step_ = std::move(*made);
}

market::Batch StepRun::batch(const std::vector<TestBar>& bars) {
  using market::BarColumn;
  market::Batch batch = market::make_batch(market::bar_schema());
  auto& columns = batch.columns;
  for (const TestBar& bar : bars) {
    columns[BarColumn::symbol].codes.push_back(symbols_->intern(bar.symbol));
    columns[BarColumn::every].codes.push_back(symbols_->intern(bar.every));
    columns[BarColumn::start].i64.push_back(bar.minute * kMinute.ns);
    columns[BarColumn::open].i64.push_back(bar.open);
    columns[BarColumn::high].i64.push_back(bar.high);
    columns[BarColumn::low].i64.push_back(bar.low);
    columns[BarColumn::close].i64.push_back(bar.close);
    columns[BarColumn::volume].i128.push_back(bar.volume);
    columns[BarColumn::vwap].i64.push_back(bar.vwap.value_or(0));
    columns[BarColumn::vwap].valid.push_back(bar.vwap ? 1 : 0);
    columns[BarColumn::trades].i64.push_back(bar.trades);
    columns[BarColumn::revision].i64.push_back(0);
    columns[BarColumn::final].u8.push_back(bar.final ? 1 : 0);
    columns[BarColumn::edge].codes.push_back(market::kNoSymbol);
    columns[BarColumn::edge].valid.push_back(0);
    ++batch.rows;
  }
  return batch;
}

std::vector<TestRow> StepRun::give(const std::vector<TestBar>& bars, Timestamp mark) {
  IndicatorOutput out;
  out.rows.reset(step_->output());
  const market::Batch in = batch(bars);
  step_->process({.batch = &in}, mark, out);
  EXPECT_EQ(out.taken + out.refused.size(), bars.size());
  for (const RefusedRow& row : out.refused) refused.push_back(row.reason);

  std::vector<TestRow> rows;
  const auto& columns = out.rows.rows.columns;
  for (size_t i = 0; i < out.rows.rows.rows; ++i) {
    TestRow row{.symbol = std::string(symbols_->text(columns[IndicatorColumn::symbol].codes[i])),
                .every = std::string(symbols_->text(columns[IndicatorColumn::every].codes[i])),
                .minute = columns[IndicatorColumn::start].i64[i] / kMinute.ns,
                .close = std::nullopt,
                .revision = columns[IndicatorColumn::revision].i64[i],
                .final = columns[IndicatorColumn::final].u8[i] != 0,
                .values = {}};
    if (!columns[IndicatorColumn::close].is_null(i)) row.close = columns[IndicatorColumn::close].i64[i];
    for (size_t c = IndicatorColumn::count; c < columns.size(); ++c) {
      row.values.push_back(columns[c].is_null(i) ? std::nullopt : std::optional(columns[c].f64[i]));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

void StepRun::restart() {
  step_->take_state("indicators/s/", state);
  begin();
  // Codes are given anew in every process.
  (void)symbols_->intern("other");
  for (const auto& [name, blob] : state) {
    const Status status = step_->restore(name, blob);
    EXPECT_TRUE(status) << status.error().message;
  }
}

}  // namespace penstock::stream::testing

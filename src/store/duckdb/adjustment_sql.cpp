#include "store/duckdb/adjustment_sql.h"

#include "market/adjusted_columns.h"
#include "market/reference.h"

namespace penstock::store::duck {
namespace {

static_assert(market::kFactorDigits == 19 && market::kSplitDigits == 18 && market::kFactorPowerMax == 12);
constexpr std::string_view kFactorOne = "10000000000000000000::HUGEINT";
constexpr std::string_view kSplitOne = "1000000000000000000::HUGEINT";
constexpr std::string_view kUpward = "1.000000000000001::DOUBLE";  // more than the errors of a guess together

// The columns of `rows` in `kept` and two quotients, each as its whole part, the 19 digits behind the point (what is
// beyond is cut), and those as a double: that of prices is price_n / price_d, that of sizes size_n / size_d. They are
// HUGEINTs; a denominator of at most 10^31 times 10^7 is less than 2^127, so that the digits are found in three steps.
// DuckDB divides HUGEINTs bit by bit, so that it is asked only where it must, and remainders are multiplied out.
std::string quotients_sql(std::string_view kept, std::string_view rows) {
  const auto both = [](std::string_view format) {
    return fmt::format(fmt::runtime(format), fmt::arg("of", "price")) + ", " +
           fmt::format(fmt::runtime(format), fmt::arg("of", "size"));
  };
  std::string sql = fmt::format(
      "SELECT *, {} FROM (SELECT *, {} FROM {})", both("{of}_n - {of}_w * {of}_d AS {of}_r, 0::HUGEINT AS {of}_q"),
      both("CASE WHEN {of}_n = {of}_d THEN 1::HUGEINT ELSE {of}_n // {of}_d END AS {of}_w"), rows);
  for (const std::string_view step : {"10000000", "1000000", "1000000"}) {
    sql = fmt::format(
        "SELECT * EXCLUDE (price_x, size_x) REPLACE ({}) FROM (SELECT *, {} FROM ({}))",
        both(fmt::format("{{of}}_q * {0} + {{of}}_x AS {{of}}_q, {{of}}_r * {0} - {{of}}_x * {{of}}_d AS {{of}}_r",
                         step)),
        both(
            fmt::format("CASE WHEN {{of}}_r = 0 THEN 0::HUGEINT ELSE {{of}}_r * {} // {{of}}_d END AS {{of}}_x", step)),
        sql);
  }
  return fmt::format(
      "SELECT *, {}, price_whole::DECIMAL(38,19) + price_part AS factor FROM (SELECT {}, {} FROM ({}))",
      both(fmt::format("{{of}}_part::DOUBLE * {} AS {{of}}_estimate", kUpward)), kept,
      both("{of}_w::DECIMAL(19,0) AS {of}_whole,"
           " ({of}_q::DECIMAL(38,0) * 0.0000000000000000001::DECIMAL(19,19))::DECIMAL(19,19) AS {of}_part"),
      sql);
}

// The SQL of one column times a quotient, exactly, then rounded half away from zero to the column's scale.
//
// The quotient's whole part needs no rounding; its 19 digits times those of an int64 fit the 38 of a decimal. To cut
// digits from a number of 38 takes DuckDB 2 us, so that a double guesses the rounded product, and it is cut only where
// the rest, which is exact, does not prove the guess. A guess is a little too great, so that ties are guessed right.
//
// Sums of sizes are decimals of 38 digits; those of more than an int64 holds are multiplied by nine digits of the part.
struct Product {
  std::string guess;  // columns of `bar` JOIN `span`
  std::string rest;  // a column of the select around it
  std::string value;  // of the select around that
};

Product product(const market::Field& field, std::string_view of) {
  const int scale = field.type.scale;
  const bool wide = field.type.kind == market::Kind::decimal128;
  const std::string column = quote_name(field.name);
  const auto named = [&](std::string_view what) { return quote_name(fmt::format("{} {}", what, field.name)); };
  const std::string narrow = wide ? named("narrow") : column;
  Product out;
  std::string small = "bar." + column;
  if (wide) {
    const int digits = 19 - scale;  // before the point of an int64
    const std::string limit = digits > 1 ? "9" + std::string(static_cast<size_t>(digits - 1), '0') : "0";
    small = fmt::format("CASE WHEN abs(bar.{0}) < {1} THEN bar.{0}::DECIMAL(19,{2}) END", column, limit, scale);
    out.guess = fmt::format("{} AS {}, ", small, narrow);
  }
  out.guess += fmt::format("(({})::DOUBLE * span.{}_estimate)::DECIMAL(38,{}) AS {}", small, of, scale, named("guess"));
  const std::string part = fmt::format("{} * \"span {}_part\"", narrow, of);
  out.rest = fmt::format("{} - {} AS {}", part, named("guess"), named("rest"));
  const std::string half =
      fmt::format("0.{}5::DECIMAL(38,{})", std::string(static_cast<size_t>(scale), '0'), scale + 19);
  out.value = fmt::format(
      "({0} * \"span {1}_whole\")::DECIMAL(38,{2}) + CASE WHEN {0} >= 0 AND {3} >= -{4} AND {3} < {4} THEN {5} ELSE"
      " ({6})::DECIMAL(38,{2}) END",
      narrow, of, scale, named("rest"), half, named("guess"), part);
  if (wide) {
    out.value = fmt::format(
        "CASE WHEN {0} IS NOT NULL THEN {1} ELSE {2} * \"span {3}_whole\" + ({2} *"
        " \"span {3}_part\"::DECIMAL(10,9))::DECIMAL(38,{4}) END",
        narrow, out.value, column, of, scale);
  }
  return out;
}

// Two halves rather than a LEFT JOIN: a condition on `symbol` then reaches the tickers in the one, and the bars in the
// other.
std::string select_sql(const TableName& bars, const market::Schema& schema, std::string_view spans,
                       std::string_view condition) {
  const std::vector<market::Adjusting> columns = market::adjusted_columns(schema);
  std::string guesses;
  std::string rests;
  std::string adjusted;  // of a bar with what holds for it
  std::string as_it_is;  // of a bar of a ticker that nobody knows
  for (size_t i = 0; i < columns.size(); ++i) {
    const market::Field& field = schema.fields[i];
    const std::string name = quote_name(field.name);
    if (columns[i] == market::Adjusting::left_out) continue;
    if (columns[i] == market::Adjusting::as_is) {
      adjusted += fmt::format("{} AS {}, ", field.name == "symbol" ? "\"span symbol\"" : name, name);
      as_it_is += fmt::format("bar.{0} AS {0}, ", name);
      continue;
    }
    const Product times = product(field, columns[i] == market::Adjusting::price ? "price" : "size");
    guesses += ", " + times.guess;
    rests += ", " + times.rest;
    adjusted += fmt::format("{} AS {}, ", times.value, name);
    as_it_is += fmt::format("bar.{0}::DECIMAL(38,{1}) AS {0}, ", name, field.type.scale);
  }
  for (const std::string_view column :
       {"symbol", "security", "factor", "price_whole", "price_part", "size_whole", "size_part"})
    guesses += fmt::format(", span.{0} AS \"span {0}\"", column);
  return fmt::format(
      "SELECT {0}symbol AS raw_symbol, \"span security\" AS security, \"span factor\" AS factor FROM (SELECT *{1} FROM"
      " (SELECT bar.*{2} FROM {3} AS bar JOIN {4} AS span ON bar.symbol = span.ticker AND bar.start >= span.begins AND"
      " bar.start < span.ends{5})) UNION ALL SELECT {6}bar.symbol AS raw_symbol, bar.symbol AS security,"
      " 1::DECIMAL(38,19) AS factor FROM {3} AS bar WHERE NOT EXISTS (FROM penstock.adjustments AS known WHERE"
      " known.ticker = bar.symbol){7}",
      adjusted, rests, guesses, bars.quoted(), spans, condition.empty() ? "" : fmt::format(" WHERE {}", condition),
      as_it_is, condition.empty() ? "" : fmt::format(" AND {}", condition));
}

}  // namespace

std::string adjustments_sql(const std::string& rows) {
  return quotients_sql(
      "ticker, begins, ends, security, symbol, factor_units, split_units",
      fmt::format("(SELECT *, factor_units AS price_n, {} AS price_d, {} AS size_n, split_units AS size_d FROM {})",
                  kFactorOne, kSplitOne, rows));
}

std::string adjusted_view_sql(const TableName& bars, const market::Schema& schema) {
  return select_sql(bars, schema, "penstock.adjustments", "");
}

// No WITH: where DuckDB materializes one, it computes all columns of the bars, also those that a query does not want.
std::string adjusted_macro_sql(const TableName& bars, const market::Schema& schema) {
  // The day after `as_of`, which may be a moment (its text is longer than a date's), and when that begins.
  const std::string day = fmt::format(
      "SELECT CASE WHEN as_of IS NULL THEN error({}) WHEN length(as_of::VARCHAR) > 10 THEN (as_of::TIMESTAMP + (SELECT"
      " arg_max(utc_offset, begins) FROM penstock.time_zone WHERE begins <= as_of::TIMESTAMP))::DATE ELSE as_of::DATE"
      " END + 1 AS next_day",
      quote_text(fmt::format("{}{}(as_of): as_of is null: write a date", bars.table, market::kAdjusted)));
  const std::string end = fmt::format(
      "(SELECT next_day::TIMESTAMP - (SELECT arg_max(utc_offset, local_begins) FROM penstock.time_zone WHERE"
      " local_begins <= next_day) FROM ({}))",
      day);
  // What the factors were as of the day: as if it were the last one, its own are 1.
  const std::string factors = fmt::format(
      "SELECT security, arg_min(factor_units, ends) AS factor_units, arg_min(split_units, ends) AS split_units FROM"
      " penstock.security_factors WHERE ends >= {} GROUP BY security",
      end);
  const std::string names =
      fmt::format("SELECT security, symbol FROM penstock.security_names WHERE begins < {0} AND ends >= {0}", end);
  const std::string rows = fmt::format(
      "(SELECT span.ticker, span.begins, span.ends, span.security, coalesce(name.symbol, span.symbol) AS symbol,"
      " span.factor_units AS price_n, coalesce(there.factor_units, {}) AS price_d,"
      " coalesce(there.split_units, {}) AS size_n, span.split_units AS size_d FROM penstock.adjustments AS span"
      " LEFT JOIN ({}) AS there ON there.security = span.security"
      " LEFT JOIN ({}) AS name ON name.security = span.security"
      " WHERE span.begins < {} AND span.ticker IN (SELECT symbol FROM {}))",
      kFactorOne, kSplitOne, factors, names, end, bars.quoted());
  return select_sql(bars, schema, fmt::format("({})", quotients_sql("ticker, begins, ends, security, symbol", rows)),
                    "bar.start < " + end);
}

}  // namespace penstock::store::duck

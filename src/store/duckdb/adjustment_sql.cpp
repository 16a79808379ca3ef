#include "store/duckdb/adjustment_sql.h"

#include "market/adjusted_columns.h"
#include "market/reference.h"

namespace penstock::store::duck {
namespace {

static_assert(market::kFactorDigits == 19 && market::kSplitDigits == 18 && market::kFactorPowerMax == 12);
constexpr std::string_view kFactorOne = "10000000000000000000::HUGEINT";
constexpr std::string_view kSplitOne = "1000000000000000000::HUGEINT";

// The columns of `rows` in `kept` and two quotients, each as its whole part, the 19 digits behind the point (what is
// beyond is cut), and those as a double: that of prices is price_n / price_d, that of sizes size_n / size_d. They are
// HUGEINTs; a denominator of at most 10^31 times 10^7 is less than 2^127, so that the digits are found in three steps.
std::string quotients_sql(std::string_view kept, std::string_view rows) {
  std::string sql = fmt::format(
      "SELECT *, price_n // price_d AS price_w, price_n % price_d AS price_r,"
      " size_n // size_d AS size_w, size_n % size_d AS size_r, 0::HUGEINT AS price_q, 0::HUGEINT AS size_q FROM {}",
      rows);
  for (const std::string_view step : {"10000000", "1000000", "1000000"}) {
    std::string replaced;
    for (const std::string_view of : {"price", "size"}) {
      replaced += fmt::format("{0}{1}_q * {2} + {1}_r * {2} // {1}_d AS {1}_q, {1}_r * {2} % {1}_d AS {1}_r",
                              replaced.empty() ? "" : ", ", of, step);
    }
    sql = fmt::format("SELECT * REPLACE ({}) FROM ({})", replaced, sql);
  }
  std::string parts;
  for (const std::string_view of : {"price", "size"}) {
    parts += fmt::format(
        ", {0}_w::DECIMAL(19,0) AS {0}_whole,"
        " ({0}_q::DECIMAL(38,0) * 0.0000000000000000001::DECIMAL(19,19))::DECIMAL(19,19) AS {0}_part",
        of);
  }
  return fmt::format(
      "SELECT *, price_part::DOUBLE AS price_estimate, size_part::DOUBLE AS size_estimate,"
      " price_whole::DECIMAL(38,19) + price_part AS factor FROM (SELECT {}{} FROM ({}))",
      kept, parts, sql);
}

// `column` times the quotient `of`, exactly, then rounded half away from zero to the column's `scale`. It has a whole
// multiple, which needs no rounding, and a part: 19 digits of the column (every int64) times 19 digits fit 38. DuckDB
// takes 2 us to cut digits from a number of 38, so that a double guesses the rounded part, and only where it is not
// within half a unit of the exact part, or may be at a tie, it is cut.
std::string times_sql(const std::string& column, std::string_view of, int scale) {
  const std::string part = fmt::format("{} * span.{}_part", column, of);
  const std::string guess = fmt::format("({}::DOUBLE * span.{}_estimate)::DECIMAL(38,{})", column, of, scale);
  const std::string half =
      fmt::format("0.{}5::DECIMAL(38,{})", std::string(static_cast<size_t>(scale), '0'), scale + 19);
  return fmt::format(
      "({0} * span.{1}_whole)::DECIMAL(38,{2}) + CASE WHEN {3} - {4} > -{5} AND {3} - {4} < {5} THEN {4}"
      " ELSE ({3})::DECIMAL(38,{2}) END",
      column, of, scale, part, guess, half);
}

// Sums of sizes have up to 38 digits. Those of more than int64 holds are multiplied by fewer digits of the part.
std::string wide_times_sql(const std::string& column, std::string_view of, int scale) {
  const int digits = std::max(0, 19 - scale);  // before the point of an int64
  const std::string narrow = fmt::format("{}::DECIMAL(19,{})", column, scale);
  const std::string limit = digits == 0 ? "1" : "9" + std::string(static_cast<size_t>(digits - 1), '0');
  return fmt::format(
      "CASE WHEN {0} IS NULL OR abs({0}) < {1} THEN {2} ELSE {0} * span.{3}_whole + ({0} *"
      " span.{3}_part::DECIMAL(10,9))::DECIMAL(38,{4}) END",
      column, limit, times_sql(narrow, of, scale), of, scale);
}

struct Lists {
  std::string adjusted;  // of a bar `bar` with what holds for it, `span`
  std::string as_it_is;  // of a bar of a ticker that nobody knows
};

Lists lists_of(const market::Schema& schema) {
  const std::vector<market::Adjusting> columns = market::adjusted_columns(schema);
  Lists lists;
  for (size_t i = 0; i < columns.size(); ++i) {
    const market::Field& field = schema.fields[i];
    const std::string name = quote_name(field.name);
    const std::string column = "bar." + name;
    const int scale = field.type.scale;
    std::string adjusted = column;
    std::string as_it_is = column;
    const std::string_view of = columns[i] == market::Adjusting::price ? "price" : "size";
    switch (columns[i]) {
      case market::Adjusting::left_out: continue;
      case market::Adjusting::as_is:
        if (field.name == "symbol") adjusted = "span.symbol";
        break;
      case market::Adjusting::price:
      case market::Adjusting::size:
        adjusted = field.type.kind == market::Kind::decimal128 ? wide_times_sql(column, of, scale)
                                                               : times_sql(column, of, scale);
        as_it_is = fmt::format("{}::DECIMAL(38,{})", column, scale);
        break;
    }
    lists.adjusted += fmt::format("{} AS {}, ", adjusted, name);
    lists.as_it_is += fmt::format("{} AS {}, ", as_it_is, name);
  }
  lists.adjusted += "bar.symbol AS raw_symbol, span.security, span.factor";
  lists.as_it_is += "bar.symbol AS raw_symbol, bar.symbol AS security, 1::DECIMAL(38,19) AS factor";
  return lists;
}

// Two halves rather than a LEFT JOIN: a condition on `symbol` then reaches the tickers in the one, and the bars in the
// other.
std::string select_sql(const TableName& bars, const market::Schema& schema, std::string_view spans,
                       std::string_view condition) {
  const Lists lists = lists_of(schema);
  return fmt::format(
      "SELECT {0} FROM {2} AS bar JOIN {3} AS span ON bar.symbol = span.ticker AND bar.start >= span.begins AND"
      " bar.start < span.ends{4} UNION ALL SELECT {1} FROM {2} AS bar WHERE NOT EXISTS (FROM penstock.adjustments AS"
      " known WHERE known.ticker = bar.symbol){5}",
      lists.adjusted, lists.as_it_is, bars.quoted(), spans,
      condition.empty() ? "" : fmt::format(" WHERE {}", condition),
      condition.empty() ? "" : fmt::format(" AND {}", condition));
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

std::string adjusted_macro_sql(const TableName& bars, const market::Schema& schema) {
  // The day after `as_of`, which may be a moment (its text is longer than a date's), and when that begins.
  const std::string day = fmt::format(
      "SELECT CASE WHEN as_of IS NULL THEN error({}) WHEN length(as_of::VARCHAR) > 10 THEN (as_of::TIMESTAMP + (SELECT"
      " arg_max(utc_offset, begins) FROM penstock.time_zone WHERE begins <= as_of::TIMESTAMP))::DATE ELSE as_of::DATE"
      " END + 1 AS next_day",
      quote_text(fmt::format("{}{}(as_of): as_of is null: write a date", bars.table, market::kAdjusted)));
  const std::string end =
      "SELECT next_day::TIMESTAMP - (SELECT arg_max(utc_offset, local_begins) FROM penstock.time_zone WHERE "
      "local_begins <="
      " next_day) AS moment FROM as_of_day";
  // What the factors were as of the day: as if it were the last one, its own are 1.
  const std::string factors =
      "SELECT security, arg_min(factor_units, ends) AS factor_units, arg_min(split_units, ends) AS split_units FROM"
      " penstock.security_factors WHERE ends >= (SELECT moment FROM as_of_end) GROUP BY security";
  const std::string names =
      "SELECT security, symbol FROM penstock.security_names WHERE begins < (SELECT moment FROM as_of_end) AND ends >="
      " (SELECT moment FROM as_of_end)";
  const std::string rows = fmt::format(
      "(SELECT span.ticker, span.begins, span.ends, span.security, coalesce(name.symbol, span.symbol) AS symbol,"
      " span.factor_units AS price_n, coalesce(there.factor_units, {}) AS price_d,"
      " coalesce(there.split_units, {}) AS size_n, span.split_units AS size_d FROM penstock.adjustments AS span"
      " LEFT JOIN as_of_factors AS there ON there.security = span.security"
      " LEFT JOIN as_of_names AS name ON name.security = span.security"
      " WHERE span.begins < (SELECT moment FROM as_of_end))",
      kFactorOne, kSplitOne);
  return fmt::format(
      "WITH as_of_day AS ({}), as_of_end AS ({}), as_of_factors AS ({}), as_of_names AS ({}), as_of_spans AS ({}) {}",
      day, end, factors, names, quotients_sql("ticker, begins, ends, security, symbol", rows),
      select_sql(bars, schema, "as_of_spans", "bar.start < (SELECT moment FROM as_of_end)"));
}

}  // namespace penstock::store::duck

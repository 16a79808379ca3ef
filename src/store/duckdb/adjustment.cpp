#include "store/duckdb/adjustment.h"

#include <optional>

#include "market/adjusted_columns.h"
#include "store/duckdb/adjustment_sql.h"
#include "store/duckdb/tables.h"

namespace penstock::store::duck {
namespace {

constexpr std::string_view kWhat = "the tables of splits and tickers";
constexpr std::string_view kOwnTables[] = {"adjustments", "security_names", "security_factors", "time_zone"};
// In the meta table: `adjusted main.bars` says that this is of the adjustment, and its value what it is.
constexpr std::string_view kMetaPrefix = "adjusted ";
constexpr std::string_view kTable = "table";
constexpr std::string_view kView = "view";

// Appends rows to a table of the file, in the connection's transaction.
class Rows {
 public:
  [[nodiscard]] static Result<Rows> into(duckdb_connection connection, const TableName& table) {
    Rows rows;
    if (duckdb_appender_create(connection, table.schema.c_str(), table.table.c_str(), rows.appender_.out()) !=
        DuckDBSuccess) {
      return rows.error();
    }
    return rows;
  }

  Rows& text(std::string_view value) { return note(duckdb_append_varchar_length(get(), value.data(), value.size())); }
  Rows& text_or_null(std::string_view value) { return value.empty() ? note(duckdb_append_null(get())) : text(value); }
  Rows& date(int32_t day) { return note(duckdb_append_date(get(), {day})); }
  Rows& interval(Duration d) { return note(duckdb_append_interval(get(), {0, 0, d.ns / kMicrosecond.ns})); }
  // In microseconds; the least and greatest stand for -infinity and infinity.
  Rows& time(Timestamp t) {
    constexpr int64_t kInfinity = std::numeric_limits<int64_t>::max();  // DuckDB's
    const int64_t micros = t == Timestamp::max()   ? kInfinity
                           : t == Timestamp::min() ? -kInfinity
                                                   : t.ns / kMicrosecond.ns;
    return note(duckdb_append_timestamp(get(), {micros}));
  }
  Rows& hugeint(Int128 value) { return note(duckdb_append_hugeint(get(), parts_of(value))); }
  Rows& decimal(Int128 units, uint8_t scale) {
    duckdb_value value = duckdb_create_decimal({38, scale, parts_of(units)});
    note(duckdb_append_value(get(), value));
    duckdb_destroy_value(&value);
    return *this;
  }
  [[nodiscard]] Status end_row() {
    note(duckdb_appender_end_row(get()));
    return failed_ ? Status(error()) : Status();
  }
  [[nodiscard]] Status finish() {
    if (duckdb_appender_close(get()) != DuckDBSuccess) return error();
    return {};
  }

 private:
  [[nodiscard]] duckdb_appender get() const { return appender_.get(); }
  Rows& note(duckdb_state state) {
    failed_ = failed_ || state != DuckDBSuccess;
    return *this;
  }
  [[nodiscard]] static duckdb_hugeint parts_of(Int128 value) {
    return {static_cast<uint64_t>(static_cast<Uint128>(value)), static_cast<int64_t>(value >> 64)};
  }
  [[nodiscard]] std::unexpected<Error> error() const {
    const ErrorData data(duckdb_appender_error_data(get()));
    return engine_error(ErrorKind::io, fmt::format("writing {}", kWhat), duckdb_error_data_message(data.get()));
  }

  Appender appender_;
  bool failed_ = false;
};

// When the days of [first, last] begin and end.
Timestamp begin_of(int32_t first, const market::TimeZone& zone) {
  return first == market::kFirstDay ? Timestamp::min() : zone.start_of(first);
}
Timestamp end_of(int32_t last, const market::TimeZone& zone) {
  return last == market::kLastDay ? Timestamp::max() : zone.start_of(last + 1);
}

// Takes away what the meta table says is of the adjustment, and the own tables. Part of the caller's transaction.
Status drop(duckdb_connection connection) {
  std::string statements;
  PENSTOCK_TRY(for_each_row(
      connection, fmt::format("SELECT key, value FROM penstock.meta WHERE starts_with(key, '{}')", kMetaPrefix),
      "reading what is adjusted", [&](const Row& row) {
        const std::string_view name = row.text(0).substr(kMetaPrefix.size());
        const size_t dot = name.find('.');
        const TableName found{std::string(name.substr(0, dot)), std::string(name.substr(dot + 1))};
        if (row.text(1) == kTable) {
          statements += fmt::format("DROP TABLE IF EXISTS {};", found.quoted());
        } else {
          statements += fmt::format("DROP VIEW IF EXISTS {0}; DROP MACRO TABLE IF EXISTS {0};", found.quoted());
        }
      }));
  for (const std::string_view table : kOwnTables) statements += fmt::format("DROP TABLE IF EXISTS penstock.{};", table);
  statements += fmt::format("DELETE FROM penstock.meta WHERE starts_with(key, '{}')", kMetaPrefix);
  return run(connection, statements, fmt::format("taking away {}", kWhat));
}

// Notes that `name` is of the adjustment; an error where something else is called so.
Status claim(duckdb_connection connection, const TableName& name, std::string_view kind) {
  bool taken = false;
  PENSTOCK_TRY(for_each_row(connection,
                            fmt::format("SELECT 1 FROM duckdb_columns() WHERE database_name = current_database() AND"
                                        " lower(schema_name) = lower({}) AND lower(table_name) = lower({}) LIMIT 1",
                                        quote_text(name.schema), quote_text(name.table)),
                            "looking for tables", [&](const Row&) { taken = true; }));
  if (taken) {
    return fail(
        ErrorKind::invalid,
        "the store has a table {}, and `reference` of the pipeline file makes one of that name: use another data"
        " directory, or leave `reference` out",
        name.table);
  }
  return run(connection,
             fmt::format("INSERT INTO penstock.meta VALUES ({}, '{}')",
                         quote_text(fmt::format("{}{}.{}", kMetaPrefix, name.schema, name.table)), kind),
             "noting what is adjusted");
}

Status write_reference(duckdb_connection connection, const AdjustmentSource& source) {
  const TableName factors{.table = std::string(market::kFactorsTable)};
  const TableName changes{.table = std::string(market::kSymbolChangesTable)};
  PENSTOCK_TRY(claim(connection, factors, kTable));
  PENSTOCK_TRY(claim(connection, changes, kTable));
  PENSTOCK_TRY(run(connection,
                   fmt::format("CREATE TABLE {} (security VARCHAR, date DATE, price_factor DECIMAL(38,18), split_factor"
                               " DECIMAL(38,18), ends TIMESTAMP);"
                               "CREATE TABLE {} (security VARCHAR, date DATE, ticker VARCHAR, ends TIMESTAMP);"
                               "CREATE TABLE penstock.security_factors (security VARCHAR, ends TIMESTAMP, factor_units"
                               " HUGEINT, split_units HUGEINT)",
                               factors.quoted(), changes.quoted()),
                   fmt::format("making {}", kWhat)));
  PENSTOCK_TRY_ASSIGN(Rows factor_rows, Rows::into(connection, factors));
  PENSTOCK_TRY_ASSIGN(Rows change_rows, Rows::into(connection, changes));
  PENSTOCK_TRY_ASSIGN(Rows own_rows, Rows::into(connection, {"penstock", "security_factors"}));
  for (const auto& [name, security] : source.reference->securities()) {
    for (const market::FactorRow& row : security.factors) {
      const Timestamp ends = end_of(row.day, *source.time_zone);
      const Int128 split = row.split.units(market::kSplitDigits);
      PENSTOCK_TRY(factor_rows.text(name)
                       .date(row.day)
                       .decimal(row.price.units(market::kSplitDigits), market::kSplitDigits)
                       .decimal(split, market::kSplitDigits)
                       .time(ends)
                       .end_row());
      PENSTOCK_TRY(
          own_rows.text(name).time(ends).hugeint(market::product_units(row.price, row.split)).hugeint(split).end_row());
    }
    for (const market::TickerRow& row : security.tickers) {
      PENSTOCK_TRY(
          change_rows.text(name).date(row.day).text(row.ticker).time(end_of(row.day, *source.time_zone)).end_row());
    }
  }
  PENSTOCK_TRY(factor_rows.finish());
  PENSTOCK_TRY(change_rows.finish());
  return own_rows.finish();
}

Status write_adjustments(duckdb_connection connection, const AdjustmentSource& source) {
  const std::string what = fmt::format("making {}", kWhat);
  PENSTOCK_TRY(run(connection,
                   "CREATE TABLE penstock.security_names (security VARCHAR, begins TIMESTAMP, ends TIMESTAMP, symbol"
                   " VARCHAR);"
                   "CREATE TABLE penstock.time_zone (begins TIMESTAMP, local_begins TIMESTAMP, utc_offset INTERVAL);"
                   "CREATE TABLE penstock.adjustment_rows (ticker VARCHAR, begins TIMESTAMP, ends TIMESTAMP, security"
                   " VARCHAR, symbol VARCHAR, factor_units HUGEINT, split_units HUGEINT)",
                   what));
  const market::TimeZone& zone = *source.time_zone;
  PENSTOCK_TRY_ASSIGN(Rows names, Rows::into(connection, {"penstock", "security_names"}));
  for (const market::SecurityName& name : source.adjustments->names) {
    PENSTOCK_TRY(names.text(name.security)
                     .time(begin_of(name.first, zone))
                     .time(end_of(name.last, zone))
                     .text(name.symbol)
                     .end_row());
  }
  PENSTOCK_TRY(names.finish());
  PENSTOCK_TRY_ASSIGN(Rows zone_rows, Rows::into(connection, {"penstock", "time_zone"}));
  for (size_t i = 0; i < zone.periods().size(); ++i) {
    const market::TimeZone::Period& period = zone.periods()[i];
    PENSTOCK_TRY(zone_rows.time(i == 0 ? Timestamp::min() : period.from)
                     .time(period.local_from)
                     .interval(period.offset)
                     .end_row());
  }
  PENSTOCK_TRY(zone_rows.finish());
  PENSTOCK_TRY_ASSIGN(Rows spans, Rows::into(connection, {"penstock", "adjustment_rows"}));
  for (const market::Adjustment& span : source.adjustments->spans) {
    PENSTOCK_TRY(spans.text(span.ticker)
                     .time(begin_of(span.first, zone))
                     .time(end_of(span.last, zone))
                     .text_or_null(span.security)
                     .text(span.symbol)
                     .hugeint(span.factor)
                     .hugeint(span.split)
                     .end_row());
  }
  PENSTOCK_TRY(spans.finish());
  // A bar's symbol may be all in lower case; with a row of its own it, too, is found by equality alone.
  return run(connection,
             fmt::format("CREATE TABLE penstock.adjustments AS {};"
                         "INSERT INTO penstock.adjustments SELECT * REPLACE (lower(ticker) AS ticker) FROM"
                         " penstock.adjustments WHERE lower(ticker) <> ticker AND upper(ticker) = ticker;"
                         "DROP TABLE penstock.adjustment_rows",
                         adjustments_sql("penstock.adjustment_rows")),
             what);
}

Status make_views(duckdb_connection connection, const std::vector<TableSpec>& tables) {
  for (const TableSpec& spec : tables) {
    if (market::adjusted_columns(*spec.schema).empty()) continue;
    PENSTOCK_TRY_ASSIGN(const TableName bars, parse_table_name(spec.name));
    const TableName adjusted{bars.schema, bars.table + std::string(market::kAdjusted)};
    PENSTOCK_TRY(claim(connection, adjusted, kView));
    PENSTOCK_TRY(run(connection,
                     fmt::format("CREATE VIEW {0} AS {1}; CREATE MACRO {0}(as_of) AS TABLE {2}", adjusted.quoted(),
                                 adjusted_view_sql(bars, *spec.schema), adjusted_macro_sql(bars, *spec.schema)),
                     fmt::format("making the view {}", adjusted.table)));
  }
  return {};
}

Status in_transaction(duckdb_connection connection, const std::function<Status()>& change) {
  PENSTOCK_TRY(run(connection, "BEGIN TRANSACTION", kWhat));
  Status done = change();
  if (done) done = run(connection, "COMMIT", fmt::format("making {}", kWhat));
  if (!done) static_cast<void>(run(connection, "ROLLBACK", "giving them up"));
  return done;
}

}  // namespace

Status replace_adjustment(duckdb_connection connection, const std::vector<TableSpec>& tables,
                          const AdjustmentSource& source) {
  return in_transaction(connection, [&]() -> Status {
    PENSTOCK_TRY(drop(connection));
    PENSTOCK_TRY(write_reference(connection, source));
    PENSTOCK_TRY(write_adjustments(connection, source));
    return make_views(connection, tables);
  });
}

Status remove_adjustment(duckdb_connection connection) {
  return in_transaction(connection, [&] { return drop(connection); });
}

}  // namespace penstock::store::duck

#include "store/duckdb/revisions.h"

#include <algorithm>
#include <span>

#include "market/schema.h"
#include "store/duckdb/tables.h"

namespace penstock::store::duck {
namespace {

bool has(const std::vector<FoundColumn>& columns, std::string_view name, std::string_view type) {
  return std::ranges::any_of(columns,
                             [&](const FoundColumn& column) { return column.name == name && column.type == type; });
}

std::string names_of(const std::vector<FoundColumn>& columns) {
  std::string names;
  for (const FoundColumn& column : columns) names += (names.empty() ? "" : ", ") + quote_name(column.name);
  return names;
}

// A bar of which every trade was cancelled is no bar any more: nothing is counted in it, and what is computed from it
// has no close.
std::string is_a_bar(const std::vector<FoundColumn>& columns) {
  for (const char* count : {"trades", "quotes"}) {
    if (has(columns, count, "BIGINT")) return fmt::format(" AND {} IS DISTINCT FROM 0", quote_name(count));
  }
  const bool close = std::ranges::any_of(columns, [](const FoundColumn& column) { return column.name == "close"; });
  return close ? " AND \"close\" IS NOT NULL" : "";
}

}  // namespace

bool keeps_revisions(const TableSpec& spec) { return spec.key.empty() && market::has_revisions(*spec.schema); }

TableName revisions_of(const TableName& name) { return {name.schema, name.table + std::string(market::kRevisions)}; }

std::string mark_older_sql(const TableName& name, std::string_view touched) {
  std::string key;
  std::string same;
  for (const std::string_view column : kBarKey) {
    const std::string quoted = quote_name(column);
    key += fmt::format("{}stored.{}", key.empty() ? "" : ", ", quoted);
    same += fmt::format("{0}stored.{1} = touched.{1}", same.empty() ? "" : " AND ", quoted);
  }
  // The rows of one transaction have greater rowids than those of earlier ones, in the order they were appended.
  return fmt::format(
      "UPDATE {0} SET {1} = false WHERE rowid IN (SELECT id FROM (SELECT stored.rowid AS id, row_number() OVER"
      " (PARTITION BY {2} ORDER BY stored.revision DESC NULLS LAST, stored.final DESC NULLS LAST, stored.rowid DESC)"
      " AS place FROM {0} AS stored SEMI JOIN {3} AS touched ON ({4}) WHERE stored.{1}) WHERE place > 1)",
      revisions_of(name).quoted(), quote_name(market::kNewest), key, touched, same);
}

Status make_revisions(duckdb_connection connection, const TableName& name, const std::vector<FoundColumn>& columns) {
  std::string list;
  for (const FoundColumn& column : columns) list += quote_name(column.name) + " " + column.type + ", ";
  PENSTOCK_TRY(run(connection,
                   fmt::format("CREATE TABLE {} ({}{} BOOLEAN DEFAULT true)", revisions_of(name).quoted(), list,
                               quote_name(market::kNewest)),
                   fmt::format("making table {}", name.table)));
  const std::string condition = quote_name(market::kNewest) + is_a_bar(columns);
  return run(connection,
             fmt::format("CREATE VIEW {} AS SELECT {} FROM {} WHERE {}", name.quoted(), names_of(columns),
                         revisions_of(name).quoted(), condition),
             fmt::format("making the view {}", name.table));
}

Status convert_to_revisions(duckdb_connection connection, const TableName& name, std::vector<FoundColumn> columns) {
  const std::string what = fmt::format("turning the table {} into its revisions", name.table);
  const std::string old_name = name.table + " of format 1";
  const std::string old = quote_name(name.schema) + "." + quote_name(old_name);
  // Bars had no `edge` in the first stores of that format.
  const std::vector<FoundColumn> bars = columns_of(*market::bar_schema(), true);
  const bool without_edge = std::ranges::equal(columns, std::span(bars).first(bars.size() - 1));
  if (without_edge) columns.push_back(bars.back());
  // Renamed, copied and dropped: DuckDB takes no ALTER TABLE ... ADD COLUMN ... DEFAULT where the configuration is
  // locked.
  PENSTOCK_TRY(run(connection, fmt::format("ALTER TABLE {} RENAME TO {}", name.quoted(), quote_name(old_name)), what));
  PENSTOCK_TRY(make_revisions(connection, name, columns));
  const std::string revisions = revisions_of(name).quoted();
  PENSTOCK_TRY(run(connection,
                   fmt::format("INSERT INTO {} SELECT *{}, true FROM {}", revisions, without_edge ? ", NULL" : "", old),
                   what));
  PENSTOCK_TRY(run(connection, fmt::format("DROP TABLE {}", old), what));
  const std::string repeated =
      fmt::format("(SELECT symbol, every, start FROM {} GROUP BY ALL HAVING count(*) > 1)", revisions);
  return run(connection, mark_older_sql(name, repeated), what);
}

}  // namespace penstock::store::duck

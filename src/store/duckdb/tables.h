// The tables in the file: those of the pipeline, and the store's own in the schema `penstock`.
#pragma once

#include <string>
#include <vector>

#include "store/duckdb/handles.h"
#include "store/duckdb/revisions.h"
#include "store/store.h"

namespace penstock::store::duck {

// Of the store's own tables. A file with a greater number is left alone.
// 2: tables of bars keep their revisions; a store of format 1 is converted when it is opened to be written.
inline constexpr int kFormatVersion = 2;

struct TableName {
  std::string schema = "main";
  std::string table;
  [[nodiscard]] std::string quoted() const { return quote_name(schema) + "." + quote_name(table); }
};
[[nodiscard]] Result<TableName> parse_table_name(const std::string& name);

// True for a timestamp column that is kept to the microsecond: the `start` of bars, which every tool then reads as a
// plain TIMESTAMP. All others are TIMESTAMP_NS.
[[nodiscard]] bool is_microsecond_column(const market::Schema& schema, size_t column);

// The SQL type of a column. `has_json`: DuckDB has its JSON type built in.
[[nodiscard]] std::string sql_type(const market::Schema& schema, size_t column, bool has_json);
[[nodiscard]] std::vector<FoundColumn> columns_of(const market::Schema& schema, bool has_json);

// The file's format version, 0 when it holds no store yet; `invalid` when it is of a newer format. Changes nothing.
[[nodiscard]] Result<int> read_format(duckdb_connection connection, const std::string& path);
// Makes what is missing, and converts what is of the older `format`, in one transaction.
[[nodiscard]] Status make_tables(duckdb_connection connection, const std::vector<TableSpec>& tables, int format,
                                 bool has_json);

}  // namespace penstock::store::duck

// The tables in the file: those of the pipeline, and the store's own in the schema `penstock`.
#pragma once

#include <string>
#include <vector>

#include "store/duckdb/handles.h"
#include "store/store.h"

namespace penstock::store::duck {

// Of the store's own tables. A file with a greater number is left alone.
inline constexpr int kFormatVersion = 1;

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

// `invalid` when the file is of a newer format, `not_found` when it holds no store. Changes nothing.
[[nodiscard]] Status check_format(duckdb_connection connection, const std::string& path, bool& is_new);
// Makes what is missing, in one transaction.
[[nodiscard]] Status make_tables(duckdb_connection connection, const std::vector<TableSpec>& tables, bool is_new,
                                 bool has_json);

}  // namespace penstock::store::duck

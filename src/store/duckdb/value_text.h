// Values of a result as text, the same text that DuckDB's own cast to VARCHAR gives.
#pragma once

#include <string>

#include "store/duckdb/handles.h"

namespace penstock::store::duck {

// The types rendered here; all others are cast by DuckDB in the query.
[[nodiscard]] bool has_text(duckdb_type type);

// What is fixed for a column of a result.
struct ColumnInfo {
  std::string name;
  duckdb_type type = DUCKDB_TYPE_VARCHAR;
  duckdb_type storage = DUCKDB_TYPE_VARCHAR;  // of a DECIMAL: the integer that holds it
  int scale = 0;
  bool json = false;  // VARCHAR that holds JSON
  [[nodiscard]] bool is_number() const;
};

// A column of one chunk.
struct ColumnView {
  const void* data = nullptr;
  uint64_t* validity = nullptr;
  [[nodiscard]] bool is_null(idx_t row) const {
    return validity != nullptr && (validity[row / 64] >> (row % 64) & 1) == 0;
  }
};

// Appends the text of a value that is not null.
void append_text(std::string& out, const ColumnInfo& info, const ColumnView& column, idx_t row);

}  // namespace penstock::store::duck

// A result as a Parquet file, written by a second DuckDB in this process: the store's own may not touch other files.
#pragma once

#include <cstdint>
#include <string>

#include "store/duckdb/read_query.h"

namespace penstock::store::duck {

// Takes the query's chunks one by one, so that a large result does not fill memory. Gives the rows written; `full`
// when there are more than `rows_max`.
[[nodiscard]] Result<uint64_t> write_parquet(ReadQuery& query, const std::string& path, uint64_t rows_max);

}  // namespace penstock::store::duck

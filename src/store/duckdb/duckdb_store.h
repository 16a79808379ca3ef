// The embedded store: one DuckDB file that belongs to one process. What it holds: docs/formats/store.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "market/reference.h"
#include "market/symbol_table.h"
#include "market/time_zone.h"
#include "store/store.h"

namespace penstock::store {

// What bars are adjusted by. Both borrowed while the store is opened.
struct AdjustmentSource {
  const market::Reference* reference = nullptr;
  const market::Adjustments* adjustments = nullptr;  // of the reference
  const market::TimeZone* time_zone = nullptr;       // whose days its dates are
};

struct DuckDbOptions {
  int64_t memory_bytes_max = int64_t{512} << 20;  // DuckDB's own limit: cache, queries and commits together
  // Over all queries and the commit. With more than one, DuckDB turns round in a loop while it waits for another of its
  // threads: a commit of a million trades takes half as much CPU again, which the engines beside it want.
  int threads = 1;
  bool read_only = false;  // the file is not changed; begin() is refused
  // Where the codes of symbol columns come from. Borrowed for the store's life; needed to append such columns only.
  const market::SymbolTable* symbols = nullptr;
  // What becomes of the tables of splits and tickers, and of the views of adjusted bars: they stay as they are, or they
  // are made anew from a source, or, without one, taken away.
  enum class Adjusting : uint8_t { keep, replace, remove } adjusting = Adjusting::keep;
  AdjustmentSource adjustment_source;
};

// Opens the file, or makes it, and makes the tables of `tables` that are not there. Errors: `invalid` where a table
// has other columns than the pipeline wants, or the file is of a newer format; `closed` when another process has it;
// `corrupt` when it is no DuckDB file; `not_found` when it is to be read only and is not there.
[[nodiscard]] Result<std::unique_ptr<Store>> open_duckdb_store(const std::string& path, const DuckDbOptions& options,
                                                               std::vector<TableSpec> tables);

}  // namespace penstock::store

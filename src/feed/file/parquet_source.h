// The source of a Parquet file, read by DuckDB: see docs/decisions/file-parquet.md.
#pragma once

#include <memory>

#include "base/clock.h"
#include "feed/file/file_source.h"
#include "feed/source.h"
#include "io/file_system.h"
#include "market/symbol_table.h"

namespace penstock::feed::file {

// The arguments are borrowed as by make_file_source; `files` only says whether the file is there.
[[nodiscard]] Result<std::unique_ptr<Source>> make_parquet_source(FileOptions options, market::SymbolTable& symbols,
                                                                  Clock& clock, io::FileSystem& files);

}  // namespace penstock::feed::file

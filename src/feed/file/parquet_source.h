// The source of a Parquet file, which has two readers: see docs/decisions/file-parquet.md.
#pragma once

#include <memory>

#include "base/clock.h"
#include "feed/file/file_source.h"
#include "feed/source.h"
#include "io/file_system.h"
#include "market/symbol_table.h"

namespace penstock::feed::file {

// Only tests and benchmarks choose: the common files are read natively, the others by DuckDB.
enum class ParquetReaderChoice : uint8_t { by_file, native, duckdb };

// The arguments are borrowed as by make_file_source. DuckDB reads from the disk, whatever `files` says.
[[nodiscard]] Result<std::unique_ptr<Source>> make_parquet_source(
    FileOptions options, market::SymbolTable& symbols, Clock& clock, io::FileSystem& files,
    ParquetReaderChoice choice = ParquetReaderChoice::by_file);

}  // namespace penstock::feed::file

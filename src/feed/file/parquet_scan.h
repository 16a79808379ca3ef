// What the source of a Parquet file asks of its two readers: see docs/decisions/file-parquet.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "feed/file/batch_builder.h"
#include "feed/source.h"
#include "io/file_system.h"
#include "market/batch.h"
#include "market/symbol_table.h"

namespace penstock::feed::file {

// A run of rows, decoded.
struct DecodedRows {
  market::Batch rows;
  std::vector<Reject> rejects;
  std::vector<size_t> reject_rows;      // the row that follows each reject
  std::vector<uint64_t> row_positions;  // of each row, when asked for
};

// Rows from one multiple of the piece's size to the next.
struct ParquetBounds {
  uint64_t position = 0;  // of the first row
  uint64_t position_end = 0;
  bool last = false;
};

// One thread's part in a scan.
class ParquetPart {
 public:
  virtual ~ParquetPart() = default;
  // Claims the next piece; one part of a scan at a time. False when the last was claimed.
  [[nodiscard]] virtual Result<bool> take(ParquetBounds& bounds) = 0;
  // Decodes the piece claimed; any number of parts at once. It is not held on to afterwards.
  [[nodiscard]] virtual Status decode(bool keep_positions, DecodedRows& out) = 0;
  // Between pieces: may do some of what the next pieces need.
  virtual void work_ahead() {}
};

// Reads a file once, from some row to its end. Used by one thread at a time; outlives its parts.
class ParquetScan {
 public:
  virtual ~ParquetScan() = default;
  [[nodiscard]] virtual std::unique_ptr<ParquetPart> make_part() = 0;
};

// A file whose schema fits the fields that are wanted. Outlives its scans.
class ParquetFile {
 public:
  virtual ~ParquetFile() = default;
  [[nodiscard]] virtual uint64_t rows() const = 0;
  // From row `position` on, `piece_rows` at a time.
  [[nodiscard]] virtual Result<std::unique_ptr<ParquetScan>> scan(uint64_t position, uint64_t piece_rows) = 0;
};

// What a file is opened for; all of it outlives the file.
struct ParquetRequest {
  const FileOptions& options;
  const std::vector<FieldSpec>& specs;
  market::SymbolTable& symbols;
};

// Reads every Parquet file, at the speed of one core.
[[nodiscard]] Result<std::unique_ptr<ParquetFile>> open_duckdb_parquet(const ParquetRequest& request);
// Reads the common ones. An error of kind invalid says what is not common about the file; another reader may do better.
[[nodiscard]] Result<std::unique_ptr<ParquetFile>> open_native_parquet(const ParquetRequest& request,
                                                                       std::unique_ptr<io::File> file);

}  // namespace penstock::feed::file

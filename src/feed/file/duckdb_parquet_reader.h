// A Parquet file as pieces of DuckDB vectors. duckdb.h is included here, so this header stays inside this folder.
#pragma once

#include <duckdb.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "feed/file/batch_builder.h"
#include "feed/file/parquet_values.h"
#include "market/batch.h"

namespace penstock::feed::file {

struct DuckdbColumn {
  size_t field = 0;  // index into the specs
  std::string name;
  std::string sql;   // what to select
  ParquetForm form = ParquetForm::text;  // an integer or DECIMAL is of `physical` width and `scale`, a time of `unit`
  duckdb_type physical = DUCKDB_TYPE_BIGINT;
  uint8_t scale = 0;
  TimeUnit unit = TimeUnit::us;
};

// What the file holds of the fields that are wanted.
struct DuckdbLayout {
  std::vector<DuckdbColumn> columns;
  uint64_t rows = 0;
};

struct CloseDuckdbChunk {
  void operator()(duckdb_data_chunk chunk) const { duckdb_destroy_data_chunk(&chunk); }
};

// A run of rows of one DuckDB chunk. The chunk is shared because a piece may end inside it.
struct DuckdbRows {
  std::shared_ptr<_duckdb_data_chunk> chunk;
  size_t begin = 0;
  size_t end = 0;
};

struct DuckdbPiece {
  std::vector<DuckdbRows> runs;
  uint64_t position = 0;  // of the first row
  uint64_t position_end = 0;
  bool last = false;
};

// Owns an in-memory DuckDB that does nothing but read this file. Used by one thread at a time.
class DuckdbReader {
 public:
  [[nodiscard]] static Result<std::unique_ptr<DuckdbReader>> open(const std::string& path);
  ~DuckdbReader();
  DuckdbReader(const DuckdbReader&) = delete;
  DuckdbReader& operator=(const DuckdbReader&) = delete;

  [[nodiscard]] Result<DuckdbLayout> read_layout(const std::vector<FieldSpec>& specs);

  // Begins to read the layout's columns from row `position` on, which is none beyond the last, `piece_rows` at a time.
  [[nodiscard]] Status start(const DuckdbLayout& layout, uint64_t position, uint64_t piece_rows);
  // The rows from one multiple of `piece_rows` to the next. False when the last piece was given.
  [[nodiscard]] Result<bool> next(DuckdbPiece& piece);

 private:
  explicit DuckdbReader(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] Status warn_of_lost_digits(const std::string& column);
  [[nodiscard]] Status query(const std::string& sql, duckdb_result& result, ErrorKind kind);

  std::string path_;
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
  duckdb_result result_{};  // streaming
  bool has_result_ = false;
  uint64_t position_ = 0;
  uint64_t rows_ = 0;
  uint64_t piece_rows_ = 0;
  DuckdbRows left_;  // of a chunk that the last piece did not use up
  bool done_ = false;
};

}  // namespace penstock::feed::file

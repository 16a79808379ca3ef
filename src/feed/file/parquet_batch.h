// Loaded pages of several Parquet columns to batches and rejects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "feed/file/batch_builder.h"
#include "feed/file/line_reader.h"
#include "feed/file/parquet_columns.h"
#include "feed/file/parquet_convert.h"
#include "feed/file/parquet_page.h"
#include "feed/file/parquet_scan.h"
#include "market/batch.h"

namespace penstock::feed::file {

// A run of rows of the file.
struct ParquetPiece {
  ParquetBounds bounds;
  std::vector<std::vector<PageRows>> columns;
  // Of each column the page behind, which may be loaded before it is needed; may be none. Shared like the others.
  std::vector<std::shared_ptr<ParquetPage>> ahead;
};

// One thread's. A column at a time; the rows that cannot be kept are then told apart and said by BatchBuilder's rules.
class ParquetBatchMaker {
 public:
  ParquetBatchMaker(const ParquetRequest& request, const std::vector<ParquetColumn>& columns);

  [[nodiscard]] ColumnConverter& converter(size_t column) { return converters_[column]; }
  // All pages of the piece are loaded.
  [[nodiscard]] Status make(const ParquetPiece& piece, bool keep_positions, DecodedRows& out);

 private:
  struct Cell {
    bool null = true;
    bool is_utf8 = true;
    const uint8_t* fixed = nullptr;
    std::string_view text;
  };

  [[nodiscard]] Status read_column(const ParquetPiece& piece, size_t index, market::Column& out);
  // The rows that are kept, when not all are.
  void choose_rows(size_t rows);
  void finish_column(const ParquetPiece& piece, size_t index, market::Column& out);
  void append_ids(const ParquetPiece& piece, size_t index, market::IdColumn& ids);
  void finish_other_columns(market::Batch& batch);
  // Why a row is rejected.
  [[nodiscard]] std::string reason(const ParquetPiece& piece, size_t row);
  [[nodiscard]] bool set_text(size_t field, std::string_view text);
  [[nodiscard]] Cell cell_at(const ParquetPiece& piece, size_t index, size_t row) const;
  [[nodiscard]] std::string cell_text(size_t index, const Cell& cell) const;
  [[nodiscard]] std::string row_text(const ParquetPiece& piece, size_t row) const;

  const ParquetRequest request_;
  const std::vector<ParquetColumn>& columns_;
  std::vector<ColumnConverter> converters_;  // one a column, like those below
  std::vector<CellStates> states_;
  std::vector<std::vector<std::string_view>> texts_;  // of columns that are kept as texts
  std::vector<uint8_t> keep_;  // of each row; empty when all are kept
  size_t kept_ = 0;
  market::SymbolCache symbols_;
  BatchBuilder builder_;  // of rejected rows: it says why
  PaddedBuffer scratch_;  // of their texts
};

}  // namespace penstock::feed::file

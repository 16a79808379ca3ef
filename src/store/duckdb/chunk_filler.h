// Batches as DuckDB data chunks, column by column, without a copy of any text.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "market/batch.h"
#include "store/duckdb/handles.h"

namespace penstock::store::duck {

// One chunk that is filled again and again for one table. Texts in it point into the batch, so it is to be consumed
// before the batch goes. Not thread-safe.
class ChunkFiller {
 public:
  // `ordinal`: the chunk ends with a BIGINT column that numbers the rows.
  ChunkFiller(std::string table, market::SchemaPtr schema, const market::SymbolTable* symbols, bool ordinal);

  [[nodiscard]] std::vector<LogicalType> types() const;
  // Fills the chunk with rows [begin, begin + count) of `batch`; count is at most duckdb_vector_size().
  [[nodiscard]] Status fill(const market::Batch& batch, size_t begin, size_t count);
  [[nodiscard]] duckdb_data_chunk chunk() const { return chunk_.get(); }

 private:
  [[nodiscard]] Status fill_column(const market::Batch& batch, size_t column, size_t begin, size_t count);
  [[nodiscard]] Status fill_timestamps(const market::Column& from, size_t column, int64_t* out, size_t begin,
                                       size_t count);
  [[nodiscard]] duckdb_string_t text_of(std::string_view text, bool utf8);

  const std::string table_;
  const market::SchemaPtr schema_;
  const market::SymbolTable* const symbols_;
  const bool ordinal_;
  Chunk chunk_;
  int64_t next_ordinal_ = 0;
  std::vector<char> digits_;          // of the ids of one column of one chunk
  std::deque<std::string> repaired_;  // texts of the current chunk that were no UTF-8
};

}  // namespace penstock::store::duck

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
  // The chunk has the named columns of the table.
  ChunkFiller(std::string table, market::SchemaPtr schema, std::vector<size_t> columns,
              const market::SymbolTable* symbols);

  [[nodiscard]] std::vector<LogicalType> types() const;
  // Fills the chunk with rows [begin, begin + count) of `batch`; count is at most duckdb_vector_size().
  [[nodiscard]] Status fill(const market::Batch& batch, size_t begin, size_t count);
  [[nodiscard]] duckdb_data_chunk chunk() const { return chunk_.get(); }

 private:
  [[nodiscard]] Status fill_column(const market::Batch& batch, size_t place, size_t begin, size_t count);
  [[nodiscard]] Status fill_timestamps(const market::Column& from, size_t column, int64_t* out, size_t begin,
                                       size_t count);
  [[nodiscard]] duckdb_string_t text_of(std::string_view text, bool utf8);

  const std::string table_;
  const market::SchemaPtr schema_;
  const std::vector<size_t> columns_;
  const market::SymbolTable* const symbols_;
  Chunk chunk_;
  std::vector<char> digits_;          // of the ids of one column of one chunk
  std::deque<std::string> repaired_;  // texts of the current chunk that were no UTF-8
};

}  // namespace penstock::store::duck

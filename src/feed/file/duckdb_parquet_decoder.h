// Rows of DuckDB vectors to batches.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "feed/file/batch_builder.h"
#include "feed/file/duckdb_parquet_reader.h"
#include "feed/file/line_reader.h"
#include "feed/file/parquet_scan.h"

namespace penstock::feed::file {

// One thread's decoder.
class DuckdbDecoder {
 public:
  DuckdbDecoder(BatchBuilder builder, const DuckdbLayout& layout, TimeUnit time_unit);

  void decode(const DuckdbPiece& piece, bool keep_positions, DecodedRows& out);

 private:
  enum class State : uint8_t { value, null, refused };
  // The numbers of one column in one run of rows.
  struct Numbers {
    std::vector<int64_t> values;
    std::vector<State> states;
    bool plain = false;  // no row is null or refused
  };

  void read_numbers(const DuckdbColumn& column, const DuckdbRows& run, size_t index, Numbers& out);
  [[nodiscard]] bool set_row(const DuckdbRows& run, size_t at);
  [[nodiscard]] bool set_text(const DuckdbColumn& column, std::string_view text);
  void reserve_scratch(size_t row);
  [[nodiscard]] std::string_view text_at(size_t index, size_t row) const;
  [[nodiscard]] bool null_at(size_t index, size_t row) const;
  [[nodiscard]] std::string value_text(size_t index, size_t row) const;
  [[nodiscard]] std::string row_text(size_t row) const;

  BatchBuilder builder_;
  const DuckdbLayout& layout_;
  TimeUnit time_unit_;
  std::vector<Numbers> numbers_;          // one a column
  std::vector<const void*> data_;         // of the run's vectors, one a column
  std::vector<const uint64_t*> validity_; // likewise; null when no row is null
  std::vector<size_t> parsed_texts_;       // the columns that may use the scratch
  PaddedBuffer scratch_;                  // texts of one row that are parsed
  std::string reason_;
};

}  // namespace penstock::feed::file

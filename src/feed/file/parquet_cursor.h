// Finds the pages of one column, in the order of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "feed/file/parquet_columns.h"
#include "feed/file/parquet_metadata.h"
#include "feed/file/parquet_page.h"
#include "io/file_system.h"

namespace penstock::feed::file {

// Reads page headers only. Used by one thread at a time; borrows all it is made of.
class ColumnCursor {
 public:
  // `index` is the column's among the chunks of each row group; pages end before `data_end`.
  ColumnCursor(io::File& file, const ParquetColumn& column, const std::vector<ParquetRowGroup>& groups, size_t index,
               uint64_t data_end);

  // Goes to a row, from the beginning.
  [[nodiscard]] Status seek(uint64_t row);
  // The next `rows` rows, of which there are so many, behind those in `out`.
  [[nodiscard]] Status take(uint64_t rows, std::vector<PageRows>& out);
  // The page behind the one where the last rows were, if there is one and it can be found.
  [[nodiscard]] std::shared_ptr<ParquetPage> ahead();

 private:
  [[nodiscard]] Status enter_group(size_t group);
  [[nodiscard]] Status next_page();
  // The next data page; there is one.
  [[nodiscard]] Result<std::shared_ptr<ParquetPage>> find_page();
  [[nodiscard]] Result<ParquetPageHeader> read_header();
  [[nodiscard]] Status check(const ParquetPageHeader& header) const;

  io::File& file_;
  const ParquetColumn& column_;
  const std::vector<ParquetRowGroup>& groups_;
  const size_t index_;
  const uint64_t data_end_;
  size_t group_ = 0;
  uint64_t group_left_ = 0;  // rows of the group whose pages were not found yet
  uint64_t position_ = 0;    // of the next page header
  std::shared_ptr<ParquetDictionary> dictionary_;  // of the group; shared with its pages
  std::shared_ptr<ParquetDictionary> booleans_;    // likewise, of all groups
  std::shared_ptr<ParquetPage> page_;              // may be none; shared with pieces
  size_t page_row_ = 0;
  std::shared_ptr<ParquetPage> ahead_;  // found already
  std::vector<uint8_t> header_bytes_;
};

}  // namespace penstock::feed::file

// Brings pages of Parquet columns from the file into memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/error.h"
#include "feed/file/parquet_codec.h"
#include "feed/file/parquet_columns.h"
#include "feed/file/parquet_convert.h"
#include "feed/file/parquet_page.h"
#include "io/file_system.h"

namespace penstock::feed::file {

// One thread's loader. Borrows the file.
class PageLoader {
 public:
  explicit PageLoader(io::File& file) : file_(file) {}

  // Loads a page that the caller has claimed, and its dictionary; how that went is in their `status`.
  void load(ParquetPage& page, const ParquetColumn& column, ColumnConverter& converter);

 private:
  [[nodiscard]] Status load_page(ParquetPage& page, const ParquetColumn& column, ColumnConverter& converter);
  [[nodiscard]] Status load_values(ParquetPage& page, const ParquetColumn& column, std::span<const uint8_t> values);
  [[nodiscard]] Status await_dictionary(ParquetDictionary& dictionary, const ParquetColumn& column,
                                        ColumnConverter& converter);
  [[nodiscard]] Status load_dictionary(ParquetDictionary& dictionary, const ParquetColumn& column);
  // The page without its compression.
  [[nodiscard]] Result<PaddedBytes> read(const PagePlace& place);
  [[nodiscard]] Status read_at(uint64_t position, std::span<uint8_t> bytes);

  io::File& file_;
  PageDecompressor decompressor_;
  PaddedBytes stored_;  // of the page at hand, compressed
};

}  // namespace penstock::feed::file

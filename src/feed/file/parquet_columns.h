// Which columns of a Parquet file are read, and what each of their values becomes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "feed/file/batch_builder.h"
#include "feed/file/parquet_metadata.h"
#include "feed/file/parquet_values.h"
#include "market/batch.h"

namespace penstock::feed::file {

struct ParquetColumn {
  size_t field = 0;  // index into the specs
  std::string name;  // in the file
  market::Type type;
  size_t text_bytes_max = 0;
  size_t leaf = 0;
  bool optional = false;
  ParquetPhysical physical = ParquetPhysical::none;
  ParquetForm form = ParquetForm::text;
  uint8_t width = 0;         // bytes of a stored value, none for texts and booleans
  uint8_t bits = 0;          // of an integer
  bool is_signed = true;     // likewise
  uint8_t scale = 0;         // of a scaled integer
  int64_t ns_per_unit = 0;   // of a time
  // What is not stored as texts but wanted as such is printed when its page is loaded.
  [[nodiscard]] bool is_printed() const { return form == ParquetForm::text && physical != ParquetPhysical::byte_array; }
};

// The columns for the specs that have no constant. An error, of kind invalid, when one is missing or has no exact way
// here.
[[nodiscard]] Result<std::vector<ParquetColumn>> choose_parquet_columns(const ParquetSchema& schema,
                                                                        const std::vector<FieldSpec>& specs);

}  // namespace penstock::feed::file

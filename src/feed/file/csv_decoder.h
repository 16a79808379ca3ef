// CSV lines to batches. RFC 4180, except that a quoted field cannot hold a newline: one line is one record, which is
// what lets a file be cut anywhere and read by many threads.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "feed/file/batch_builder.h"
#include "feed/file/line_decoder.h"

namespace penstock::feed::file {

// Where the file's columns go.
struct CsvLayout {
  size_t column_count = 0;
  // A column that is used: its place in the line, and the field (an index into the specs) it is.
  struct Used {
    size_t column = 0;
    size_t field = 0;
  };
  std::vector<Used> used;
};
// Reads the header line.
[[nodiscard]] Result<CsvLayout> read_csv_header(std::string_view line, char delimiter,
                                                const std::vector<FieldSpec>& specs);

[[nodiscard]] std::unique_ptr<LineDecoder> make_csv_decoder(BatchBuilder builder, CsvLayout layout, char delimiter);

}  // namespace penstock::feed::file

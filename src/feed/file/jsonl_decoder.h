// JSON lines to batches: one object a line. Numbers are taken as the decimals they are written as, never as doubles.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "feed/file/batch_builder.h"
#include "feed/file/file_source.h"
#include "feed/file/line_decoder.h"
#include "market/symbol_table.h"

namespace penstock::feed::file {

// Trades and quotes: each field is a member of the line's object, by its name in the file.
[[nodiscard]] std::unique_ptr<LineDecoder> make_jsonl_decoder(BatchBuilder builder);

// Records of kind json: each line is the value, whatever JSON it is. `received` is the ts_recv of a record that names
// none: a file's time of last change, so that reading it again gives the same records.
[[nodiscard]] std::unique_ptr<LineDecoder> make_json_value_decoder(const std::vector<FieldSpec>& specs,
                                                                   TimeUnit time_unit, Timestamp received);

}  // namespace penstock::feed::file

// Paths into JSON values, and reading many of them from each record in one pass.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "market/batch.h"

namespace penstock::plan {

struct JsonStep {
  std::string name;          // of an object's field
  size_t index = 0;          // of an array's item, from 0
  bool is_index = false;
  friend bool operator==(const JsonStep&, const JsonStep&) = default;
};
using JsonPath = std::vector<JsonStep>;

// For each path a column of JSON values: the value as written, null where the path leads nowhere, to a JSON null, or
// the record is no JSON. Of a field given twice the first counts.
[[nodiscard]] std::vector<market::Column> extract_json(const market::Column& records, size_t rows,
                                                       const std::vector<JsonPath>& paths);

// What a JSON value is as text: a string's contents, anything else as written. `scratch` may back the result.
[[nodiscard]] std::string_view json_text(std::string_view value, std::string& scratch);

}  // namespace penstock::plan

// Results as CSV, JSON, JSON lines or aligned text, piece by piece.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store/duckdb/value_text.h"
#include "store/store.h"

namespace penstock::store::duck {

// `csv`: RFC 4180 with a header, lines end with \n; null is an empty field and an empty text is "".
// `json`: one array of objects. `json_lines`: one object a line. `table`: columns as wide as the first
// kTableRowsMeasured rows need, then a line with the count of rows.
enum class TextForm : uint8_t { csv, json, json_lines, table };
inline constexpr size_t kTableRowsMeasured = 1000;

// Column names made distinct (`a`, `a_1`), as object keys and Parquet columns must be.
[[nodiscard]] std::vector<std::string> distinct_names(const std::vector<ColumnInfo>& columns);

// Not thread-safe. Output is appended to `out`; the caller takes it from there.
class ResultWriter {
 public:
  virtual ~ResultWriter() = default;
  virtual void begin(std::string& out) = 0;
  virtual void row(const std::vector<ColumnView>& columns, idx_t row, std::string& out) = 0;
  virtual void end(std::string& out) = 0;
  [[nodiscard]] static std::unique_ptr<ResultWriter> make(TextForm form, const std::vector<ColumnInfo>& columns);
};

void append_json_string(std::string& out, std::string_view text);

}  // namespace penstock::store::duck

#include "store/duckdb/newest_rows.h"

#include <string>
#include <unordered_set>

namespace penstock::store::duck {
namespace {

template <typename T>
void append_bytes(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void append_text(std::string& out, std::string_view text) {
  append_bytes(out, text.size());
  out += text;
}

// Equal bytes for equal values, within one column.
void append_value(std::string& out, const market::Column& column, size_t row) {
  using market::Kind;
  switch (column.type.kind) {
    case Kind::boolean: append_bytes(out, column.u8[row]); return;
    case Kind::int64:
    case Kind::decimal:
    case Kind::timestamp: append_bytes(out, column.i64[row]); return;
    case Kind::float64: append_bytes(out, column.f64[row] == 0 ? 0.0 : column.f64[row]); return;  // -0 equals 0
    case Kind::decimal128: append_bytes(out, column.i128[row]); return;
    case Kind::symbol: append_bytes(out, column.codes[row]); return;
    case Kind::id: {
      const market::Id id = column.ids[row];
      append_bytes(out, id.is_number());
      append_bytes(out, id.number);
      append_text(out, id.text);
      return;
    }
    case Kind::text:
    case Kind::json:
    case Kind::bytes: append_text(out, column.text[row]); return;
  }
}

}  // namespace

std::vector<uint8_t> newest_of_each_key(const market::Batch& rows, const std::vector<size_t>& key) {
  std::vector<uint8_t> keep(rows.rows, 1);
  std::unordered_set<std::string> seen;
  seen.reserve(rows.rows);
  std::string bytes;
  for (size_t row = rows.rows; row-- > 0;) {
    bytes.clear();
    for (const size_t column : key) append_value(bytes, rows.columns[column], row);
    if (!seen.insert(bytes).second) keep[row] = 0;
  }
  return keep;
}

}  // namespace penstock::store::duck

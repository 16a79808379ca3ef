#include "stream/row_key.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace penstock::stream {
namespace {

using market::Column;
using market::Kind;

template <typename T>
void put_raw(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, std::string_view text) {
  put_raw(out, uint64_t{text.size()});
  out.append(text);
}

void put_value(std::string& out, const Column& column, size_t row, const market::SymbolTable& symbols) {
  switch (column.type.kind) {
    case Kind::boolean: put_raw(out, column.u8[row]); break;
    case Kind::int64:
    case Kind::decimal:
    case Kind::timestamp: put_raw(out, column.i64[row]); break;
    case Kind::decimal128: put_raw(out, column.i128[row]); break;
    // Both zeros are equal, so both are hashed as the same one.
    case Kind::float64: put_raw(out, column.f64[row] == 0 ? 0.0 : column.f64[row]); break;
    case Kind::symbol: put_text(out, symbols.text(column.codes[row])); break;
    case Kind::id: put_text(out, to_string(column.ids[row])); break;
    case Kind::text:
    case Kind::json:
    case Kind::bytes: put_text(out, column.text[row]); break;
  }
}

}  // namespace

bool RowKey::hash(const market::Batch& batch, size_t row, Hash128& out) {
  bytes_.clear();
  bool any = false;
  for (const size_t index : columns_) {
    const Column& column = batch.columns[index];
    const bool null = column.is_null(row);
    bytes_.push_back(null ? 0 : 1);
    if (null) continue;
    any = true;
    put_value(bytes_, column, row, symbols_);
  }
  if (!any) return false;
  const XXH128_hash_t hash = XXH3_128bits(bytes_.data(), bytes_.size());
  out = {hash.low64, hash.high64};
  // All zeros marks an empty slot in FlatSet.
  if (out == Hash128{}) out.low = 1;
  return true;
}

}  // namespace penstock::stream

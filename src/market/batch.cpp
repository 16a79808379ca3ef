#include "market/batch.h"

#include <fmt/core.h>

#include <charconv>
#include <limits>

#include "base/error.h"
#include "base/time.h"

namespace penstock::market {

std::string to_string(Type type) {
  switch (type.kind) {
    case Kind::boolean: return "boolean";
    case Kind::int64: return "bigint";
    case Kind::float64: return "double";
    case Kind::decimal:
    case Kind::decimal128:
      if (type == kPriceType) return "price";
      if (type == kSizeType) return "size";
      return fmt::format("decimal({})", type.scale);
    case Kind::timestamp: return "timestamp";
    case Kind::symbol:
    case Kind::id:
    case Kind::text: return "text";
    case Kind::json: return "json";
    case Kind::bytes: return "bytes";
  }
  return "unknown";
}

Id parse_id(std::string_view text) {
  int64_t number = 0;
  const bool canonical = !text.empty() && text[0] >= '0' && text[0] <= '9' && (text[0] != '0' || text.size() == 1);
  if (canonical) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size()) return {number, {}};
  }
  return {0, text.data() == nullptr ? std::string_view("") : text};
}

std::string to_string(const Id& id) { return id.is_number() ? std::to_string(id.number) : std::string(id.text); }

size_t Column::byte_size() const {
  return valid.size() + u8.size() + i64.size() * sizeof(int64_t) + i128.size() * sizeof(Int128) +
         f64.size() * sizeof(double) + codes.size() * sizeof(SymbolCode) + ids.byte_size() + text.byte_size();
}

std::optional<size_t> Schema::find(std::string_view name) const {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == name) return i;
  }
  return std::nullopt;
}

std::optional<size_t> Schema::find(std::string_view name, Kind kind) const {
  const auto found = find(name);
  return found && fields[*found].type.kind == kind ? found : std::nullopt;
}

size_t Batch::byte_size() const {
  size_t bytes = 0;
  for (const Column& column : columns) bytes += column.byte_size();
  return bytes;
}

Batch make_batch(SchemaPtr schema) {
  Batch batch;
  batch.columns.reserve(schema->fields.size());
  for (const Field& field : schema->fields) batch.columns.push_back(Column{.type = field.type});
  batch.schema = std::move(schema);
  return batch;
}

namespace {

// Gives `column`, which stood for nulls only, its `rows` null values, so that a value can follow them.
void materialize_nulls(Column& column, size_t rows) {
  column.all_null = false;
  column.valid.assign(rows, 0);
  switch (column.type.kind) {
    case Kind::boolean: column.u8.resize(rows); break;
    case Kind::int64:
    case Kind::decimal:
    case Kind::timestamp: column.i64.resize(rows); break;
    case Kind::decimal128: column.i128.resize(rows); break;
    case Kind::float64: column.f64.resize(rows); break;
    case Kind::symbol: column.codes.resize(rows, kNoSymbol); break;
    case Kind::id:
      for (size_t i = 0; i < rows; ++i) column.ids.append({});
      break;
    case Kind::text:
    case Kind::json:
    case Kind::bytes:
      for (size_t i = 0; i < rows; ++i) column.text.append({});
      break;
  }
}

void append_value(Column& to, size_t to_rows, const Column& from, size_t row) {
  const bool null = from.is_null(row);
  if (to.all_null || (null && to_rows == 0)) {
    if (null) {
      to.all_null = true;
      return;
    }
    materialize_nulls(to, to_rows);
  }
  if (null && to.valid.empty()) to.valid.assign(to_rows, 1);
  if (null || !to.valid.empty()) to.valid.push_back(null ? 0 : 1);
  const bool absent = from.all_null;
  switch (to.type.kind) {
    case Kind::boolean: to.u8.push_back(absent ? 0 : from.u8[row]); break;
    case Kind::int64:
    case Kind::decimal:
    case Kind::timestamp: to.i64.push_back(absent ? 0 : from.i64[row]); break;
    case Kind::decimal128: to.i128.push_back(absent ? 0 : from.i128[row]); break;
    case Kind::float64: to.f64.push_back(absent ? 0 : from.f64[row]); break;
    case Kind::symbol: to.codes.push_back(absent ? kNoSymbol : from.codes[row]); break;
    case Kind::id: to.ids.append(absent ? Id{} : from.ids[row]); break;
    case Kind::text:
    case Kind::json:
    case Kind::bytes: to.text.append(absent ? std::string_view{} : from.text[row]); break;
  }
}

}  // namespace

void append_row(Batch& to, const Batch& from, size_t row) {
  PENSTOCK_ASSERT(to.columns.size() == from.columns.size());
  for (size_t c = 0; c < to.columns.size(); ++c) append_value(to.columns[c], to.rows, from.columns[c], row);
  ++to.rows;
}

Batch select_rows(const Batch& from, const std::vector<uint8_t>& keep) {
  Batch to = make_batch(from.schema);
  for (size_t row = 0; row < from.rows; ++row) {
    if (keep[row] != 0) append_row(to, from, row);
  }
  return to;
}

std::optional<std::string> value_text(const Column& column, size_t row, const SymbolTable& symbols) {
  if (column.is_null(row)) return std::nullopt;
  switch (column.type.kind) {
    case Kind::boolean: return column.u8[row] != 0 ? "true" : "false";
    case Kind::int64: return std::to_string(column.i64[row]);
    case Kind::float64: return fmt::format("{}", column.f64[row]);
    case Kind::decimal: return format_decimal(column.i64[row], column.type.scale);
    case Kind::decimal128: return format_decimal(column.i128[row], column.type.scale);
    case Kind::timestamp: return format_rfc3339(Timestamp{column.i64[row]});
    case Kind::symbol: return std::string(symbols.text(column.codes[row]));
    case Kind::id: return to_string(column.ids[row]);
    case Kind::text:
    case Kind::json:
    case Kind::bytes: return std::string(column.text[row]);
  }
  return std::nullopt;
}

}  // namespace penstock::market

#include "store/duckdb/chunk_filler.h"

#include <charconv>
#include <cstring>
#include <limits>

#include "store/duckdb/tables.h"
#include "store/duckdb/utf8.h"

namespace penstock::store::duck {
namespace {

using market::Kind;

static_assert(sizeof(duckdb_hugeint) == sizeof(Int128), "a DECIMAL of over 18 digits is a 128-bit integer");
constexpr size_t kIdDigitsMax = 20;
constexpr Int128 kDecimal38End = Int128{market::kPow10[18]} * market::kPow10[18] * 100;

LogicalType type_of(const market::Schema& schema, size_t column) {
  const market::Type type = schema.fields[column].type;
  switch (type.kind) {
    case Kind::boolean: return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN));
    case Kind::int64: return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
    case Kind::float64: return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE));
    case Kind::decimal: return LogicalType(duckdb_create_decimal_type(19, type.scale));
    case Kind::decimal128: return LogicalType(duckdb_create_decimal_type(38, type.scale));
    case Kind::timestamp:
      return LogicalType(duckdb_create_logical_type(is_microsecond_column(schema, column) ? DUCKDB_TYPE_TIMESTAMP
                                                                                          : DUCKDB_TYPE_TIMESTAMP_NS));
    case Kind::bytes: return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_BLOB));
    case Kind::symbol:
    case Kind::id:
    case Kind::text:
    case Kind::json: return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
  }
  return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
}

// DuckDB's greatest and least time are `infinity` and `-infinity`; the number below -infinity has no meaning to it.
constexpr int64_t kInfinity = std::numeric_limits<int64_t>::max();

duckdb_string_t borrow(std::string_view text) {
  duckdb_string_t out{};
  out.value.inlined.length = static_cast<uint32_t>(text.size());
  if (text.size() <= sizeof(out.value.inlined.inlined)) {
    if (!text.empty()) std::memcpy(out.value.inlined.inlined, text.data(), text.size());
  } else {
    std::memcpy(out.value.pointer.prefix, text.data(), sizeof(out.value.pointer.prefix));
    out.value.pointer.ptr = const_cast<char*>(text.data());  // the C struct knows no const; nothing writes through it
  }
  return out;
}

}  // namespace

ChunkFiller::ChunkFiller(std::string table, market::SchemaPtr schema, std::vector<size_t> columns,
                         const market::SymbolTable* symbols)
    : table_(std::move(table)), schema_(std::move(schema)), columns_(std::move(columns)), symbols_(symbols) {
  const std::vector<LogicalType> owned = types();
  std::vector<duckdb_logical_type> raw;
  for (const LogicalType& type : owned) raw.push_back(type.get());
  chunk_ = Chunk(duckdb_create_data_chunk(raw.data(), raw.size()));
}

std::vector<LogicalType> ChunkFiller::types() const {
  std::vector<LogicalType> types;
  for (const size_t column : columns_) types.push_back(type_of(*schema_, column));
  return types;
}

Status ChunkFiller::fill(const market::Batch& batch, size_t begin, size_t count) {
  duckdb_data_chunk_reset(chunk_.get());
  repaired_.clear();
  for (size_t place = 0; place < columns_.size(); ++place) PENSTOCK_TRY(fill_column(batch, place, begin, count));
  duckdb_data_chunk_set_size(chunk_.get(), count);
  return {};
}

duckdb_string_t ChunkFiller::text_of(std::string_view text, bool utf8) {
  if (utf8 && !is_utf8(text)) {
    repaired_.push_back(repair_utf8(text));
    return borrow(repaired_.back());
  }
  return borrow(text);
}

Status ChunkFiller::fill_timestamps(const market::Column& from, size_t column, int64_t* out, size_t begin,
                                    size_t count) {
  const int64_t* in = from.i64.data() + begin;
  if (!is_microsecond_column(*schema_, column)) {
    for (size_t i = 0; i < count; ++i) out[i] = in[i] < -kInfinity ? -kInfinity : in[i];
    return {};
  }
  for (size_t i = 0; i < count; ++i) {
    if (in[i] == kInfinity || in[i] <= -kInfinity) {
      out[i] = in[i] == kInfinity ? kInfinity : -kInfinity;
    } else if (in[i] % 1000 != 0 && !from.is_null(begin + i)) {
      return fail(ErrorKind::invalid,
                  "table {}: column {} is kept to the microsecond, and a time of {} ns since 1970 is finer", table_,
                  schema_->fields[column].name, in[i]);
    } else {
      out[i] = in[i] / 1000;
    }
  }
  return {};
}

Status ChunkFiller::fill_column(const market::Batch& batch, size_t place, size_t begin, size_t count) {
  const size_t column = columns_[place];
  const market::Column& from = batch.columns[column];
  const Kind kind = schema_->fields[column].type.kind;
  duckdb_vector vector = duckdb_data_chunk_get_vector(chunk_.get(), place);
  if (from.all_null || !from.valid.empty()) {
    duckdb_vector_ensure_validity_writable(vector);
    uint64_t* validity = duckdb_vector_get_validity(vector);
    for (size_t i = 0; i < count; ++i) {
      if (from.is_null(begin + i)) duckdb_validity_set_row_invalid(validity, i);
    }
    if (from.all_null) return {};
  }
  void* data = duckdb_vector_get_data(vector);
  switch (kind) {
    case Kind::boolean: {
      auto* out = static_cast<bool*>(data);
      for (size_t i = 0; i < count; ++i) out[i] = from.u8[begin + i] != 0;
      return {};
    }
    case Kind::int64: std::memcpy(data, from.i64.data() + begin, count * sizeof(int64_t)); return {};
    case Kind::float64: std::memcpy(data, from.f64.data() + begin, count * sizeof(double)); return {};
    case Kind::decimal: {
      auto* out = static_cast<Int128*>(data);
      for (size_t i = 0; i < count; ++i) out[i] = from.i64[begin + i];
      return {};
    }
    case Kind::decimal128: {
      auto* out = static_cast<Int128*>(data);
      for (size_t i = 0; i < count; ++i) {
        const Int128 value = from.i128[begin + i];
        if (!from.is_null(begin + i) && (value >= kDecimal38End || value <= -kDecimal38End)) {
          return fail(ErrorKind::invalid,
                      "table {}: a value of column {} has more than the 38 digits that can be stored", table_,
                      schema_->fields[column].name);
        }
        out[i] = value;
      }
      return {};
    }
    case Kind::timestamp: return fill_timestamps(from, column, static_cast<int64_t*>(data), begin, count);
    case Kind::symbol: {
      auto* out = static_cast<duckdb_string_t*>(data);
      if (symbols_ == nullptr) {
        return fail(ErrorKind::invalid,
                    "table {}: column {} holds symbols, and the store was opened without their table", table_,
                    schema_->fields[column].name);
      }
      for (size_t i = 0; i < count; ++i) {
        if (from.is_null(begin + i)) continue;
        out[i] = text_of(symbols_->text(from.codes[begin + i]), true);
      }
      return {};
    }
    case Kind::id: {
      auto* out = static_cast<duckdb_string_t*>(data);
      // Digits beyond the 12 that a string holds itself lie here until the chunk is consumed; each id column of the
      // chunk has its own part.
      if (digits_.empty()) digits_.resize(columns_.size() * duckdb_vector_size() * kIdDigitsMax);
      char* next = digits_.data() + place * duckdb_vector_size() * kIdDigitsMax;
      for (size_t i = 0; i < count; ++i) {
        if (from.is_null(begin + i)) continue;
        const market::Id id = from.ids[begin + i];
        if (!id.is_number()) {
          out[i] = text_of(id.text, true);
          continue;
        }
        char* end = std::to_chars(next, next + kIdDigitsMax, id.number).ptr;
        out[i] = borrow({next, static_cast<size_t>(end - next)});
        next = end;
      }
      return {};
    }
    case Kind::text:
    case Kind::json:
    case Kind::bytes: {
      auto* out = static_cast<duckdb_string_t*>(data);
      for (size_t i = 0; i < count; ++i) {
        if (from.is_null(begin + i)) continue;
        const std::string_view text = from.text[begin + i];
        if (text.size() > std::numeric_limits<uint32_t>::max()) {
          return fail(ErrorKind::invalid, "table {}: a value of column {} is larger than 4 GiB", table_,
                      schema_->fields[column].name);
        }
        out[i] = text_of(text, kind != Kind::bytes);
      }
      return {};
    }
  }
  return {};
}

}  // namespace penstock::store::duck

#include "feed/file/parquet_columns.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace penstock::feed::file {
namespace {

using market::Kind;

bool is_printable(Kind kind) {
  return kind == Kind::symbol || kind == Kind::text || kind == Kind::id || kind == Kind::timestamp ||
         kind == Kind::decimal;
}

// False when the type has no way of its own to the field.
bool choose_form(const ParquetSchemaColumn& stored, ParquetColumn& column) {
  const Kind kind = column.type.kind;
  const bool integer = stored.physical == ParquetPhysical::int32 || stored.physical == ParquetPhysical::int64;
  column.width = stored.physical == ParquetPhysical::int32 || stored.physical == ParquetPhysical::float32 ? 4 : 8;
  switch (stored.logical) {
    case ParquetLogical::text:
      column.form = ParquetForm::text;
      column.width = 0;
      return stored.physical == ParquetPhysical::byte_array && is_printable(kind);
    case ParquetLogical::none:
      if (stored.physical == ParquetPhysical::boolean) {
        column.form = ParquetForm::text;
        column.width = 0;
        return is_printable(kind);
      }
      if (stored.physical == ParquetPhysical::float64 || stored.physical == ParquetPhysical::float32) {
        column.form = stored.physical == ParquetPhysical::float64 ? ParquetForm::real : ParquetForm::short_real;
        return kind == Kind::decimal;
      }
      [[fallthrough]];
    case ParquetLogical::signed_integer:
    case ParquetLogical::unsigned_integer: {
      if (!integer) return false;
      const auto stored_bits = static_cast<uint8_t>(column.width * 8);
      column.bits = stored.logical == ParquetLogical::none ? stored_bits : stored.bits;
      column.is_signed = stored.logical != ParquetLogical::unsigned_integer;
      if (column.bits != 8 && column.bits != 16 && column.bits != 32 && column.bits != 64) return false;
      if (column.bits > stored_bits || (column.bits < 64) != (column.width == 4)) return false;
      const bool number = kind == Kind::timestamp || kind == Kind::decimal || kind == Kind::id;
      // What may not fit an int64 goes through its text.
      const bool fits = column.bits < 64 || column.is_signed;
      column.form = number && fits ? ParquetForm::integer : ParquetForm::text;
      return is_printable(kind);
    }
    case ParquetLogical::decimal:
      if (stored.precision < 1 || stored.precision > 18 || stored.scale < 0 || stored.scale > stored.precision) {
        return false;
      }
      column.form = ParquetForm::scaled_integer;
      column.scale = static_cast<uint8_t>(stored.scale);
      column.bits = static_cast<uint8_t>(column.width * 8);
      if (stored.physical == ParquetPhysical::fixed_byte_array) {
        if (stored.bytes < 1 || stored.bytes > 8) return false;
        column.width = static_cast<uint8_t>(stored.bytes);
      } else if (!integer) {
        return false;
      }
      return kind == Kind::decimal;
    case ParquetLogical::timestamp:
      column.form = ParquetForm::time;
      column.ns_per_unit = stored.ns_per_unit;
      return stored.physical == ParquetPhysical::int64 && stored.ns_per_unit > 0 && kind == Kind::timestamp;
    case ParquetLogical::other: return false;
  }
  return false;
}

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

}  // namespace

Result<std::vector<ParquetColumn>> choose_parquet_columns(const ParquetSchema& schema,
                                                          const std::vector<FieldSpec>& specs) {
  std::vector<ParquetColumn> columns;
  for (size_t field = 0; field < specs.size(); ++field) {
    const FieldSpec& spec = specs[field];
    if (spec.constant) continue;
    const ParquetSchemaColumn* stored = nullptr;
    for (const ParquetSchemaColumn& candidate : schema.columns) {
      if (!same_but_for_case(candidate.name, spec.name_in_file)) continue;
      // Which of them is meant is for SQL's rules to say.
      if (stored != nullptr) return fail(ErrorKind::invalid, "several columns are named '{}'", spec.name_in_file);
      stored = &candidate;
    }
    if (stored == nullptr || stored->name != spec.name_in_file) {
      if (!spec.required && spec.name == spec.name_in_file) continue;
      return fail(ErrorKind::invalid, "it has no column '{}'", spec.name_in_file);
    }
    ParquetColumn column{.field = field,
                         .name = stored->name,
                         .type = spec.type,
                         .text_bytes_max = text_bytes_max(spec),
                         .leaf = stored->leaf,
                         .optional = stored->optional,
                         .physical = stored->physical};
    if (stored->nested || !choose_form(*stored, column)) {
      return fail(ErrorKind::invalid, "its column '{}' has a type that is not common", spec.name_in_file);
    }
    columns.push_back(std::move(column));
  }
  if (columns.empty()) return fail(ErrorKind::invalid, "no column of it is wanted");
  return columns;
}

}  // namespace penstock::feed::file

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "feed/file/parquet_metadata.h"
#include "feed/file/thrift_reader.h"

namespace penstock::feed::file {
namespace {

constexpr size_t kColumnsMax = 100'000;

using Field = ThriftReader::Field;

enum class Repetition : uint8_t { required, optional, repeated };

// An element of the schema's tree, which is stored depth first.
struct SchemaElement {
  ParquetSchemaColumn column;
  Repetition repetition = Repetition::required;
  size_t children = 0;
};

// What the older ConvertedType says, where the newer LogicalType is not there.
void apply_converted(int64_t converted, ParquetSchemaColumn& column) {
  switch (converted) {
    case 0:  // UTF8
    case 4:  // ENUM
      column.logical = ParquetLogical::text;
      return;
    case 5: column.logical = ParquetLogical::decimal; return;
    case 9:   // TIMESTAMP_MILLIS
    case 10:  // TIMESTAMP_MICROS
      column.logical = ParquetLogical::timestamp;
      column.ns_per_unit = converted == 9 ? 1'000'000 : 1'000;
      return;
    case 11:  // UINT_8 to UINT_64
    case 12:
    case 13:
    case 14:
      column.logical = ParquetLogical::unsigned_integer;
      column.bits = static_cast<uint8_t>(8 << (converted - 11));
      return;
    case 15:  // INT_8 to INT_64
    case 16:
    case 17:
    case 18:
      column.logical = ParquetLogical::signed_integer;
      column.bits = static_cast<uint8_t>(8 << (converted - 15));
      return;
    default: column.logical = ParquetLogical::other;
  }
}

void read_decimal(ThriftReader& reader, ParquetSchemaColumn& column) {
  Field field;
  while (reader.next_field(field)) {
    switch (field.id) {
      case 1: column.scale = reader.small_integer(field); break;
      case 2: column.precision = reader.small_integer(field); break;
      default: reader.skip(field);
    }
  }
}

void read_timestamp(ThriftReader& reader, ParquetSchemaColumn& column) {
  Field field;
  while (reader.next_field(field)) {
    if (field.id != 2 || !reader.structure(field)) {
      reader.skip(field);
      continue;
    }
    Field unit;
    while (reader.next_field(unit)) {
      column.ns_per_unit = unit.id == 1 ? 1'000'000 : unit.id == 2 ? 1'000 : unit.id == 3 ? 1 : 0;
      reader.skip(unit);
    }
  }
}

void read_integer(ThriftReader& reader, ParquetSchemaColumn& column) {
  Field field;
  bool is_signed = true;
  while (reader.next_field(field)) {
    switch (field.id) {
      case 1: column.bits = static_cast<uint8_t>(reader.integer(field)); break;
      case 2: is_signed = reader.boolean(field); break;
      default: reader.skip(field);
    }
  }
  column.logical = is_signed ? ParquetLogical::signed_integer : ParquetLogical::unsigned_integer;
}

void read_logical(ThriftReader& reader, ParquetSchemaColumn& column) {
  Field field;
  while (reader.next_field(field)) {
    column.logical = ParquetLogical::other;
    switch (field.id) {
      case 1:  // STRING
      case 4:  // ENUM
        column.logical = ParquetLogical::text;
        reader.skip(field);
        break;
      case 5:
        column.logical = ParquetLogical::decimal;
        if (reader.structure(field)) read_decimal(reader, column);
        break;
      case 8:
        column.logical = ParquetLogical::timestamp;
        if (reader.structure(field)) read_timestamp(reader, column);
        break;
      case 10:
        if (reader.structure(field)) read_integer(reader, column);
        break;
      default: reader.skip(field);
    }
  }
}

SchemaElement read_schema_element(ThriftReader& reader) {
  SchemaElement element;
  ParquetSchemaColumn& column = element.column;
  std::optional<int64_t> converted;
  ParquetSchemaColumn logical;
  Field field;
  while (reader.next_field(field)) {
    switch (field.id) {
      case 1: column.physical = static_cast<ParquetPhysical>(std::clamp<int64_t>(reader.integer(field), 0, 100)); break;
      case 2: column.bytes = reader.small_integer(field); break;
      case 3: {
        const int64_t repetition = reader.integer(field);
        element.repetition = repetition == 0   ? Repetition::required
                             : repetition == 1 ? Repetition::optional
                                               : Repetition::repeated;
        break;
      }
      case 4: column.name = reader.binary(field); break;
      case 5: element.children = static_cast<size_t>(std::max<int64_t>(0, reader.integer(field))); break;
      case 6: converted = reader.integer(field); break;
      case 7: column.scale = reader.small_integer(field); break;
      case 8: column.precision = reader.small_integer(field); break;
      case 10:
        if (reader.structure(field)) read_logical(reader, logical);
        break;
      default: reader.skip(field);
    }
  }
  if (logical.logical != ParquetLogical::none) {
    column.logical = logical.logical;
    column.bits = logical.bits;
    column.ns_per_unit = logical.ns_per_unit;
    if (logical.logical == ParquetLogical::decimal) {
      column.scale = logical.scale;
      column.precision = logical.precision;
    }
  } else if (converted) {
    apply_converted(*converted, column);
  }
  column.optional = element.repetition == Repetition::optional;
  column.nested = element.children > 0 || element.repetition == Repetition::repeated;
  return element;
}

// Takes the elements of the tree as they come and keeps those below the root.
class SchemaTree {
 public:
  // False when the elements make no tree.
  bool add(SchemaElement element, ParquetSchema& schema) {
    if (first_) {
      first_ = false;
      open_.push_back(element.children);
      return element.children > 0;
    }
    while (!open_.empty() && open_.back() == 0) open_.pop_back();
    if (open_.empty() || open_.size() > kDepthMax) return false;
    --open_.back();
    const bool top = open_.size() == 1;
    element.column.leaf = schema.leaves;
    if (element.children == 0) ++schema.leaves;
    if (element.children > 0) open_.push_back(element.children);
    if (top) schema.columns.push_back(std::move(element.column));
    return true;
  }
  [[nodiscard]] bool whole() const {
    return !first_ && std::ranges::all_of(open_, [](size_t children) { return children == 0; });
  }

 private:
  static constexpr size_t kDepthMax = 64;
  bool first_ = true;
  std::vector<size_t> open_;  // children to come, of each group that is not whole
};

}  // namespace

Result<ParquetSchema> read_parquet_schema(const ParquetFooter& footer) {
  ThriftReader reader(footer.bytes);
  ParquetSchema schema;
  SchemaTree tree;
  Field field;
  while (reader.next_field(field)) {
    switch (field.id) {
      case 2: {
        const size_t count = reader.list(field, ThriftType::structure);
        if (count > kColumnsMax) return fail(ErrorKind::invalid, "it has more than {} columns", kColumnsMax);
        for (size_t i = 0; i < count && reader.ok(); ++i) {
          if (!tree.add(read_schema_element(reader), schema))
            return fail(ErrorKind::invalid, "the Parquet schema is malformed");
        }
        break;
      }
      case 3: schema.rows = reader.integer(field); break;
      case 8: return fail(ErrorKind::invalid, "it is encrypted");
      default: reader.skip(field);
    }
  }
  if (!reader.ok() || !tree.whole() || schema.rows < 0)
    return fail(ErrorKind::invalid, "the Parquet schema is malformed");
  return schema;
}

}  // namespace penstock::feed::file

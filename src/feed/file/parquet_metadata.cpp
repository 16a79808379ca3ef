#include "feed/file/parquet_metadata.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "feed/file/thrift_reader.h"

namespace penstock::feed::file {
namespace {

constexpr size_t kMagicBytes = 4;
constexpr size_t kTailBytes = 8;  // the footer's length and the magic
constexpr size_t kTailFirstBytes = 64 * 1024;  // read at once, as most footers are within it

using Field = ThriftReader::Field;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorKind::invalid, "the Parquet {} is malformed", what);
}

uint32_t encoding_bit(int64_t encoding) { return uint32_t{1} << (encoding >= 0 && encoding < 31 ? encoding : 31); }

// False when the column's data are elsewhere, or encrypted.
bool read_chunk(ThriftReader& reader, ParquetChunk& chunk) {
  bool plain = false;
  bool elsewhere = false;
  Field field;
  while (reader.next_field(field)) {
    switch (field.id) {
      case 1: elsewhere = !reader.binary(field).empty(); break;
      case 3: {
        if (!reader.structure(field)) break;
        plain = true;
        int64_t data = 0;
        int64_t dictionary = 0;
        Field inner;
        while (reader.next_field(inner)) {
          switch (inner.id) {
            case 1:
              chunk.physical = static_cast<ParquetPhysical>(std::clamp<int64_t>(reader.integer(inner), 0, 100));
              break;
            case 2:
              for (size_t left = reader.list(inner, ThriftType::i32); left > 0 && reader.ok(); --left) {
                chunk.encodings |= encoding_bit(reader.integer_element());
              }
              break;
            case 4: chunk.codec = static_cast<ParquetCodec>(std::clamp<int64_t>(reader.integer(inner), 0, 100)); break;
            case 5: chunk.values = reader.integer(inner); break;
            case 9: data = reader.integer(inner); break;
            case 11: dictionary = reader.integer(inner); break;
            default: reader.skip(inner);
          }
        }
        // Some writers leave the dictionary's place at zero.
        if (dictionary > 0 && dictionary < data) data = dictionary;
        chunk.position = data < 0 ? std::numeric_limits<uint64_t>::max() : static_cast<uint64_t>(data);
        break;
      }
      case 8:  // encrypted
      case 9:
        elsewhere = true;
        reader.skip(field);
        break;
      default: reader.skip(field);
    }
  }
  return plain && !elsewhere;
}

Status read_row_group(ThriftReader& reader, const ParquetFooter& footer, const ParquetSchema& schema,
                      std::span<const size_t> leaves, ParquetRowGroup& group) {
  group.chunks.resize(leaves.size());
  bool has_columns = false;
  Field field;
  while (reader.next_field(field)) {
    switch (field.id) {
      case 1: {
        const size_t count = reader.list(field, ThriftType::structure);
        if (count != schema.leaves) return malformed("footer");
        has_columns = true;
        for (size_t leaf = 0; leaf < count && reader.ok(); ++leaf) {
          // One leaf may serve several columns.
          if (std::ranges::find(leaves, leaf) == leaves.end()) {
            reader.skip_structure();
            continue;
          }
          ParquetChunk chunk;
          if (!read_chunk(reader, chunk))
            return fail(ErrorKind::invalid, "its columns are encrypted or in other files");
          if (chunk.position < kMagicBytes || chunk.position >= footer.position) return malformed("footer");
          for (size_t i = 0; i < leaves.size(); ++i) {
            if (leaves[i] == leaf) group.chunks[i] = chunk;
          }
        }
        break;
      }
      case 3: group.rows = reader.integer(field); break;
      default: reader.skip(field);
    }
  }
  if (!reader.ok() || !has_columns || group.rows < 0) return malformed("footer");
  for (const ParquetChunk& chunk : group.chunks) {
    if (chunk.values != group.rows) return malformed("footer");
  }
  return {};
}

uint32_t page_number(ThriftReader& reader, const Field& field, bool& sound) {
  const int32_t value = reader.small_integer(field);
  if (value < 0) sound = false;
  return static_cast<uint32_t>(std::max(value, 0));
}

ParquetEncoding page_encoding(ThriftReader& reader, const Field& field) {
  return static_cast<ParquetEncoding>(std::clamp<int64_t>(reader.integer(field), -1, 100));
}

void read_data_page(ThriftReader& reader, ParquetPageHeader& header, bool& sound) {
  Field field;
  while (reader.next_field(field)) {
    switch (field.id) {
      case 1: header.values = page_number(reader, field, sound); break;
      case 2: header.encoding = page_encoding(reader, field); break;
      case 3: header.level_encoding = page_encoding(reader, field); break;
      default: reader.skip(field);
    }
  }
}

void read_data_page_v2(ThriftReader& reader, ParquetPageHeader& header, bool& sound) {
  Field field;
  while (reader.next_field(field)) {
    switch (field.id) {
      case 1: header.values = page_number(reader, field, sound); break;
      case 4: header.encoding = page_encoding(reader, field); break;
      case 5: header.definition_bytes = page_number(reader, field, sound); break;
      case 6: header.repetition_bytes = page_number(reader, field, sound); break;
      case 7: header.compressed = reader.boolean(field); break;
      default: reader.skip(field);
    }
  }
}

void read_dictionary_page(ThriftReader& reader, ParquetPageHeader& header, bool& sound) {
  Field field;
  while (reader.next_field(field)) {
    switch (field.id) {
      case 1: header.values = page_number(reader, field, sound); break;
      case 2: header.encoding = page_encoding(reader, field); break;
      default: reader.skip(field);
    }
  }
}

}  // namespace

Result<ParquetFooter> read_parquet_footer(io::File& file) {
  PENSTOCK_TRY_ASSIGN(const uint64_t size, file.size());
  if (size < kMagicBytes + kTailBytes) return fail(ErrorKind::invalid, "it is too short for a Parquet file");
  std::vector<uint8_t> tail(static_cast<size_t>(std::min<uint64_t>(size - kMagicBytes, kTailFirstBytes)));
  const auto read = [&](uint64_t position, std::span<uint8_t> bytes) -> Status {
    PENSTOCK_TRY_ASSIGN(const size_t count, file.read_at(position, std::as_writable_bytes(bytes)));
    if (count < bytes.size()) return fail(ErrorKind::invalid, "it became shorter while it was read");
    return {};
  };
  PENSTOCK_TRY(read(size - tail.size(), tail));
  if (std::memcmp(tail.data() + tail.size() - kMagicBytes, "PAR1", kMagicBytes) != 0) {
    return fail(ErrorKind::invalid, "it does not end as a Parquet file does");
  }
  uint32_t length = 0;
  std::memcpy(&length, tail.data() + tail.size() - kTailBytes, sizeof length);
  if (length > size - kMagicBytes - kTailBytes || length > kParquetFooterBytesMax) return malformed("footer's length");
  ParquetFooter footer{.bytes = {}, .position = size - kTailBytes - length};
  if (length + kTailBytes <= tail.size()) {
    const auto end = tail.end() - kTailBytes;
    footer.bytes.assign(end - length, end);
  } else {
    footer.bytes.resize(length);
    PENSTOCK_TRY(read(footer.position, footer.bytes));
  }
  return footer;
}

Result<std::vector<ParquetRowGroup>> read_parquet_row_groups(const ParquetFooter& footer, const ParquetSchema& schema,
                                                             std::span<const size_t> leaves) {
  ThriftReader reader(footer.bytes);
  std::vector<ParquetRowGroup> groups;
  int64_t rows = 0;
  Field field;
  while (reader.next_field(field)) {
    if (field.id != 4) {
      reader.skip(field);
      continue;
    }
    for (size_t left = reader.list(field, ThriftType::structure); left > 0 && reader.ok(); --left) {
      ParquetRowGroup group;
      PENSTOCK_TRY(read_row_group(reader, footer, schema, leaves, group));
      if (__builtin_add_overflow(rows, group.rows, &rows)) return malformed("footer");
      if (group.rows > 0) groups.push_back(std::move(group));
    }
  }
  if (!reader.ok() || rows != schema.rows) return malformed("footer");
  return groups;
}

Result<std::optional<ParquetPageHeader>> parse_parquet_page_header(std::span<const uint8_t> bytes) {
  ThriftReader reader(bytes);
  ParquetPageHeader header;
  bool sound = true;
  bool has_body = false;
  int64_t type = -1;
  Field field;
  while (reader.next_field(field)) {
    switch (field.id) {
      case 1: type = reader.integer(field); break;
      case 2: header.uncompressed_bytes = page_number(reader, field, sound); break;
      case 3: header.bytes = page_number(reader, field, sound); break;
      case 5:
      case 7:
      case 8:
        if (!reader.structure(field)) break;
        // A header has the part of its type and no other.
        if (has_body) sound = false;
        has_body = true;
        if (field.id == 5) read_data_page(reader, header, sound);
        if (field.id == 7) read_dictionary_page(reader, header, sound);
        if (field.id == 8) read_data_page_v2(reader, header, sound);
        header.kind = field.id == 5   ? ParquetPageKind::data
                      : field.id == 7 ? ParquetPageKind::dictionary
                                      : ParquetPageKind::data_v2;
        break;
      default: reader.skip(field);
    }
  }
  if (reader.ended_early()) return std::nullopt;
  constexpr std::array kTypes{std::pair{0, ParquetPageKind::data}, std::pair{2, ParquetPageKind::dictionary},
                              std::pair{3, ParquetPageKind::data_v2}};
  ParquetPageKind expected = ParquetPageKind::other;
  for (const auto& [number, kind] : kTypes) {
    if (type == number) expected = kind;
  }
  if (!reader.ok() || !sound || type < 0 || header.kind != expected) return malformed("page header");
  header.header_bytes = reader.bytes_read();
  return header;
}

}  // namespace penstock::feed::file

// For tests of the Parquet reader: files put together by hand, for what DuckDB does not write, and for what is wrong.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "feed/file/thrift_reader.h"

namespace penstock::feed::file {

// Thrift's compact protocol, of a structure with what is in it.
class ThriftWriter {
 public:
  ThriftWriter& integer(int16_t id, ThriftType type, int64_t value) {
    head(id, type);
    if (type == ThriftType::i8) {
      bytes_ += static_cast<char>(value);
    } else {
      zigzag(value);
    }
    return *this;
  }
  ThriftWriter& i32(int16_t id, int64_t value) { return integer(id, ThriftType::i32, value); }
  ThriftWriter& i64(int16_t id, int64_t value) { return integer(id, ThriftType::i64, value); }
  ThriftWriter& boolean(int16_t id, bool value) {
    head(id, value ? ThriftType::boolean_true : ThriftType::boolean_false);
    return *this;
  }
  ThriftWriter& binary(int16_t id, std::string_view text) {
    head(id, ThriftType::binary);
    varint(text.size());
    bytes_ += text;
    return *this;
  }
  ThriftWriter& structure(int16_t id, const ThriftWriter& value) {
    head(id, ThriftType::structure);
    bytes_ += value.done();
    return *this;
  }
  ThriftWriter& list(int16_t id, const std::vector<ThriftWriter>& values) {
    list_head(id, ThriftType::structure, values.size());
    for (const ThriftWriter& value : values) bytes_ += value.done();
    return *this;
  }
  ThriftWriter& i32_list(int16_t id, const std::vector<int32_t>& values) {
    list_head(id, ThriftType::i32, values.size());
    for (const int32_t value : values) zigzag(value);
    return *this;
  }
  ThriftWriter& binary_list(int16_t id, const std::vector<std::string>& values) {
    list_head(id, ThriftType::binary, values.size());
    for (const std::string& value : values) {
      varint(value.size());
      bytes_ += value;
    }
    return *this;
  }
  [[nodiscard]] std::string done() const { return bytes_ + '\0'; }

 private:
  void head(int16_t id, ThriftType type) {
    const int delta = id - last_;
    const bool short_form = delta > 0 && delta < 16;
    bytes_ += static_cast<char>((short_form ? delta << 4 : 0) | static_cast<int>(type));
    if (!short_form) zigzag(id);
    last_ = id;
  }
  void list_head(int16_t id, ThriftType type, size_t size) {
    head(id, ThriftType::list);
    bytes_ += static_cast<char>((size < 15 ? size : 15) << 4 | static_cast<size_t>(type));
    if (size >= 15) varint(size);
  }
  void zigzag(int64_t value) { varint(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63)); }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
  int16_t last_ = 0;
};

// A column with its pages, header and all, as they stand in the file.
struct CraftedColumn {
  std::string name;
  ThriftWriter schema;  // a SchemaElement
  int32_t physical = 0;
  int32_t codec = 0;
  std::vector<int32_t> encodings;
  std::string pages;
  bool dictionary_first = false;
};

inline CraftedColumn craft_column(const std::string& name, int32_t physical, bool optional, int32_t codec = 0) {
  return {.name = name,
          .schema = ThriftWriter().i32(1, physical).i32(3, optional ? 1 : 0).binary(4, name),
          .physical = physical,
          .codec = codec,
          .encodings = {0, 3, 8}};
}

// A file of one row group.
inline std::string craft_parquet(int64_t rows, const std::vector<CraftedColumn>& columns) {
  std::string file = "PAR1";
  std::vector<ThriftWriter> schema{ThriftWriter().binary(4, "root").i32(5, static_cast<int64_t>(columns.size()))};
  std::vector<ThriftWriter> chunks;
  for (const CraftedColumn& column : columns) {
    schema.push_back(column.schema);
    const auto position = static_cast<int64_t>(file.size());
    const auto bytes = static_cast<int64_t>(column.pages.size());
    file += column.pages;
    ThriftWriter meta;
    meta.i32(1, column.physical)
        .i32_list(2, column.encodings)
        .binary_list(3, {column.name})
        .i32(4, column.codec)
        .i64(5, rows);
    meta.i64(6, bytes).i64(7, bytes).i64(9, position);
    if (column.dictionary_first) meta.i64(11, position);
    chunks.push_back(ThriftWriter().i64(2, position).structure(3, meta));
  }
  const ThriftWriter group = ThriftWriter().list(1, chunks).i64(2, static_cast<int64_t>(file.size())).i64(3, rows);
  const std::string footer = ThriftWriter().i32(1, 2).list(2, schema).i64(3, rows).list(4, {group}).done();
  const auto length = static_cast<uint32_t>(footer.size());
  file += footer;
  file.append(reinterpret_cast<const char*>(&length), sizeof length);
  return file + "PAR1";
}

// Pages; `stored` is what follows the header, `plain_bytes` its size without compression.
inline std::string craft_page(int32_t values, int32_t encoding, std::string_view stored, size_t plain_bytes) {
  ThriftWriter header;
  header.i32(1, 0).i32(2, static_cast<int64_t>(plain_bytes)).i32(3, static_cast<int64_t>(stored.size()));
  header.structure(5, ThriftWriter().i32(1, values).i32(2, encoding).i32(3, 3).i32(4, 3));
  return header.done().append(stored);
}
inline std::string craft_dictionary(int32_t values, std::string_view stored) {
  ThriftWriter header;
  header.i32(1, 2).i32(2, static_cast<int64_t>(stored.size())).i32(3, static_cast<int64_t>(stored.size()));
  header.structure(7, ThriftWriter().i32(1, values).i32(2, 0));
  return header.done().append(stored);
}
// `levels` come first, not compressed.
inline std::string craft_page_v2(int32_t values, int32_t nulls, int32_t encoding, std::string_view levels,
                                 std::string_view stored, size_t plain_bytes, bool compressed) {
  ThriftWriter header;
  header.i32(1, 3).i32(2, static_cast<int64_t>(levels.size() + plain_bytes));
  header.i32(3, static_cast<int64_t>(levels.size() + stored.size()));
  ThriftWriter body;
  body.i32(1, values).i32(2, nulls).i32(3, values).i32(4, encoding).i32(5, static_cast<int64_t>(levels.size()));
  header.structure(8, body.i32(6, 0).boolean(7, compressed));
  return header.done().append(levels).append(stored);
}

// Values of PLAIN.
template <typename T>
std::string craft_plain(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}
inline std::string craft_texts(const std::vector<std::string>& texts) {
  std::string bytes;
  for (const std::string& text : texts) {
    const auto length = static_cast<uint32_t>(text.size());
    bytes.append(reinterpret_cast<const char*>(&length), sizeof length).append(text);
  }
  return bytes;
}

// `values` of `bits` bits each as one bit-packed run, its header included.
inline std::string craft_packed(const std::vector<uint32_t>& values, int bits) {
  const size_t groups = (values.size() + 7) / 8;
  std::string bytes;
  uint64_t head = groups << 1 | 1;
  for (; head >= 0x80; head >>= 7) bytes += static_cast<char>(head | 0x80);
  bytes += static_cast<char>(head);
  std::string packed(groups * static_cast<size_t>(bits), '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t bit = 0; bit < static_cast<size_t>(bits); ++bit) {
      const size_t at = i * static_cast<size_t>(bits) + bit;
      if ((values[i] >> bit & 1) != 0) packed[at / 8] = static_cast<char>(packed[at / 8] | 1 << (at % 8));
    }
  }
  return bytes + packed;
}
// `value` of `bits` bits repeated `count` times, its header included.
inline std::string craft_repeated(uint32_t value, size_t count, int bits) {
  std::string bytes;
  uint64_t head = count << 1;
  for (; head >= 0x80; head >>= 7) bytes += static_cast<char>(head | 0x80);
  bytes += static_cast<char>(head);
  for (int bit = 0; bit < bits; bit += 8) bytes += static_cast<char>(value >> bit);
  return bytes;
}

}  // namespace penstock::feed::file

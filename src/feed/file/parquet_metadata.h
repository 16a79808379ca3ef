// What a Parquet file says of itself: the footer and the page headers, as far as flat columns need them.
// Source: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "io/file_system.h"

namespace penstock::feed::file {

// Numbered as in the format; what is not named here is kept as its number.
enum class ParquetPhysical : int8_t {
  none = -1,  // a group
  boolean = 0,
  int32 = 1,
  int64 = 2,
  int96 = 3,
  float32 = 4,
  float64 = 5,
  byte_array = 6,
  fixed_byte_array = 7,
};
enum class ParquetEncoding : int8_t {
  plain = 0,
  plain_dictionary = 2,
  rle = 3,
  bit_packed = 4,
  delta_binary_packed = 5,
  delta_length_byte_array = 6,
  rle_dictionary = 8,
  byte_stream_split = 9,
};
enum class ParquetCodec : int8_t { none = 0, snappy = 1, gzip = 2, zstd = 6, lz4_raw = 7 };

// What the values mean, of the newer or the older of the format's two ways to say it.
enum class ParquetLogical : uint8_t { none, text, signed_integer, unsigned_integer, decimal, timestamp, other };

struct ParquetSchemaColumn {
  std::string name;
  ParquetPhysical physical = ParquetPhysical::none;
  ParquetLogical logical = ParquetLogical::none;
  int32_t bytes = 0;          // of a fixed_byte_array
  uint8_t bits = 0;           // of an integer: 8, 16, 32 or 64
  int32_t scale = 0;          // of a decimal
  int32_t precision = 0;      // likewise
  int64_t ns_per_unit = 0;    // of a timestamp
  bool optional = false;
  bool nested = false;        // a group, or repeated
  size_t leaf = 0;            // its column chunk in each row group, when it is not nested
};

// The columns at the top of the schema, nested ones too.
struct ParquetSchema {
  std::vector<ParquetSchemaColumn> columns;
  size_t leaves = 0;
  int64_t rows = 0;
};

struct ParquetChunk {
  uint64_t position = 0;  // of the first page header
  int64_t values = 0;
  ParquetPhysical physical = ParquetPhysical::none;
  ParquetCodec codec = ParquetCodec::none;
  uint32_t encodings = 0;  // bit n: ParquetEncoding n may occur; bit 31: one that has no bit of its own
};

struct ParquetRowGroup {
  int64_t rows = 0;
  std::vector<ParquetChunk> chunks;  // of the leaves asked for, in that order
};

struct ParquetFooter {
  std::vector<uint8_t> bytes;
  uint64_t position = 0;  // where it begins: the data lie before it
};

inline constexpr size_t kParquetFooterBytesMax = size_t{64} << 20;

// Errors of the kind `invalid` here mean that the file is not what these functions read; another reader may.
[[nodiscard]] Result<ParquetFooter> read_parquet_footer(io::File& file);
[[nodiscard]] Result<ParquetSchema> read_parquet_schema(const ParquetFooter& footer);
// Row groups without rows are left out. Every chunk begins before the footer.
[[nodiscard]] Result<std::vector<ParquetRowGroup>> read_parquet_row_groups(const ParquetFooter& footer,
                                                                           const ParquetSchema& schema,
                                                                           std::span<const size_t> leaves);

enum class ParquetPageKind : uint8_t { data, data_v2, dictionary, other };

struct ParquetPageHeader {
  ParquetPageKind kind = ParquetPageKind::other;
  size_t header_bytes = 0;
  uint32_t bytes = 0;  // as stored
  uint32_t uncompressed_bytes = 0;
  uint32_t values = 0;  // with nulls
  ParquetEncoding encoding = ParquetEncoding::plain;
  ParquetEncoding level_encoding = ParquetEncoding::rle;  // of data
  // Of data_v2, whose levels come first and are not compressed.
  uint32_t repetition_bytes = 0;
  uint32_t definition_bytes = 0;
  bool compressed = true;
};

// The page header at the beginning of `bytes`; nothing when it goes on beyond them.
[[nodiscard]] Result<std::optional<ParquetPageHeader>> parse_parquet_page_header(std::span<const uint8_t> bytes);

}  // namespace penstock::feed::file

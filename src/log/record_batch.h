// Kafka's record batch v2 in memory: building one, and reading its records. See docs/formats/log.md.
// Header-only where records are looped over: replay reads 20 M records a second through this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"

namespace penstock::log {

enum class Codec : uint8_t { none = 0, lz4 = 3, zstd = 4 };  // the values of the format's attributes

struct Header {
  std::string_view key;
  std::string_view value;
};

// A batch whose records are framed, compressed and summed, but which has no place in a partition yet: base offset and
// producer stamp are put in at append. Made on any thread.
struct EncodedBatch {
  std::vector<std::byte> records;  // compressed by `codec`
  Codec codec = Codec::none;
  uint32_t records_crc = 0;        // CRC-32C over `records`
  int32_t count = 0;
  int64_t base_timestamp_ms = 0;
  int64_t max_timestamp_ms = 0;
};

// One record read from a batch; borrows the batch's bytes.
struct RecordView {
  Offset offset;
  int64_t timestamp_ms = 0;
  bool has_key = false;
  std::string_view key;
  bool has_value = false;  // false: a tombstone
  std::string_view value;
  std::span<const std::byte> headers;  // framed; see find_header
};

}  // namespace penstock::log

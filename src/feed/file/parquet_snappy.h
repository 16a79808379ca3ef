// Decompresses Snappy's raw format. Why not by its library: docs/decisions/file-parquet.md.
// Source: https://github.com/google/snappy/blob/main/format_description.txt
#pragma once

#include <cstdint>
#include <span>

namespace penstock::feed::file {

// Fills `out` exactly; false when `bytes` are anything but that. Both lie in memory like PaddedBytes: some way beyond
// their end `bytes` are loaded, and `out` is written.
[[nodiscard]] bool snappy_decompress(std::span<const uint8_t> bytes, std::span<uint8_t> out);

}  // namespace penstock::feed::file

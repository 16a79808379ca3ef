// CRC-32C (Castagnoli), the checksum of Kafka's record batches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock {

// The checksum of `bytes`, or of what `crc` covered followed by `bytes`.
[[nodiscard]] uint32_t crc32c(std::span<const std::byte> bytes, uint32_t crc = 0);

// crc32c(A followed by B) from crc32c(A), crc32c(B) and B's length: a batch's records are summed on one thread
// while its header, which holds the sequence, is made on another.
[[nodiscard]] uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b);

}  // namespace penstock

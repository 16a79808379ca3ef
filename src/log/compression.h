// A batch's records through lz4 (its frame format, as Kafka reads it) or zstd.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/error.h"
#include "log/record_batch.h"

namespace penstock::log {

// `codec` is lz4 or zstd.
[[nodiscard]] Result<std::vector<std::byte>> compress(Codec codec, std::span<const std::byte> bytes);

// Replaces the content of `out`. `invalid` for a codec that is neither; `corrupt` when the bytes are no whole frame of
// `codec`, or grow past kRecordsBytesMax.
[[nodiscard]] Status decompress(Codec codec, std::span<const std::byte> bytes, std::vector<std::byte>& out);

}  // namespace penstock::log

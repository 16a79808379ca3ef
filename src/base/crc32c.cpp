#include "base/crc32c.h"

namespace penstock {

uint32_t crc32c(std::span<const std::byte>, uint32_t) { return 0; }
uint32_t crc32c_combine(uint32_t, uint32_t, uint64_t) { return 0; }

}  // namespace penstock

// A band around a reference price: what lies within a fraction of it, exactly.
#pragma once

#include <cstdint>
#include <string>

#include "base/int128.h"
#include "plan/checks.h"
#include "stream/checks/texts.h"

namespace penstock::stream {

// |price - reference| <= width * reference. `reference` is above 0.
[[nodiscard]] inline bool within_band(int64_t price, int64_t reference, plan::Ratio width) {
  const Int128 off = Int128{price} - reference;
  return (off < 0 ? -off : off) * plan::Ratio::kOne <= Int128{reference} * width.millionths;
}

// The prices within it.
[[nodiscard]] inline std::string band_text(int64_t reference, plan::Ratio width, int scale) {
  const Int128 bound = Int128{reference} * width.millionths / plan::Ratio::kOne;
  return range_text(reference - bound, reference + bound, scale);
}

}  // namespace penstock::stream

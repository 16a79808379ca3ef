// Values and bounds as the table `quality` shows them: every digit, and readable by a query.
#pragma once

#include <string>

#include "base/int128.h"
#include "market/decimal.h"

namespace penstock::stream {

// A length of time: `150.25s`.
[[nodiscard]] inline std::string seconds_text(Int128 ns) { return market::format_decimal(ns, 9) + "s"; }

// A range that a price had to be in, both ends included: `99.5 to 100.5`.
[[nodiscard]] inline std::string range_text(Int128 least, Int128 greatest, int scale) {
  return market::format_decimal(least, scale) + " to " + market::format_decimal(greatest, scale);
}

}  // namespace penstock::stream

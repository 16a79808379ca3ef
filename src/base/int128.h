// 128-bit integers under one name (a compiler extension that both gcc and clang keep).
#pragma once

#include <string>

namespace penstock {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

// Decimal digits, with `-` when negative.
[[nodiscard]] std::string to_string(Int128 value);

}  // namespace penstock

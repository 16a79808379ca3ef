#pragma once

#include <string_view>

namespace penstock::runtime {

// Of the program, as the build states it.
inline constexpr std::string_view kVersion = PENSTOCK_VERSION;

}  // namespace penstock::runtime

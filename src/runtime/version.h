// The version that `penstock --version`, the API and the docs state.
#pragma once

#include <string_view>

namespace penstock::runtime {

// Of the program, as the build states it.
inline constexpr std::string_view kVersion = PENSTOCK_VERSION;

}  // namespace penstock::runtime

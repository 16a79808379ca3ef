// UTF-8 as DuckDB demands it of every VARCHAR.
#pragma once

#include <string>
#include <string_view>

namespace penstock::store::duck {

[[nodiscard]] bool is_utf8(std::string_view text);
// Each byte that belongs to no character becomes U+FFFD.
[[nodiscard]] std::string repair_utf8(std::string_view text);

}  // namespace penstock::store::duck

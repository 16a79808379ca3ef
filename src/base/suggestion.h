// What a message says of a name that nobody knows: which known one is near it, and which there are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// `; did you mean 'price'?` for the known name nearest to `wrong` (by edits: a letter more, less, other, or two
// swapped), or nothing when none is near.
[[nodiscard]] std::string suggestion(std::string_view wrong, const std::vector<std::string>& known);
// The names as a message lists them: `a, b, c`.
[[nodiscard]] std::string list_names(const std::vector<std::string>& names);

}  // namespace penstock

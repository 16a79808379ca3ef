// The status page's files, which are part of the binary.
#pragma once

#include <optional>
#include <string_view>

namespace penstock::serve {

struct Asset {
  std::string_view content_type;
  std::string_view content;
};

// By path: `/`, `/status.css`, `/status.js`.
[[nodiscard]] std::optional<Asset> find_asset(std::string_view path);

}  // namespace penstock::serve

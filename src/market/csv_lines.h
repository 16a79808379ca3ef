// Lines of the small CSV tables that users write: sale conditions, factors, ticker changes.
#pragma once

#include <algorithm>
#include <string_view>

namespace penstock::market {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// The next line, which leaves `text`, without its end (LF or CR LF).
inline std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace penstock::market

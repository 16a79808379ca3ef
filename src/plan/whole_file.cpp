#include "plan/whole_file.h"

#include <fmt/core.h>

#include <fstream>

namespace penstock::plan {

std::optional<std::string> read_whole_file(const std::filesystem::path& path, size_t bytes_max, std::string& why) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) {
    why = error.message();
    return std::nullopt;
  }
  if (size > bytes_max) {
    why = fmt::format("it is larger than {} bytes", bytes_max);
    return std::nullopt;
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(size, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    why = "it cannot be read";
    return std::nullopt;
  }
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace penstock::plan

// Files that a pipeline file names and that are read when it is checked.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace penstock::plan {

// What `path` holds, at most `bytes_max`; nullopt with the reason in `why`.
[[nodiscard]] std::optional<std::string> read_whole_file(const std::filesystem::path& path, size_t bytes_max,
                                                         std::string& why);

}  // namespace penstock::plan

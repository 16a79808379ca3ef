// Reading the log of a data folder from another process than the pipeline's.
#pragma once

#include <memory>

#include "base/error.h"
#include "io/file_system.h"
#include "log/log.h"
#include "runtime/data_dir.h"

namespace penstock::runtime {

// `not_found` when no pipeline has run there.
[[nodiscard]] Result<std::unique_ptr<log::Log>> open_log(io::FileSystem& files, const DataPaths& paths);

}  // namespace penstock::runtime

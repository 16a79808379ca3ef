// The folder that holds everything a pipeline keeps: `log/`, `store.duckdb`, `lock`, `run.json`.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "io/file_system.h"

namespace penstock::runtime {

// Paths inside a data directory.
struct DataPaths {
  std::string root;
  [[nodiscard]] std::string log() const { return root + "/log"; }
  [[nodiscard]] std::string store() const { return root + "/store.duckdb"; }
  [[nodiscard]] std::string lock() const { return root + "/lock"; }
  [[nodiscard]] std::string run_file() const { return root + "/run.json"; }
};

// A data directory held by this process: made if it is not there, locked until destruction.
class DataDir {
 public:
  // `closed` when another process has it; `io` when it cannot be written.
  [[nodiscard]] static Result<DataDir> acquire(io::FileSystem& files, const std::string& root);
  [[nodiscard]] const DataPaths& paths() const { return paths_; }

 private:
  DataDir(DataPaths paths, io::FileLock lock) : paths_(std::move(paths)), lock_(std::move(lock)) {}
  DataPaths paths_;
  io::FileLock lock_;
};

// What a running pipeline tells other processes about itself, in `run.json`.
struct RunInfo {
  int64_t pid = 0;
  std::string address;   // host:port of its HTTP server
  std::string pipeline;  // its name
};
[[nodiscard]] Status write_run_info(io::FileSystem& files, const DataPaths& paths, const RunInfo& info);
// The pipeline that runs on this data directory, or nothing when none does (a file left by a killed one is ignored).
[[nodiscard]] Result<std::optional<RunInfo>> read_run_info(io::FileSystem& files, const DataPaths& paths);
void remove_run_info(io::FileSystem& files, const DataPaths& paths);

}  // namespace penstock::runtime

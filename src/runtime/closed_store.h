// The store of a data folder on which no pipeline runs, opened to be queried.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "io/file_system.h"
#include "runtime/data_dir.h"
#include "store/store.h"

namespace penstock::runtime {

// A folder of this process's own, gone with it.
class TemporaryFolder {
 public:
  // In TMPDIR, or /tmp.
  [[nodiscard]] static Result<TemporaryFolder> make();
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept;
  ~TemporaryFolder();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// A store that was closed is only read. One that was not (its process was killed) has a write-ahead log, which only a
// writer can take in: the folder is held as a pipeline holds it meanwhile, or, where it cannot be written, a copy in a
// temporary folder is opened.
class ClosedStore {
 public:
  // `not_found` where there is none; `closed` while another process has it.
  [[nodiscard]] static Result<ClosedStore> open(io::FileSystem& files, const DataPaths& paths);
  [[nodiscard]] store::Store& store() { return *store_; }

 private:
  // In this order, so that the store is closed before its folder is let go.
  std::optional<DataDir> held_;
  std::optional<TemporaryFolder> copied_to_;
  std::unique_ptr<store::Store> store_;
};

}  // namespace penstock::runtime

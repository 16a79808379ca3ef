#include "runtime/closed_store.h"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/logging.h"
#include "store/duckdb/duckdb_store.h"

namespace penstock::runtime {
namespace {

// What is left of a copy's disk for what queries put there.
constexpr uintmax_t kSpareBytes = uintmax_t{64} << 20;

Result<TemporaryFolder> copy_store(const DataPaths& paths, const std::string& why) {
  PENSTOCK_TRY_ASSIGN(TemporaryFolder folder, TemporaryFolder::make());
  const std::string from[] = {paths.store(), paths.store() + ".wal"};
  const DataPaths copy{folder.path()};
  const std::string to[] = {copy.store(), copy.store() + ".wal"};
  std::error_code error;
  uintmax_t bytes = 0;
  for (const std::string& path : from) {
    if (!error) bytes += std::filesystem::file_size(path, error);
  }
  const std::filesystem::space_info space = std::filesystem::space(folder.path(), error);
  if (!error && space.available < bytes + kSpareBytes) {
    return fail(ErrorKind::full,
                "{} was not closed, so that it must be written to before it is read, but that cannot be ({}); a copy "
                "of its {} bytes does not fit into {}: set TMPDIR to a folder with more room, or make {} writable",
                paths.store(), why, bytes, folder.path(), paths.root);
  }
  for (size_t i = 0; i < std::size(from) && !error; ++i) std::filesystem::copy_file(from[i], to[i], error);
  if (error) {
    return fail(ErrorKind::io,
                "{} was not closed, so that it must be written to before it is read, but that cannot be ({}), nor "
                "could it be copied to {}: {}",
                paths.store(), why, folder.path(), error.message());
  }
  log_info("runtime", "{} was not closed and cannot be written ({}): a copy in {} is queried", paths.store(), why,
           folder.path());
  return folder;
}

}  // namespace

Result<TemporaryFolder> TemporaryFolder::make() {
  std::error_code error;
  std::string path = (std::filesystem::temp_directory_path(error) / "penstock-XXXXXX").string();
  if (error) return fail(ErrorKind::io, "there is no folder for temporary files: set TMPDIR");
  if (::mkdtemp(path.data()) == nullptr) {
    return fail(ErrorKind::io, "{} cannot be made: {}: set TMPDIR", path, strerrordesc_np(errno));
  }
  return TemporaryFolder(std::move(path));
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TemporaryFolder& TemporaryFolder::operator=(TemporaryFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code left;  // nothing to be done about it
  if (!path_.empty()) std::filesystem::remove_all(path_, left);
}

Result<ClosedStore> ClosedStore::open(io::FileSystem& files, const DataPaths& paths) {
  PENSTOCK_TRY_ASSIGN(const bool there, files.exists(paths.store()));
  if (!there) {
    return fail(ErrorKind::not_found, "{} holds no data of a pipeline: run one with --data {} first", paths.root,
                paths.root);
  }
  ClosedStore opened;
  PENSTOCK_TRY_ASSIGN(const bool unclosed, files.exists(paths.store() + ".wal"));
  std::string path = paths.store();
  if (unclosed) {
    auto data_dir = DataDir::acquire(files, paths.root);
    if (data_dir) {
      opened.held_.emplace(std::move(*data_dir));
    } else if (data_dir.error().kind == ErrorKind::io) {
      PENSTOCK_TRY_ASSIGN(TemporaryFolder copy, copy_store(paths, data_dir.error().message));
      path = DataPaths{copy.path()}.store();
      opened.copied_to_.emplace(std::move(copy));
    } else {
      return std::unexpected(std::move(data_dir).error());
    }
  }
  store::DuckDbOptions options;
  options.read_only = !unclosed;
  auto store = store::open_duckdb_store(path, options, {});
  if (!store) {
    // A file of another version is not what the user wrote wrong.
    const ErrorKind kind = store.error().kind == ErrorKind::invalid ? ErrorKind::io : store.error().kind;
    return std::unexpected(Error{kind, std::move(store).error().message});
  }
  opened.store_ = std::move(*store);
  return opened;
}

}  // namespace penstock::runtime

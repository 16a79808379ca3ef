#include "runtime/data_dir.h"

#include <signal.h>

#include <cerrno>
#include <nlohmann/json.hpp>

namespace penstock::runtime {
namespace {

// A run file is a few hundred bytes; anything larger was not written by us.
constexpr size_t kRunFileBytesMax = 64 * 1024;

bool process_lives(int64_t pid) { return pid > 0 && (kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM); }

}  // namespace

Result<DataDir> DataDir::acquire(io::FileSystem& files, const std::string& root) {
  DataPaths paths{root};
  PENSTOCK_TRY(files.create_directories(root));
  auto lock = io::FileLock::acquire(paths.lock());
  if (!lock) {
    if (lock.error().kind != ErrorKind::closed) return std::unexpected(std::move(lock).error());
    return fail(ErrorKind::closed,
                "the data folder {} is in use by another penstock ({}): stop it, or give another folder with --data",
                root, lock.error().message);
  }
  return DataDir(std::move(paths), std::move(*lock));
}

Status write_run_info(io::FileSystem& files, const DataPaths& paths, const RunInfo& info) {
  const std::string text =
      nlohmann::json{{"pid", info.pid}, {"address", info.address}, {"pipeline", info.pipeline}}.dump() + "\n";
  // Written beside and renamed, so that a reader never sees half of it.
  const std::string temporary = paths.run_file() + ".new";
  {
    PENSTOCK_TRY_ASSIGN(auto file, files.open(temporary, io::OpenMode::create));
    PENSTOCK_TRY(file->truncate(0));
    PENSTOCK_TRY(file->write_at(0, std::as_bytes(std::span(text))));
  }
  return files.rename(temporary, paths.run_file());
}

Result<std::optional<RunInfo>> read_run_info(io::FileSystem& files, const DataPaths& paths) {
  PENSTOCK_TRY_ASSIGN(const bool there, files.exists(paths.run_file()));
  if (!there) return std::nullopt;
  PENSTOCK_TRY_ASSIGN(auto file, files.open(paths.run_file(), io::OpenMode::read));
  std::string text(kRunFileBytesMax, '\0');
  PENSTOCK_TRY_ASSIGN(const size_t bytes, file->read_at(0, std::as_writable_bytes(std::span(text))));
  text.resize(bytes);
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("pid") || !json["pid"].is_number_integer() || !json.contains("address") ||
      !json["address"].is_string()) {
    return fail(ErrorKind::corrupt, "{} is not a run file of penstock: remove it if no pipeline runs there",
                paths.run_file());
  }
  RunInfo info{json["pid"].get<int64_t>(), json["address"].get<std::string>(), ""};
  if (json.contains("pipeline") && json["pipeline"].is_string()) info.pipeline = json["pipeline"].get<std::string>();
  // A running pipeline holds the lock; a pid alone may be another's by now. Where the folder cannot be written, the pid
  // is all there is to go by.
  const auto lock = io::FileLock::acquire(paths.lock());
  if (lock || (lock.error().kind != ErrorKind::closed && !process_lives(info.pid))) return std::nullopt;
  return info;
}

void remove_run_info(io::FileSystem& files, const DataPaths& paths) {
  // Left behind, it would be ignored once this process has ended.
  [[maybe_unused]] const Status removed = files.remove(paths.run_file());
}

}  // namespace penstock::runtime

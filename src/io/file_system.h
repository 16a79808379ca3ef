// Files, behind an interface, so that tests can lose unsynced writes, tear blocks, fill the disk and fail any call.
// The rooms above touch no file but through this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace penstock::io {

enum class OpenMode : uint8_t {
  read,        // must exist
  read_write,  // must exist
  create,      // made if it is not there; read and write
};

// One open file. Reads may come from several threads at once and beside one writer; writes from one thread at a time.
class File {
 public:
  virtual ~File() = default;
  // Reads up to bytes.size() at `position`; less only at the end of the file. Gives how many.
  [[nodiscard]] virtual Result<size_t> read_at(uint64_t position, std::span<std::byte> bytes) = 0;
  // Writes all of `bytes` at `position`, or fails; after a failure the range's content is undefined.
  [[nodiscard]] virtual Status write_at(uint64_t position, std::span<const std::byte> bytes) = 0;
  // The same for `first` followed by `second`, in one call where the system has one.
  [[nodiscard]] virtual Status write_at(uint64_t position, std::span<const std::byte> first,
                                        std::span<const std::byte> second) {
    PENSTOCK_TRY(write_at(position, first));
    return write_at(position + first.size(), second);
  }
  // What was written before is on the device when this returns (fdatasync).
  [[nodiscard]] virtual Status sync() = 0;
  // Asks the system to begin writing [position, position + length) to the device; promises nothing.
  virtual void start_writeback(uint64_t position, uint64_t length) = 0;
  [[nodiscard]] virtual Status truncate(uint64_t size) = 0;
  [[nodiscard]] virtual Result<uint64_t> size() = 0;
};

// Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  [[nodiscard]] virtual Status create_directories(const std::string& path) = 0;
  // Names (not paths) in a directory, sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  [[nodiscard]] virtual Result<bool> exists(const std::string& path) = 0;
  [[nodiscard]] virtual Status rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual Status remove(const std::string& path) = 0;
  // Makes creations, renames and removals in a directory durable.
  [[nodiscard]] virtual Status sync_directory(const std::string& path) = 0;
};

[[nodiscard]] FileSystem& posix_file_system();

// Holds an exclusive lock on a file from `acquire` until destruction or the process's end.
class FileLock {
 public:
  // ErrorKind::closed with the holder's pid in the message when another process has it.
  [[nodiscard]] static Result<FileLock> acquire(const std::string& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace penstock::io

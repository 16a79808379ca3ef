#include "io/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace penstock::io {
namespace {

// The error of a system call, with what it was about and what to do where that is known.
std::unexpected<Error> system_error(std::string_view what, const std::string& path, int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return fail(ErrorKind::full, "cannot {} {}: the disk is full; free some space and start again", what, path);
    case EROFS:
      return fail(ErrorKind::io, "cannot {} {}: the file system is read-only; give a folder that can be written", what,
                  path);
    case EACCES:
    case EPERM:
      return fail(ErrorKind::io, "cannot {} {}: permission denied", what, path);
    case ENOENT: return fail(ErrorKind::not_found, "cannot {} {}: it does not exist", what, path);
    case EMFILE:
    case ENFILE:
      return fail(ErrorKind::io, "cannot {} {}: too many open files; raise the limit (ulimit -n)", what, path);
    default: return fail(ErrorKind::io, "cannot {} {}: {}", what, path, strerrordesc_np(code));
  }
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { close(fd_); }

  Result<size_t> read_at(uint64_t position, std::span<std::byte> bytes) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(position + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error("read", path_, errno);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  Status write_at(uint64_t position, std::span<const std::byte> bytes) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(position + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error("write", path_, errno);
      done += static_cast<size_t>(n);
    }
    return {};
  }

  Status sync() override {
    if (fdatasync(fd_) != 0) return system_error("sync", path_, errno);
    return {};
  }

  void start_writeback(uint64_t position, uint64_t length) override {
    sync_file_range(fd_, static_cast<off_t>(position), static_cast<off_t>(length), SYNC_FILE_RANGE_WRITE);
  }

  Status truncate(uint64_t size) override {
    if (ftruncate(fd_, static_cast<off_t>(size)) != 0) return system_error("truncate", path_, errno);
    return {};
  }

  Result<uint64_t> size() override {
    struct stat info {};
    if (fstat(fd_, &info) != 0) return system_error("look at", path_, errno);
    return static_cast<uint64_t>(info.st_size);
  }

 private:
  const int fd_;
  const std::string path_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    int flags = O_CLOEXEC;
    switch (mode) {
      case OpenMode::read: flags |= O_RDONLY; break;
      case OpenMode::read_write: flags |= O_RDWR; break;
      case OpenMode::create: flags |= O_RDWR | O_CREAT; break;
    }
    const int fd = ::open(path.c_str(), flags, 0644);
    if (fd < 0) return system_error("open", path, errno);
    return std::make_unique<PosixFile>(fd, path);
  }

  Status create_directories(const std::string& path) override {
    for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
      const std::string part = path.substr(0, slash);
      if (mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) return system_error("make the folder", part, errno);
      if (slash == std::string::npos) break;
    }
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return system_error("look at", path, errno);
    if (!S_ISDIR(info.st_mode)) return fail(ErrorKind::invalid, "{} is a file where a folder is needed", path);
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    DIR* directory = opendir(path.c_str());
    if (directory == nullptr) return system_error("list", path, errno);
    std::vector<std::string> names;
    while (const dirent* entry = readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    closedir(directory);
    std::ranges::sort(names);
    return names;
  }

  Result<bool> exists(const std::string& path) override {
    struct stat info {};
    if (stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return system_error("look at", path, errno);
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename " + from + " to", to, errno);
    return {};
  }

  Status remove(const std::string& path) override {
    if (unlink(path.c_str()) != 0) return system_error("remove", path, errno);
    return {};
  }

  Status sync_directory(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return system_error("open", path, errno);
    const int result = fsync(fd);
    const int code = errno;
    close(fd);
    if (result != 0) return system_error("sync", path, code);
    return {};
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

Result<FileLock> FileLock::acquire(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return system_error("open", path, errno);
  FileLock lock(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("lock", path, errno);
    char pid[32] = {};
    const ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    const std::string_view holder(pid, n > 0 ? static_cast<size_t>(n) : 0);
    return fail(ErrorKind::closed, "{} is locked by process {}", path, holder.empty() ? "unknown" : holder);
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return system_error("write", path, errno);
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace penstock::io

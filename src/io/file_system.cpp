#include "io/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace penstock::io {
namespace {

// An errno as an error that says which path, and what to do where that is known.
std::unexpected<Error> system_error(int code, std::string_view what, const std::string& path) {
  const std::string reason = std::generic_category().message(code);
  switch (code) {
    case ENOENT:
    case ENOTDIR: return fail(ErrorKind::not_found, "{} {}: {}", what, path, reason);
    case ENOSPC:
    case EDQUOT:
      return fail(ErrorKind::full, "{} {}: {}; free space on that disk, or put the data on another one", what, path,
                  reason);
    case EFBIG: return fail(ErrorKind::full, "{} {}: {}; raise the file size limit (ulimit -f)", what, path, reason);
    case EROFS:
      return fail(ErrorKind::io, "{} {}: {}; the disk is mounted read-only, choose another folder", what, path, reason);
    case EACCES:
    case EPERM:
      return fail(ErrorKind::io, "{} {}: {}; give this user the right to it, or choose another folder", what, path,
                  reason);
    case EMFILE:
    case ENFILE: return fail(ErrorKind::io, "{} {}: {}; raise the limit of open files (ulimit -n)", what, path, reason);
    default: return fail(ErrorKind::io, "{} {}: {}", what, path, reason);
  }
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t position, std::span<std::byte> bytes) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n =
          ::pread(fd_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(position + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error(errno, "cannot read", path_);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  Status write_at(uint64_t position, std::span<const std::byte> bytes) override {
    return write_at(position, bytes, {});
  }

  Status write_at(uint64_t position, std::span<const std::byte> first, std::span<const std::byte> second) override {
    while (!first.empty() || !second.empty()) {
      // The system only reads through these pointers.
      const std::array<iovec, 2> parts{iovec{const_cast<std::byte*>(first.data()), first.size()},
                                       iovec{const_cast<std::byte*>(second.data()), second.size()}};
      const ssize_t n = ::pwritev(fd_.get(), parts.data(), 2, static_cast<off_t>(position));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error(errno, "cannot write", path_);
      auto taken = static_cast<size_t>(n);
      position += taken;
      const size_t of_first = std::min(taken, first.size());
      first = first.subspan(of_first);
      second = second.subspan(taken - of_first);
    }
    return {};
  }

  Status sync() override {
    if (::fdatasync(fd_.get()) != 0) return system_error(errno, "cannot flush to the device", path_);
    return {};
  }

  void start_writeback(uint64_t position, uint64_t length) override {
    // A hint: a file system without it flushes later, that is all.
    static_cast<void>(
        ::sync_file_range(fd_.get(), static_cast<off_t>(position), static_cast<off_t>(length), SYNC_FILE_RANGE_WRITE));
  }

  Status truncate(uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return system_error(errno, "cannot truncate", path_);
    return {};
  }

  Result<uint64_t> size() override {
    struct stat info{};
    if (::fstat(fd_.get(), &info) != 0) return system_error(errno, "cannot look at", path_);
    return static_cast<uint64_t>(info.st_size);
  }

 private:
  Descriptor fd_;
  std::string path_;
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
    if (fd < 0) return system_error(errno, "cannot open", path);
    auto file = std::make_unique<PosixFile>(fd, path);
    struct stat info{};
    if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
      return fail(ErrorKind::invalid, "cannot open {}: it is a folder, a file is needed", path);
    }
    return file;
  }

  Status create_directories(const std::string& path) override {
    for (size_t end = 0; end != std::string::npos;) {
      end = path.find('/', end + 1);
      const std::string part = path.substr(0, end);
      if (part.empty() || ::mkdir(part.c_str(), 0755) == 0) continue;
      const int code = errno;
      struct stat info{};
      // On a read-only disk mkdir says so before it looks whether the folder is there.
      if (::stat(part.c_str(), &info) == 0) {
        if (S_ISDIR(info.st_mode)) continue;
        return fail(ErrorKind::io, "cannot make the folder {}: {} is a file; remove it or choose another folder", path,
                    part);
      }
      return system_error(code, "cannot make the folder", part);
    }
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) return system_error(errno, "cannot list the folder", path);
    const std::unique_ptr<DIR, int (*)(DIR*)> closer(directory, ::closedir);
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(directory);
      if (entry == nullptr) break;
      if (const std::string_view name = entry->d_name; name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return system_error(errno, "cannot list the folder", path);
    std::ranges::sort(names);
    return names;
  }

  Result<bool> exists(const std::string& path) override {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return system_error(errno, "cannot look at", path);
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0)
      return system_error(errno, "cannot rename to " + to + " the file", from);
    return {};
  }

  Status remove(const std::string& path) override {
    if (std::remove(path.c_str()) != 0) return system_error(errno, "cannot remove", path);
    return {};
  }

  Status sync_directory(const std::string& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return system_error(errno, "cannot open the folder", path);
    if (::fsync(fd.get()) != 0) return system_error(errno, "cannot flush the folder", path);
    return {};
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem instance;
  return instance;
}

Result<FileLock> FileLock::acquire(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return system_error(errno, "cannot open the lock", path);
  FileLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error(errno, "cannot lock", path);
    std::array<char, 24> holder{};
    const ssize_t n = ::pread(fd, holder.data(), holder.size(), 0);
    std::string_view pid(holder.data(), n > 0 ? static_cast<size_t>(n) : 0);
    pid = pid.substr(0, pid.find_first_not_of("0123456789"));
    return fail(ErrorKind::closed, "{} is held by {}: stop that process first, or use another folder", path,
                pid.empty() ? "another process" : fmt::format("process {}", pid));
  }
  // Only a help for whoever is refused: the lock holds without it, also on a full disk.
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) == 0) static_cast<void>(::pwrite(fd, pid.data(), pid.size(), 0) == 0);
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace penstock::io

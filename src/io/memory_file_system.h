// Files in memory, for tests: keeps what is synced apart from what is not, loses the rest in a crash that it plays, and
// fails any call it is told to. As strict as POSIX allows: a new name is lost unless its folder was synced.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "io/file_system.h"

namespace penstock::io {

// Thread-safe. Outlives the files opened in it.
class MemoryFileSystem final : public FileSystem {
 public:
  // Writes tear at the boundaries of blocks of this size.
  static constexpr size_t kBlockBytes = 512;

  // What a crash does to what was not synced.
  enum class Loss : uint8_t {
    everything,  // all of it is gone
    some,  // each write is kept, lost or torn, each folder keeps the first few of its changes, by a seed
  };

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status create_directories(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;  // within one folder
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;

  // Calls so far that changed or synced something, and calls of any kind.
  [[nodiscard]] uint64_t changes() const;
  [[nodiscard]] uint64_t calls() const;

  // The machine stops at change `nth` from now on (1 is the next), before or after it takes effect: from then on every
  // call fails until `restart`.
  void crash_at_change(uint64_t nth, bool after);
  [[nodiscard]] bool crashed() const;
  // The machine comes up again, without what was lost; files that were open are closed. Also plays a loss of power
  // when there was no crash.
  void restart(Loss loss, uint64_t seed);

  // Call `nth` from now on (1 is the next) fails with `kind`, once. A write that fails may leave a part of its bytes.
  void fail_call(uint64_t nth, ErrorKind kind);

  // The content of a file, whether synced or not, and a way to damage it; the file must be there.
  [[nodiscard]] std::vector<std::byte> content(const std::string& path) const;
  void set_content(const std::string& path, std::vector<std::byte> bytes);

 private:
  friend class MemoryFile;
  struct Change {  // of a file's bytes: a write, or a truncation to `position`
    uint64_t position = 0;
    std::vector<std::byte> bytes;
    bool truncates = false;
  };
  struct Node {
    bool directory = false;
    std::vector<std::byte> now;
    std::vector<std::byte> synced;
    std::vector<Change> unsynced;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;  // shared by its names and the files open on it
  struct NameChange {  // of a folder: `path` is made, or goes where `node` is empty; a rename drops `from` with it
    std::string folder;
    std::string path;
    std::string from;
    std::shared_ptr<Node> node;
  };

  // Counts a call; an error when it is to fail. `effect` says whether a change takes effect although it fails.
  struct Turn {
    std::optional<Error> error;
    bool effect = true;
  };
  [[nodiscard]] Turn take_turn(bool change, const std::string& what);
  [[nodiscard]] std::shared_ptr<Node> find(const std::string& path) const;
  void change_name(NameChange change);
  static void apply(const NameChange& change, Names& names);
  static void apply(const Change& change, std::vector<std::byte>& bytes);
  void lose(Node& node, Loss loss, std::mt19937_64& random) const;

  mutable std::mutex mutex_;  // guards all below
  Names now_;
  Names synced_;
  std::vector<NameChange> unsynced_;
  uint64_t changes_ = 0;
  uint64_t calls_ = 0;
  uint64_t generation_ = 0;
  bool crashed_ = false;
  std::optional<uint64_t> crash_at_;
  bool crash_after_ = false;
  std::optional<uint64_t> fail_at_;
  ErrorKind fail_kind_ = ErrorKind::io;
};

}  // namespace penstock::io

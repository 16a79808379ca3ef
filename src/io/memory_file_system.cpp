#include "io/memory_file_system.h"

#include <algorithm>

namespace penstock::io {
namespace {

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// `/` and the working folder are always there.
bool is_root(const std::string& path) { return path.empty() || path == "/" || path == "."; }

}  // namespace

class MemoryFile final : public File {
 public:
  MemoryFile(MemoryFileSystem& files, std::shared_ptr<MemoryFileSystem::Node> node, std::string path, bool writable)
      : files_(files),
        node_(std::move(node)),
        path_(std::move(path)),
        generation_(files.generation_),
        writable_(writable) {}

  Result<size_t> read_at(uint64_t position, std::span<std::byte> bytes) override {
    std::lock_guard lock(files_.mutex_);
    PENSTOCK_TRY(begin(false, "cannot read"));
    const auto& content = node_->now;
    if (position >= content.size()) return size_t{0};
    const size_t n = std::min<size_t>(bytes.size(), content.size() - position);
    std::copy_n(content.begin() + static_cast<ptrdiff_t>(position), n, bytes.begin());
    return n;
  }

  Status write_at(uint64_t position, std::span<const std::byte> bytes) override {
    return write_at(position, bytes, {});
  }

  Status write_at(uint64_t position, std::span<const std::byte> first, std::span<const std::byte> second) override {
    std::lock_guard lock(files_.mutex_);
    std::vector<std::byte> bytes(first.begin(), first.end());
    bytes.insert(bytes.end(), second.begin(), second.end());
    const auto turn = files_.take_turn(true, "cannot write " + path_);
    if (stale() || !writable_) return refused();
    if (turn.error && !files_.crashed_) bytes.resize(bytes.size() / 2);  // a disk that is full takes what fits
    if (turn.effect) change({position, std::move(bytes), false});
    return result(turn);
  }

  Status sync() override {
    std::lock_guard lock(files_.mutex_);
    const auto turn = files_.take_turn(true, "cannot flush to the device " + path_);
    if (stale()) return refused();
    if (!turn.error || (files_.crashed_ && turn.effect)) {
      node_->synced = node_->now;
      node_->unsynced.clear();
    }
    return result(turn);
  }

  void start_writeback(uint64_t, uint64_t) override {}

  Status truncate(uint64_t size) override {
    std::lock_guard lock(files_.mutex_);
    const auto turn = files_.take_turn(true, "cannot truncate " + path_);
    if (stale() || !writable_) return refused();
    if (!turn.error || (files_.crashed_ && turn.effect)) change({size, {}, true});
    return result(turn);
  }

  Result<uint64_t> size() override {
    std::lock_guard lock(files_.mutex_);
    PENSTOCK_TRY(begin(false, "cannot look at"));
    return node_->now.size();
  }

 private:
  [[nodiscard]] bool stale() const { return generation_ != files_.generation_; }
  [[nodiscard]] Status refused() const {
    return fail(ErrorKind::io, "{} is {}", path_, stale() ? "of a machine that crashed" : "open for reading only");
  }
  static Status result(const MemoryFileSystem::Turn& turn) {
    if (turn.error) return std::unexpected(*turn.error);
    return {};
  }
  Status begin(bool changes, const std::string& what) {
    const auto turn = files_.take_turn(changes, what + " " + path_);
    if (stale()) return refused();
    return result(turn);
  }
  void change(MemoryFileSystem::Change made) {
    MemoryFileSystem::apply(made, node_->now);
    node_->unsynced.push_back(std::move(made));
  }

  MemoryFileSystem& files_;
  const std::shared_ptr<MemoryFileSystem::Node> node_;
  const std::string path_;
  const uint64_t generation_;
  const bool writable_;
};

MemoryFileSystem::Turn MemoryFileSystem::take_turn(bool change, const std::string& what) {
  ++calls_;
  if (change) ++changes_;
  if (crashed_) return {Error{ErrorKind::io, what + ": the machine crashed"}, false};
  if (change && crash_at_ && changes_ == *crash_at_) {
    crashed_ = true;
    return {Error{ErrorKind::io, what + ": the machine crashes"}, crash_after_};
  }
  if (fail_at_ && calls_ == *fail_at_) return {Error{fail_kind_, what + ": told to fail"}, true};
  return {};
}

std::shared_ptr<MemoryFileSystem::Node> MemoryFileSystem::find(const std::string& path) const {
  const auto found = now_.find(path);
  return found == now_.end() ? nullptr : found->second;
}

void MemoryFileSystem::apply(const NameChange& change, Names& names) {
  if (!change.from.empty()) names.erase(change.from);
  if (change.node) {
    names[change.path] = change.node;
  } else {
    names.erase(change.path);
  }
}

void MemoryFileSystem::apply(const Change& change, std::vector<std::byte>& bytes) {
  if (change.truncates) {
    bytes.resize(change.position);
    return;
  }
  if (change.bytes.empty()) return;
  if (bytes.size() < change.position + change.bytes.size()) bytes.resize(change.position + change.bytes.size());
  std::ranges::copy(change.bytes, bytes.begin() + static_cast<ptrdiff_t>(change.position));
}

void MemoryFileSystem::change_name(NameChange change) {
  apply(change, now_);
  unsynced_.push_back(std::move(change));
}

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, OpenMode mode) {
  std::lock_guard lock(mutex_);
  std::shared_ptr<Node> node = find(path);
  const bool makes = node == nullptr && mode == OpenMode::create;
  const Turn turn = take_turn(makes, "cannot open " + path);
  if (node == nullptr && !makes) return fail(ErrorKind::not_found, "cannot open {}: there is no such file", path);
  if (node && node->directory) return fail(ErrorKind::invalid, "cannot open {}: it is a folder", path);
  if (makes && !is_root(parent_of(path)) && find(parent_of(path)) == nullptr) {
    return fail(ErrorKind::not_found, "cannot open {}: there is no such folder", path);
  }
  if (makes && (!turn.error || (crashed_ && turn.effect))) {
    node = std::make_shared<Node>();
    change_name({parent_of(path), path, {}, node});
  }
  if (turn.error) return std::unexpected(*turn.error);
  return std::make_unique<MemoryFile>(*this, std::move(node), path, mode != OpenMode::read);
}

Status MemoryFileSystem::create_directories(const std::string& path) {
  std::lock_guard lock(mutex_);
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (is_root(part)) continue;
    if (const auto node = find(part)) {
      if (!node->directory) return fail(ErrorKind::io, "cannot make the folder {}: {} is a file", path, part);
      continue;
    }
    const Turn turn = take_turn(true, "cannot make the folder " + part);
    if (!turn.error || (crashed_ && turn.effect)) {
      auto node = std::make_shared<Node>();
      node->directory = true;
      change_name({parent_of(part), part, {}, std::move(node)});
    }
    if (turn.error) return std::unexpected(*turn.error);
  }
  return {};
}

Result<std::vector<std::string>> MemoryFileSystem::list(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (const Turn turn = take_turn(false, "cannot list the folder " + path); turn.error) {
    return std::unexpected(*turn.error);
  }
  if (!is_root(path)) {
    const auto node = find(path);
    if (node == nullptr || !node->directory) return fail(ErrorKind::not_found, "there is no folder {}", path);
  }
  std::vector<std::string> names;
  for (const auto& [name, node] : now_) {
    if (parent_of(name) == path) names.push_back(name.substr(path.empty() ? 0 : path.size() + 1));
  }
  std::ranges::sort(names);
  return names;
}

Result<bool> MemoryFileSystem::exists(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (const Turn turn = take_turn(false, "cannot look at " + path); turn.error) return std::unexpected(*turn.error);
  return is_root(path) || find(path) != nullptr;
}

Status MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  const Turn turn = take_turn(true, "cannot rename " + from);
  const auto node = find(from);
  if (node == nullptr) return fail(ErrorKind::not_found, "cannot rename {}: there is no such file", from);
  if (node->directory || parent_of(from) != parent_of(to)) {
    return fail(ErrorKind::invalid, "cannot rename {} to {}: only files, and within one folder", from, to);
  }
  if (!turn.error || (crashed_ && turn.effect)) change_name({parent_of(to), to, from, node});
  if (turn.error) return std::unexpected(*turn.error);
  return {};
}

Status MemoryFileSystem::remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  const Turn turn = take_turn(true, "cannot remove " + path);
  if (find(path) == nullptr) return fail(ErrorKind::not_found, "cannot remove {}: there is no such file", path);
  if (!turn.error || (crashed_ && turn.effect)) change_name({parent_of(path), path, {}, nullptr});
  if (turn.error) return std::unexpected(*turn.error);
  return {};
}

Status MemoryFileSystem::sync_directory(const std::string& path) {
  std::lock_guard lock(mutex_);
  const Turn turn = take_turn(true, "cannot flush the folder " + path);
  if (!is_root(path) && find(path) == nullptr) return fail(ErrorKind::not_found, "there is no folder {}", path);
  if (!turn.error || (crashed_ && turn.effect)) {
    const std::string folder = is_root(path) ? "" : path;
    std::erase_if(unsynced_, [&](const NameChange& change) {
      if (change.folder != folder) return false;
      apply(change, synced_);
      return true;
    });
  }
  if (turn.error) return std::unexpected(*turn.error);
  return {};
}

uint64_t MemoryFileSystem::changes() const {
  std::lock_guard lock(mutex_);
  return changes_;
}

uint64_t MemoryFileSystem::calls() const {
  std::lock_guard lock(mutex_);
  return calls_;
}

void MemoryFileSystem::crash_at_change(uint64_t nth, bool after) {
  std::lock_guard lock(mutex_);
  crash_at_ = changes_ + nth;
  crash_after_ = after;
}

bool MemoryFileSystem::crashed() const {
  std::lock_guard lock(mutex_);
  return crashed_;
}

void MemoryFileSystem::fail_call(uint64_t nth, ErrorKind kind) {
  std::lock_guard lock(mutex_);
  fail_at_ = calls_ + nth;
  fail_kind_ = kind;
}

void MemoryFileSystem::lose(Node& node, Loss loss, std::mt19937_64& random) const {
  if (loss == Loss::some) {
    for (const Change& change : node.unsynced) {
      const uint64_t fate = random() % 3;
      if (fate == 0) continue;
      if (fate == 1 || change.truncates) {
        apply(change, node.synced);
        continue;
      }
      for (size_t at = 0; at < change.bytes.size();) {
        const size_t to_boundary = kBlockBytes - (change.position + at) % kBlockBytes;
        const size_t n = std::min(to_boundary, change.bytes.size() - at);
        const auto begin = change.bytes.begin() + static_cast<ptrdiff_t>(at);
        if (random() % 2 == 0) {
          apply({change.position + at, {begin, begin + static_cast<ptrdiff_t>(n)}, false}, node.synced);
        }
        at += n;
      }
    }
  }
  node.unsynced.clear();
  node.now = node.synced;
}

void MemoryFileSystem::restart(Loss loss, uint64_t seed) {
  std::lock_guard lock(mutex_);
  std::mt19937_64 random(seed);
  if (loss == Loss::some) {
    std::map<std::string, size_t> left;  // of each folder's changes, how many are kept
    for (const NameChange& change : unsynced_) ++left[change.folder];
    for (auto& [folder, count] : left) count = random() % (count + 1);
    for (const NameChange& change : unsynced_) {
      if (left[change.folder] == 0) continue;
      --left[change.folder];
      apply(change, synced_);
    }
  }
  unsynced_.clear();
  // What lies in a folder that is gone is gone: parents sort before what they hold.
  std::erase_if(synced_, [&](const auto& entry) {
    for (std::string folder = parent_of(entry.first); !is_root(folder); folder = parent_of(folder)) {
      if (!synced_.contains(folder)) return true;
    }
    return false;
  });
  for (const auto& [path, node] : synced_) lose(*node, loss, random);
  now_ = synced_;
  ++generation_;
  crashed_ = false;
  crash_at_.reset();
  fail_at_.reset();
}

std::vector<std::byte> MemoryFileSystem::content(const std::string& path) const {
  std::lock_guard lock(mutex_);
  const auto node = find(path);
  PENSTOCK_ASSERT(node != nullptr);
  return node->now;
}

void MemoryFileSystem::set_content(const std::string& path, std::vector<std::byte> bytes) {
  std::lock_guard lock(mutex_);
  const auto node = find(path);
  PENSTOCK_ASSERT(node != nullptr);
  node->now = node->synced = std::move(bytes);
  node->unsynced.clear();
}

}  // namespace penstock::io

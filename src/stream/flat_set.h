// A set of keys in one piece of memory: open addressing, linear probing. The key of all zeros marks an empty slot and
// cannot be a member.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace penstock::stream {

// 128 bits that stand for a value: docs/decisions/stream-dedup.md says how unlikely two values share them.
struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

inline size_t slot_hash(uint64_t key) {
  const uint64_t h = key * 0x9e37'79b9'7f4a'7c15;
  return static_cast<size_t>(h ^ (h >> 32));
}
inline size_t slot_hash(const Hash128& key) { return static_cast<size_t>(key.low); }

template <typename Key>
class FlatSet {
 public:
  [[nodiscard]] bool contains(const Key& key) const { return !slots_.empty() && slots_[find(key)] == key; }
  // False when it was there.
  bool insert(const Key& key) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    Key& slot = slots_[find(key)];
    if (slot == key) return false;
    slot = key;
    ++size_;
    return true;
  }
  // Closes the hole by moving back what probing had pushed behind it, so that no search stops early.
  void erase(const Key& key) {
    if (slots_.empty()) return;
    size_t hole = find(key);
    if (slots_[hole] != key) return;
    const size_t mask = slots_.size() - 1;
    for (size_t at = (hole + 1) & mask; slots_[at] != Key{}; at = (at + 1) & mask) {
      const size_t home = slot_hash(slots_[at]) & mask;
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        slots_[hole] = slots_[at];
        hole = at;
      }
    }
    slots_[hole] = Key{};
    --size_;
  }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t byte_size() const { return slots_.size() * sizeof(Key); }
  template <typename Function>
  void for_each(Function function) const {
    for (const Key& key : slots_) {
      if (key != Key{}) function(key);
    }
  }

 private:
  [[nodiscard]] size_t find(const Key& key) const {
    const size_t mask = slots_.size() - 1;
    size_t at = slot_hash(key) & mask;
    while (slots_[at] != Key{} && slots_[at] != key) at = (at + 1) & mask;
    return at;
  }
  void grow() {
    std::vector<Key> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    for (const Key& key : old) {
      if (key != Key{}) slots_[find(key)] = key;
    }
  }
  std::vector<Key> slots_;
  size_t size_ = 0;
};

}  // namespace penstock::stream

#include "market/symbol_table.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/error.h"

namespace penstock::market {
namespace {

constexpr size_t kPageBytes = 64 * 1024;

// The first eight bytes, zero-padded. By loads of fixed sizes that may overlap: a copy of variable length is a call,
// and replay looks up 20 M symbols a second.
uint64_t prefix_of(std::string_view text) {
  const char* p = text.data();
  const size_t size = text.size();
  if (size >= 8) {
    uint64_t prefix = 0;
    std::memcpy(&prefix, p, sizeof prefix);
    return prefix;
  }
  if (size >= 4) {
    uint32_t head = 0;
    uint32_t tail = 0;
    std::memcpy(&head, p, sizeof head);
    std::memcpy(&tail, p + size - sizeof tail, sizeof tail);
    return head | uint64_t{tail} << (8 * (size - sizeof tail));
  }
  if (size == 0) return 0;
  const auto byte = [p](size_t at) { return uint64_t{static_cast<uint8_t>(p[at])} << (8 * at); };
  return byte(0) | byte(size / 2) | byte(size - 1);
}

// Symbols are short: the first eight bytes and the length tell nearly all apart; a longer text adds its hash.
uint64_t hash_of(std::string_view text, uint64_t prefix) {
  uint64_t h = (prefix ^ (text.size() << 56)) * 0x9e37'79b9'7f4a'7c15;
  if (text.size() > sizeof prefix)
    h ^= std::hash<std::string_view>{}(text.substr(sizeof prefix)) * 0x9e37'79b9'7f4a'7c15;
  return h ^ (h >> 32);
}

uint64_t hash_of(std::string_view text) { return hash_of(text, prefix_of(text)); }

}  // namespace

SymbolTable::SymbolTable() : slots_(1024) {}

SymbolTable::~SymbolTable() {
  for (auto& block : blocks_) delete block.load(std::memory_order_relaxed);
}

SymbolCode SymbolTable::intern(std::string_view text) {
  std::lock_guard lock(mutex_);
  const uint32_t count = size_.load(std::memory_order_relaxed);
  size_t mask = slots_.size() - 1;
  size_t slot = hash_of(text) & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    if (this->text(slots_[slot] - 1) == text) return slots_[slot] - 1;
  }
  if (count == kSymbolsMax) return kNoSymbol;

  if (text.size() > page_left_) {
    page_left_ = std::max(kPageBytes, text.size());
    pages_.push_back(std::make_unique<char[]>(page_left_));
    page_next_ = pages_.back().get();
  }
  char* kept = page_next_;
  std::copy(text.begin(), text.end(), kept);
  page_next_ += text.size();
  page_left_ -= text.size();

  auto& block = blocks_[count / kBlockSize];
  if (block.load(std::memory_order_relaxed) == nullptr) block.store(new Block{}, std::memory_order_release);
  (*block.load(std::memory_order_relaxed))[count % kBlockSize] = std::string_view(kept, text.size());
  slots_[slot] = count + 1;
  size_.store(count + 1, std::memory_order_release);

  if ((size_t{count} + 1) * 2 > slots_.size()) {
    std::vector<uint32_t> wider(slots_.size() * 2);
    mask = wider.size() - 1;
    for (uint32_t code = 0; code <= count; ++code) {
      size_t at = hash_of(this->text(code)) & mask;
      while (wider[at] != 0) at = (at + 1) & mask;
      wider[at] = code + 1;
    }
    slots_ = std::move(wider);
  }
  return count;
}

std::string_view SymbolTable::text(SymbolCode code) const {
  PENSTOCK_ASSERT(code < kSymbolsMax);
  return (*blocks_[code / kBlockSize].load(std::memory_order_acquire))[code % kBlockSize];
}

SymbolCache::SymbolCache(SymbolTable& table) : table_(table), slots_(1024) {}

SymbolCode SymbolCache::intern(std::string_view text) {
  const uint64_t prefix = prefix_of(text);
  const size_t mask = slots_.size() - 1;
  size_t at = hash_of(text, prefix) & mask;
  for (;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.code == kNoSymbol) return intern_new(text, at);
    if (slot.prefix == prefix && slot.length == text.size() &&
        (text.size() <= sizeof prefix || table_.text(slot.code) == text)) {
      return slot.code;
    }
  }
}

SymbolCode SymbolCache::intern_new(std::string_view text, size_t slot) {
  const SymbolCode code = table_.intern(text);
  if (code == kNoSymbol) return code;
  slots_[slot] = {prefix_of(text), static_cast<uint32_t>(text.size()), code};
  // Mostly empty: a second look at it is one that the processor does not foresee.
  if (++used_ * 4 > slots_.size()) grow();
  return code;
}

void SymbolCache::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.code == kNoSymbol) continue;
    size_t at = hash_of(table_.text(slot.code), slot.prefix) & mask;
    while (slots_[at].code != kNoSymbol) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

}  // namespace penstock::market

// Short texts that come again and again (symbols, venues) as 32-bit codes, so that records carry and compare integers.
// Codes are given in order of first sight and differ from run to run: nothing stored or sent may hold one.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace penstock::market {

using SymbolCode = uint32_t;
inline constexpr SymbolCode kNoSymbol = 0xffff'ffff;

// Thread-safe. A text is never forgotten: its view and its code stay valid as long as the table.
class SymbolTable {
 public:
  SymbolTable();
  ~SymbolTable();
  SymbolTable(const SymbolTable&) = delete;
  SymbolTable& operator=(const SymbolTable&) = delete;

  // The code of `text`, given to it now if it is new. kNoSymbol when kSymbolsMax are already known.
  [[nodiscard]] SymbolCode intern(std::string_view text);
  [[nodiscard]] std::string_view text(SymbolCode code) const;
  [[nodiscard]] uint32_t size() const { return size_.load(std::memory_order_acquire); }

  static constexpr uint32_t kSymbolsMax = 1u << 22;

 private:
  static constexpr uint32_t kBlockSize = 4096;
  using Block = std::array<std::string_view, kBlockSize>;

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<char[]>> pages_;  // guarded by mutex_: where the texts lie
  char* page_next_ = nullptr;                   // guarded by mutex_: the free part of the newest page
  size_t page_left_ = 0;                        // guarded by mutex_
  std::vector<uint32_t> slots_;                 // guarded by mutex_: open addressing, code + 1, 0 is empty
  std::atomic<uint32_t> size_{0};
  std::array<std::atomic<Block*>, kSymbolsMax / kBlockSize> blocks_{};  // text by code; read without the mutex
};

// One thread's fast way to a SymbolTable: a lookup of a known text takes no lock. Borrows the table.
class SymbolCache {
 public:
  explicit SymbolCache(SymbolTable& table);
  [[nodiscard]] SymbolCode intern(std::string_view text);
  [[nodiscard]] SymbolTable& table() { return table_; }

 private:
  struct Slot {
    uint64_t prefix = 0;  // the first 8 bytes, zero-padded
    uint32_t length = 0;
    SymbolCode code = kNoSymbol;
  };
  [[nodiscard]] SymbolCode intern_new(std::string_view text, size_t slot);
  void grow();

  SymbolTable& table_;
  std::vector<Slot> slots_;
  size_t used_ = 0;
};

}  // namespace penstock::market

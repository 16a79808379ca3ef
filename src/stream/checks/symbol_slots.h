// Numbers the symbols that a stream's checks keep something of, and says which changed: blobs of state are written by
// shards of symbols.
#pragma once

#include <cstdint>
#include <vector>

#include "market/symbol_table.h"
#include "stream/checks/judge.h"
#include "stream/flow.h"

namespace penstock::stream {

// One thread. Borrows the symbol table.
class SymbolSlots {
 public:
  static constexpr size_t kShards = 256;

  explicit SymbolSlots(const market::SymbolTable& symbols) : symbols_(symbols), shards_(kShards) {}

  // The slots of the rows of `rows`, by row of the batch (others hold anything), whose symbols are then touched.
  void number(const Flow& rows, size_t symbol_column, std::vector<uint32_t>& slots);
  [[nodiscard]] uint32_t slot_of(market::SymbolCode code) {
    if (code < slots_.size() && slots_[code] != kNoSlot) [[likely]]
      return slots_[code];
    return add(code);
  }
  [[nodiscard]] size_t size() const { return codes_.size(); }
  [[nodiscard]] market::SymbolCode code(uint32_t slot) const { return codes_[slot]; }
  void touch(uint32_t slot) { touched_[slot] = 1; }
  void touch_all() { touched_.assign(touched_.size(), 1); }

  // The slots of a shard, and whether any of them was touched since the last call, which it forgets.
  [[nodiscard]] const std::vector<uint32_t>& shard(size_t number) const { return shards_[number]; }
  [[nodiscard]] bool take_touched(size_t shard);

 private:
  uint32_t add(market::SymbolCode code);

  const market::SymbolTable& symbols_;
  std::vector<uint32_t> slots_;                // by symbol code
  std::vector<market::SymbolCode> codes_;      // by slot
  std::vector<uint8_t> touched_;               // by slot
  std::vector<std::vector<uint32_t>> shards_;  // by the CRC-32C of the symbol's text
};

}  // namespace penstock::stream

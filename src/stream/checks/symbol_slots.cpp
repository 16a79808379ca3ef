#include "stream/checks/symbol_slots.h"

#include <algorithm>
#include <span>

#include "base/crc32c.h"

namespace penstock::stream {

void SymbolSlots::number(const Flow& rows, size_t symbol_column, std::vector<uint32_t>& slots) {
  const market::Column& symbols = rows.batch->columns[symbol_column];
  slots.resize(rows.batch->rows);
  const size_t count = rows.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t row = rows.row(i);
    if (symbols.is_null(row)) {
      slots[row] = kNoSlot;
      continue;
    }
    const uint32_t slot = slot_of(symbols.codes[row]);
    touched_[slot] = 1;
    slots[row] = slot;
  }
}

bool SymbolSlots::take_touched(size_t shard) {
  bool any = false;
  for (const uint32_t slot : shards_[shard]) {
    any = any || touched_[slot] != 0;
    touched_[slot] = 0;
  }
  return any;
}

uint32_t SymbolSlots::add(market::SymbolCode code) {
  if (code >= slots_.size()) slots_.resize(std::max<size_t>(size_t{code} + 1, slots_.size() * 2), kNoSlot);
  const auto slot = static_cast<uint32_t>(codes_.size());
  slots_[code] = slot;
  codes_.push_back(code);
  touched_.push_back(0);
  const std::string_view text = symbols_.text(code);
  shards_[crc32c(std::as_bytes(std::span(text))) % kShards].push_back(slot);
  return slot;
}

}  // namespace penstock::stream

// The key of a row for `dedup:`: its key columns' values, hashed to 128 bits.
#pragma once

#include <string>
#include <vector>

#include "market/batch.h"
#include "stream/flat_set.h"

namespace penstock::stream {

class RowKey {
 public:
  RowKey(std::vector<size_t> columns, const market::SymbolTable& symbols)
      : columns_(std::move(columns)), symbols_(symbols) {}
  // False when all of the key's values are null. Equal values give equal keys in any run: symbols count as text.
  [[nodiscard]] bool hash(const market::Batch& batch, size_t row, Hash128& out);

 private:
  std::vector<size_t> columns_;
  const market::SymbolTable& symbols_;
  std::string bytes_;  // reused
};

}  // namespace penstock::stream

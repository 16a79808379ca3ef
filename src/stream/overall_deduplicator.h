// Deduplication over all records of a partition, for those without a symbol and an event time: the last kKeysMax keys
// are kept, in chunks that are forgotten whole, so that between kKeysMax and kKeysMax + kChunkKeys are.
#pragma once

#include <deque>

#include "stream/deduplicator.h"
#include "stream/row_key.h"

namespace penstock::stream {

class OverallDeduplicator final : public Deduplicator {
 public:
  static constexpr size_t kChunkKeys = 4096;

  OverallDeduplicator(std::vector<size_t> key, const market::SymbolTable& symbols)
      : row_key_(std::move(key), symbols) {}

  size_t process(const Flow& flow, std::vector<uint32_t>& kept) override;
  [[nodiscard]] bool knows(const market::Batch& batch, size_t row) override;
  void take_state(const std::string& prefix, StateChanges& changes) override;
  [[nodiscard]] Status restore(const std::string& name, uint64_t number, std::string_view blob) override;

 private:
  struct Chunk {
    uint64_t number = 0;
    std::vector<Hash128> keys;
    bool dirty = false;
  };
  RowKey row_key_;
  FlatSet<Hash128> keys_;
  std::deque<Chunk> chunks_;
  std::vector<uint64_t> forgotten_;  // numbers of chunks, since take_state()
};

}  // namespace penstock::stream

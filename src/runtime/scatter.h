// Cuts a batch into the partitions of a topic by its records' keys, keeping their order.
#pragma once

#include <cstdint>
#include <vector>

#include "market/batch.h"
#include "plan/plan.h"

namespace penstock::runtime {

// The partition of a key among `partitions`: Kafka's default partitioner (murmur2), so that other clients agree.
[[nodiscard]] int32_t partition_for(std::string_view key, int32_t partitions);

// One thread.
class Scatter {
 public:
  // Borrows `symbols`.
  Scatter(plan::RecordKind kind, int32_t partitions, const market::SymbolTable& symbols)
      : kind_(kind), partitions_(partitions), symbols_(symbols) {}
  // One batch a partition, some perhaps empty. A json record without a key goes to the first.
  [[nodiscard]] std::vector<market::Batch> split(market::Batch rows);

 private:
  [[nodiscard]] int32_t partition_of(const market::Batch& rows, size_t row);

  const plan::RecordKind kind_;
  const int32_t partitions_;
  const market::SymbolTable& symbols_;
  std::vector<int32_t> by_symbol_;                // partition by symbol code, -1 where not asked yet
  std::vector<std::vector<uint32_t>> rows_of_;    // row numbers of each partition, kept between calls
  std::vector<uint32_t*> ends_;  // of rows_of_ while they are filled
};

}  // namespace penstock::runtime

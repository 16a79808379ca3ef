// Rows on their way through a stream: a batch, which of its rows are still there, and where each came from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "market/batch.h"

namespace penstock::stream {

// Borrows everything. Dropping rows narrows `selection` and copies nothing.
// A row's origin numbers the record (or mark) of the partition that caused it: rows that meet in one table from
// several streams are put in its order, so that their order does not depend on how records are cut into calls.
struct Flow {
  const market::Batch* batch = nullptr;
  const std::vector<uint32_t>* selection = nullptr;  // ascending; null: every row
  const std::vector<uint64_t>* origins = nullptr;    // one a row of the batch; null: origin_base + row
  uint64_t origin_base = 0;

  [[nodiscard]] size_t size() const { return selection == nullptr ? batch->rows : selection->size(); }
  [[nodiscard]] size_t row(size_t i) const { return selection == nullptr ? i : (*selection)[i]; }
  [[nodiscard]] uint64_t origin(size_t row) const { return origins == nullptr ? origin_base + row : (*origins)[row]; }
};

// Rows that an operator makes beside those it passes on.
struct MadeRows {
  market::Batch rows;
  std::vector<uint64_t> origins;
  void reset(const market::SchemaPtr& schema) {
    rows = market::make_batch(schema);
    origins.clear();
  }
  [[nodiscard]] Flow flow() const { return {.batch = &rows, .origins = &origins}; }
};

// A row that a step refuses, and why.
struct RefusedRow {
  size_t row = 0;
  std::string reason;
};

// Appends the rows of `flow`, whose batch has the schema of `to`.
void append_flow(market::Batch& to, const Flow& flow);
// The rows `rows` of `from`, in that order.
[[nodiscard]] market::Batch gather_rows(const market::Batch& from, const std::vector<uint32_t>& rows);

}  // namespace penstock::stream

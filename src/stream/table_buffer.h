// Rows waiting for a table, in the order of the records that made them.
#pragma once

#include <cstdint>
#include <vector>

#include "stream/flow.h"

namespace penstock::stream {

class TableBuffer {
 public:
  TableBuffer(size_t table, market::SchemaPtr schema, size_t inputs)
      : table_(table), schema_(std::move(schema)), several_(inputs > 1), rows_(market::make_batch(schema_)) {}
  // Rows of the table's input `input`.
  void append(const Flow& flow, size_t input);
  [[nodiscard]] size_t table() const { return table_; }
  [[nodiscard]] const market::SchemaPtr& schema() const { return schema_; }
  [[nodiscard]] size_t rows() const { return rows_.rows; }
  [[nodiscard]] size_t byte_size() const { return rows_.rows == 0 ? 0 : rows_.byte_size(); }
  [[nodiscard]] market::Batch take();

 private:
  struct Place {
    uint64_t origin = 0;
    size_t input = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  size_t table_;
  market::SchemaPtr schema_;
  bool several_;               // inputs: their rows are put in order when taken
  market::Batch rows_;
  std::vector<Place> places_;  // one a row, when there are several inputs
};

}  // namespace penstock::stream

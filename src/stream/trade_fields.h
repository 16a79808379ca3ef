// Where a trade's fields stand among a stream's columns, and the row that a late one becomes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "market/batch.h"
#include "stream/bar_maker.h"
#include "stream/flow.h"
#include "stream/open_bar.h"

namespace penstock::stream {

struct TradeFields {
  size_t symbol = 0;
  size_t ts_event = 0;
  size_t price = 0;
  size_t size = 0;
  std::optional<size_t> id;
  std::optional<size_t> venue;
  std::optional<size_t> action;
  // `invalid` with what is missing, when rows of `schema` cannot become bars.
  [[nodiscard]] static Result<TradeFields> of(const market::Schema& schema, const std::string& stream);
};

struct LateTrade {
  const std::string& stream;
  const TradeFields& fields;
  int64_t ts = 0;
  int64_t price = 0;
  int64_t size = 0;
  RecordId id;
};
// Puts row `row` of `flow`, which came when its symbol's watermark stood at `watermark`, to the late rows of `out`.
void add_late_trade(const LateTrade& trade, const Flow& flow, size_t row, int64_t watermark, BarOutput& out);

}  // namespace penstock::stream

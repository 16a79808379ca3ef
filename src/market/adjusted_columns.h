// Which columns of a table of bars splits and dividends change, and how.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "market/batch.h"

namespace penstock::market {

enum class Adjusting : uint8_t {
  as_is,     // no price and no size: symbol, start, trades, ...
  price,     // times price and split factor
  size,      // over the split factor
  left_out,  // a number of which nothing is known: it might be made of prices, and is not shown beside adjusted ones
};

// A table of bars is shown adjusted as `<table>` + kAdjusted, which has these columns beside its own. The others are
// the tables of what it is adjusted by.
inline constexpr std::string_view kAdjusted = "_adjusted";
inline constexpr std::array<std::string_view, 3> kAdjustedColumns{"raw_symbol", "security", "factor"};
inline constexpr std::string_view kFactorsTable = "factors";
inline constexpr std::string_view kSymbolChangesTable = "symbol_changes";

// One a column. Empty where the rows are no bars that can be adjusted: those have the columns `symbol` and `every`
// (texts), `start` (timestamp), and at least one decimal that is called as a price of bars is.
[[nodiscard]] std::vector<Adjusting> adjusted_columns(const Schema& schema);

}  // namespace penstock::market

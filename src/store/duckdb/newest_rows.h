// Which rows of a batch count where a later row of a key replaces an earlier one.
#pragma once

#include <cstdint>
#include <vector>

#include "market/batch.h"

namespace penstock::store::duck {

// 1 for the last row of each key, 0 for those that it replaces. No row is null in a key column.
[[nodiscard]] std::vector<uint8_t> newest_of_each_key(const market::Batch& rows, const std::vector<size_t>& key);

}  // namespace penstock::store::duck

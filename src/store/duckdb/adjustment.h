// Bars adjusted for splits and dividends, under the tickers of a day: for each table of bars `bars` a view
// `bars_adjusted` and a table macro `bars_adjusted(as_of)`, which compute it when they are asked, from tables of what
// holds for a ticker when. What they show: docs/formats/store.md; why so: docs/decisions/store-adjustment.md.
#pragma once

#include <vector>

#include "store/duckdb/duckdb_store.h"
#include "store/duckdb/handles.h"
#include "store/store.h"

namespace penstock::store::duck {

// Makes them anew, in one transaction. `invalid` where the store has a table of such a name that is not of them.
[[nodiscard]] Status replace_adjustment(duckdb_connection connection, const std::vector<TableSpec>& tables,
                                        const AdjustmentSource& source);
// Takes them away, in one transaction.
[[nodiscard]] Status remove_adjustment(duckdb_connection connection);

}  // namespace penstock::store::duck

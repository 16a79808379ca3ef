// The SQL of adjusted bars.
#pragma once

#include <string>

#include "market/batch.h"
#include "store/duckdb/tables.h"

namespace penstock::store::duck {

// `penstock.adjustments` from `rows`, a relation with the columns ticker, begins, ends, security, symbol, factor_units
// and split_units.
[[nodiscard]] std::string adjustments_sql(const std::string& rows);

// What the view shows of the table `bars`, whose rows adjusted_columns() has found to be bars.
[[nodiscard]] std::string adjusted_view_sql(const TableName& bars, const market::Schema& schema);
// What the macro does, with its parameter `as_of`.
[[nodiscard]] std::string adjusted_macro_sql(const TableName& bars, const market::Schema& schema);

}  // namespace penstock::store::duck

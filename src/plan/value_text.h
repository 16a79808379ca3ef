// Values written as text, read by the type of their column.
#pragma once

#include <optional>
#include <string>

#include "market/batch.h"
#include "market/symbol_table.h"

namespace penstock::plan {

// `text` (nullptr: null) as a value of the column's type, appended to `column`, which holds `rows` rows. The reason
// where it is none.
[[nodiscard]] std::optional<std::string> append_value_text(market::Column& column, size_t rows, const std::string* text,
                                                           market::SymbolTable& symbols);

}  // namespace penstock::plan

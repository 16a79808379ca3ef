// A row as the text of a JSON object: what the quarantine keeps of a record.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "market/batch.h"

namespace penstock::stream {

// One member a column that is not null, exact digits for decimals, times as RFC 3339. A JSON column stands as it is.
[[nodiscard]] std::string row_json(const market::Batch& batch, size_t row, const market::SymbolTable& symbols);

// The row of `schema` that row_json() made `json` of; a member that is missing is null. The reason where it is none:
// the schema is another one now.
[[nodiscard]] std::expected<market::Batch, std::string> row_of_json(std::string_view json,
                                                                    const market::SchemaPtr& schema,
                                                                    market::SymbolTable& symbols);

// How a user finds the record again: its symbol, time, id and key, those of them that it has.
[[nodiscard]] std::string row_position(const market::Batch& batch, size_t row, const market::SymbolTable& symbols);

// `text` as a JSON string, in quotes; a byte that is no UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace penstock::stream

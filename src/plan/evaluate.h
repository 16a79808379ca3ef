// Evaluates expressions over batches, column by column. No I/O, no clock; thread-safe for one call a thread (an
// Expression is immutable, the SymbolTable has its own lock).
//
// Errors of single rows (an overflow, a cast of text that is no number) do not fail the call: the row's value is null
// and the error is noted in RowErrors, so that the caller can put the row into quarantine with its reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "market/batch.h"
#include "market/symbol_table.h"
#include "plan/expression.h"

namespace penstock::plan {

// The rows whose evaluation failed, with the first reason of each, in the order they were found.
struct RowErrors {
  struct Item {
    size_t row = 0;
    std::string reason;
  };
  std::vector<Item> items;
  std::vector<uint8_t> failed;  // one a row, 1 where it is in `items`; empty while none failed
};

// The value of `expression` for each row of `batch`, whose schema must be the one it was compiled for. The column has
// `batch.rows` values of `expression.type`. Fails only when the symbol table is full.
[[nodiscard]] Result<market::Column> evaluate(const Expression& expression, const market::Batch& batch,
                                              market::SymbolTable& symbols, RowErrors* errors = nullptr);

// The same for several expressions over one batch; a JSON record is parsed once for all of them.
[[nodiscard]] Result<std::vector<market::Column>> evaluate_all(std::span<const Expression> expressions,
                                                               const market::Batch& batch, market::SymbolTable& symbols,
                                                               RowErrors* errors = nullptr);

// The rows that pass a boolean expression, as 1 and 0: false and null are 0.
[[nodiscard]] Result<std::vector<uint8_t>> evaluate_condition(const Expression& condition, const market::Batch& batch,
                                                              market::SymbolTable& symbols,
                                                              RowErrors* errors = nullptr);

// The column that the expression is, when it is nothing else: its value need not be computed.
[[nodiscard]] std::optional<size_t> as_column(const Expression& expression);

}  // namespace penstock::plan

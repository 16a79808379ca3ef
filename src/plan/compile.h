// From the text of an SQL expression to a typed Expression over the columns of a schema. The language is described in
// docs/formats/pipeline.md.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "market/batch.h"
#include "plan/expression.h"

namespace penstock::plan {

inline constexpr size_t kExpressionBytesMax = 64 * 1024;

struct ExpressionError {
  size_t offset = 0;  // in the text
  std::string message;
};

// A name that is no column of `schema` is a path into its JSON column `value`, where it has one; else an error.
[[nodiscard]] std::expected<Expression, ExpressionError> compile_expression(std::string_view text,
                                                                            const market::Schema& schema);

// `expression` with its value as `type`, for the conversions that lose nothing: among symbol, id and text, and from
// whole numbers to decimals. Unchanged where its type is `type` already or no such conversion exists.
[[nodiscard]] Expression with_type(Expression expression, market::Type type);

}  // namespace penstock::plan

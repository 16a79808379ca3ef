// The typed tree of an expression: what compile_expression makes and evaluate walks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "market/batch.h"
#include "plan/json_path.h"

namespace penstock::plan {

struct ExpressionNode;
using NodePtr = std::shared_ptr<const ExpressionNode>;
class Evaluation;
struct Value;

// Computes a function over `rows` rows (1 when every argument is constant).
using Kernel = market::Column (*)(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args,
                                  size_t rows);

struct ExpressionNode {
  enum class Op : uint8_t {
    column,    // `column` of the batch
    json,      // `path` in the JSON column `column`
    literal,   // `literal`, a column of one row
    cast,      // args[0] to `type`
    all_of,    // and: any number of args
    any_of,    // or
    negation,  // not
    is_null,
    is_not_null,
    in,        // args[0] equal to any of the others
    choice,    // condition, value, ..., else value
    coalesce,  // the first arg that is not null
    call,      // `kernel`
  } op = Op::literal;
  market::Type type;
  std::vector<NodePtr> args;
  size_t column = 0;
  JsonPath path;
  market::Column literal;
  Kernel kernel = nullptr;
  bool tolerant = false;  // a cast that fails gives null and is no error
  bool constant = false;  // no column in it: one value for all rows
  bool can_fail = false;  // some row may be an error: whether it is evaluated matters
  int64_t option = 0;     // of a kernel: digits of round, the unit of date_trunc, ...

  [[nodiscard]] bool is_null_literal() const { return op == Op::literal && literal.all_null; }
};

}  // namespace penstock::plan

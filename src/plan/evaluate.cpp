#include "plan/evaluate.h"

#include <array>

#include "plan/evaluation.h"

namespace penstock::plan {
namespace {

// The node's value as a column of its own for every row of the batch.
market::Column finish(Value value, market::Type type, size_t rows) {
  if (value.constant) {
    market::Column out{.type = type};
    if (value.is_null(0)) {
      out.all_null = rows > 0;
      return out;
    }
    for (size_t r = 0; r < rows; ++r) append_from(out, r, value, r);
    return out;
  }
  return value.owned ? std::move(*value.owned) : *value.borrowed;
}

}  // namespace

Result<std::vector<market::Column>> evaluate_all(std::span<const Expression> expressions, const market::Batch& batch,
                                                 market::SymbolTable& symbols, RowErrors* errors) {
  Evaluation evaluation(batch, symbols, errors);
  std::vector<const ExpressionNode*> nodes;
  nodes.reserve(expressions.size());
  for (const Expression& expression : expressions) nodes.push_back(expression.root.get());
  evaluation.read_json(nodes);
  std::vector<market::Column> columns;
  columns.reserve(expressions.size());
  for (const Expression& expression : expressions) {
    columns.push_back(finish(evaluation.evaluate(*expression.root), expression.type, batch.rows));
  }
  if (evaluation.is_symbols_full()) {
    return fail(ErrorKind::full, "more than {} different symbols: the symbol table is full",
                market::SymbolTable::kSymbolsMax);
  }
  return columns;
}

Result<market::Column> evaluate(const Expression& expression, const market::Batch& batch, market::SymbolTable& symbols,
                                RowErrors* errors) {
  PENSTOCK_TRY_ASSIGN(auto columns, evaluate_all(std::span(&expression, 1), batch, symbols, errors));
  return std::move(columns.front());
}

Result<std::vector<uint8_t>> evaluate_condition(const Expression& condition, const market::Batch& batch,
                                                market::SymbolTable& symbols, RowErrors* errors) {
  PENSTOCK_ASSERT(condition.type.kind == market::Kind::boolean);
  PENSTOCK_TRY_ASSIGN(market::Column column, evaluate(condition, batch, symbols, errors));
  if (column.all_null) return std::vector<uint8_t>(batch.rows, 0);
  for (size_t r = 0; r < column.valid.size(); ++r) column.u8[r] &= column.valid[r];
  return std::move(column.u8);
}

std::optional<size_t> as_column(const Expression& expression) {
  if (expression.root->op != ExpressionNode::Op::column) return std::nullopt;
  return expression.root->column;
}

}  // namespace penstock::plan

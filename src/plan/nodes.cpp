#include "plan/nodes.h"

#include <algorithm>
#include <limits>

#include "plan/evaluation.h"

namespace penstock::plan {

using market::Kind;
using market::Type;
using Op = ExpressionNode::Op;

NodePtr finish(ExpressionNode node) {
  const auto is_constant = [](const NodePtr& arg) { return arg->constant; };
  node.constant = node.op == Op::literal || (node.op != Op::column && node.op != Op::json &&
                                             std::all_of(node.args.begin(), node.args.end(), is_constant));
  node.can_fail = node.can_fail ||
                  std::any_of(node.args.begin(), node.args.end(), [](const NodePtr& arg) { return arg->can_fail; });
  return std::make_shared<const ExpressionNode>(std::move(node));
}

NodePtr make(Op op, Type type, std::vector<NodePtr> args) {
  ExpressionNode node;
  node.op = op;
  node.type = type;
  node.args = std::move(args);
  return finish(std::move(node));
}

NodePtr call(Kernel kernel, Type type, std::vector<NodePtr> args, bool can_fail, int64_t option) {
  ExpressionNode node;
  node.op = Op::call;
  node.type = type;
  node.args = std::move(args);
  node.kernel = kernel;
  node.can_fail = can_fail;
  node.option = option;
  return finish(std::move(node));
}

NodePtr literal(market::Column column) {
  ExpressionNode node;
  node.op = Op::literal;
  node.type = column.type;
  node.literal = std::move(column);
  return finish(std::move(node));
}

NodePtr null_literal(Type type) { return literal(null_column(type)); }

NodePtr text_literal(std::string_view text) {
  market::Column column{.type = kText};
  column.text.append(text);
  return literal(std::move(column));
}

NodePtr integer_literal(int64_t value, Type type) {
  market::Column column{.type = type};
  column.i64.push_back(value);
  return literal(std::move(column));
}

bool loses_nothing(Type from, Type to) {
  if (from.kind == Kind::int64) return to.kind == Kind::decimal128 || to.kind == Kind::float64;
  if (is_textual(from) || from.kind == Kind::json) return is_textual(to);
  return false;
}

NodePtr cast(NodePtr from, Type to, bool tolerant, int digits) {
  if (from->type == to && digits == 0) return from;
  if (from->is_null_literal()) return null_literal(to);
  ExpressionNode node;
  node.op = Op::cast;
  node.type = to;
  node.tolerant = tolerant;
  node.option = digits;
  node.can_fail = !tolerant && to.kind != Kind::text && !loses_nothing(from->type, to);
  node.args.push_back(std::move(from));
  return finish(std::move(node));
}

NodePtr literal_as(const NodePtr& node, Type type) {
  if (node->op != Op::literal || node->is_null_literal() || !is_exact(node->type) || type.kind != Kind::decimal)
    return node;
  const Int128 units = node->type.kind == Kind::decimal128 ? node->literal.i128[0] : Int128{node->literal.i64[0]};
  const int shift = type.scale - node->type.scale;
  Int128 exact = 0;
  if (!rescale(units, shift, exact)) return node;
  Int128 back = 0;
  if (!rescale(exact, -shift, back) || back != units) return node;
  if (exact < std::numeric_limits<int64_t>::min() || exact > std::numeric_limits<int64_t>::max()) return node;
  return integer_literal(static_cast<int64_t>(exact), type);
}

const std::string_view* literal_text(const NodePtr& node, std::string_view& storage) {
  if (node->op != Op::literal || node->is_null_literal() || node->type.kind != Kind::text) return nullptr;
  storage = node->literal.text[0];
  return &storage;
}

}  // namespace penstock::plan

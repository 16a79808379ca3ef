// Operands of a wanted type, operators, and the choices between values.
#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "plan/compiler.h"
#include "plan/nodes.h"

namespace penstock::plan {

using market::Kind;
using market::Type;
using Op = ExpressionNode::Op;

namespace {

constexpr int kQuotientDigitsMin = 9;

}  // namespace

NodePtr Compiler::text(const Syntax& at, std::string_view who) {
  NodePtr node = compile(at);
  if (node->is_null_literal()) return null_literal(kText);
  if (is_textual(node->type) || node->type.kind == Kind::json) return node;
  refuse(at, fmt::format("{} takes text, and this is of type {}; write cast(... as text)", who,
                         market::to_string(node->type)));
}

NodePtr Compiler::shown(const Syntax& at, std::string_view who) {
  NodePtr node = compile(at);
  if (node->is_null_literal()) return null_literal(kText);
  if (is_textual(node->type) || node->type.kind == Kind::json) return node;
  if (!can_cast(node->type, kText)) {
    refuse(at, fmt::format("{} cannot take a value of type {}", who, market::to_string(node->type)));
  }
  return cast(std::move(node), kText);
}

NodePtr Compiler::condition(const Syntax& at, std::string_view who) {
  NodePtr node = compile(at);
  if (node->is_null_literal()) return null_literal(kBoolean);
  if (node->type.kind != Kind::boolean) {
    refuse(at, fmt::format("{} takes true or false, and this is of type {}{}", who, market::to_string(node->type),
                           node->type.kind == Kind::json ? "; write cast(... as boolean)" : ""));
  }
  return node;
}

NodePtr Compiler::number_of(const Syntax& at, std::string_view who) {
  NodePtr node = compile(at);
  if (node->is_null_literal()) return null_literal(kInteger);
  if (!is_number(node->type)) {
    const std::string_view hint = node->type.kind == Kind::json || is_textual(node->type)
                                      ? "; write cast(... as price), as size, as bigint, as decimal(18, 4) or as double"
                                  : node->type.kind == Kind::timestamp ? "; epoch_ns(...) gives its nanoseconds"
                                                                       : "";
    refuse(at, fmt::format("{} takes numbers, and this is of type {}{}", who, market::to_string(node->type), hint));
  }
  return node;
}

NodePtr Compiler::integer_of(const Syntax& at, std::string_view who) {
  NodePtr node = number_of(at, who);
  if (node->type.kind != Kind::int64) {
    refuse(at, fmt::format("{} takes a whole number here, and this is of type {}; write cast(... as bigint)", who,
                           market::to_string(node->type)));
  }
  return node;
}

NodePtr Compiler::time_of(const Syntax& at, std::string_view who) {
  NodePtr node = compile(at);
  if (node->is_null_literal()) return null_literal(kTime);
  std::string_view storage;
  if (literal_text(node, storage) != nullptr) return integer_literal(time(at, storage).ns, kTime);
  if (node->type.kind != Kind::timestamp) {
    refuse(at, fmt::format("{} takes a timestamp, and this is of type {}; write to_timestamp(...)", who,
                           market::to_string(node->type)));
  }
  return node;
}

NodePtr Compiler::unary(const Syntax& at) {
  const Syntax& inner = *at.children[0];
  if (at.text == "not") return make(Op::negation, kBoolean, {condition(inner, "not")});
  if (inner.kind == Syntax::Kind::integer && inner.text == "9223372036854775808") {
    return integer_literal(std::numeric_limits<int64_t>::min());
  }
  NodePtr value = number_of(inner, "-");
  const Type type = value->type;
  // The least bigint has no negative: that is left to the kernel, which reports it.
  const bool least = type.kind == Kind::int64 && value->op == Op::literal && !value->is_null_literal() &&
                     value->literal.i64[0] == std::numeric_limits<int64_t>::min();
  if (value->op == Op::literal && !value->is_null_literal() && !least) {
    market::Column column = value->literal;
    for (int64_t& each : column.i64) each = -each;
    for (Int128& each : column.i128) each = -each;
    for (double& each : column.f64) each = -each;
    return literal(std::move(column));
  }
  return call(negate_kernel, type, {std::move(value)}, type.kind != Kind::float64);
}

NodePtr Compiler::binary(const Syntax& at) {
  if (at.text == "and" || at.text == "or") {
    std::vector<NodePtr> args;
    for (const SyntaxPtr& child : at.children) args.push_back(condition(*child, at.text));
    return make(at.text == "and" ? Op::all_of : Op::any_of, kBoolean, std::move(args));
  }
  if (at.text == "||") {
    return call(concat_kernel, kText, {shown(*at.children[0], "||"), shown(*at.children[1], "||")});
  }
  if (at.text == "=" || at.text == "<>" || at.text == "<" || at.text == "<=" || at.text == ">" || at.text == ">=") {
    const Comparison how = at.text == "="    ? Comparison::eq
                           : at.text == "<>" ? Comparison::ne
                           : at.text == "<"  ? Comparison::lt
                           : at.text == "<=" ? Comparison::le
                           : at.text == ">"  ? Comparison::gt
                                             : Comparison::ge;
    return comparison(at, compile(*at.children[0]), compile(*at.children[1]), how);
  }
  return arithmetic(at);
}

void Compiler::make_comparable(const Syntax& at, NodePtr& a, NodePtr& b) {
  const bool a_null = a->is_null_literal();
  const bool b_null = b->is_null_literal();
  if (a_null) a = null_literal(b->type);
  if (b_null) b = null_literal(a->type);
  if (a_null || b_null) return;
  if (a->type.kind == Kind::json || b->type.kind == Kind::json) {
    refuse(at, "a JSON value has no type to compare by; write cast(... as text), as bigint, as price, ...");
  }
  if (is_textual(a->type) && is_textual(b->type)) return;
  if (is_exact(a->type) && is_exact(b->type)) {
    a = literal_as(a, b->type);
    b = literal_as(b, a->type);
    return;
  }
  if (is_number(a->type) && is_number(b->type)) {
    a = cast(std::move(a), kReal);
    b = cast(std::move(b), kReal);
    return;
  }
  std::string_view storage;
  if (a->type.kind == Kind::timestamp && literal_text(b, storage) != nullptr) {
    b = integer_literal(time(at, storage).ns, kTime);
  } else if (b->type.kind == Kind::timestamp && literal_text(a, storage) != nullptr) {
    a = integer_literal(time(at, storage).ns, kTime);
  }
  if (a->type == b->type && a->type.kind != Kind::bytes) return;
  refuse(at, fmt::format("a value of type {} cannot be compared with one of type {}; cast one of them",
                         market::to_string(a->type), market::to_string(b->type)));
}

NodePtr Compiler::comparison(const Syntax& at, NodePtr a, NodePtr b, Comparison how) {
  make_comparable(at, a, b);
  return call(compare_kernel, kBoolean, {std::move(a), std::move(b)}, false, static_cast<int64_t>(how));
}

NodePtr Compiler::between(const Syntax& at) {
  NodePtr value = compile(*at.children[0]);
  NodePtr low = compile(*at.children[1]);
  NodePtr high = compile(*at.children[2]);
  const bool real = low->type.kind == Kind::float64 || high->type.kind == Kind::float64;
  if (real && is_number(value->type)) value = cast(std::move(value), kReal);
  NodePtr above = value;
  NodePtr below = value;
  make_comparable(at, above, low);
  make_comparable(at, below, high);
  NodePtr made;
  if (above == below) {
    // One node, so that the value is computed once, however deep such expressions are nested.
    made = call(between_kernel, kBoolean, {std::move(above), std::move(low), std::move(high)});
  } else {
    made = make(Op::all_of, kBoolean,
                {comparison(at, std::move(above), std::move(low), Comparison::ge),
                 comparison(at, std::move(below), std::move(high), Comparison::le)});
  }
  return at.negated ? make(Op::negation, kBoolean, {std::move(made)}) : made;
}

NodePtr Compiler::in(const Syntax& at) {
  NodePtr value = compile(*at.children[0]);
  std::vector<NodePtr> items;
  bool real = false;
  for (size_t i = 1; i < at.children.size(); ++i) {
    items.push_back(compile(*at.children[i]));
    real = real || items.back()->type.kind == Kind::float64;
  }
  if (real && is_number(value->type)) value = cast(std::move(value), kReal);
  for (size_t i = 0; i < items.size(); ++i) {
    NodePtr left = value;
    make_comparable(*at.children[i + 1], left, items[i]);
    // A conversion of the value must hold for every item.
    if (left != value) {
      if (!value->is_null_literal() && left->type.kind != value->type.kind) {
        refuse(*at.children[i + 1], "the items of a list must all be of the type of the value before `in`");
      }
      if (value->is_null_literal()) value = left;
    }
  }
  std::vector<NodePtr> args{std::move(value)};
  args.insert(args.end(), items.begin(), items.end());
  NodePtr made = make(Op::in, kBoolean, std::move(args));
  return at.negated ? make(Op::negation, kBoolean, {std::move(made)}) : made;
}

NodePtr Compiler::arithmetic(const Syntax& at) {
  NodePtr a = number_of(*at.children[0], at.text);
  NodePtr b = number_of(*at.children[1], at.text);
  Kernel kernel = at.text == "+"   ? add_kernel
                  : at.text == "-" ? subtract_kernel
                  : at.text == "*" ? multiply_kernel
                  : at.text == "/" ? divide_kernel
                  : at.text == "%" ? modulo_kernel
                                   : whole_divide_kernel;
  const bool both_whole = a->type.kind == Kind::int64 && b->type.kind == Kind::int64;
  const bool real = a->type.kind == Kind::float64 || b->type.kind == Kind::float64;
  if (at.text == "div") {
    if (real) refuse(at, "div takes whole numbers and decimals; cast the double, or use / and floor");
    return call(kernel, kInteger, {std::move(a), std::move(b)}, true);
  }
  // As in Spark: a quotient of whole numbers is a double.
  if (real || (both_whole && at.text == "/")) {
    return call(kernel, kReal, {cast(std::move(a), kReal), cast(std::move(b), kReal)}, true);
  }
  if (both_whole) return call(kernel, kInteger, {std::move(a), std::move(b)}, true);
  const int widest = std::max(a->type.scale, b->type.scale);
  const int scale = at.text == "*"   ? a->type.scale + b->type.scale
                    : at.text == "/" ? std::max(widest, kQuotientDigitsMin)
                                     : widest;
  if (scale > kScaleMax) {
    refuse(at,
           fmt::format(
               "the exact result would have {} digits after the point, at most {} can be kept; cast a factor to fewer",
               scale, kScaleMax));
  }
  return call(kernel, {Kind::decimal128, static_cast<uint8_t>(scale)}, {std::move(a), std::move(b)}, true);
}

Type Compiler::unify(const Syntax& at, std::vector<NodePtr>& nodes, std::string_view who) {
  std::optional<Type> common;
  for (const NodePtr& node : nodes) {
    if (node->is_null_literal()) continue;
    const Type type = node->type;
    if (!common || *common == type) {
      common = type;
    } else if (is_number(*common) && is_number(type)) {
      if (common->kind == Kind::float64 || type.kind == Kind::float64) {
        common = kReal;
      } else {
        common = Type{Kind::decimal128, std::max(common->scale, type.scale)};
      }
    } else if ((is_textual(*common) || common->kind == Kind::json) && (is_textual(type) || type.kind == Kind::json)) {
      common = kText;
    } else {
      refuse(at, fmt::format("{} gives either {} or {}; cast one of them", who, market::to_string(*common),
                             market::to_string(type)));
    }
  }
  const Type type = common.value_or(kText);
  for (NodePtr& node : nodes) {
    node = literal_as(node, type);
    node = cast(std::move(node), type);
  }
  return type;
}

NodePtr Compiler::choice(const Syntax& at) {
  const size_t branches = at.children.size() / 2;
  std::vector<NodePtr> conditions;
  std::vector<NodePtr> values;
  for (size_t b = 0; b < branches; ++b) {
    conditions.push_back(condition(*at.children[2 * b], "when"));
    values.push_back(compile(*at.children[2 * b + 1]));
  }
  values.push_back(at.has_else ? compile(*at.children.back()) : null_literal(kText));
  return choose(at, std::move(conditions), std::move(values));
}

NodePtr Compiler::choose(const Syntax& at, std::vector<NodePtr> conditions, std::vector<NodePtr> values) {
  const Type type = unify(at, values, "case");
  std::vector<NodePtr> args;
  for (size_t b = 0; b < conditions.size(); ++b) {
    args.push_back(std::move(conditions[b]));
    args.push_back(std::move(values[b]));
  }
  args.push_back(std::move(values.back()));
  return make(Op::choice, type, std::move(args));
}
}  // namespace penstock::plan

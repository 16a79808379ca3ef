// Literals and names, and the way in.
#include "plan/compile.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>

#include "plan/compiler.h"
#include "plan/diagnostics.h"
#include "plan/nodes.h"

namespace penstock::plan {

using market::Kind;
using market::Type;
using Op = ExpressionNode::Op;

void refuse(const Syntax& at, std::string message) { throw CompileFailure{{at.offset, std::move(message)}}; }

Compiler::Compiler(const market::Schema& schema) : schema_(schema) {
  if (const auto value = schema.find("value"); value && schema.fields[*value].type.kind == Kind::json)
    json_column_ = value;
}

NodePtr Compiler::compile(const Syntax& at) {
  switch (at.kind) {
    case Syntax::Kind::integer: return number(at);
    case Syntax::Kind::decimal: return decimal(at);
    case Syntax::Kind::real: return real(at);
    case Syntax::Kind::text: return text_literal(at.text);
    case Syntax::Kind::boolean: {
      market::Column column{.type = kBoolean};
      column.u8.push_back(at.text == "true" ? 1 : 0);
      return literal(std::move(column));
    }
    case Syntax::Kind::null: return null_literal(kText);
    case Syntax::Kind::timestamp: return integer_literal(time(at, at.text).ns, kTime);
    case Syntax::Kind::name: return name(at);
    case Syntax::Kind::unary: return unary(at);
    case Syntax::Kind::binary: return binary(at);
    case Syntax::Kind::between: return between(at);
    case Syntax::Kind::in: return in(at);
    case Syntax::Kind::is_null:
      return make(at.negated ? Op::is_not_null : Op::is_null, kBoolean, {compile(*at.children[0])});
    case Syntax::Kind::like: {
      NodePtr made = call(like_kernel, kBoolean, {text(*at.children[0], "like"), text(*at.children[1], "like")});
      return at.negated ? make(Op::negation, kBoolean, {std::move(made)}) : made;
    }
    case Syntax::Kind::choice: return choice(at);
    case Syntax::Kind::cast: return explicit_cast(at);
    case Syntax::Kind::call: return function(at);
    case Syntax::Kind::extract: return extract(at);
  }
  refuse(at, "this is no expression");
}

NodePtr Compiler::number(const Syntax& at) {
  int64_t value = 0;
  const auto [end, failure] = std::from_chars(at.text.data(), at.text.data() + at.text.size(), value);
  if (failure == std::errc{}) return integer_literal(value);
  return decimal(at);
}

NodePtr Compiler::decimal(const Syntax& at) {
  const size_t point = at.text.find('.');
  std::string digits = at.text;
  size_t scale = point == std::string::npos ? 0 : at.text.size() - point - 1;
  for (; scale > 0 && digits.back() == '0'; --scale) digits.pop_back();
  Int128 units = 0;
  if (scale > kScaleMax || parse_wide_decimal(digits, static_cast<int>(scale), units) != market::DecimalError::ok) {
    refuse(at, fmt::format("the number {} has more than 38 digits", at.text));
  }
  market::Column column{.type = {Kind::decimal128, static_cast<uint8_t>(scale)}};
  column.i128.push_back(units);
  return literal(std::move(column));
}

NodePtr Compiler::real(const Syntax& at) {
  double value = 0;
  const auto [end, failure] = std::from_chars(at.text.data(), at.text.data() + at.text.size(), value);
  if (failure != std::errc{} || !std::isfinite(value))
    refuse(at, fmt::format("the number {} is out of range of double", at.text));
  market::Column column{.type = kReal};
  column.f64.push_back(value);
  return literal(std::move(column));
}

Timestamp Compiler::time(const Syntax& at, std::string_view text) {
  Timestamp value;
  if (const TimeError error = parse_rfc3339(text, value); error != TimeError::ok) {
    refuse(at, fmt::format("'{}' is {}", text, to_string(error)));
  }
  return value;
}

NodePtr Compiler::name(const Syntax& at) {
  const auto column = schema_.find(at.text);
  if (column) {
    const Type type = schema_.fields[*column].type;
    ExpressionNode node;
    node.column = *column;
    node.type = type;
    if (at.path.empty()) {
      node.op = Op::column;
      return finish(std::move(node));
    }
    if (type.kind == Kind::json) return json(*column, at.path);
    if (!json_column_)
      refuse(at, fmt::format("the column '{}' is of type {} and has no fields", at.text, market::to_string(type)));
  }
  if (json_column_) {
    JsonPath path{{.name = at.text}};
    path.insert(path.end(), at.path.begin(), at.path.end());
    return json(*json_column_, std::move(path));
  }
  std::vector<std::string> names;
  for (const market::Field& field : schema_.fields) names.push_back(field.name);
  refuse(at, fmt::format("there is no column '{}'{}; there are {}", at.text, suggestion(at.text, names),
                         list_names(names)));
}

NodePtr Compiler::json(size_t column, JsonPath path) {
  ExpressionNode node;
  node.op = Op::json;
  node.type = {Kind::json};
  node.column = column;
  node.path = std::move(path);
  return finish(std::move(node));
}
std::expected<Expression, ExpressionError> compile_expression(std::string_view text, const market::Schema& schema) {
  auto syntax = parse_expression(text);
  if (!syntax) return std::unexpected(std::move(syntax).error());
  try {
    Expression expression;
    expression.text = text;
    expression.root = Compiler(schema).compile(**syntax);
    expression.type = expression.root->type;
    return expression;
  } catch (const CompileFailure& failure) {
    return std::unexpected(failure.error);
  }
}

Expression with_type(Expression expression, market::Type type) {
  if (expression.type == type) return expression;
  const bool exact_number = expression.type.kind == Kind::int64 && type.kind == Kind::decimal;
  const NodePtr as_written = literal_as(expression.root, type);
  if (as_written != expression.root) {
    expression.root = as_written;
  } else if (loses_nothing(expression.type, type) || exact_number) {
    expression.root = cast(expression.root, type);
  } else {
    return expression;
  }
  expression.type = type;
  return expression;
}

}  // namespace penstock::plan

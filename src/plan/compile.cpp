// Looks up names, settles types and puts in the conversions: from Syntax to ExpressionNode.
#include "plan/compile.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/time.h"
#include "plan/diagnostics.h"
#include "plan/evaluation.h"
#include "plan/expression_node.h"
#include "plan/functions.h"
#include "plan/syntax.h"

namespace penstock::plan {

using market::Kind;
using market::Type;
using Op = ExpressionNode::Op;

namespace {

constexpr Type kBoolean{Kind::boolean};
constexpr Type kInteger{Kind::int64};
constexpr Type kReal{Kind::float64};
constexpr Type kText{Kind::text};
constexpr Type kTime{Kind::timestamp};
constexpr int kScaleMax = 38;
constexpr int kQuotientDigitsMin = 9;

bool is_textual(Type type) { return type.kind == Kind::symbol || type.kind == Kind::id || type.kind == Kind::text; }
bool is_exact(Type type) {
  return type.kind == Kind::int64 || type.kind == Kind::decimal || type.kind == Kind::decimal128;
}
bool is_number(Type type) { return is_exact(type) || type.kind == Kind::float64; }

struct Failure {
  ExpressionError error;
};

[[noreturn]] void refuse(const Syntax& at, std::string message) { throw Failure{{at.offset, std::move(message)}}; }

// The functions that the compiler types itself.
constexpr std::string_view kSpecial[] = {"concat",
                                         "coalesce",
                                         "ifnull",
                                         "nvl",
                                         "nullif",
                                         "if",
                                         "abs",
                                         "round",
                                         "floor",
                                         "ceil",
                                         "ceiling",
                                         "least",
                                         "greatest",
                                         "date_trunc",
                                         "time_bucket",
                                         "to_timestamp",
                                         "timestamp_seconds",
                                         "timestamp_millis",
                                         "timestamp_micros",
                                         "timestamp_nanos",
                                         "cast",
                                         "try_cast",
                                         "extract"};

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

NodePtr call(Kernel kernel, Type type, std::vector<NodePtr> args, bool can_fail = false, int64_t option = 0) {
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

NodePtr integer_literal(int64_t value, Type type = kInteger) {
  market::Column column{.type = type};
  column.i64.push_back(value);
  return literal(std::move(column));
}

bool loses_nothing(Type from, Type to) {
  if (from.kind == Kind::int64) return to.kind == Kind::decimal128 || to.kind == Kind::float64;
  if (is_textual(from) || from.kind == Kind::json) return is_textual(to);
  return false;
}

NodePtr cast(NodePtr from, Type to, bool tolerant = false, int digits = 0) {
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

// A number written in the text, as a number of `type` when it can be exactly: `price > 0` then compares integers.
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

// A literal text, or nothing.
const std::string_view* literal_text(const NodePtr& node, std::string_view& storage) {
  if (node->op != Op::literal || node->is_null_literal() || node->type.kind != Kind::text) return nullptr;
  storage = node->literal.text[0];
  return &storage;
}

class Compiler {
 public:
  explicit Compiler(const market::Schema& schema) : schema_(schema) {
    if (const auto value = schema.find("value"); value && schema.fields[*value].type.kind == Kind::json)
      json_column_ = value;
  }

  NodePtr compile(const Syntax& at) {
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

 private:
  static NodePtr number(const Syntax& at) {
    int64_t value = 0;
    const auto [end, failure] = std::from_chars(at.text.data(), at.text.data() + at.text.size(), value);
    if (failure == std::errc{}) return integer_literal(value);
    return decimal(at);
  }

  static NodePtr decimal(const Syntax& at) {
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

  static NodePtr real(const Syntax& at) {
    double value = 0;
    const auto [end, failure] = std::from_chars(at.text.data(), at.text.data() + at.text.size(), value);
    if (failure != std::errc{} || !std::isfinite(value))
      refuse(at, fmt::format("the number {} is out of range of double", at.text));
    market::Column column{.type = kReal};
    column.f64.push_back(value);
    return literal(std::move(column));
  }

  static Timestamp time(const Syntax& at, std::string_view text) {
    Timestamp value;
    if (const TimeError error = parse_rfc3339(text, value); error != TimeError::ok) {
      refuse(at, fmt::format("'{}' is {}", text, to_string(error)));
    }
    return value;
  }

  NodePtr name(const Syntax& at) {
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

  static NodePtr json(size_t column, JsonPath path) {
    ExpressionNode node;
    node.op = Op::json;
    node.type = {Kind::json};
    node.column = column;
    node.path = std::move(path);
    return finish(std::move(node));
  }

  // The value of `at` as text, where its type converts to text by itself.
  NodePtr text(const Syntax& at, std::string_view who) {
    NodePtr node = compile(at);
    if (node->is_null_literal()) return null_literal(kText);
    if (is_textual(node->type) || node->type.kind == Kind::json) return node;
    refuse(at, fmt::format("{} takes text, and this is of type {}; write cast(... as text)", who,
                           market::to_string(node->type)));
  }

  // Anything but bytes, as text.
  NodePtr shown(const Syntax& at, std::string_view who) {
    NodePtr node = compile(at);
    if (node->is_null_literal()) return null_literal(kText);
    if (is_textual(node->type) || node->type.kind == Kind::json) return node;
    if (!can_cast(node->type, kText)) {
      refuse(at, fmt::format("{} cannot take a value of type {}", who, market::to_string(node->type)));
    }
    return cast(std::move(node), kText);
  }

  NodePtr condition(const Syntax& at, std::string_view who) {
    NodePtr node = compile(at);
    if (node->is_null_literal()) return null_literal(kBoolean);
    if (node->type.kind != Kind::boolean) {
      refuse(at, fmt::format("{} takes true or false, and this is of type {}{}", who, market::to_string(node->type),
                             node->type.kind == Kind::json ? "; write cast(... as boolean)" : ""));
    }
    return node;
  }

  NodePtr number_of(const Syntax& at, std::string_view who) {
    NodePtr node = compile(at);
    if (node->is_null_literal()) return null_literal(kInteger);
    if (!is_number(node->type)) {
      const std::string_view hint =
          node->type.kind == Kind::json || is_textual(node->type)
              ? "; write cast(... as price), as size, as bigint, as decimal(18, 4) or as double"
          : node->type.kind == Kind::timestamp ? "; epoch_ns(...) gives its nanoseconds"
                                               : "";
      refuse(at, fmt::format("{} takes numbers, and this is of type {}{}", who, market::to_string(node->type), hint));
    }
    return node;
  }

  NodePtr integer_of(const Syntax& at, std::string_view who) {
    NodePtr node = number_of(at, who);
    if (node->type.kind != Kind::int64) {
      refuse(at, fmt::format("{} takes a whole number here, and this is of type {}; write cast(... as bigint)", who,
                             market::to_string(node->type)));
    }
    return node;
  }

  NodePtr time_of(const Syntax& at, std::string_view who) {
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

  NodePtr unary(const Syntax& at) {
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

  NodePtr binary(const Syntax& at) {
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

  // Brings both to types that compare() takes.
  static void make_comparable(const Syntax& at, NodePtr& a, NodePtr& b) {
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

  static NodePtr comparison(const Syntax& at, NodePtr a, NodePtr b, Comparison how) {
    make_comparable(at, a, b);
    return call(compare_kernel, kBoolean, {std::move(a), std::move(b)}, false, static_cast<int64_t>(how));
  }

  NodePtr between(const Syntax& at) {
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

  NodePtr in(const Syntax& at) {
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

  NodePtr arithmetic(const Syntax& at) {
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
      refuse(
          at,
          fmt::format(
              "the exact result would have {} digits after the point, at most {} can be kept; cast a factor to fewer",
              scale, kScaleMax));
    }
    return call(kernel, {Kind::decimal128, static_cast<uint8_t>(scale)}, {std::move(a), std::move(b)}, true);
  }

  // The one type that all of `nodes` become: the branches of a case, the arguments of coalesce.
  static Type unify(const Syntax& at, std::vector<NodePtr>& nodes, std::string_view who) {
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

  NodePtr choice(const Syntax& at) {
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

  static NodePtr choose(const Syntax& at, std::vector<NodePtr> conditions, std::vector<NodePtr> values) {
    const Type type = unify(at, values, "case");
    std::vector<NodePtr> args;
    for (size_t b = 0; b < conditions.size(); ++b) {
      args.push_back(std::move(conditions[b]));
      args.push_back(std::move(values[b]));
    }
    args.push_back(std::move(values.back()));
    return make(Op::choice, type, std::move(args));
  }

  NodePtr explicit_cast(const Syntax& at) {
    NodePtr value = compile(*at.children[0]);
    int digits = 0;
    const Type to = type_named(at, digits);
    if (value->is_null_literal()) return null_literal(to);
    if (!can_cast(value->type, to)) {
      std::string hint;
      if (to.kind == Kind::timestamp)
        hint = "; use to_timestamp, timestamp_millis, timestamp_micros or timestamp_nanos";
      if (value->type.kind == Kind::timestamp) hint = "; use epoch_ms or epoch_ns";
      refuse(at, fmt::format("a value of type {} cannot be cast to {}{}", market::to_string(value->type),
                             market::to_string(to), hint));
    }
    return cast(std::move(value), to, at.tolerant, digits);
  }

  static Type type_named(const Syntax& at, int& digits) {
    const std::string& name = at.text;
    if (name == "decimal" || name == "numeric") {
      if (at.numbers.size() == 1 && at.numbers[0] <= 18) return {Kind::decimal, static_cast<uint8_t>(at.numbers[0])};
      if (at.numbers.size() == 2 && at.numbers[0] >= 1 && at.numbers[0] <= kScaleMax &&
          at.numbers[1] <= at.numbers[0]) {
        digits = at.numbers[0];
        return {digits <= 18 ? Kind::decimal : Kind::decimal128, static_cast<uint8_t>(at.numbers[1])};
      }
      refuse(at,
             "write decimal(p, s): p digits in all (at most 38), s of them after the point; or decimal(s) with s at "
             "most 18");
    }
    if (!at.numbers.empty()) refuse(at, fmt::format("the type {} takes no numbers", name));
    if (name == "bigint" || name == "long" || name == "int" || name == "integer") return kInteger;
    if (name == "double") return kReal;
    if (name == "price") return market::kPriceType;
    if (name == "size") return market::kSizeType;
    if (name == "text" || name == "string" || name == "varchar") return kText;
    if (name == "boolean") return kBoolean;
    if (name == "timestamp") return kTime;
    const std::vector<std::string> known{"bigint", "double", "decimal", "price",    "size",
                                         "text",   "string", "boolean", "timestamp"};
    refuse(at, fmt::format("there is no type '{}'{}; there are {}", name, suggestion(name, known), list_names(known)));
  }

  static void need_arguments(const Syntax& at, size_t least, size_t most) {
    const size_t count = at.children.size();
    if (count >= least && count <= most) return;
    const std::string wanted = least == most ? fmt::format("{}", least)
                               : most > 100  ? fmt::format("at least {}", least)
                                             : fmt::format("{} to {}", least, most);
    refuse(at, fmt::format("{} takes {} argument{}, and here are {}", at.text, wanted,
                           least == 1 && most == 1 ? "" : "s", count));
  }

  NodePtr function(const Syntax& at) {
    const std::string& name = at.text;
    if (name == "to_timestamp") return to_timestamp(at);
    if (const Function* known = find_function(name)) {
      need_arguments(at, known->least, known->most);
      std::vector<NodePtr> args;
      for (size_t i = 0; i < at.children.size(); ++i) {
        const Syntax& child = *at.children[i];
        switch (known->args[std::min(i, known->args.size() - 1)]) {
          case 't': args.push_back(text(child, name)); break;
          case 's': args.push_back(shown(child, name)); break;
          case 'i': args.push_back(integer_of(child, name)); break;
          default: args.push_back(time_of(child, name));
        }
      }
      return call(known->kernel, known->type, std::move(args), known->can_fail);
    }
    if (name == "concat") {
      need_arguments(at, 1, 1'000);
      std::vector<NodePtr> args;
      for (const SyntaxPtr& child : at.children) args.push_back(shown(*child, name));
      return call(concat_kernel, kText, std::move(args));
    }
    if (name == "coalesce" || name == "ifnull" || name == "nvl") {
      need_arguments(at, name == "coalesce" ? 1 : 2, name == "coalesce" ? 1'000 : 2);
      std::vector<NodePtr> args = all(at);
      const Type type = unify(at, args, name);
      return make(Op::coalesce, type, std::move(args));
    }
    if (name == "nullif") {
      need_arguments(at, 2, 2);
      NodePtr a = compile(*at.children[0]);
      NodePtr b = compile(*at.children[1]);
      if (a->type.kind == Kind::json) a = cast(std::move(a), kText);
      if (b->type.kind == Kind::json) b = cast(std::move(b), kText);
      make_comparable(at, a, b);
      const Type type = a->type;
      return call(nullif_kernel, type, {std::move(a), std::move(b)});
    }
    if (name == "if") {
      need_arguments(at, 3, 3);
      return choose(at, {condition(*at.children[0], name)}, {compile(*at.children[1]), compile(*at.children[2])});
    }
    if (name == "abs") {
      need_arguments(at, 1, 1);
      NodePtr value = number_of(*at.children[0], name);
      const Type type = value->type;
      return call(abs_kernel, type, {std::move(value)}, type.kind != Kind::float64);
    }
    if (name == "floor" || name == "ceil" || name == "ceiling") {
      need_arguments(at, 1, 1);
      return call(name == "floor" ? floor_kernel : ceil_kernel, kInteger, {number_of(*at.children[0], name)}, true);
    }
    if (name == "round") return round(at);
    if (name == "least" || name == "greatest") {
      need_arguments(at, 2, 1'000);
      std::vector<NodePtr> args = all(at);
      for (size_t i = 0; i < args.size(); ++i) {
        if (args[i]->type.kind == Kind::json)
          refuse(*at.children[i], name + " cannot order JSON values; write cast(...)");
      }
      const Type type = unify(at, args, name);
      return call(name == "least" ? least_kernel : greatest_kernel, type, std::move(args));
    }
    if (name == "date_trunc") {
      need_arguments(at, 2, 2);
      return call(date_trunc_kernel, kTime, {time_of(*at.children[1], name)}, false,
                  static_cast<int64_t>(time_field(*at.children[0], name)));
    }
    if (name == "time_bucket") {
      need_arguments(at, 2, 2);
      const Syntax& length = *at.children[0];
      const auto parsed = length.kind == Syntax::Kind::text ? parse_duration(length.text)
                                                            : Result<Duration>(fail(ErrorKind::invalid, ""));
      if (!parsed || parsed->ns == 0) refuse(length, "time_bucket takes a length such as '5m' first, then a timestamp");
      return call(time_bucket_kernel, kTime, {time_of(*at.children[1], name)}, false, parsed->ns);
    }
    for (const auto& [epoch, unit] :
         {std::pair{"timestamp_seconds", TimeUnit::s}, std::pair{"timestamp_millis", TimeUnit::ms},
          std::pair{"timestamp_micros", TimeUnit::us}, std::pair{"timestamp_nanos", TimeUnit::ns}}) {
      if (name != epoch) continue;
      need_arguments(at, 1, 1);
      return call(from_epoch_kernel, kTime, {integer_of(*at.children[0], name)}, true, static_cast<int64_t>(unit));
    }
    refuse(at, fmt::format("there is no function '{}'{}", name, suggestion(name, function_names())));
  }

  // A text is read as a time or as an epoch number; a whole number as an epoch number, its unit told by its size.
  NodePtr to_timestamp(const Syntax& at) {
    need_arguments(at, 1, 1);
    NodePtr value = compile(*at.children[0]);
    if (value->is_null_literal()) return null_literal(kTime);
    if (value->type.kind == Kind::timestamp) return value;
    if (value->type.kind == Kind::int64) {
      return call(from_epoch_kernel, kTime, {std::move(value)}, true, static_cast<int64_t>(TimeUnit::detect));
    }
    if (is_textual(value->type) || value->type.kind == Kind::json) {
      return call(find_function("to_timestamp")->kernel, kTime, {std::move(value)}, true);
    }
    refuse(at, fmt::format("to_timestamp takes a text or a whole number, and this is of type {}",
                           market::to_string(value->type)));
  }

  NodePtr round(const Syntax& at) {
    need_arguments(at, 1, 2);
    NodePtr value = number_of(*at.children[0], "round");
    int digits = 0;
    if (at.children.size() == 2) {
      const Syntax& stated = *at.children[1];
      const auto [end, failure] = std::from_chars(stated.text.data(), stated.text.data() + stated.text.size(), digits);
      if (stated.kind != Syntax::Kind::integer || failure != std::errc{} || digits > kScaleMax) {
        refuse(stated, "round takes a written number of digits from 0 to 38");
      }
    }
    Type type = value->type;
    if (type.kind == Kind::int64) return value;
    if (type.kind != Kind::float64) type.scale = static_cast<uint8_t>(std::min<int>(type.scale, digits));
    return call(round_kernel, type, {std::move(value)}, true, digits);
  }

  static TimeField time_field(const Syntax& at, std::string_view who) {
    std::string name = at.text;
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const auto field = parse_time_field(name);
    if ((at.kind != Syntax::Kind::text && at.kind != Syntax::Kind::extract) || !field) {
      const std::vector<std::string> known{"year", "quarter", "month",  "week",   "day",         "dow",
                                           "doy",  "hour",    "minute", "second", "millisecond", "microsecond"};
      refuse(at, fmt::format("{} takes a unit such as {}{}; there are {}", who,
                             who == "extract" ? "minute" : "'minute'", suggestion(name, known), list_names(known)));
    }
    if (who == "date_trunc" && (*field == TimeField::weekday || *field == TimeField::day_of_year)) {
      refuse(at, fmt::format("date_trunc cannot cut to '{}'", name));
    }
    return *field;
  }

  NodePtr extract(const Syntax& at) {
    const TimeField field = time_field(at, "extract");
    const Type type = field == TimeField::second ? Type{Kind::decimal, 9} : kInteger;
    return call(extract_kernel, type, {time_of(*at.children[0], "extract")}, false, static_cast<int64_t>(field));
  }

  std::vector<NodePtr> all(const Syntax& at) {
    std::vector<NodePtr> args;
    for (const SyntaxPtr& child : at.children) args.push_back(compile(*child));
    return args;
  }

  const market::Schema& schema_;
  std::optional<size_t> json_column_;
};

}  // namespace

const Function* find_function(std::string_view name) {
  for (const std::span<const Function> group : {text_functions(), time_functions()}) {
    for (const Function& function : group) {
      if (function.name == name) return &function;
    }
  }
  return nullptr;
}

const std::vector<std::string>& function_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all(std::begin(kSpecial), std::end(kSpecial));
    for (const std::span<const Function> group : {text_functions(), time_functions()}) {
      for (const Function& function : group) all.emplace_back(function.name);
    }
    return all;
  }();
  return names;
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
  } catch (const Failure& failure) {
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

// Casts that a user writes.
#include <fmt/core.h>

#include "plan/compiler.h"
#include "plan/diagnostics.h"
#include "plan/nodes.h"

namespace penstock::plan {

using market::Kind;
using market::Type;
using Op = ExpressionNode::Op;

NodePtr Compiler::explicit_cast(const Syntax& at) {
  NodePtr value = compile(*at.children[0]);
  int digits = 0;
  const Type to = type_named(at, digits);
  if (value->is_null_literal()) return null_literal(to);
  if (!can_cast(value->type, to)) {
    std::string hint;
    if (to.kind == Kind::timestamp) hint = "; use to_timestamp, timestamp_millis, timestamp_micros or timestamp_nanos";
    if (value->type.kind == Kind::timestamp) hint = "; use epoch_ms or epoch_ns";
    refuse(at, fmt::format("a value of type {} cannot be cast to {}{}", market::to_string(value->type),
                           market::to_string(to), hint));
  }
  return cast(std::move(value), to, at.tolerant, digits);
}

Type Compiler::type_named(const Syntax& at, int& digits) {
  const std::string& name = at.text;
  if (name == "decimal" || name == "numeric") {
    if (at.numbers.size() == 1 && at.numbers[0] <= 18) return {Kind::decimal, static_cast<uint8_t>(at.numbers[0])};
    if (at.numbers.size() == 2 && at.numbers[0] >= 1 && at.numbers[0] <= kScaleMax && at.numbers[1] <= at.numbers[0]) {
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
}  // namespace penstock::plan

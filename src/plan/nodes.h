// Makes the nodes of expressions: what a node says of itself (constant, can fail) follows from its arguments.
#pragma once

#include <string_view>
#include <vector>

#include "market/batch.h"
#include "plan/expression_node.h"
#include "plan/functions.h"

namespace penstock::plan {

inline constexpr market::Type kBoolean{market::Kind::boolean};
inline constexpr market::Type kInteger{market::Kind::int64};
inline constexpr market::Type kReal{market::Kind::float64};
inline constexpr market::Type kText{market::Kind::text};
inline constexpr market::Type kTime{market::Kind::timestamp};

[[nodiscard]] inline bool is_textual(market::Type type) {
  return type.kind == market::Kind::symbol || type.kind == market::Kind::id || type.kind == market::Kind::text;
}
[[nodiscard]] inline bool is_exact(market::Type type) {
  return type.kind == market::Kind::int64 || type.kind == market::Kind::decimal ||
         type.kind == market::Kind::decimal128;
}
[[nodiscard]] inline bool is_number(market::Type type) { return is_exact(type) || type.kind == market::Kind::float64; }

[[nodiscard]] NodePtr finish(ExpressionNode node);
[[nodiscard]] NodePtr make(ExpressionNode::Op op, market::Type type, std::vector<NodePtr> args);
[[nodiscard]] NodePtr call(Kernel kernel, market::Type type, std::vector<NodePtr> args, bool can_fail = false,
                           int64_t option = 0);
[[nodiscard]] NodePtr literal(market::Column column);
[[nodiscard]] NodePtr null_literal(market::Type type);
[[nodiscard]] NodePtr text_literal(std::string_view text);
[[nodiscard]] NodePtr integer_literal(int64_t value, market::Type type = kInteger);

[[nodiscard]] bool loses_nothing(market::Type from, market::Type to);
[[nodiscard]] NodePtr cast(NodePtr from, market::Type to, bool tolerant = false, int digits = 0);
// A number written in the text, as a number of `type` when it can be exactly: `price > 0` then compares integers.
[[nodiscard]] NodePtr literal_as(const NodePtr& node, market::Type type);
// A literal text, or nothing.
[[nodiscard]] const std::string_view* literal_text(const NodePtr& node, std::string_view& storage);

}  // namespace penstock::plan

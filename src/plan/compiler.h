// Looks up names, settles types and puts in the conversions: from Syntax to ExpressionNode. Behind plan/compile.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "market/batch.h"
#include "plan/compile.h"
#include "plan/evaluation.h"
#include "plan/expression_node.h"
#include "plan/functions.h"
#include "plan/syntax.h"

namespace penstock::plan {

inline constexpr int kScaleMax = 38;

// Thrown where an expression cannot be compiled, and caught by compile_expression.
struct CompileFailure {
  ExpressionError error;
};
[[noreturn]] void refuse(const Syntax& at, std::string message);

// Of one expression; one thread.
class Compiler {
 public:
  // Borrows `schema`.
  explicit Compiler(const market::Schema& schema);
  [[nodiscard]] NodePtr compile(const Syntax& at);

 private:
  using Type = market::Type;

  // compile.cpp: literals and names
  [[nodiscard]] static NodePtr number(const Syntax& at);
  [[nodiscard]] static NodePtr decimal(const Syntax& at);
  [[nodiscard]] static NodePtr real(const Syntax& at);
  [[nodiscard]] static Timestamp time(const Syntax& at, std::string_view text);
  [[nodiscard]] NodePtr name(const Syntax& at);
  [[nodiscard]] static NodePtr json(size_t column, JsonPath path);

  // compile_operators.cpp: operands of a wanted type, operators, choices
  // The value of `at` as text, where its type converts to text by itself.
  [[nodiscard]] NodePtr text(const Syntax& at, std::string_view who);
  // Anything but bytes, as text.
  [[nodiscard]] NodePtr shown(const Syntax& at, std::string_view who);
  [[nodiscard]] NodePtr condition(const Syntax& at, std::string_view who);
  [[nodiscard]] NodePtr number_of(const Syntax& at, std::string_view who);
  [[nodiscard]] NodePtr integer_of(const Syntax& at, std::string_view who);
  [[nodiscard]] NodePtr time_of(const Syntax& at, std::string_view who);
  [[nodiscard]] NodePtr unary(const Syntax& at);
  [[nodiscard]] NodePtr binary(const Syntax& at);
  // Brings both to types that compare() takes.
  static void make_comparable(const Syntax& at, NodePtr& a, NodePtr& b);
  [[nodiscard]] static NodePtr comparison(const Syntax& at, NodePtr a, NodePtr b, Comparison how);
  [[nodiscard]] NodePtr between(const Syntax& at);
  [[nodiscard]] NodePtr in(const Syntax& at);
  [[nodiscard]] NodePtr arithmetic(const Syntax& at);
  // The one type that all of `nodes` become: the branches of a case, the arguments of coalesce.
  [[nodiscard]] static Type unify(const Syntax& at, std::vector<NodePtr>& nodes, std::string_view who);
  [[nodiscard]] NodePtr choice(const Syntax& at);
  [[nodiscard]] static NodePtr choose(const Syntax& at, std::vector<NodePtr> conditions, std::vector<NodePtr> values);

  // compile_casts.cpp
  [[nodiscard]] NodePtr explicit_cast(const Syntax& at);
  [[nodiscard]] static Type type_named(const Syntax& at, int& digits);

  // compile_functions.cpp
  static void need_arguments(const Syntax& at, size_t least, size_t most);
  [[nodiscard]] NodePtr function(const Syntax& at);
  // A text is read as a time or as an epoch number; a whole number as an epoch number, its unit told by its size.
  [[nodiscard]] NodePtr to_timestamp(const Syntax& at);
  [[nodiscard]] NodePtr round(const Syntax& at);
  [[nodiscard]] static TimeField time_field(const Syntax& at, std::string_view who);
  [[nodiscard]] NodePtr extract(const Syntax& at);
  [[nodiscard]] std::vector<NodePtr> all(const Syntax& at);

  const market::Schema& schema_;
  std::optional<size_t> json_column_;
};

}  // namespace penstock::plan

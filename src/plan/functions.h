// The kernels behind the language's operators and functions, and the table of those that need nothing special from
// the compiler. Names and behaviour follow Spark SQL where it has the function.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/evaluation.h"

namespace penstock::plan {

// A function with fixed types. `args` has a letter an argument: `t` text, `s` anything as text, `i` bigint, `j` JSON or
// text, `T` timestamp; the last one repeats up to `most`.
struct Function {
  std::string_view name;
  std::string_view args;
  size_t least;
  size_t most;
  market::Type type;
  Kernel kernel;
  bool can_fail = false;
};
[[nodiscard]] const Function* find_function(std::string_view name);
// Every function's name, also of those that the compiler handles itself.
[[nodiscard]] const std::vector<std::string>& function_names();

// functions_number.cpp. The arguments are both bigint, both double, or any of bigint and decimal.
[[nodiscard]] market::Column add_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column subtract_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column multiply_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column divide_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column modulo_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column whole_divide_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column negate_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column abs_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
// To option digits after the point, half away from zero.
[[nodiscard]] market::Column round_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column floor_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column ceil_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
// Of arguments of one type; nulls are passed over.
[[nodiscard]] market::Column least_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column greatest_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
// option: a Comparison.
[[nodiscard]] market::Column compare_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
// args[0] >= args[1] and args[0] <= args[2], three-valued.
[[nodiscard]] market::Column between_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
// null where both are equal, else the first.
[[nodiscard]] market::Column nullif_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);

// functions_text.cpp
[[nodiscard]] market::Column concat_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column like_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] std::span<const Function> text_functions();

// functions_time.cpp
enum class TimeField : uint8_t {
  year,
  quarter,
  month,
  week,
  day,
  weekday,
  day_of_year,
  hour,
  minute,
  second,
  millisecond,
  microsecond
};
[[nodiscard]] std::optional<TimeField> parse_time_field(std::string_view text);
// option: a TimeField.
[[nodiscard]] market::Column date_trunc_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] market::Column extract_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
// option: ns.
[[nodiscard]] market::Column time_bucket_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
// Of a number: option is its TimeUnit.
[[nodiscard]] market::Column from_epoch_kernel(Evaluation&, const ExpressionNode&, std::span<const Value>, size_t);
[[nodiscard]] std::span<const Function> time_functions();

}  // namespace penstock::plan

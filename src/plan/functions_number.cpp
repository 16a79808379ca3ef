// Arithmetic. Decimals are exact: a sum keeps the finer scale, a product the sum of the scales; a quotient has the
// finer scale but at least 9 digits, rounded half away from zero. What overflows is the row's error; x / 0 is null.
#include <fmt/core.h>

#include <cmath>
#include <limits>

#include "plan/functions.h"

namespace penstock::plan {

using market::Column;
using market::Kind;

namespace {

enum class Outcome : uint8_t { ok, null, overflow };

// Calls `body` with the rows of a bigint or decimal as a function of the row, its type known to the compiler.
template <typename Body>
void with_units(const Value& value, Body body) {
  const Column& column = value.column();
  if (column.type.kind == Kind::decimal128) {
    if (value.constant) {
      body([unit = column.i128[0]](size_t) { return unit; });
    } else {
      body([data = column.i128.data()](size_t r) { return data[r]; });
    }
  } else {
    if (value.constant) {
      body([unit = Int128{column.i64[0]}](size_t) { return unit; });
    } else {
      body([data = column.i64.data()](size_t r) { return Int128{data[r]}; });
    }
  }
}

// `whole(a, b, out)` on int64, `decimal(a, b, out)` on decimals brought to what the operator needs, `real(a, b)`.
template <typename Whole, typename Decimal, typename Real>
Column arithmetic(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows,
                  std::string_view name, Whole whole, Decimal decimal, Real real) {
  Column out = make_column(node.type, strict_validity(args, rows));
  if (out.all_null) return out;
  const auto settle = [&](size_t r, Outcome outcome) {
    if (outcome == Outcome::ok) return;
    if (outcome == Outcome::overflow && !out.is_null(r)) {
      evaluation.fail_row(r, rows,
                          fmt::format("{}: the result is out of range of {}", name, market::to_string(node.type)));
    }
    set_null(out, r, rows);
  };
  const Value& a = args[0];
  const Value& b = args[1];
  if (a.kind() == Kind::float64) {
    out.f64.resize(rows);
    for (size_t r = 0; r < rows; ++r) {
      const Outcome outcome = real(a.column().f64[a.row(r)], b.column().f64[b.row(r)], out.f64[r]);
      if (outcome != Outcome::ok) settle(r, outcome);
    }
  } else if (a.kind() == Kind::int64 && b.kind() == Kind::int64) {
    out.i64.resize(rows);
    for (size_t r = 0; r < rows; ++r) {
      const Outcome outcome = whole(a.column().i64[a.row(r)], b.column().i64[b.row(r)], out.i64[r]);
      if (outcome != Outcome::ok) settle(r, outcome);
    }
  } else {
    const bool narrow = node.type.kind == Kind::int64;
    if (narrow) {
      out.i64.resize(rows);
    } else {
      out.i128.resize(rows);
    }
    const int a_scale = a.column().type.scale;
    const int b_scale = b.column().type.scale;
    with_units(a, [&](auto left) {
      with_units(b, [&](auto right) {
        for (size_t r = 0; r < rows; ++r) {
          Int128 result = 0;
          Outcome outcome = decimal(left(r), a_scale, right(r), b_scale, result);
          if (outcome == Outcome::ok && narrow &&
              (result < std::numeric_limits<int64_t>::min() || result > std::numeric_limits<int64_t>::max())) {
            outcome = Outcome::overflow;
          }
          if (outcome != Outcome::ok) {
            settle(r, outcome);
          } else if (narrow) {
            out.i64[r] = static_cast<int64_t>(result);
          } else {
            out.i128[r] = result;
          }
        }
      });
    });
  }
  return out;
}

Outcome real_result(double value, double& out) {
  out = value;
  return std::isfinite(value) ? Outcome::ok : Outcome::overflow;
}

// Both sides at the finer scale.
bool align(Int128& a, int a_scale, Int128& b, int b_scale) {
  if (a_scale < b_scale) return rescale(a, b_scale - a_scale, a);
  return a_scale == b_scale || rescale(b, a_scale - b_scale, b);
}

Column extreme(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows,
               Comparison how) {
  // The best so far, replaced row by row where the next argument is better.
  Value best;
  best.borrowed = &args[0].column();
  best.constant = args[0].constant;
  for (const Value& next : args.subspan(1)) {
    const size_t compared = best.constant && next.constant ? 1 : rows;
    const Column better = compare(evaluation, next, best, how, compared);
    auto merged = std::make_unique<Column>(Column{.type = node.type});
    for (size_t r = 0; r < compared; ++r) {
      const bool take = best.is_null(r) || (!better.is_null(r) && better.u8[r] != 0);
      append_from(*merged, r, take ? next : best, r);
    }
    best.constant = compared == 1 && best.constant && next.constant;
    best.owned = std::move(merged);
  }
  if (best.owned) return std::move(*best.owned);
  Column out{.type = node.type};
  for (size_t r = 0; r < rows; ++r) append_from(out, r, best, r);
  return out;
}

// One argument: `real` on doubles, `units(value, scale, out)` on the others.
template <typename Units, typename Real>
Column unary(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows,
             std::string_view name, Units units, Real real) {
  Column out = make_column(node.type, strict_validity(args.first(1), rows));
  if (out.all_null) return out;
  const Value& a = args[0];
  const auto overflow = [&](size_t r) {
    if (!out.is_null(r)) {
      evaluation.fail_row(r, rows,
                          fmt::format("{}: the result is out of range of {}", name, market::to_string(node.type)));
    }
    set_null(out, r, rows);
  };
  const bool narrow = node.type.kind == Kind::int64 || node.type.kind == Kind::decimal;
  if (node.type.kind == Kind::float64) {
    out.f64.resize(rows);
    for (size_t r = 0; r < rows; ++r) out.f64[r] = real(a.column().f64[a.row(r)]);
    return out;
  }
  if (narrow) {
    out.i64.resize(rows);
  } else {
    out.i128.resize(rows);
  }
  if (a.kind() == Kind::float64) {
    for (size_t r = 0; r < rows; ++r) {
      const double value = real(a.column().f64[a.row(r)]);
      if (value >= -0x1p63 && value < 0x1p63) {
        out.i64[r] = static_cast<int64_t>(value);
      } else {
        overflow(r);
      }
    }
    return out;
  }
  const int scale = a.column().type.scale;
  for (size_t r = 0; r < rows; ++r) {
    Int128 result = 0;
    const bool right = units(units_at(a, r), scale, result);
    const bool fits =
        narrow ? result >= std::numeric_limits<int64_t>::min() && result <= std::numeric_limits<int64_t>::max()
               : fits_decimal(result);
    if (!right || !fits) {
      overflow(r);
    } else if (narrow) {
      out.i64[r] = static_cast<int64_t>(result);
    } else {
      out.i128[r] = result;
    }
  }
  return out;
}

}  // namespace

Column add_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return arithmetic(
      evaluation, node, args, rows, "+",
      [](int64_t a, int64_t b, int64_t& out) {
        return __builtin_add_overflow(a, b, &out) ? Outcome::overflow : Outcome::ok;
      },
      [](Int128 a, int a_scale, Int128 b, int b_scale, Int128& out) {
        if (!align(a, a_scale, b, b_scale)) return Outcome::overflow;
        return __builtin_add_overflow(a, b, &out) || !fits_decimal(out) ? Outcome::overflow : Outcome::ok;
      },
      [](double a, double b, double& out) { return real_result(a + b, out); });
}

Column subtract_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return arithmetic(
      evaluation, node, args, rows, "-",
      [](int64_t a, int64_t b, int64_t& out) {
        return __builtin_sub_overflow(a, b, &out) ? Outcome::overflow : Outcome::ok;
      },
      [](Int128 a, int a_scale, Int128 b, int b_scale, Int128& out) {
        if (!align(a, a_scale, b, b_scale)) return Outcome::overflow;
        return __builtin_sub_overflow(a, b, &out) || !fits_decimal(out) ? Outcome::overflow : Outcome::ok;
      },
      [](double a, double b, double& out) { return real_result(a - b, out); });
}

Column multiply_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return arithmetic(
      evaluation, node, args, rows, "*",
      [](int64_t a, int64_t b, int64_t& out) {
        return __builtin_mul_overflow(a, b, &out) ? Outcome::overflow : Outcome::ok;
      },
      [](Int128 a, int, Int128 b, int, Int128& out) {
        return __builtin_mul_overflow(a, b, &out) || !fits_decimal(out) ? Outcome::overflow : Outcome::ok;
      },
      [](double a, double b, double& out) { return real_result(a * b, out); });
}

Column divide_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  const int scale = node.type.scale;
  return arithmetic(
      evaluation, node, args, rows, "/", [](int64_t, int64_t, int64_t&) { return Outcome::null; },
      [scale](Int128 a, int a_scale, Int128 b, int b_scale, Int128& out) {
        if (b == 0) return Outcome::null;
        // a / b at `scale`: the dividend is scaled so that the quotient comes out with its digits.
        const int shift = scale - a_scale + b_scale;
        if (!rescale(a, shift, a)) return Outcome::overflow;
        const Int128 rest = a % b;
        out = a / b;
        const Int128 rest_magnitude = rest < 0 ? -rest : rest;
        const Int128 divisor_magnitude = b < 0 ? -b : b;
        if (rest_magnitude >= divisor_magnitude - rest_magnitude) out += (a < 0) != (b < 0) ? -1 : 1;
        return fits_decimal(out) ? Outcome::ok : Outcome::overflow;
      },
      [](double a, double b, double& out) { return b == 0 ? Outcome::null : real_result(a / b, out); });
}

Column modulo_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return arithmetic(
      evaluation, node, args, rows, "%",
      [](int64_t a, int64_t b, int64_t& out) {
        if (b == 0) return Outcome::null;
        out = b == -1 ? 0 : a % b;
        return Outcome::ok;
      },
      [](Int128 a, int a_scale, Int128 b, int b_scale, Int128& out) {
        if (b == 0) return Outcome::null;
        if (!align(a, a_scale, b, b_scale)) return Outcome::overflow;
        out = a % b;
        return Outcome::ok;
      },
      [](double a, double b, double& out) { return b == 0 ? Outcome::null : real_result(std::fmod(a, b), out); });
}

Column whole_divide_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args,
                           size_t rows) {
  return arithmetic(
      evaluation, node, args, rows, "div",
      [](int64_t a, int64_t b, int64_t& out) {
        if (b == 0) return Outcome::null;
        if (b == -1) return __builtin_sub_overflow(int64_t{0}, a, &out) ? Outcome::overflow : Outcome::ok;
        out = a / b;
        return Outcome::ok;
      },
      [](Int128 a, int a_scale, Int128 b, int b_scale, Int128& out) {
        if (b == 0) return Outcome::null;
        if (!align(a, a_scale, b, b_scale)) return Outcome::overflow;
        out = a / b;
        return Outcome::ok;
      },
      [](double, double, double&) { return Outcome::null; });
}

Column negate_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return unary(
      evaluation, node, args, rows, "-",
      [](Int128 value, int, Int128& out) {
        out = -value;
        return true;
      },
      [](double value) { return -value; });
}

Column abs_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return unary(
      evaluation, node, args, rows, "abs",
      [](Int128 value, int, Int128& out) {
        out = value < 0 ? -value : value;
        return true;
      },
      [](double value) { return std::fabs(value); });
}

Column round_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  const int digits = static_cast<int>(node.option);
  const double factor = std::pow(10.0, digits);
  return unary(
      evaluation, node, args, rows, "round",
      [digits](Int128 value, int scale, Int128& out) {
        if (digits >= scale) {
          out = value;
          return true;
        }
        return rescale(value, digits - scale, out);
      },
      [factor](double value) {
        const double scaled = value * factor;
        return std::isfinite(scaled) ? std::round(scaled) / factor : value;
      });
}

Column floor_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return unary(
      evaluation, node, args, rows, "floor",
      [](Int128 value, int scale, Int128& out) {
        const Int128 divisor = power_of_ten(scale);
        out = value / divisor - (value % divisor < 0 ? 1 : 0);
        return true;
      },
      [](double value) { return std::floor(value); });
}

Column ceil_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return unary(
      evaluation, node, args, rows, "ceil",
      [](Int128 value, int scale, Int128& out) {
        const Int128 divisor = power_of_ten(scale);
        out = value / divisor + (value % divisor > 0 ? 1 : 0);
        return true;
      },
      [](double value) { return std::ceil(value); });
}

Column least_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return extreme(evaluation, node, args, rows, Comparison::lt);
}

Column greatest_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return extreme(evaluation, node, args, rows, Comparison::gt);
}

Column compare_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return compare(evaluation, args[0], args[1], static_cast<Comparison>(node.option), rows);
}

Column between_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  const Column above = compare(evaluation, args[0], args[1], Comparison::ge, rows);
  const Column below = compare(evaluation, args[0], args[2], Comparison::le, rows);
  Column out{.type = node.type};
  out.u8.resize(rows);
  for (size_t r = 0; r < rows; ++r) {
    const bool above_null = above.is_null(r);
    const bool below_null = below.is_null(r);
    const bool outside = (!above_null && above.u8[r] == 0) || (!below_null && below.u8[r] == 0);
    if (!outside && (above_null || below_null)) set_null(out, r, rows);
    out.u8[r] = outside ? 0 : 1;
  }
  return out;
}

Column nullif_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  const Column equal = compare(evaluation, args[0], args[1], Comparison::eq, rows);
  Column out{.type = node.type};
  const Column none = null_column(node.type);
  const Value nothing{.borrowed = &none, .constant = true};
  for (size_t r = 0; r < rows; ++r) {
    append_from(out, r, !equal.is_null(r) && equal.u8[r] != 0 ? nothing : args[0], r);
  }
  return out;
}

}  // namespace penstock::plan

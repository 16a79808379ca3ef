// Comparison of two values of comparable types, row by row.
#include <functional>
#include <type_traits>

#include "plan/evaluation.h"

namespace penstock::plan {

using market::Column;
using market::Kind;

namespace {

// Calls `body` with the comparison as a function object, so that each kernel's loop is compiled for it.
template <typename Body>
void with_comparison(Comparison how, Body body) {
  switch (how) {
    case Comparison::eq: body(std::equal_to<>{}); break;
    case Comparison::ne: body(std::not_equal_to<>{}); break;
    case Comparison::lt: body(std::less<>{}); break;
    case Comparison::le: body(std::less_equal<>{}); break;
    case Comparison::gt: body(std::greater<>{}); break;
    case Comparison::ge: body(std::greater_equal<>{}); break;
  }
}

template <typename T>
void compare_arrays(const std::vector<T>& a, bool a_constant, const std::vector<T>& b, bool b_constant, Comparison how,
                    std::vector<uint8_t>& out) {
  const size_t rows = out.size();
  with_comparison(how, [&](auto test) {
    if (b_constant && !a_constant) {
      const T right = b[0];
      for (size_t r = 0; r < rows; ++r) out[r] = test(a[r], right) ? 1 : 0;
    } else if (a_constant && !b_constant) {
      const T left = a[0];
      for (size_t r = 0; r < rows; ++r) out[r] = test(left, b[r]) ? 1 : 0;
    } else {
      for (size_t r = 0; r < rows; ++r) out[r] = test(a[r], b[r]) ? 1 : 0;
    }
  });
}

// Where scaling up overflows, that side is the greater in magnitude.
int compare_decimals(Int128 a, Int128 a_factor, Int128 b, Int128 b_factor) {
  Int128 left = 0;
  Int128 right = 0;
  if (__builtin_mul_overflow(a, a_factor, &left)) return a > 0 ? 1 : -1;
  if (__builtin_mul_overflow(b, b_factor, &right)) return b > 0 ? -1 : 1;
  return left < right ? -1 : left > right ? 1 : 0;
}

}  // namespace

Column compare(Evaluation& evaluation, const Value& a, const Value& b, Comparison how, size_t rows) {
  const Value* const both[] = {&a, &b};
  Validity validity;
  for (const Value* value : both) {
    Validity one = strict_validity(std::span(value, 1), rows);
    if (one.all_null) return null_column({Kind::boolean});
    if (validity.valid.empty()) {
      validity.valid = std::move(one.valid);
    } else if (!one.valid.empty()) {
      for (size_t r = 0; r < rows; ++r) validity.valid[r] &= one.valid[r];
    }
  }
  Column out = make_column({Kind::boolean}, std::move(validity));
  out.u8.resize(rows);
  const Column& left = a.column();
  const Column& right = b.column();
  const bool wide = left.type.kind == Kind::decimal128 || right.type.kind == Kind::decimal128;
  if (left.type.kind == Kind::boolean) {
    compare_arrays(left.u8, a.constant, right.u8, b.constant, how, out.u8);
  } else if (left.type.kind == Kind::float64) {
    compare_arrays(left.f64, a.constant, right.f64, b.constant, how, out.u8);
  } else if (left.type.kind == Kind::symbol && right.type.kind == Kind::symbol &&
             (how == Comparison::eq || how == Comparison::ne)) {
    compare_arrays(left.codes, a.constant, right.codes, b.constant, how, out.u8);
  } else if (left.type.kind == Kind::symbol && b.constant && !a.constant &&
             (how == Comparison::eq || how == Comparison::ne)) {
    // A stated text becomes a code once, so that rows compare integers.
    TextArg text(b, evaluation.symbols());
    const std::vector<market::SymbolCode> code{evaluation.symbols().intern(text[0])};
    if (code[0] == market::kNoSymbol) evaluation.symbols_full();
    compare_arrays(left.codes, false, code, true, how, out.u8);
  } else if (left.type.kind == Kind::timestamp || left.type.kind == Kind::int64 || left.type.kind == Kind::decimal ||
             wide) {
    const int left_scale = left.type.scale;
    const int right_scale = right.type.scale;
    if (left_scale == right_scale && !wide) {
      compare_arrays(left.i64, a.constant, right.i64, b.constant, how, out.u8);
    } else {
      const Int128 left_factor = power_of_ten(std::max(0, right_scale - left_scale));
      const Int128 right_factor = power_of_ten(std::max(0, left_scale - right_scale));
      with_comparison(how, [&](auto test) {
        for (size_t r = 0; r < rows; ++r) {
          out.u8[r] = test(compare_decimals(units_at(a, r), left_factor, units_at(b, r), right_factor), 0) ? 1 : 0;
        }
      });
    }
  } else {
    TextArg left_text(a, evaluation.symbols());
    TextArg right_text(b, evaluation.symbols());
    with_comparison(how, [&](auto test) {
      for (size_t r = 0; r < rows; ++r) {
        if (out.is_null(r)) continue;
        out.u8[r] = test(left_text[r].compare(right_text[r]), 0) ? 1 : 0;
      }
    });
  }
  return out;
}

}  // namespace penstock::plan

#include "plan/evaluation.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "market/decimal.h"

namespace penstock::plan {

using market::Column;
using market::Kind;
using Op = ExpressionNode::Op;

void Evaluation::read_json(const std::vector<const ExpressionNode*>& nodes) {
  for (const ExpressionNode* node : nodes) collect_json(*node);
  for (auto& [column, json] : json_) json.columns = extract_json(batch_.columns[column], batch_.rows, json.paths);
}

void Evaluation::collect_json(const ExpressionNode& node) {
  if (node.op == Op::json) {
    std::vector<JsonPath>& paths = json_[node.column].paths;
    if (std::find(paths.begin(), paths.end(), node.path) == paths.end()) paths.push_back(node.path);
  }
  for (const NodePtr& arg : node.args) collect_json(*arg);
}

void Evaluation::note(size_t r, const std::string& reason) {
  if (active_ != nullptr && (*active_)[r] == 0) return;
  if (errors_->failed.empty()) errors_->failed.resize(batch_.rows);
  if (errors_->failed[r] != 0) return;
  errors_->failed[r] = 1;
  errors_->items.push_back({r, reason});
}

void Evaluation::fail_row(size_t r, size_t rows, std::string reason) {
  if (errors_ == nullptr) return;
  if (rows == batch_.rows) {
    note(r, reason);
    return;
  }
  for (size_t each = 0; each < batch_.rows; ++each) note(each, reason);
}

Value Evaluation::evaluate(const ExpressionNode& node) {
  switch (node.op) {
    case Op::column: return {.borrowed = &batch_.columns[node.column]};
    case Op::json: {
      const JsonColumn& json = json_.at(node.column);
      const auto path = std::find(json.paths.begin(), json.paths.end(), node.path);
      return {.borrowed = &json.columns[static_cast<size_t>(path - json.paths.begin())]};
    }
    case Op::literal: return {.borrowed = &node.literal, .constant = true};
    case Op::all_of:
    case Op::any_of: return evaluate_logic(node);
    case Op::choice: return evaluate_choice(node);
    case Op::coalesce: return evaluate_coalesce(node);
    case Op::in: return evaluate_in(node);
    default: break;
  }

  std::vector<Value> args;
  args.reserve(node.args.size());
  for (const NodePtr& arg : node.args) args.push_back(evaluate(*arg));
  const size_t rows = node.constant ? 1 : batch_.rows;
  Column out{.type = node.type};
  switch (node.op) {
    case Op::cast:
      out = cast_column(*this, args[0], node.type, static_cast<int>(node.option), node.tolerant, rows);
      break;
    case Op::negation: {
      out = make_column(node.type, strict_validity(args, rows));
      if (!out.all_null) {
        out.u8.resize(rows);
        for (size_t r = 0; r < rows; ++r) out.u8[r] = args[0].column().u8[args[0].row(r)] ^ 1;
      }
      break;
    }
    case Op::is_null:
    case Op::is_not_null: {
      const uint8_t when_null = node.op == Op::is_null ? 1 : 0;
      const Column& value = args[0].column();
      if (value.all_null || value.valid.empty()) {
        out.u8.assign(rows, value.all_null ? when_null : when_null ^ 1);
      } else {
        out.u8.resize(rows);
        for (size_t r = 0; r < rows; ++r) out.u8[r] = value.valid[args[0].row(r)] ^ when_null;
      }
      break;
    }
    default: out = node.kernel(*this, node, args, rows); break;
  }
  return {.owned = std::make_unique<Column>(std::move(out)), .constant = node.constant};
}

Value Evaluation::evaluate_where(const ExpressionNode& node, const std::vector<uint8_t>& active) {
  std::vector<uint8_t> both = active;
  if (active_ != nullptr) {
    for (size_t r = 0; r < both.size(); ++r) both[r] &= (*active_)[r];
  }
  const std::vector<uint8_t>* outer = active_;
  active_ = &both;
  Value value = evaluate(node);
  active_ = outer;
  return value;
}

// Three-valued: a false decides `and`, a true decides `or`; else a null makes the result null.
Value Evaluation::evaluate_logic(const ExpressionNode& node) {
  const uint8_t decisive = node.op == Op::any_of ? 1 : 0;
  const size_t rows = node.constant ? 1 : batch_.rows;
  Column out{.type = node.type};
  out.u8.assign(rows, decisive ^ 1);
  for (size_t i = 0; i < node.args.size(); ++i) {
    Value arg;
    if (i > 0 && node.args[i]->can_fail && rows == batch_.rows) {
      std::vector<uint8_t> open(rows);
      for (size_t r = 0; r < rows; ++r) open[r] = out.is_null(r) || out.u8[r] != decisive ? 1 : 0;
      arg = evaluate_where(*node.args[i], open);
    } else {
      arg = evaluate(*node.args[i]);
    }
    const Column& value = arg.column();
    if (value.valid.empty() && !value.all_null && !arg.constant && out.valid.empty()) {
      if (decisive == 0) {
        for (size_t r = 0; r < rows; ++r) out.u8[r] &= value.u8[r];
      } else {
        for (size_t r = 0; r < rows; ++r) out.u8[r] |= value.u8[r];
      }
      continue;
    }
    if (out.valid.empty()) out.valid.assign(rows, 1);
    for (size_t r = 0; r < rows; ++r) {
      const bool null = arg.is_null(r);
      const bool decided = out.valid[r] != 0 && out.u8[r] == decisive;
      if (decided) continue;
      if (!null && value.u8[arg.row(r)] == decisive) {
        out.u8[r] = decisive;
        out.valid[r] = 1;
      } else if (null) {
        out.valid[r] = 0;
      }
    }
  }
  return {.owned = std::make_unique<Column>(std::move(out)), .constant = node.constant};
}

Value Evaluation::evaluate_choice(const ExpressionNode& node) {
  const size_t rows = node.constant ? 1 : batch_.rows;
  const size_t branches = node.args.size() / 2;
  std::vector<uint8_t> open(rows, 1);
  std::vector<uint32_t> chosen(rows, static_cast<uint32_t>(branches));
  std::vector<Value> values(branches + 1);
  const bool masked = rows == batch_.rows;
  for (size_t b = 0; b < branches; ++b) {
    const ExpressionNode& condition_node = *node.args[2 * b];
    const Value condition =
        masked && condition_node.can_fail ? evaluate_where(condition_node, open) : evaluate(condition_node);
    std::vector<uint8_t> here(rows, 0);
    for (size_t r = 0; r < rows; ++r) {
      if (open[r] == 0 || condition.is_null(r) || condition.column().u8[condition.row(r)] == 0) continue;
      here[r] = 1;
      open[r] = 0;
      chosen[r] = static_cast<uint32_t>(b);
    }
    const ExpressionNode& value_node = *node.args[2 * b + 1];
    values[b] = masked && value_node.can_fail ? evaluate_where(value_node, here) : evaluate(value_node);
  }
  const ExpressionNode& last = *node.args.back();
  values[branches] = masked && last.can_fail ? evaluate_where(last, open) : evaluate(last);
  Column out{.type = node.type};
  for (size_t r = 0; r < rows; ++r) append_from(out, r, values[chosen[r]], r);
  return {.owned = std::make_unique<Column>(std::move(out)), .constant = node.constant};
}

Value Evaluation::evaluate_coalesce(const ExpressionNode& node) {
  const size_t rows = node.constant ? 1 : batch_.rows;
  std::vector<uint8_t> open(rows, 1);
  std::vector<uint32_t> chosen(rows, 0);
  std::vector<Value> values;
  for (size_t i = 0; i < node.args.size(); ++i) {
    const bool masked = i > 0 && node.args[i]->can_fail && rows == batch_.rows;
    values.push_back(masked ? evaluate_where(*node.args[i], open) : evaluate(*node.args[i]));
    for (size_t r = 0; r < rows; ++r) {
      if (open[r] == 0 || values[i].is_null(r)) continue;
      open[r] = 0;
      chosen[r] = static_cast<uint32_t>(i);
    }
  }
  Column out{.type = node.type};
  for (size_t r = 0; r < rows; ++r) append_from(out, r, values[chosen[r]], r);
  return {.owned = std::make_unique<Column>(std::move(out)), .constant = node.constant};
}

Value Evaluation::evaluate_in(const ExpressionNode& node) {
  const size_t rows = node.constant ? 1 : batch_.rows;
  const Value needle = evaluate(*node.args[0]);
  Column out{.type = node.type};
  out.u8.assign(rows, 0);
  out.valid.assign(rows, 1);
  for (size_t i = 1; i < node.args.size(); ++i) {
    const Value item = evaluate(*node.args[i]);
    const Column equal = compare(*this, needle, item, Comparison::eq, rows);
    for (size_t r = 0; r < rows; ++r) {
      if (out.valid[r] != 0 && out.u8[r] != 0) continue;
      if (equal.is_null(r)) {
        out.valid[r] = 0;
      } else if (equal.u8[r] != 0) {
        out.u8[r] = 1;
        out.valid[r] = 1;
      }
    }
  }
  return {.owned = std::make_unique<Column>(std::move(out)), .constant = node.constant};
}

Validity strict_validity(std::span<const Value> args, size_t rows) {
  Validity out;
  for (const Value& arg : args) {
    const Column& column = arg.column();
    if (column.all_null || (arg.constant && column.is_null(0))) {
      out.all_null = true;
      out.valid.clear();
      return out;
    }
    if (arg.constant || column.valid.empty()) continue;
    if (out.valid.empty()) {
      out.valid = column.valid;
    } else {
      for (size_t r = 0; r < rows; ++r) out.valid[r] &= column.valid[r];
    }
  }
  return out;
}

Column make_column(market::Type type, Validity validity) {
  Column column{.type = type};
  column.all_null = validity.all_null;
  column.valid = std::move(validity.valid);
  return column;
}

Column null_column(market::Type type) {
  Column column{.type = type};
  column.all_null = true;
  return column;
}

void set_null(Column& column, size_t r, size_t rows) {
  if (column.valid.empty()) column.valid.assign(rows, 1);
  column.valid[r] = 0;
}

std::string_view TextArg::operator[](size_t r) {
  const Column& column = value_.column();
  const size_t row = value_.row(r);
  switch (column.type.kind) {
    case Kind::symbol: return symbols_.text(column.codes[row]);
    case Kind::json: return json_text(column.text[row], scratch_);
    case Kind::id: {
      const market::Id id = column.ids[row];
      if (!id.is_number()) return id.text;
      char digits[24];
      const auto [end, error] = std::to_chars(digits, digits + sizeof digits, id.number);
      scratch_.assign(digits, end);
      return scratch_;
    }
    default: return column.text[row];
  }
}

std::string shown_value(std::string_view value) {
  constexpr size_t kShownBytesMax = 80;
  if (value.size() <= kShownBytesMax) return std::string(value);
  size_t end = kShownBytesMax;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xc0u) == 0x80u) --end;
  return std::string(value.substr(0, end)) + "...";
}

Int128 power_of_ten(int exponent) {
  Int128 value = market::kPow10[std::min(exponent, 18)];
  for (int i = 18; i < exponent; ++i) value *= 10;
  return value;
}

bool fits_decimal(Int128 value) {
  static const Int128 limit = power_of_ten(38);
  return value < limit && value > -limit;
}

bool rescale(Int128 value, int shift, Int128& out) {
  if (shift >= 0) {
    if (value == 0) {
      out = 0;
      return true;
    }
    return shift <= 38 && !__builtin_mul_overflow(value, power_of_ten(shift), &out) && fits_decimal(out);
  }
  if (-shift > 38) {
    out = 0;
    return true;
  }
  const Int128 divisor = power_of_ten(-shift);
  const Int128 rest = value % divisor;
  out = value / divisor;
  const Int128 magnitude = rest < 0 ? -rest : rest;
  if (magnitude >= divisor - magnitude) out += value < 0 ? -1 : 1;
  return true;
}

namespace {

// `mantissa` with one more digit; false where that is more than a decimal has.
bool push_digit(Int128& mantissa, int digit) {
  return !__builtin_mul_overflow(mantissa, Int128{10}, &mantissa) &&
         !__builtin_add_overflow(mantissa, Int128{digit}, &mantissa) && fits_decimal(mantissa);
}

}  // namespace

market::DecimalError parse_wide_decimal(std::string_view text, int scale, Int128& out) {
  // Digits without the point, and how far the point stands from their end; then as a whole number of 10^-scale.
  size_t at = 0;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) ++at;
  Int128 mantissa = 0;
  int64_t exponent = 0;
  bool any = false;
  bool point = false;
  const auto too_long = [&] {
    return point ? market::DecimalError::too_many_digits : market::DecimalError::out_of_range;
  };
  int64_t zeros = 0;  // held back, so that those at the end cost no digits
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    any = true;
    if (point) --exponent;
    if (c == '0') {
      ++zeros;
      continue;
    }
    if (mantissa == 0) zeros = 0;
    for (; zeros > 0; --zeros) {
      if (!push_digit(mantissa, 0)) return too_long();
    }
    if (!push_digit(mantissa, c - '0')) return too_long();
  }
  if (!any) return market::DecimalError::not_a_number;
  exponent += zeros;
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return market::DecimalError::not_a_number;
    ++at;
    if (at < text.size() && text[at] == '+') ++at;
    int written = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), written);
    if (error == std::errc::result_out_of_range) return market::DecimalError::out_of_range;
    if (error != std::errc{} || end != text.data() + text.size()) return market::DecimalError::not_a_number;
    exponent += written;
  }
  if (mantissa == 0) {
    out = 0;
    return market::DecimalError::ok;
  }
  int64_t shift = exponent + scale;
  for (; shift < 0; ++shift) {
    if (mantissa % 10 != 0) return market::DecimalError::too_many_digits;
    mantissa /= 10;
  }
  if (shift > 38 || __builtin_mul_overflow(mantissa, power_of_ten(static_cast<int>(shift)), &mantissa) ||
      !fits_decimal(mantissa)) {
    return market::DecimalError::out_of_range;
  }
  out = negative ? -mantissa : mantissa;
  return market::DecimalError::ok;
}

void append_from(Column& out, size_t out_rows, const Value& value, size_t r) {
  const bool null = value.is_null(r);
  const bool absent = value.column().all_null;
  const Column& from = value.column();
  const size_t row = value.row(r);
  if (null && out.valid.empty()) out.valid.assign(out_rows, 1);
  if (null || !out.valid.empty()) out.valid.push_back(null ? 0 : 1);
  switch (out.type.kind) {
    case Kind::boolean: out.u8.push_back(absent ? 0 : from.u8[row]); break;
    case Kind::int64:
    case Kind::decimal:
    case Kind::timestamp: out.i64.push_back(absent ? 0 : from.i64[row]); break;
    case Kind::decimal128: out.i128.push_back(absent ? 0 : from.i128[row]); break;
    case Kind::float64: out.f64.push_back(absent ? 0 : from.f64[row]); break;
    case Kind::symbol: out.codes.push_back(absent ? market::kNoSymbol : from.codes[row]); break;
    case Kind::id: out.ids.append(absent ? market::Id{} : from.ids[row]); break;
    case Kind::text:
    case Kind::json:
    case Kind::bytes: out.text.append(absent ? std::string_view{} : from.text[row]); break;
  }
}

}  // namespace penstock::plan

// What the kernels of evaluate() share: values, access to them by row, errors of rows. Internal to this room.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/int128.h"
#include "market/batch.h"
#include "plan/evaluate.h"
#include "plan/expression_node.h"

namespace penstock::plan {

// The value of a node: a column of the batch, borrowed, or one made for it. `constant`: its one row stands for all.
struct Value {
  const market::Column* borrowed = nullptr;
  std::unique_ptr<market::Column> owned;
  bool constant = false;

  [[nodiscard]] const market::Column& column() const { return owned ? *owned : *borrowed; }
  [[nodiscard]] size_t row(size_t r) const { return constant ? 0 : r; }
  [[nodiscard]] bool is_null(size_t r) const { return column().is_null(row(r)); }
  [[nodiscard]] market::Kind kind() const { return column().type.kind; }
};

class Evaluation {
 public:
  Evaluation(const market::Batch& batch, market::SymbolTable& symbols, RowErrors* errors)
      : batch_(batch), symbols_(symbols), errors_(errors) {}

  // Reads every JSON path of `nodes` from the batch. Before evaluating any of them.
  void read_json(const std::vector<const ExpressionNode*>& nodes);
  [[nodiscard]] Value evaluate(const ExpressionNode& node);

  // Notes that row `r` of a value of `rows` rows failed: a constant's failure is that of every row asked for.
  void fail_row(size_t r, size_t rows, std::string reason);
  [[nodiscard]] market::SymbolTable& symbols() { return symbols_; }
  [[nodiscard]] size_t batch_rows() const { return batch_.rows; }
  void symbols_full() { symbols_full_ = true; }
  [[nodiscard]] bool is_symbols_full() const { return symbols_full_; }

 private:
  void collect_json(const ExpressionNode& node);
  void note(size_t r, const std::string& reason);
  [[nodiscard]] Value evaluate_logic(const ExpressionNode& node);
  [[nodiscard]] Value evaluate_choice(const ExpressionNode& node);
  [[nodiscard]] Value evaluate_coalesce(const ExpressionNode& node);
  [[nodiscard]] Value evaluate_in(const ExpressionNode& node);
  [[nodiscard]] Value evaluate_where(const ExpressionNode& node, const std::vector<uint8_t>& active);

  const market::Batch& batch_;
  market::SymbolTable& symbols_;
  RowErrors* errors_;
  bool symbols_full_ = false;
  const std::vector<uint8_t>* active_ = nullptr;  // the rows whose errors count; null: all
  struct JsonColumn {
    std::vector<JsonPath> paths;
    std::vector<market::Column> columns;
  };
  std::map<size_t, JsonColumn> json_;  // by the batch's column
};

// 1 for each of `rows` rows where no argument is null; empty where none is. `all_null`: no row has a value.
struct Validity {
  std::vector<uint8_t> valid;
  bool all_null = false;
};
[[nodiscard]] Validity strict_validity(std::span<const Value> args, size_t rows);

// A column of `type` with `valid`; its values are the caller's to fill in.
[[nodiscard]] market::Column make_column(market::Type type, Validity validity);
[[nodiscard]] market::Column null_column(market::Type type);
// Makes row `r` of `rows` null.
void set_null(market::Column& column, size_t r, size_t rows);

// Reads a value of symbol, id, text, json or bytes as text; of JSON a string's contents.
class TextArg {
 public:
  TextArg(const Value& value, const market::SymbolTable& symbols) : value_(value), symbols_(symbols) {}
  // Valid until the next call.
  [[nodiscard]] std::string_view operator[](size_t r);

 private:
  const Value& value_;
  const market::SymbolTable& symbols_;
  std::string scratch_;
};

// The beginning of a value for a message, cut between characters.
[[nodiscard]] std::string shown_value(std::string_view value);

// Reads a bigint or decimal as its count of 10^-scale.
[[nodiscard]] inline Int128 units_at(const Value& value, size_t r) {
  const market::Column& column = value.column();
  return column.type.kind == market::Kind::decimal128 ? column.i128[value.row(r)] : Int128{column.i64[value.row(r)]};
}

// 10^0 to 10^38.
[[nodiscard]] Int128 power_of_ten(int exponent);
// Decimals have at most 38 digits, as in Spark.
[[nodiscard]] bool fits_decimal(Int128 value);
// value * 10^shift for shift >= 0, or value / 10^-shift rounded half away from zero. False when out of range.
[[nodiscard]] bool rescale(Int128 value, int shift, Int128& out);
// Reads a decimal of up to 38 digits; surplus digits that are not zero are an error.
[[nodiscard]] market::DecimalError parse_wide_decimal(std::string_view text, int scale, Int128& out);

// cast.cpp
[[nodiscard]] market::Column cast_column(Evaluation& evaluation, const Value& from, market::Type to, int digits,
                                         bool tolerant, size_t rows);
// True when a cast between the kinds exists at all.
[[nodiscard]] bool can_cast(market::Type from, market::Type to);

// compare.cpp
enum class Comparison : uint8_t { eq, ne, lt, le, gt, ge };
[[nodiscard]] market::Column compare(Evaluation& evaluation, const Value& a, const Value& b, Comparison how,
                                     size_t rows);

// Appends row `r` of `value` to `out`, which is of the same kind and holds `out_rows` rows.
void append_from(market::Column& out, size_t out_rows, const Value& value, size_t r);

}  // namespace penstock::plan

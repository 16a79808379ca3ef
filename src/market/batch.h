// Columnar micro-batches: what decoders make, the engine computes on, and the store appends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/int128.h"
#include "market/decimal.h"
#include "market/symbol_table.h"

namespace penstock::market {

enum class Kind : uint8_t {
  boolean,    // u8: 0 or 1
  int64,      // i64
  float64,    // f64
  decimal,    // i64 in 10^-scale; Price is decimal(9), Size is decimal(8)
  decimal128, // i128 in 10^-scale: sums and products
  timestamp,  // i64: ns since the epoch
  symbol,     // codes: of the process's SymbolTable; in SQL and in the store it is text
  id,         // ids: a record's id, integer or text; in SQL and in the store it is text
  text,       // text: UTF-8
  json,       // text: one JSON value
  bytes,      // text: raw bytes, e.g. a record in quarantine
};

struct Type {
  Kind kind = Kind::text;
  uint8_t scale = 0;  // of decimal and decimal128, else 0
  friend bool operator==(Type, Type) = default;
};
inline constexpr Type kPriceType{Kind::decimal, kPriceScale};
inline constexpr Type kSizeType{Kind::decimal, kSizeScale};
// `price`, `size`, `decimal(4)`, `timestamp`, ... as messages and docs name them.
[[nodiscard]] std::string to_string(Type type);

// Texts back to back, in one piece of memory.
class TextColumn {
 public:
  void append(std::string_view text) {
    bytes_.append(text);
    ends_.push_back(bytes_.size());
  }
  [[nodiscard]] std::string_view operator[](size_t row) const {
    const size_t begin = row == 0 ? 0 : ends_[row - 1];
    return std::string_view(bytes_).substr(begin, ends_[row] - begin);
  }
  [[nodiscard]] size_t size() const { return ends_.size(); }
  [[nodiscard]] size_t byte_size() const { return bytes_.size() + ends_.size() * sizeof(size_t); }
  void reserve(size_t rows, size_t bytes) {
    ends_.reserve(rows);
    bytes_.reserve(bytes);
  }
  void clear() {
    bytes_.clear();
    ends_.clear();
  }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
};

// A record's id as the venue wrote it. A canonical integer (`0`, or digits without a leading zero, up to 2^63-1) is
// kept as a number, anything else as text, so that ids compare as the venue means them and cost 8 bytes.
// Order: numbers before texts, numbers by value, texts bytewise.
struct Id {
  int64_t number = 0;
  std::string_view text;  // empty for a number; borrowed
  [[nodiscard]] bool is_number() const { return text.data() == nullptr; }
  friend bool operator==(const Id& a, const Id& b) {
    return a.is_number() == b.is_number() && a.number == b.number && a.text == b.text;
  }
  friend bool operator<(const Id& a, const Id& b) {
    if (a.is_number() != b.is_number()) return a.is_number();
    return a.is_number() ? a.number < b.number : a.text < b.text;
  }
};
// The Id that `text` writes; a text Id borrows it.
[[nodiscard]] Id parse_id(std::string_view text);
[[nodiscard]] std::string to_string(const Id& id);

class IdColumn {
 public:
  void append(const Id& id) {
    if (id.is_number()) {
      numbers_.push_back(id.number);
      return;
    }
    numbers_.push_back(-1 - static_cast<int64_t>(texts_.size()));
    texts_.append(id.text);
  }
  // Puts a text id where numbers() has been sized to hold `row` already.
  void set_text(size_t row, std::string_view text) {
    numbers_[row] = -1 - static_cast<int64_t>(texts_.size());
    texts_.append(text);
  }
  [[nodiscard]] Id operator[](size_t row) const {
    const int64_t number = numbers_[row];
    if (number >= 0) return {number, {}};
    return {0, texts_[static_cast<size_t>(-1 - number)]};
  }
  // True when no id of this column is a text: then numbers() are the ids.
  [[nodiscard]] bool all_numbers() const { return texts_.size() == 0; }
  [[nodiscard]] const std::vector<int64_t>& numbers() const { return numbers_; }
  [[nodiscard]] std::vector<int64_t>& numbers() { return numbers_; }
  [[nodiscard]] size_t size() const { return numbers_.size(); }
  [[nodiscard]] size_t byte_size() const { return numbers_.size() * sizeof(int64_t) + texts_.byte_size(); }
  void clear() {
    numbers_.clear();
    texts_.clear();
  }

 private:
  std::vector<int64_t> numbers_;  // the id, or -1 - its index in texts_
  TextColumn texts_;
};

// One column of a batch. The member named in Kind holds a value for every row (any value where it is null), except
// that a column without values (`all_null`) holds nothing at all.
struct Column {
  Type type;
  bool all_null = false;
  std::vector<uint8_t> valid;  // 1 for a value, 0 for null; empty: no row is null

  std::vector<uint8_t> u8;
  std::vector<int64_t> i64;
  std::vector<Int128> i128;
  std::vector<double> f64;
  std::vector<SymbolCode> codes;
  IdColumn ids;
  TextColumn text;

  [[nodiscard]] bool is_null(size_t row) const { return all_null || (!valid.empty() && valid[row] == 0); }
  [[nodiscard]] size_t byte_size() const;
};

struct Field {
  std::string name;
  Type type;
  friend bool operator==(const Field&, const Field&) = default;
};

// Immutable once made; shared by the batches of a stream, by operators and tables, hence the shared_ptr.
struct Schema {
  std::vector<Field> fields;
  [[nodiscard]] std::optional<size_t> find(std::string_view name) const;
  // Of that kind, else none.
  [[nodiscard]] std::optional<size_t> find(std::string_view name, Kind kind) const;
};
using SchemaPtr = std::shared_ptr<const Schema>;

struct Batch {
  SchemaPtr schema;
  std::vector<Column> columns;  // one a field
  size_t rows = 0;
  [[nodiscard]] size_t byte_size() const;
};
// A batch of no rows, its columns typed by `schema`.
[[nodiscard]] Batch make_batch(SchemaPtr schema);
// Appends row `row` of `from` (same schema) to `to`.
void append_row(Batch& to, const Batch& from, size_t row);
// The rows of `from` whose `keep` is 1, in order.
[[nodiscard]] Batch select_rows(const Batch& from, const std::vector<uint8_t>& keep);
// A value as text, as `penstock tail` and a quarantined row show it; null gives nullopt.
[[nodiscard]] std::optional<std::string> value_text(const Column& column, size_t row, const SymbolTable& symbols);

}  // namespace penstock::market

// Columns of doubles that grow at their end and are cut at their front, back to back in one piece of memory: what an
// indicator remembers of one symbol's bars.
#pragma once

#include <cstddef>
#include <vector>

namespace penstock::stream {

// Not thread-safe. Memory: 8 bytes a value, and up to a quarter (at least kSpareRows) more rows than there are.
class ValueColumns {
 public:
  static constexpr size_t kSpareRows = 4;

  explicit ValueColumns(size_t columns) : columns_(columns) {}

  [[nodiscard]] size_t rows() const { return end_ - begin_; }
  [[nodiscard]] size_t columns() const { return columns_; }
  // The rows() values of a column, oldest first; valid until a row is added.
  [[nodiscard]] double* column(size_t column) { return values_.data() + column * capacity_ + begin_; }
  [[nodiscard]] const double* column(size_t column) const { return values_.data() + column * capacity_ + begin_; }

  // Makes room for a row in front of row `at`, or behind all; its values are any.
  void insert(size_t at);
  void erase(size_t at);
  void drop_front(size_t rows) { begin_ += rows; }

 private:
  void make_room();

  size_t columns_;
  size_t capacity_ = 0;  // of each column
  size_t begin_ = 0;
  size_t end_ = 0;
  std::vector<double> values_;
};

}  // namespace penstock::stream

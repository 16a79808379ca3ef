#include "stream/indicators/value_columns.h"

#include <algorithm>

namespace penstock::stream {

void ValueColumns::make_room() {
  if (end_ < capacity_) return;
  const size_t count = rows();
  // Moving the rows to the front pays where that frees a share of them; else every row would be moved for each one.
  const bool enough_in_front = begin_ >= std::max(kSpareRows, count / 4);
  const size_t capacity = enough_in_front ? capacity_ : count + std::max(kSpareRows, count / 4);
  std::vector<double> moved;
  if (!enough_in_front) moved.resize(columns_ * capacity);
  std::vector<double>& target = enough_in_front ? values_ : moved;
  for (size_t c = 0; c < columns_; ++c) {
    const double* from = values_.data() + c * capacity_ + begin_;
    std::copy(from, from + count, target.data() + c * capacity);
  }
  if (!enough_in_front) values_ = std::move(moved);
  capacity_ = capacity;
  begin_ = 0;
  end_ = count;
}

void ValueColumns::insert(size_t at) {
  make_room();
  ++end_;
  for (size_t c = 0; c < columns_; ++c) {
    double* values = column(c);
    std::copy_backward(values + at, values + rows() - 1, values + rows());
  }
}

void ValueColumns::erase(size_t at) {
  for (size_t c = 0; c < columns_; ++c) {
    double* values = column(c);
    std::copy(values + at + 1, values + rows(), values + at);
  }
  --end_;
}

}  // namespace penstock::stream

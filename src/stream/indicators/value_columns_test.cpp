#include "stream/indicators/value_columns.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace penstock::stream {
namespace {

TEST(ValueColumns, AreWhatVectorsOfRowsWouldBe) {
  EXPECT_TRUE(rc::check([] {
    const size_t width = *rc::gen::inRange<size_t>(0, 4);
    ValueColumns columns(width);
    std::vector<std::vector<double>> rows;
    double next = 0;
    for (const auto& [what, where] : *rc::gen::arbitrary<std::vector<std::pair<uint8_t, uint8_t>>>()) {
      if (what % 4 == 3 && !rows.empty()) {
        const size_t at = where % rows.size();
        columns.erase(at);
        rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(at));
      } else if (what % 4 == 2) {
        const size_t count = where % 3 % (rows.size() + 1);
        columns.drop_front(count);
        rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count));
      } else {
        const size_t at = what % 4 == 1 ? rows.size() : where % (rows.size() + 1);
        columns.insert(at);
        std::vector<double> row;
        for (size_t c = 0; c < width; ++c) {
          columns.column(c)[at] = next;
          row.push_back(next++);
        }
        rows.insert(rows.begin() + static_cast<std::ptrdiff_t>(at), row);
      }
      RC_ASSERT(columns.rows() == rows.size());
      for (size_t r = 0; r < rows.size(); ++r) {
        for (size_t c = 0; c < width; ++c) RC_ASSERT(columns.column(c)[r] == rows[r][c]);
      }
    }
  }));
}

}  // namespace
}  // namespace penstock::stream

#include "store/duckdb/newest_rows.h"

#include <gtest/gtest.h>

namespace penstock::store::duck {
namespace {

using market::Kind;

TEST(NewestRows, TheLastOfEachKeyIsKept) {
  const auto schema = std::make_shared<const market::Schema>(
      market::Schema{{{"a", {Kind::text}}, {"b", {Kind::text}}, {"n", {Kind::int64}}}});
  market::Batch rows = market::make_batch(schema);
  const std::vector<std::pair<std::string, std::string>> keys = {
      {"x", "yz"}, {"xy", "z"}, {"x", "yz"}, {"", "xyz"}, {"xy", "z"}};
  for (const auto& [a, b] : keys) {
    rows.columns[0].text.append(a);
    rows.columns[1].text.append(b);
    rows.columns[2].i64.push_back(0);
  }
  rows.rows = keys.size();
  EXPECT_EQ(newest_of_each_key(rows, {0, 1}), (std::vector<uint8_t>{0, 0, 1, 1, 1}));
  EXPECT_EQ(newest_of_each_key(rows, {2}), (std::vector<uint8_t>{0, 0, 0, 0, 1}));
}

TEST(NewestRows, ANumberIsNoTextAndMinusZeroIsZero) {
  const auto schema =
      std::make_shared<const market::Schema>(market::Schema{{{"id", {Kind::id}}, {"f", {Kind::float64}}}});
  market::Batch rows = market::make_batch(schema);
  for (const std::string_view id : {"0", "n", "00", "0"}) rows.columns[0].ids.append(market::parse_id(id));
  rows.columns[1].f64 = {0.0, 1.0, 2.0, -0.0};
  rows.rows = 4;
  EXPECT_EQ(newest_of_each_key(rows, {0}), (std::vector<uint8_t>{0, 1, 1, 1}));
  EXPECT_EQ(newest_of_each_key(rows, {1}), (std::vector<uint8_t>{0, 1, 1, 1}));
}

}  // namespace
}  // namespace penstock::store::duck

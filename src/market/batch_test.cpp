#include "market/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::market {
namespace {

SchemaPtr every_kind() {
  return std::make_shared<const Schema>(Schema{{{"boolean", {Kind::boolean}},
                                                {"int64", {Kind::int64}},
                                                {"float64", {Kind::float64}},
                                                {"price", kPriceType},
                                                {"wide", {Kind::decimal128, 3}},
                                                {"time", {Kind::timestamp}},
                                                {"symbol", {Kind::symbol}},
                                                {"id", {Kind::id}},
                                                {"text", {Kind::text}}}});
}

// A row of `value`, or of nulls.
Batch one_row(SymbolTable& symbols, int64_t value, bool null = false) {
  Batch batch = make_batch(every_kind());
  batch.rows = 1;
  for (Column& column : batch.columns) {
    if (null) {
      column.all_null = true;
      continue;
    }
    switch (column.type.kind) {
      case Kind::boolean: column.u8.push_back(value % 2 == 0 ? 0 : 1); break;
      case Kind::float64: column.f64.push_back(static_cast<double>(value)); break;
      case Kind::decimal128: column.i128.push_back(value); break;
      case Kind::symbol: column.codes.push_back(symbols.intern(std::to_string(value))); break;
      case Kind::id: column.ids.append(parse_id("id" + std::to_string(value))); break;
      case Kind::text: column.text.append(std::to_string(value)); break;
      default: column.i64.push_back(value);
    }
  }
  return batch;
}

std::vector<std::string> row_text(const Batch& batch, size_t row, const SymbolTable& symbols) {
  std::vector<std::string> out;
  for (const Column& column : batch.columns) out.push_back(value_text(column, row, symbols).value_or("null"));
  return out;
}

TEST(Batch, RowsOfNullsAndValuesCanFollowEachOtherInAnyOrder) {
  const std::vector<std::string> nulls(9, "null");
  const std::vector<std::string> sevens{"true", "7",   "7", "0.000000007", "0.007", "1970-01-01T00:00:00.000000007Z",
                                        "7",    "id7", "7"};
  for (unsigned order = 0; order < 16; ++order) {
    SymbolTable symbols;
    Batch batch = make_batch(every_kind());
    for (unsigned row = 0; row < 4; ++row) append_row(batch, one_row(symbols, 7, (order >> row & 1) != 0), 0);
    ASSERT_EQ(batch.rows, 4u);
    for (unsigned row = 0; row < 4; ++row) {
      EXPECT_EQ(row_text(batch, row, symbols), (order >> row & 1) != 0 ? nulls : sevens)
          << "order " << order << " row " << row;
    }
  }
}

TEST(Batch, SelectKeepsTheMarkedRowsInOrder) {
  SymbolTable symbols;
  Batch batch = make_batch(every_kind());
  for (int64_t value = 0; value < 5; ++value) append_row(batch, one_row(symbols, value, value == 2), 0);
  const Batch kept = select_rows(batch, {1, 0, 1, 0, 1});
  ASSERT_EQ(kept.rows, 3u);
  EXPECT_EQ(row_text(kept, 0, symbols)[1], "0");
  EXPECT_EQ(row_text(kept, 1, symbols)[1], "null");
  EXPECT_EQ(row_text(kept, 2, symbols)[7], "id4");
  EXPECT_EQ(select_rows(batch, {0, 0, 0, 0, 0}).rows, 0u);
}

TEST(Id, CanonicalIntegersAreNumbersAndAnythingElseIsText) {
  for (const char* text : {"0", "7", "9223372036854775807"}) EXPECT_TRUE(parse_id(text).is_number()) << text;
  for (const char* text : {"", "00", "07", "-1", "+1", "9223372036854775808", "1a", " 1"})
    EXPECT_FALSE(parse_id(text).is_number()) << text;
  for (const char* text : {"0", "007", "x-1", "", "9223372036854775808"}) EXPECT_EQ(to_string(parse_id(text)), text);
}

TEST(Id, NumbersComeBeforeTextsAndByValue) {
  EXPECT_TRUE(parse_id("9") < parse_id("10"));
  EXPECT_TRUE(parse_id("10") < parse_id("09"));
  EXPECT_TRUE(parse_id("a10") < parse_id("a9"));
  EXPECT_FALSE(parse_id("a") < parse_id("1"));
  EXPECT_FALSE(parse_id("0") == parse_id("00"));
}

TEST(Type, IsNamedAsDocumentsDo) {
  EXPECT_EQ(to_string(kPriceType), "price");
  EXPECT_EQ(to_string(kSizeType), "size");
  EXPECT_EQ(to_string(Type{Kind::decimal, 4}), "decimal(4)");
  EXPECT_EQ(to_string(Type{Kind::decimal128, 8}), "decimal(8)");
  EXPECT_EQ(to_string(Type{Kind::symbol}), "text");
}

}  // namespace
}  // namespace penstock::market

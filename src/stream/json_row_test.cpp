// What the quarantine keeps of a row is the row: it can be read back from it, whatever its values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "stream/engine_testing.h"
#include "stream/row_json.h"

namespace penstock::stream::testing {
namespace {

using market::Kind;

const market::SchemaPtr& every_kind() {
  static const auto schema = std::make_shared<const market::Schema>(market::Schema{{{"b", {Kind::boolean}},
                                                                                    {"i", {Kind::int64}},
                                                                                    {"f", {Kind::float64}},
                                                                                    {"price", market::kPriceType},
                                                                                    {"wide", {Kind::decimal128, 8}},
                                                                                    {"t", {Kind::timestamp}},
                                                                                    {"symbol", {Kind::symbol}},
                                                                                    {"id", {Kind::id}},
                                                                                    {"text", {Kind::text}},
                                                                                    {"json", {Kind::json}}}});
  return schema;
}

std::string random_text(std::mt19937_64& random) {
  static const std::vector<std::string> pieces{"a", "\"", "\\", "\n", "\x01", ", ", "}",
                                               "{", "é",  "漢", "𝄞",  "\t",   "0",  ""};
  std::string text;
  for (size_t i = random() % 8; i > 0; --i) text += pieces[random() % pieces.size()];
  return text;
}

TEST(JsonRow, IsTheRowThatWasWritten) {
  std::mt19937_64 random(test_seed());
  market::SymbolTable symbols;
  static const std::vector<std::string> jsons{"{}",   "[1, 2, {\"a\": \"}\"}]",    "\"x\\\"y\"", "null", "1.50",
                                              "true", "{\"k\": [\"]\", \"\\\\\"]}"};
  static const std::vector<double> doubles{0.0, -0.0, 0.1, 1e300, -5e-324, INFINITY, -INFINITY, 1.0 / 3};
  for (int round = 0; round < 3000; ++round) {
    market::Batch row = market::make_batch(every_kind());
    row.rows = 1;
    row.columns[0].u8 = {static_cast<uint8_t>(random() % 2)};
    row.columns[1].i64 = {static_cast<int64_t>(random())};
    row.columns[2].f64 = {doubles[random() % doubles.size()]};
    row.columns[3].i64 = {static_cast<int64_t>(random())};
    row.columns[4].i128 = {Int128{static_cast<int64_t>(random())} * static_cast<int64_t>(random() % 1'000'000'000)};
    row.columns[5].i64 = {static_cast<int64_t>(random())};
    row.columns[6].codes = {symbols.intern(random_text(random))};
    row.columns[7].ids.append(random() % 2 == 0 ? market::Id{static_cast<int64_t>(random() >> 1), {}}
                                                : market::parse_id("x" + std::to_string(random())));
    row.columns[8].text.append(random_text(random));
    row.columns[9].text.append(jsons[random() % jsons.size()]);
    for (market::Column& column : row.columns) {
      if (random() % 4 == 0) column.valid = {0};
    }
    const std::string json = row_json(row, 0, symbols);
    const auto read = row_of_json(json, every_kind(), symbols);
    ASSERT_TRUE(read) << read.error() << ": " << json;
    ASSERT_EQ(line_of(*read, 0, symbols), line_of(row, 0, symbols)) << json;
    ASSERT_EQ(row_json(*read, 0, symbols), json);
  }
}

TEST(JsonRow, WhatIsNoRowOfTheSchemaIsRefusedWithItsReason) {
  market::SymbolTable symbols;
  for (const std::string text :
       {"", "{", "{}x", "{\"i\": }", "{\"i\": 1", "{\"i\":1}", "{\"i\": 1, }", "[1]", "{\"i\": 1, \"i\": 2}",
        "{\"text\": \"\\x\"}", "{\"text\": \"\\u12\"}", "{\"text\": \"", "{\"i\": 1.5}", "{\"price\": \"x\"}",
        "{\"gone\": 1}", "{\"b\": 1}", "{\"json\": {\"a\": 1}"}) {
    const auto read = row_of_json(text, every_kind(), symbols);
    ASSERT_FALSE(read) << text;
    EXPECT_FALSE(read.error().empty());
  }
  EXPECT_TRUE(row_of_json("{}", every_kind(), symbols));
}

}  // namespace
}  // namespace penstock::stream::testing

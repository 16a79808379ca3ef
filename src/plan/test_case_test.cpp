#include "plan/test_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "market/schema.h"

namespace penstock::plan {
namespace {

Plan trades() {
  Plan plan;
  plan.topics.push_back({.name = "trades", .schema = market::trade_schema()});
  return plan;
}

const TestCase::Row kGood{
    {"symbol", "A"}, {"ts_event", "2024-01-02T14:30:00Z"}, {"price", "1.50"}, {"size", "3"}, {"id", "x1"}};

TEST(GivenRows, BecomeABatchAndMalformedOnesRejects) {
  market::SymbolTable symbols;
  TestCase::Row bad = kGood;
  bad["price"] = "abc";
  TestCase::Row missing = kGood;
  missing.erase("size");
  const auto built = build_rows(trades(), {.topic = 0, .rows = {kGood, bad, missing, kGood}}, symbols);
  ASSERT_TRUE(built);
  EXPECT_EQ(built->rows.rows, 2u);
  EXPECT_EQ(market::value_text(built->rows.columns[market::TradeColumn::price], 1, symbols), "1.5");
  EXPECT_EQ(market::value_text(built->rows.columns[market::TradeColumn::ts_recv], 0, symbols), "2024-01-02T14:30:00Z");
  EXPECT_EQ(market::value_text(built->rows.columns[market::TradeColumn::venue], 0, symbols), std::nullopt);
  ASSERT_EQ(built->rejects.size(), 2u);
  EXPECT_EQ(built->rejects[0].position, "given trades row 2");
  EXPECT_EQ(built->rejects[0].reason, "price: 'abc': not a number");
  EXPECT_THAT(built->rejects[0].raw, testing::HasSubstr(R"("price":"abc")"));
  EXPECT_EQ(built->rejects[1].reason, "size is missing");
}

TEST(Differences, CompareByTypeNotByText) {
  market::SymbolTable symbols;
  const auto built = build_rows(trades(), {.topic = 0, .rows = {kGood}}, symbols);
  const auto compare = [&](TestCase::Row row) {
    return differences({.name = "s", .rows = {std::move(row)}}, built->rows, symbols);
  };
  EXPECT_TRUE(compare({{"price", "1.5"},
                       {"size", "3.000"},
                       {"ts_event", "2024-01-02T15:30:00+01:00"},
                       {"id", "x1"},
                       {"venue", std::nullopt}})
                  .empty());
  EXPECT_TRUE(compare({{"price", "15e-1"}}).empty());
  EXPECT_TRUE(compare({}).empty());
  EXPECT_THAT(compare({{"price", "1.51"}}), testing::ElementsAre("s row 1: price is 1.5, 1.51 expected"));
  EXPECT_THAT(compare({{"id", "X1"}}), testing::ElementsAre("s row 1: id is x1, X1 expected"));
  EXPECT_THAT(compare({{"id", std::nullopt}}), testing::ElementsAre("s row 1: id is x1, null expected"));
  EXPECT_THAT(compare({{"venue", "N"}}), testing::ElementsAre("s row 1: venue is null, N expected"));
}

TEST(Differences, OfDoublesCountFromTheNinthDigitOn) {
  const auto schema = std::make_shared<const market::Schema>(market::Schema{{{"x", {market::Kind::float64}}}});
  market::Batch batch = market::make_batch(schema);
  batch.columns[0].f64 = {200.0 / 3};
  batch.rows = 1;
  market::SymbolTable symbols;
  const auto same = [&](const std::string& text) {
    return differences({.name = "s", .rows = {{{"x", text}}}}, batch, symbols).empty();
  };
  EXPECT_TRUE(same("66.66666667"));
  EXPECT_TRUE(same("6.666666666666667e1"));
  EXPECT_FALSE(same("66.666666"));
  EXPECT_FALSE(same("66.6666668"));
}

TEST(Differences, NameMissingAndUnexpectedRows) {
  market::SymbolTable symbols;
  const auto one = build_rows(trades(), {.topic = 0, .rows = {kGood}}, symbols);
  EXPECT_THAT(differences({.name = "s", .rows = {}}, one->rows, symbols),
              testing::ElementsAre("s: 0 rows expected, 1 came out", testing::StartsWith("s row 1: not expected {")));
  EXPECT_THAT(differences({.name = "s", .rows = {{}, {{"id", "9"}}}}, one->rows, symbols),
              testing::ElementsAre("s: 2 rows expected, 1 came out", R"(s row 2: missing {"id":"9"})"));
}

}  // namespace
}  // namespace penstock::plan

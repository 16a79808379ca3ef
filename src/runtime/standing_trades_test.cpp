#include "runtime/standing_trades.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "market/schema.h"

namespace penstock::runtime {
namespace {

struct Row {
  int64_t ts = 0;
  int64_t price = 0;  // whole
  std::string id{};   // empty: null, as in the others
  std::string action{};
  std::string ref_id{};
  std::string venue{};
};

constexpr int64_t kWhole = 1'000'000'000;

// The prices that stand of `rows`, in order; of times in [0, to).
std::vector<int64_t> standing(const std::vector<Row>& rows, uint64_t unmatched = 0,
                              Timestamp to = Timestamp{100 * kDay.ns}) {
  market::SymbolTable symbols;
  auto made = StandingTrades::create(market::trade_schema(), "s", symbols, Timestamp{0}, to);
  EXPECT_TRUE(made.has_value());
  if (!made) return {};
  market::Batch batch = market::make_batch(market::trade_schema());
  using market::TradeColumn;
  const auto code = [&](size_t column, const std::string& text) {
    batch.columns[column].codes.push_back(symbols.intern(text));
    batch.columns[column].valid.push_back(text.empty() ? 0 : 1);
  };
  const auto id = [&](size_t column, const std::string& text) {
    batch.columns[column].ids.append(market::parse_id(text));
    batch.columns[column].valid.push_back(text.empty() ? 0 : 1);
  };
  for (const size_t column : {TradeColumn::ts_recv, TradeColumn::side, TradeColumn::conditions, TradeColumn::tape}) {
    batch.columns[column].all_null = true;
  }
  for (const Row& row : rows) {
    batch.columns[TradeColumn::symbol].codes.push_back(symbols.intern("A"));
    batch.columns[TradeColumn::ts_event].i64.push_back(row.ts);
    batch.columns[TradeColumn::price].i64.push_back(row.price * kWhole);
    batch.columns[TradeColumn::size].i64.push_back(100'000'000);
    id(TradeColumn::id, row.id);
    id(TradeColumn::ref_id, row.ref_id);
    code(TradeColumn::action, row.action);
    code(TradeColumn::venue, row.venue);
    ++batch.rows;
  }
  made->take(batch);
  made->apply();
  EXPECT_EQ(made->unmatched(), unmatched);
  std::vector<int64_t> prices;
  const Status given = made->give_to([&](const market::Batch& part) -> Status {
    EXPECT_EQ(part.schema, StandingTrades::schema());
    for (size_t row = 0; row < part.rows; ++row) prices.push_back(part.columns[2].i64[row] / kWhole);
    return {};
  });
  EXPECT_TRUE(given.has_value());
  return prices;
}

using Prices = std::vector<int64_t>;

TEST(StandingTrades, AreInTheOrderOfTimeAndAmongEqualsOfTheLog) {
  EXPECT_EQ(standing({{3, 30, "1"}, {1, 10, "2"}, {3, 31, "0"}, {2, 20}}), (Prices{10, 20, 30, 31}));
}

TEST(StandingTrades, ACancelMeansTheNearestTradeOfItsIdBeforeIt) {
  const int64_t day = kDay.ns;
  EXPECT_EQ(standing({{1, 10, "7"}, {2, 10, "", "cancel", "7"}, {3 * day, 11, "7"}}), (Prices{11}));
  EXPECT_EQ(standing({{1, 10, "7"}, {3 * day, 11, "7"}, {3 * day, 11, "", "cancel", "7"}}), (Prices{10}));
  EXPECT_EQ(standing({{1, 10, "x"}, {3 * day, 11, "x"}, {3 * day, 11, "x", "cancel"}}), (Prices{10}));
}

TEST(StandingTrades, ACancelOfATradeOutsideTheRangeTakesNoneInsideIt) {
  EXPECT_EQ(standing({{1, 10, "7"}, {50, 11, "7"}, {51, 11, "", "cancel", "7"}}, 0, Timestamp{40}), (Prices{10}));
}

TEST(StandingTrades, WhatOvertookItsTradeMeansTheFirstBehindIt) {
  EXPECT_EQ(standing({{2, 10, "", "cancel", "7"}, {1, 10, "7"}, {3, 11, "7"}}), (Prices{11}));
  EXPECT_EQ(standing({{2, 12, "8", "correct", "7"}, {1, 10, "7"}, {3, 11, "7"}}), (Prices{12, 11}));
}

TEST(StandingTrades, CorrectionsThatOvertookEachOtherAreAppliedInTheirOrder) {
  EXPECT_EQ(standing({{1, 13, "9", "correct", "8"}, {1, 12, "8", "correct", "7"}, {1, 10, "7"}}), (Prices{13}));
  EXPECT_EQ(standing({{1, 0, "", "cancel", "9"},
                      {1, 13, "9", "correct", "8"},
                      {1, 12, "8", "correct", "7"},
                      {1, 10, "7"},
                      {2, 20, "6"}}),
            (Prices{20}));
}

TEST(StandingTrades, ACorrectionNamesItsTradeByItsOwnIdToo) {
  EXPECT_EQ(standing({{1, 10, "7"}, {2, 12, "8", "correct", "7"}, {3, 0, "", "cancel", "8"}}), (Prices{}));
  EXPECT_EQ(standing({{1, 10, "7"}, {2, 12, "8", "correct", "7"}, {3, 0, "", "cancel", "7"}}), (Prices{}));
}

TEST(StandingTrades, ACorrectionThatComesAgainBehindALaterOneDoesNothing) {
  EXPECT_EQ(
      standing(
          {{1, 10, "7"}, {2, 12, "8", "correct", "7"}, {3, 13, "9", "correct", "8"}, {4, 12, "8", "correct", "7"}}),
      (Prices{13}));
}

TEST(StandingTrades, ACancelledTradeIsNotCorrectedAndASecondCancelTakesNoOther) {
  EXPECT_EQ(standing({{1, 9, "7"}, {1, 10, "7"}, {2, 0, "", "cancel", "7"}, {2, 0, "", "cancel", "7"}}), (Prices{9}));
  EXPECT_EQ(standing({{1, 10, "7"}, {2, 0, "", "cancel", "7"}, {3, 12, "", "correct", "7"}}), (Prices{}));
}

TEST(StandingTrades, VenuesMustBeTheSameWhereBothAreKnown) {
  const Row at_n{1, 10, "7", "", "", "N"};
  const Row at_q{2, 11, "7", "", "", "Q"};
  EXPECT_EQ(standing({at_n, at_q, {3, 0, "", "cancel", "7", "N"}}), (Prices{11}));
  EXPECT_EQ(standing({at_n, {3, 0, "", "cancel", "7", "Q"}, at_q}), (Prices{10}));
  EXPECT_EQ(standing({at_n, {3, 0, "", "cancel", "7"}}), (Prices{}));
  EXPECT_EQ(standing({{1, 10, "7"}, {3, 0, "", "cancel", "7", "Q"}}), (Prices{}));
  EXPECT_EQ(standing({at_n, {3, 0, "", "cancel", "7", "Q"}}, 1), (Prices{10}));
}

TEST(StandingTrades, ACancelWithoutAVenueAppliesToNoneWhereTwoVenuesHaveTheIdThatDay) {
  const Row at_n{1, 10, "7", "", "", "N"};
  EXPECT_EQ(standing({at_n, {2, 11, "7", "", "", "Q"}, {3, 0, "", "cancel", "7"}}, 1), (Prices{10, 11}));
  EXPECT_EQ(standing({at_n, {2 * kDay.ns, 11, "7", "", "", "Q"}, {3, 0, "", "cancel", "7"}}), (Prices{10}));
}

TEST(StandingTrades, WhatAppliesToNoTradeIsCounted) {
  EXPECT_EQ(standing({{1, 10, "7"}, {2, 0, "", "cancel", "8"}, {2, 0, "", "cancel"}, {2, 3, "5", "correct", "6"}}, 3),
            (Prices{10}));
}

}  // namespace
}  // namespace penstock::runtime

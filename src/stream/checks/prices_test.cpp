// The rules over prices: outliers, clearly erroneous, limit bands, other venues. Each at its exact bound.
#include "stream/checks/checks_testing.h"

namespace penstock::stream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<TextRow> prices(const std::vector<std::string>& texts, double from = 0) {
  std::vector<TextRow> rows;
  for (const std::string& text : texts) rows.push_back(trade(from++, text));
  return rows;
}

TEST(Outlier, IsMeasuredByTheDeviationOfThePricesBeforeIt) {
  // Of 10, 11, 12, 13, 14 the median is 12, the deviations 0 1 1 2 2, their median 1: 12 +- 3.
  for (const auto& [price, found] :
       {std::pair{"15", false}, {"15.000000001", true}, {"9", false}, {"8.999999999", true}}) {
    const plan::Plan plan = checks_plan("m: {mad: 3, window: 5}");
    CheckRun run(plan);
    run.give(prices({"12", "10", "14", "11", "13"}));
    run.give({trade(9, price)});
    const auto lines = run.found();
    if (found) {
      EXPECT_THAT(lines, ElementsAre(fmt::format("m A 14:30:09Z: {} | 9 to 15", price)));
    } else {
      EXPECT_THAT(lines, IsEmpty()) << price;
    }
  }
}

TEST(Outlier, OfAnEvenWindowTheMedianMayLieBetweenPrices) {
  // Of 1, 2, 3, 4: median 2.5, deviations .5 .5 1.5 1.5, their median 1; 2.5 +- 2.5 holds 0 to 5.
  const plan::Plan plan = checks_plan("m: {mad: 2.5, window: 4, action: quarantine}");
  CheckRun run(plan);
  run.give(prices({"4", "1", "3", "2", "5.000000001"}));
  EXPECT_THAT(run.found(), ElementsAre("m A 14:30:04Z: 5.000000001 | 0 to 5"));
}

TEST(Outlier, NothingIsJudgedBeforeTheWindowIsFull) {
  const plan::Plan plan = checks_plan("m: {mad: 1, window: 5}");
  CheckRun run(plan);
  run.give(prices({"1", "1000", "1", "1000", "1"}));
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(Outlier, WhereAllAreAlikeTheFloorIsTheBound) {
  const plan::Plan plan = checks_plan("m: {mad: 10, window: 3, floor: 0.5%}");
  CheckRun run(plan);
  run.give(prices({"100", "100", "100", "100.5", "100", "99.499999999"}));
  EXPECT_THAT(run.found(), ElementsAre("m A 14:30:05Z: 99.499999999 | 99.5 to 100.5"));
  run.give(prices({"100", "100", "100", "100.500000001"}, 10));
  EXPECT_THAT(run.found(), ElementsAre("m A 14:30:13Z: 100.500000001 | 99.5 to 100.5"));
}

TEST(Outlier, EveryPriceCountsAfterItWasJudgedSoThatAMovedMarketIsFollowed) {
  const plan::Plan plan = checks_plan("m: {mad: 5, window: 5}");
  CheckRun run(plan);
  run.give(prices({"10", "10.1", "10.2", "10.1", "10", "20", "20.1", "20", "20.2", "20.1", "20"}));
  EXPECT_THAT(run.found().size(), 3u);
}

TEST(Outlier, NullsAreNotJudgedAndSymbolsStandForThemselves) {
  const plan::Plan plan =
      checks_plan("m: {mad: 1, window: 3, of: p}", "trades",
                  "select: {symbol: symbol, ts_event: ts_event, p: \"case when price > 0 then price end\"}, ");
  CheckRun run(plan);
  run.give({trade(0, "1"), trade(1, "2"), trade(2, "-1"), trade(3, "500", {{"symbol", "B"}}), trade(4, "3"),
            trade(5, "-1"), trade(6, "2")});
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(Outlier, TheWholeRangeOfPricesIsExact) {
  const plan::Plan plan = checks_plan("m: {mad: 2, window: 3}");
  CheckRun run(plan);
  run.give(prices(
      {"9223372036.854775807", "-9223372036", "9223372036.854775805", "9223372036.854775802", "9223372036.854775801"}));
  // Median ...805, deviations 0, 2, much: 2, so that ...801 to ...809 is within; then of 807 dropped: 805, 802, much.
  EXPECT_THAT(run.found(), IsEmpty());
  run.give(prices({"9223372036.85477579"}, 10));
  EXPECT_THAT(run.found(),
              ElementsAre("m A 14:30:10Z: 9223372036.85477579 | 9223372036.8547758 to 9223372036.854775804"));
}

TEST(Erroneous, EachBandHoldsUpToItsPriceExactly) {
  struct Case {
    const char* last;
    const char* price;
    const char* bound;  // null: within
  };
  for (const Case& each : {Case{"20", "22", nullptr},
                           {"20", "22.000000001", "18 to 22"},
                           {"20", "17.99", "18 to 22"},
                           {"25", "27.5", nullptr},
                           {"25", "27.51", "22.5 to 27.5"},
                           {"25.01", "26.27", "23.7595 to 26.2605"},
                           {"50", "52.5", nullptr},
                           {"50", "47.4", "47.5 to 52.5"},
                           {"50.01", "51.52", "48.5097 to 51.5103"},
                           {"0.000000001", "0.000000002", "0.000000001 to 0.000000001"}}) {
    const plan::Plan plan = checks_plan("e: {erroneous: true}");
    CheckRun run(plan);
    run.give(prices({each.last, each.price}));
    const auto lines = run.found();
    if (each.bound == nullptr) {
      EXPECT_THAT(lines, IsEmpty()) << each.price;
    } else {
      EXPECT_THAT(lines, ElementsAre(fmt::format("e A 14:30:01Z: {} | {}", each.price, each.bound)));
    }
  }
}

TEST(Erroneous, OneBadPrintDoesNotMakeTheNextGoodOneFail) {
  const plan::Plan plan = checks_plan("e: {erroneous: true, action: quarantine}");
  CheckRun run(plan);
  run.give(prices({"100", "1", "100.5", "300", "101"}));
  EXPECT_THAT(run.found(), ElementsAre("e A 14:30:01Z: 1 | 97 to 103", "e A 14:30:03Z: 300 | 97.485 to 103.515"));
}

TEST(Erroneous, PricesThatAgreeInARowAreBelieved) {
  const plan::Plan plan = checks_plan("e: {erroneous: true}");
  CheckRun run(plan);
  run.give(prices({"100", "80", "200", "80", "81", "82", "81", "100"}));
  // 80, 200, and 80 are alone; 81 and 82 agree with it. Then 81 is within of 82, and 100 is not.
  EXPECT_THAT(run.found(), ElementsAre("e A 14:30:01Z: 80 | 97 to 103", "e A 14:30:02Z: 200 | 97 to 103",
                                       "e A 14:30:03Z: 80 | 97 to 103", "e A 14:30:04Z: 81 | 97 to 103",
                                       "e A 14:30:05Z: 82 | 97 to 103", "e A 14:30:07Z: 100 | 78.57 to 83.43"));
}

TEST(Erroneous, ConfirmedByOneTheLastSaleIsAlwaysTheLast) {
  const plan::Plan plan = checks_plan("e: {erroneous: {confirm: 1, bands: [{band: 10%}]}}");
  CheckRun run(plan);
  run.give(prices({"100", "1", "100"}));
  EXPECT_THAT(run.found(), ElementsAre("e A 14:30:01Z: 1 | 90 to 110", "e A 14:30:02Z: 100 | 0.9 to 1.1"));
}

TEST(Erroneous, PricesOfZeroAndBelowAreNoLastSale) {
  const plan::Plan plan = checks_plan("e: {erroneous: {confirm: 1}}");
  CheckRun run(plan);
  run.give(prices({"0", "-5", "10", "0", "-1", "10.5"}));
  EXPECT_THAT(run.found(), ElementsAre("e A 14:30:03Z: 0 | 9 to 11", "e A 14:30:04Z: -1 | 9 to 11"));
}

TEST(Luld, TheReferenceIsTheMeanOfTheLastMinutesExactly) {
  const plan::Plan plan = checks_plan("l: {luld: {band: 5%, reference: 5m}}");
  CheckRun run(plan);
  // Mean 100: 95 to 105, which is in. Of 100, 101, 99, 105 it is 101.25, and then of these and 106.3125 102.2625.
  run.give(prices({"100", "101", "99", "105", "106.312500001", "106.3125", "90"}));
  EXPECT_THAT(run.found(), ElementsAre("l A 14:30:04Z: 106.312500001 | 96.1875 to 106.3125",
                                       "l A 14:30:06Z: 90 | 97.149375 to 107.375625"));
}

TEST(Luld, PricesLeaveTheMeanWithTheirPieceOfTime) {
  const plan::Plan plan = checks_plan("l: {luld: {band: 5%, reference: 5m}}");
  CheckRun run(plan);
  // 14:30:00 begins a piece of 10 s; 30 pieces later it is gone.
  run.give({trade(0, "100"), trade(9.999, "100"), trade(10, "104"), trade(299.999, "96")});
  EXPECT_THAT(run.found(), ElementsAre("l A 14:34:59.999Z: 96 | 96.266666667 to 106.4"));
  run.give({trade(300, "98")});
  EXPECT_THAT(run.found(), ElementsAre("l A 14:35:00Z: 98 | 98.8 to 109.2"));
  // When all is gone the first price begins anew; one that is late is judged and counts in its own piece.
  run.give({trade(310, "50"), trade(309, "52.6"), trade(308, "52.5")});
  EXPECT_THAT(run.found(), ElementsAre("l A 14:35:09Z: 52.6 | 47.5 to 52.5"));
}

TEST(Luld, GoesOnOverARestart) {
  const plan::Plan plan = checks_plan(
      "l: {luld: {band: 5%, reference: 30s}}, m: {mad: 3, window: 4}, e: {erroneous: true}, "
      "c: {cross_source: 1%}, g: {gap: id}, o: {out_of_order: true}, s: {stale: 2s}");
  std::vector<TextRow> rows;
  for (int i = 0; i < 90; ++i) {
    rows.push_back(trade(
        i * 0.7 - (i % 11 == 0 ? 3 : 0), std::to_string(100 + i * i % 17) + "." + std::to_string(i % 9),
        {{"symbol", i % 3 == 0 ? "A" : "B"}, {"id", std::to_string(i + i / 20)}, {"venue", i % 2 == 0 ? "X" : "Y"}}));
  }
  const std::string whole = run_in_pieces(plan, rows, rows.size(), 0);
  EXPECT_THAT(whole, ::testing::AllOf(::testing::HasSubstr("|luld|"), ::testing::HasSubstr("|mad|"),
                                      ::testing::HasSubstr("|erroneous|"), ::testing::HasSubstr("|cross_source|"),
                                      ::testing::HasSubstr("|gap|"), ::testing::HasSubstr("|out_of_order|"),
                                      ::testing::HasSubstr("|stale|")));
  EXPECT_EQ(run_in_pieces(plan, rows, 1, 1), whole);
  EXPECT_EQ(run_in_pieces(plan, rows, 4, 12, {"Y", "B"}), whole);
}

TEST(Prices, OfAMessageThatCancelsATradeAreNoTrade) {
  const plan::Plan plan = checks_plan(
      "m: {mad: 1, window: 3}, e: {erroneous: true}, l: {luld: true}, c: {cross_source: 1%}, o: {out_of_order: true}");
  CheckRun run(plan);
  run.give({trade(0, "10", {{"venue", "X"}}), trade(1, "10", {{"venue", "Y"}}), trade(2, "10"),
            trade(1.5, "500", {{"venue", "X"}, {"action", "cancel"}, {"ref_id", "1"}}),
            trade(3, "10", {{"venue", "X"}}), trade(3.1, "10", {{"venue", "Y"}})});
  EXPECT_THAT(run.found(), ElementsAre("o A 14:30:01.500Z: 0.5s | 0s"));
}

TextRow from_venue(double second, const std::string& venue, const std::string& price) {
  return trade(second, price, {{"venue", venue}});
}

TEST(CrossSource, APriceThatNoOtherVenueAgreesWithIsFoundExactly) {
  const plan::Plan plan = checks_plan("c: {cross_source: 1%, within: 1s}");
  CheckRun run(plan);
  run.give({from_venue(0, "X", "100"), from_venue(0.1, "Y", "101"), from_venue(0.2, "Z", "102.1")});
  // Z lies beyond 1 % of 100, and of 101, of which it is the nearer.
  EXPECT_THAT(run.found(), ElementsAre("c A 14:30:00.200Z: 102.1 | 99.99 to 102.01"));
  // X agrees with Y though not with Z.
  run.give({from_venue(0.3, "X", "100")});
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(CrossSource, OnlyWhatWasHeardWithinTheTimeCountsAndAVenueIsNotItsOwnJudge) {
  const plan::Plan plan = checks_plan("c: {cross_source: 1%, within: 1s}");
  CheckRun run(plan);
  run.give({from_venue(0, "X", "100"), from_venue(0.5, "X", "200"), from_venue(1.500000001, "Y", "100"),
            from_venue(3, "X", "500"), from_venue(2, "Y", "100")});
  EXPECT_THAT(run.found(), ElementsAre("c A 14:30:02Z: 100 | 495 to 505"));
  run.give({trade(2, "1", {{"venue", std::nullopt}})});
  EXPECT_THAT(run.found(), IsEmpty());
}

TEST(CrossSource, AnOlderRecordOfAVenueDoesNotReplaceItsNewest) {
  const plan::Plan plan = checks_plan("c: {cross_source: 1%, within: 10s}");
  CheckRun run(plan);
  run.give({from_venue(5, "X", "100"), from_venue(1, "X", "50"), from_venue(6, "Y", "100")});
  EXPECT_THAT(run.found(), IsEmpty());
}

}  // namespace
}  // namespace penstock::stream::testing

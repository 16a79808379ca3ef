#include "market/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "market/adjusted_columns.h"
#include "market/schema.h"

namespace penstock::market {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Status factors(Reference& reference, std::string_view text, std::string_view name = "aaa") {
  return reference.add_factor_file(text, std::string(name) + ".csv", name);
}
Status tickers(Reference& reference, std::string_view text, std::string_view name = "aaa") {
  return reference.add_ticker_file(text, std::string(name) + ".csv", name);
}

std::string message(const Status& status) { return status ? "valid" : status.error().message; }

// One span or name a line, `IBM 1998-01-02..: IBM as IBM x 5000000000000000000`, days without an end left out.
std::string days(int32_t first, int32_t last) {
  return (first == kFirstDay ? "" : format_day(first)) + ".." + (last == kLastDay ? "" : format_day(last));
}
std::vector<std::string> spans(const Reference& reference) {
  const auto resolved = reference.resolve();
  if (!resolved) return {resolved.error().message};
  std::vector<std::string> lines;
  for (const Adjustment& span : resolved->spans) {
    const double factor = static_cast<double>(span.factor) / 1e19;
    const double split = static_cast<double>(span.split) / 1e18;
    lines.push_back(fmt::format("{} {}: {} as {} x {} split {}", span.ticker, days(span.first, span.last),
                                span.security.empty() ? "-" : span.security, span.symbol, factor, split));
  }
  return lines;
}
std::vector<std::string> names(const Reference& reference) {
  const auto resolved = reference.resolve();
  if (!resolved) return {resolved.error().message};
  std::vector<std::string> lines;
  for (const SecurityName& name : resolved->names)
    lines.push_back(fmt::format("{} {}: {}", name.security, days(name.first, name.last), name.symbol));
  return lines;
}

TEST(Reference, AFactorHoldsUpToItsDayAndAfterTheLastRowNothingChanges) {
  Reference reference;
  EXPECT_EQ(message(factors(reference, "20200101,0.9,0.25,100\n20200828,0.9,0.25,499.23\r\n\n20201105,0.95,1,119.03")),
            "valid");
  EXPECT_THAT(spans(reference), ElementsAre("AAA ..2020-08-28: AAA as AAA x 0.225 split 0.25",
                                            "AAA 2020-08-29..2020-11-05: AAA as AAA x 0.95 split 1",
                                            "AAA 2020-11-06..: AAA as AAA x 1 split 1"));
}

TEST(Reference, AFactorKeepsAllItsDigits) {
  Reference reference;
  EXPECT_EQ(message(factors(reference, "20200101,0.86136570,166666.99417200\n20200102,1,0.00892857")), "valid");
  const std::vector<FactorRow>& rows = reference.securities().find("AAA")->second.factors;
  EXPECT_EQ(rows[0].price, (Factor{8613657, 7}));
  EXPECT_EQ(rows[0].split, (Factor{166666994172, 6}));
  EXPECT_EQ(rows[1].price, (Factor{1, 0}));
  EXPECT_EQ(rows[1].split, (Factor{892857, 8}));
  EXPECT_EQ(penstock::to_string(product_units(rows[0].price, rows[0].split)), "1435612321018607004000000");
  EXPECT_EQ(penstock::to_string(rows[1].split.units(18)), "8928570000000000");
}

TEST(Reference, AProductIsRoundedToItsNineteenthDigitHalfUp) {
  const Factor tenth{100'000'000'000'000'001, 18};  // 0.1 and 10^-18
  EXPECT_EQ(penstock::to_string(product_units(tenth, {1, 0})), "1000000000000000010");
  EXPECT_EQ(penstock::to_string(product_units(tenth, {5, 1})), "500000000000000005");
  EXPECT_EQ(penstock::to_string(product_units({5, 10}, {1, 10})), "1");
  EXPECT_EQ(penstock::to_string(product_units({4, 10}, {1, 10})), "0");
  EXPECT_GT(product_units({999'999'999'999'999'999, 0}, {999'999'999'999'999'999, 0}), 0);  // no overflow
}

TEST(Reference, ASecurityGoesByTheTickerOfItsDay) {
  Reference reference;
  EXPECT_EQ(message(tickers(reference, "19980102,uw,N\n19980716,uw,N\n20090804,wmi,N\n20501231,wm,N", "wm")), "valid");
  EXPECT_EQ(message(factors(reference, "20050101,0.5,1\n20501231,1,1,0", "wm")), "valid");
  EXPECT_THAT(
      spans(reference),
      ElementsAre("UW ..1998-01-01: - as UW? x 1 split 1", "UW 1998-01-02..1998-07-16: WM as WM x 0.5 split 1",
                  "UW 1998-07-17..: - as UW? x 1 split 1", "WM ..2009-08-04: - as WM? x 1 split 1",
                  "WM 2009-08-05..2050-12-31: WM as WM x 1 split 1", "WM 2051-01-01..: - as WM? x 1 split 1",
                  "WMI ..1998-07-16: - as WMI? x 1 split 1", "WMI 1998-07-17..2005-01-01: WM as WM x 0.5 split 1",
                  "WMI 2005-01-02..2009-08-04: WM as WM x 1 split 1", "WMI 2009-08-05..: - as WMI? x 1 split 1"));
  EXPECT_THAT(names(reference),
              ElementsAre("WM 1998-01-02..1998-07-16: UW", "WM 1998-07-17..2009-08-04: WMI", "WM 2009-08-05..: WM"));
}

TEST(Reference, AFirstRowThatIsNotRepeatedSaysUntilWhen) {
  Reference reference;
  EXPECT_EQ(message(reference.add_ticker_table("symbol,date,ticker\nMETA,2022-06-08,FB\nMETA,20501231,META", "m.csv")),
            "valid");
  EXPECT_THAT(names(reference), ElementsAre("META ..2022-06-08: FB", "META 2022-06-09..: META"));
}

TEST(Reference, TwoSecuritiesOfOneTickerAreToldApart) {
  Reference reference;
  EXPECT_EQ(message(tickers(reference, "20041112,nwsa\n20130628,nwsa\n20190318,foxa\n20190320,tfcfa", "tfcfa")),
            "valid");
  EXPECT_EQ(message(tickers(reference, "20190312,foxav\n20190318,foxav\n20501231,foxa", "foxa")), "valid");
  const std::vector<std::string> all = spans(reference);
  EXPECT_THAT(all, testing::Contains("FOXA 2013-06-29..2019-03-18: TFCFA as TFCFA x 1 split 1"));
  EXPECT_THAT(all, testing::Contains("FOXA 2019-03-19..2050-12-31: FOXA as FOXA x 1 split 1"));
}

TEST(Reference, WhoIsGoneKeepsItsTickerUntilAnotherTakesIt) {
  Reference reference;
  EXPECT_EQ(message(tickers(reference, "20090130,vxx\n20190129,vxx", "vxx.1")), "valid");
  EXPECT_EQ(message(tickers(reference, "20180118,vxxb\n20190501,vxxb\n20501231,vxx", "vxx")), "valid");
  EXPECT_THAT(names(reference), ElementsAre("VXX 2018-01-18..2019-05-01: VXXB", "VXX 2019-05-02..: VXX",
                                            "VXX.1 2009-01-30..2019-05-01: VXX", "VXX.1 2019-05-02..: VXX.1"));
}

TEST(Reference, ANameThatWouldStandForTwoSecuritiesIsAnError) {
  Reference reference;
  EXPECT_EQ(message(tickers(reference, "20090130,vxx\n20190129,vxx", "vxx")), "valid");
  EXPECT_EQ(message(tickers(reference, "20190502,vxx\n20501231,vxx", "new")), "valid");
  EXPECT_THAT(spans(reference), ElementsAre(HasSubstr("vxx.csv:1: the security VXX is gone after 2019-01-29")));
}

TEST(Reference, OneTickerOfTwoOnOneDayIsAnErrorThatNamesBoth) {
  Reference reference;
  EXPECT_EQ(message(tickers(reference, "20090130,vxx\n20190129,vxx", "a")), "valid");
  EXPECT_EQ(message(tickers(reference, "20190129,vxx\n20501231,vxx", "b")), "valid");
  EXPECT_THAT(spans(reference),
              ElementsAre(HasSubstr("b.csv:1: the ticker VXX belongs to B and, by a.csv:1, to A on 2019-01-29")));
  Reference open;
  EXPECT_EQ(message(tickers(open, "20090130,vxx", "a")), "valid");
  EXPECT_EQ(message(tickers(open, "20190129,vxx", "b")), "valid");
  EXPECT_THAT(spans(open), ElementsAre(HasSubstr("before 2009-01-31")));
}

TEST(Reference, OfFactorsAloneTheSecurityHasItsTickerWheneverNobodyElseHas) {
  Reference reference;
  EXPECT_EQ(message(factors(reference, "20150911,0.9,1", "nwsa")), "valid");
  EXPECT_EQ(message(tickers(reference, "20041112,nwsa\n20130628,nwsa\n20190318,foxa", "tfcfa")), "valid");
  EXPECT_THAT(
      spans(reference),
      ElementsAre("FOXA ..2013-06-28: - as FOXA? x 1 split 1", "FOXA 2013-06-29..2019-03-18: TFCFA as FOXA x 1 split 1",
                  "FOXA 2019-03-19..: - as FOXA? x 1 split 1", "NWSA ..2004-11-11: NWSA as NWSA x 0.9 split 1",
                  "NWSA 2004-11-12..2013-06-28: TFCFA as FOXA x 1 split 1",
                  "NWSA 2013-06-29..2015-09-11: NWSA as NWSA x 0.9 split 1",
                  "NWSA 2015-09-12..: NWSA as NWSA x 1 split 1", "TFCFA ..: - as TFCFA? x 1 split 1"));
  EXPECT_THAT(names(reference), testing::Contains("NWSA 2004-11-12..2013-06-28: NWSA?"));
}

TEST(Reference, ATableHoldsManySecuritiesInAnyOrderOfColumns) {
  Reference reference;
  EXPECT_EQ(
      message(reference.add_factor_table("# ours\ndate,symbol,split_factor,price_factor\n2020-08-28,aapl,0.25,0.9\n"
                                         "2020-01-01,BRKpA,1,0.8\n20501231,aapl,1,1\n",
                                         "f.csv")),
      "valid");
  EXPECT_EQ(reference.securities().size(), 2u);
  EXPECT_EQ(reference.securities().find("AAPL")->second.factors.size(), 2u);
  EXPECT_EQ(reference.securities().find("AAPL")->second.factors_from, "f.csv:3");
  EXPECT_EQ(reference.securities().count("BRKpA"), 1u);  // its case may mean something
}

TEST(Reference, AMistakeInAFileOfFactorsIsToldWithItsPlace) {
  const auto told = [](std::string_view text) {
    Reference reference;
    return message(factors(reference, text));
  };
  EXPECT_THAT(told("2020-08-28,1,1,1"), HasSubstr("aaa.csv:1:1: '2020-08-28' is no date: write it as yyyymmdd"));
  EXPECT_THAT(told("20200230,1,1,1"), HasSubstr("aaa.csv:1:1: '20200230' is no date"));
  EXPECT_THAT(told("99991231,1,1,1"), HasSubstr("not in the years 1900 to 2261"));
  EXPECT_THAT(told("20200828,1,1,1\n20200827,1,1,1"),
              HasSubstr("aaa.csv:2:1: the date 2020-08-27 comes after 2020-08-28: write"));
  EXPECT_THAT(told("20200828,1,1,1\n20200828,1,1,1"), HasSubstr("aaa.csv:2:1: the date 2020-08-28 stands twice"));
  EXPECT_THAT(told("20200828,0,1,1"), HasSubstr("aaa.csv:1:10: price_factor is 0"));
  EXPECT_THAT(told("20200828,1, 0.000,1"), HasSubstr("aaa.csv:1:13: split_factor is 0"));
  EXPECT_THAT(told("20200828,-1,1,1"), HasSubstr("price_factor '-1' is no decimal number"));
  EXPECT_THAT(told("20200828,inf,1,1"), HasSubstr("price_factor 'inf' is no decimal number"));
  EXPECT_THAT(told("20200828,1e3,1,1"), HasSubstr("price_factor '1e3' is no decimal number"));
  EXPECT_THAT(told("20200828,1.2.3,1,1"), HasSubstr("is no decimal number"));
  EXPECT_THAT(told("20200828,,1,1"), HasSubstr("price_factor is ''"));
  EXPECT_THAT(told("20200828,.,1,1"), HasSubstr("price_factor is '.'"));
  EXPECT_THAT(told("20200828,0.1234567890123456789,1,1"), HasSubstr("more than 18 digits"));
  EXPECT_THAT(told("20200828,1,2000000000000,1"),
              HasSubstr("split_factor '2000000000000' is not between 1e-9 and 1e12"));
  EXPECT_THAT(told("20200828,1000000,10000000,1"), HasSubstr("price_factor times split_factor is not between"));
  EXPECT_THAT(told("20200828,1,1,x"), HasSubstr("aaa.csv:1:14: reference_price 'x' is no price"));
  EXPECT_THAT(told("20200828,1"), HasSubstr("aaa.csv:1:1: '20200828,1' has 2 fields"));
  EXPECT_THAT(told("20200828,1,1,1,1"), HasSubstr("has 5 fields"));
  EXPECT_THAT(told(""), HasSubstr("aaa.csv:1:1: there is no row"));
  EXPECT_THAT(told("\n\n"), HasSubstr("there is no row"));
}

TEST(Reference, AMistakeInAFileOfTickersIsToldWithItsPlace) {
  const auto told = [](std::string_view text) {
    Reference reference;
    return message(tickers(reference, text));
  };
  EXPECT_THAT(told("20200828,"), HasSubstr("aaa.csv:1:10: ticker is empty"));
  EXPECT_THAT(told("20200828"), HasSubstr("has 1 fields"));
  EXPECT_THAT(told("20200828,a,b,c"), HasSubstr("has 4 fields"));
  EXPECT_THAT(told("20200828,a b"), HasSubstr("ticker 'a b' has something else"));
  EXPECT_THAT(told("20200828,\"a\""), HasSubstr("or has a quote"));
  EXPECT_THAT(told("20200828,a\n20200101,b"), HasSubstr("aaa.csv:2:1: the date 2020-01-01 comes after 2020-08-28"));
  EXPECT_THAT(told(std::string("20200828,") + std::string(65, 'a')), HasSubstr("more than 64 bytes"));
}

TEST(Reference, AMistakeInAHeaderIsToldWithItsPlace) {
  const auto told = [](std::string_view text) {
    Reference reference;
    return message(reference.add_factor_table(text, "f.csv"));
  };
  EXPECT_THAT(told(""), HasSubstr("f.csv:1:1: the file is empty"));
  EXPECT_THAT(told("symbol,date,price_factor,split_facto\n"),
              HasSubstr("f.csv:1:26: unknown column 'split_facto'; did you"));
  EXPECT_THAT(told("symbol,date,price_factor\n"), HasSubstr("column 'split_factor' is missing"));
  EXPECT_THAT(told("symbol,date,date,price_factor,split_factor\n"),
              HasSubstr("f.csv:1:13: column 'date' stands twice"));
  EXPECT_THAT(told("symbol,date,price_factor,split_factor\n"), HasSubstr("there is no row under the header"));
  EXPECT_THAT(told("symbol,date,price_factor,split_factor\nA,20200101,1\n"),
              HasSubstr("f.csv:2:1: 'A,20200101,1' has 3"));
  EXPECT_THAT(told("symbol,date,price_factor,split_factor\nA,2020-01-02,1,1\nB,2020-01-01,1,1\nA,2020-01-01,1,1\n"),
              HasSubstr("f.csv:4:3: the date 2020-01-01 comes after 2020-01-02"));
  EXPECT_THAT(told("symbol,date,price_factor,split_factor\nA,2020-1-02,1,1\n"), HasSubstr("'2020-1-02' is no date"));
  EXPECT_THAT(told("symbol,date,price_factor,split_factor\n,2020-01-02,1,1\n"), HasSubstr("symbol is empty"));
}

TEST(Reference, OneSecurityInTwoFilesIsAnError) {
  Reference reference;
  EXPECT_EQ(message(factors(reference, "20200828,1,1", "ibm")), "valid");
  EXPECT_THAT(message(factors(reference, "20200828,1,1", "IBM")),
              HasSubstr("IBM.csv:1:1: the factors of IBM are in ibm.csv:1 too"));
}

TEST(Reference, AnyBytesAreReadOrRefusedWithAPlace) {
  std::mt19937_64 random(7);
  const std::string_view bytes = "0123456789.,-+e\n\r #\"?aZ\xff\0";
  const std::string valid =
      "symbol,date,price_factor,split_factor\nA,2020-08-28,0.25,1\nB,20200828,1,0.5\nA,20501231,1,1\n";
  size_t read = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = valid;
    for (uint64_t changes = random() % 4; changes > 0; --changes)
      text[38 + random() % (text.size() - 38)] = bytes[random() % bytes.size()];
    Reference reference;
    const Status table = reference.add_factor_table(text, "f.csv");
    if (table) {
      ++read;
      EXPECT_TRUE(reference.resolve()) << text;
    } else {
      EXPECT_THAT(table.error().message, testing::StartsWith("f.csv:"));
    }
    Reference others;
    if (tickers(others, text.substr(38), "a") && tickers(others, valid.substr(38), "b"))
      static_cast<void>(others.resolve());
  }
  EXPECT_GT(read, 4'000u);
  EXPECT_LT(read, 19'000u);
}

TEST(Reference, EveryRealFileIsRead) {
  const char* root = std::getenv("PENSTOCK_TEST_DATA");
  if (root == nullptr) GTEST_SKIP() << "PENSTOCK_TEST_DATA is not set: it names a folder of recorded market data";
  const std::filesystem::path folder = std::filesystem::path(root) / "lean" / "reference";
  Reference reference;
  size_t files = 0;
  for (const char* kind : {"factor_files", "map_files"}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder / kind)) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      const std::string name = entry.path().stem().string();
      const Status added = kind[0] == 'f' ? reference.add_factor_file(text, entry.path().string(), name)
                                          : reference.add_ticker_file(text, entry.path().string(), name);
      EXPECT_EQ(message(added), "valid");
      ++files;
    }
  }
  EXPECT_GT(files, 40u);
  const auto resolved = reference.resolve();
  ASSERT_TRUE(resolved) << resolved.error().message;
  // No ticker is without an answer on any day, and none has two.
  std::map<std::string, int64_t> next;
  for (const Adjustment& span : resolved->spans) {
    const auto [place, first] = next.emplace(span.ticker, kFirstDay);
    EXPECT_EQ(place->second, span.first) << span.ticker;
    place->second = int64_t{span.last} + 1;
  }
  for (const auto& [ticker, day] : next) EXPECT_EQ(day, int64_t{kLastDay} + 1) << ticker;
}

TEST(AdjustedColumns, OfBarsPricesAndSizesAreAdjusted) {
  using enum Adjusting;
  EXPECT_THAT(adjusted_columns(*bar_schema()),
              ElementsAre(as_is, as_is, as_is, price, price, price, price, size, price, as_is, as_is, as_is, as_is));
  EXPECT_THAT(adjusted_columns(*quote_bar_schema()),
              ElementsAre(as_is, as_is, as_is, price, price, price, price, price, price, price, price, size, size,
                          as_is, as_is, as_is, as_is));
}

TEST(AdjustedColumns, WhatIsNoTableOfBarsHasNone) {
  for (const SchemaPtr& schema : {trade_schema(), quote_schema(), late_schema(), quality_schema(), quarantine_schema()})
    EXPECT_THAT(adjusted_columns(*schema), IsEmpty());
}

TEST(AdjustedColumns, ANumberOfWhichNothingIsKnownIsLeftOut) {
  const Schema schema{{{"symbol", {Kind::symbol}},
                       {"every", {Kind::text}},
                       {"start", {Kind::timestamp}},
                       {"close", kPriceType},
                       {"spread", kPriceType},
                       {"volume", {Kind::int64}},
                       {"high", {Kind::float64}},
                       {"note", {Kind::text}}}};
  using enum Adjusting;
  EXPECT_THAT(adjusted_columns(schema), ElementsAre(as_is, as_is, as_is, price, left_out, left_out, left_out, as_is));
}

}  // namespace
}  // namespace penstock::market

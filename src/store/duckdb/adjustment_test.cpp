#include <random>

#include "market/reference.h"
#include "store/duckdb/handles.h"
#include "store/duckdb/store_fixture.h"

namespace penstock::store {
namespace {

using market::BarColumn;
using market::QuoteBarColumn;
using Adjusting = DuckDbOptions::Adjusting;

Timestamp at(std::string_view text) {
  Timestamp t;
  EXPECT_EQ(parse_rfc3339(text, t), TimeError::ok) << text;
  return t;
}

struct Bar {
  std::string symbol = "A";
  std::string start;
  int64_t price = 0;   // in 1e-9
  Int128 volume = 0;   // in 1e-8
  bool has_vwap = true;
};

TableSpec bars_table(const std::string& name = "bars") {
  return {.name = name, .schema = market::bar_schema(), .key = {}, .bars_come_once = true};
}

// `value` times 10^19-scaled `factor`, rounded half away from zero: the exact answer, in 160 bits.
std::string exact(Int128 value, Int128 factor, int scale) {
  const bool negative = value < 0;
  const Uint128 magnitude = static_cast<Uint128>(negative ? -value : value);
  const Uint128 ten19 = static_cast<Uint128>(10'000'000'000'000'000'000ULL);
  const Uint128 whole = static_cast<Uint128>(factor) / ten19;
  const Uint128 part = static_cast<Uint128>(factor) % ten19;
  const Uint128 product = magnitude * part;  // below 10^38
  const Uint128 rounded = magnitude * whole + product / ten19 + (product % ten19 * 2 >= ten19 ? 1 : 0);
  const Int128 result = negative ? -static_cast<Int128>(rounded) : static_cast<Int128>(rounded);
  std::string text = market::format_decimal(result, scale);
  if (text.find('.') == std::string::npos) text += '.';
  return text + std::string(static_cast<size_t>(scale) - (text.size() - text.find('.') - 1), '0');
}

class AdjustmentTest : public StoreTest {
 protected:
  void zone(const std::string& name) {
    time_zone = must(market::TimeZone::load(name, at("1900-01-01"), at("2262-01-01")));
  }
  void factors(std::string_view security, std::string_view rows) {
    must(reference.add_factor_file(rows, std::string(security) + ".csv", security));
  }
  void tickers(std::string_view security, std::string_view rows) {
    must(reference.add_ticker_file(rows, std::string(security) + ".csv", security));
  }
  [[nodiscard]] Result<std::unique_ptr<Store>> try_open(std::vector<TableSpec> tables, Adjusting adjusting) {
    if (!time_zone) zone("America/New_York");
    adjustments = must(reference.resolve());
    DuckDbOptions with = options();
    with.adjusting = adjusting;
    with.adjustment_source = {&reference, &adjustments, &*time_zone};
    return open_duckdb_store(path, with, std::move(tables));
  }
  [[nodiscard]] std::unique_ptr<Store> open_adjusted(std::vector<TableSpec> tables) {
    return must(try_open(std::move(tables), Adjusting::replace));
  }
  void commit(Store& store, const std::vector<Bar>& bars) {
    std::vector<BarRow> rows;
    for (const Bar& bar : bars) {
      rows.push_back({.symbol = bar.symbol, .start = at(bar.start).ns, .price = bar.price, .volume = bar.volume});
    }
    const auto transaction = must(store.begin());
    ASSERT_OK(transaction->append(0, bar_batch(rows)));
    ASSERT_OK(transaction->commit());
  }

  market::Reference reference;
  market::Adjustments adjustments;
  std::optional<market::TimeZone> time_zone;
};

constexpr int64_t kDollar = 1'000'000'000;
constexpr int64_t kShare = 100'000'000;

TEST_F(AdjustmentTest, PricesAreMultipliedAndVolumesDividedUpToTheRowsDay) {
  factors("a", "20200101,0.9,0.25\n20200828,0.9,0.25\n20201105,0.95,1");
  const auto store = open_adjusted({bars_table()});
  commit(*store, {{"A", "2020-08-28T19:59:00Z", 400 * kDollar, 100 * kShare},
                  {"A", "2020-08-31T13:30:00Z", 100 * kDollar, 100 * kShare},
                  {"A", "2020-11-06T14:30:00Z", 110 * kDollar, 100 * kShare},
                  {"B", "2020-08-28T19:59:00Z", 400 * kDollar, 100 * kShare}});
  EXPECT_EQ(query(*store, "SELECT symbol, start, open, vwap, volume, factor FROM bars_adjusted ORDER BY symbol, start"),
            "symbol,start,open,vwap,volume,factor\n"
            "A,2020-08-28 19:59:00,90.000000000,90.000000000,400.00000000,0.2250000000000000000\n"
            "A,2020-08-31 13:30:00,95.000000000,95.000000000,100.00000000,0.9500000000000000000\n"
            "A,2020-11-06 14:30:00,110.000000000,110.000000000,100.00000000,1.0000000000000000000\n"
            "B,2020-08-28 19:59:00,400.000000000,400.000000000,100.00000000,1.0000000000000000000\n");
  EXPECT_EQ(query(*store, "SELECT open, volume FROM bars ORDER BY start, symbol LIMIT 1"),
            "open,volume\n400.000000000,100.00000000\n");
}

TEST_F(AdjustmentTest, AsOfADayOnlyWhatHappenedUpToItCounts) {
  factors("a", "20200101,0.9,0.25\n20200828,0.9,0.25\n20201105,0.95,1");
  const auto store = open_adjusted({bars_table()});
  commit(*store, {{"A", "2020-08-27T19:59:00Z", 400 * kDollar, 100 * kShare},
                  {"A", "2020-08-31T13:30:00Z", 100 * kDollar, 100 * kShare},
                  {"B", "2020-08-31T13:30:00Z", 7 * kDollar, 100 * kShare}});
  const auto as_of = [&](const std::string& day) {
    return query(*store, "SELECT symbol, open::DOUBLE AS o, volume::DOUBLE AS v FROM bars_adjusted(" + day +
                             ") ORDER BY symbol, start");
  };
  EXPECT_EQ(as_of("'2020-08-26'"), "symbol,o,v\n");
  EXPECT_EQ(as_of("'2020-08-28'"), "symbol,o,v\nA,400.0,100.0\n");
  EXPECT_EQ(as_of("DATE '2020-08-29'"), "symbol,o,v\nA,94.736842105,400.0\n");
  EXPECT_EQ(as_of("'2020-11-05'"), "symbol,o,v\nA,94.736842105,400.0\nA,100.0,100.0\nB,7.0,100.0\n");
  EXPECT_EQ(as_of("'2020-11-06'"), "symbol,o,v\nA,90.0,400.0\nA,95.0,100.0\nB,7.0,100.0\n");
  // A moment is of the day that New York has then.
  EXPECT_EQ(as_of("TIMESTAMP '2020-08-29 03:59:59'"), as_of("'2020-08-28'"));
  EXPECT_EQ(as_of("'2020-08-29T04:00:00Z'"), as_of("'2020-08-29'"));
  EXPECT_EQ(as_of("(SELECT max(start) FROM bars)"), as_of("'2020-08-31'"));
  EXPECT_NE(query_error(*store, "FROM bars_adjusted(NULL)").message.find("as_of is null"), std::string::npos);
  EXPECT_NE(query_error(*store, "FROM bars_adjusted('yesterday')").message, "");
}

TEST_F(AdjustmentTest, EveryDigitIsThatOfTheExactProduct) {
  std::mt19937_64 random(20200828);
  const auto draw = [&](int64_t least, int64_t greatest) {
    return std::uniform_int_distribution<int64_t>(least, greatest)(random);
  };
  // A security for each: factors of few digits, whose products end in a tie, and of many; small and great ones.
  std::vector<std::string> texts = {
      "0.25", "0.5",         "0.125",   "0.00892857",           "0.8613657", "0.333333333333333333", "166666.994172",
      "4",    "0.000000002", "1000000", "0.999999999999999999", "2.5"};
  for (int i = 0; i < 20; ++i) texts.push_back(fmt::format("0.{:07}", draw(1, 9'999'999)));
  for (size_t i = 0; i < texts.size(); ++i) factors(fmt::format("s{}", i), fmt::format("20201231,{},0.5", texts[i]));
  const auto store = open_adjusted({bars_table()});
  std::vector<Bar> bars;
  for (size_t i = 0; i < texts.size(); ++i) {
    for (int64_t n = 0; n < 40; ++n) {
      const int64_t price = n < 15   ? draw(1, 99'999) * 10'000'000  // cents
                            : n < 25 ? draw(1, 9'999'999) * 100'000
                            : n < 35 ? draw(1, 999'999) * kDollar + draw(0, 999'999'999)
                            : n < 38 ? -draw(1, 99'999) * 10'000'000
                                     : std::numeric_limits<int64_t>::max() - draw(0, 1000);
      bars.push_back(
          {fmt::format("S{}", i), "2020-06-01T14:30:00Z", price, draw(0, 1'000'000'000) * (n % 2 ? kShare : 1)});
    }
  }
  commit(*store, bars);
  std::string wanted = "close,volume\n";
  for (const Bar& bar : bars) {
    const auto span = std::ranges::find_if(adjustments.spans, [&](const auto& s) { return s.ticker == bar.symbol; });
    wanted += exact(bar.price, span->factor, 9) + "," +
              exact(bar.volume, Int128{2} * 10'000'000'000'000'000'000ULL, 8) + "\n";
  }
  const std::string got = query(*store, "SELECT close, volume FROM bars_adjusted WHERE security <> 'X'");
  // In the order of the rows, as one thread reads them.
  EXPECT_EQ(got, wanted);
}

TEST_F(AdjustmentTest, AVolumeBeyondAnInt64IsAdjustedToo) {
  factors("a", "20201231,1,0.3");
  const auto store = open_adjusted({bars_table()});
  const Int128 trillion = static_cast<Int128>(3'000'000'000'000) * kShare;
  commit(*store, {{"A", "2020-06-01T14:30:00Z", kDollar, trillion}});
  const std::string volume = query(*store, "SELECT volume FROM bars_adjusted");
  EXPECT_EQ(volume, "volume\n9999999999000.00000000\n");  // nine digits of 1 / 0.3
}

TEST_F(AdjustmentTest, ADayBeginsAtLocalMidnightWinterAndSummer) {
  factors("a", "20200306,1,0.5\n20200309,1,0.25");  // the clocks change on March 8
  const auto store = open_adjusted({bars_table()});
  commit(*store, {{"A", "2020-03-07T00:59:00Z", kDollar, kShare},     // 19:59 on the 6th, extended hours
                  {"A", "2020-03-07T04:59:00Z", 2 * kDollar, kShare},  // 23:59
                  {"A", "2020-03-07T05:00:00Z", 3 * kDollar, kShare},  // 00:00 on the 7th
                  {"A", "2020-03-10T03:59:00Z", 4 * kDollar, kShare},  // 23:59 on the 9th, summer time
                  {"A", "2020-03-10T04:00:00Z", 5 * kDollar, kShare}});
  EXPECT_EQ(query(*store,
                  "SELECT open::INTEGER AS o, volume::INTEGER AS v FROM (SELECT raw.open, a.volume FROM bars raw"
                  " JOIN bars_adjusted a USING (start)) ORDER BY o"),
            "o,v\n1,2\n2,2\n3,4\n4,4\n5,1\n");
  EXPECT_EQ(query(*store, "SELECT count(*) AS n FROM bars_adjusted('2020-03-09')"), "n\n4\n");
}

TEST_F(AdjustmentTest, TheMacrosDaysEndWhereTheRowsDo) {
  // Zones whose clocks change at midnight, and one with half hours.
  for (const char* name :
       {"America/New_York", "America/Havana", "America/Sao_Paulo", "Asia/Amman", "Australia/Lord_Howe"}) {
    zone(name);
    std::string rows;
    for (int32_t day = 15'000; day < 18'300; ++day) {
      std::string date = market::format_day(day);
      std::erase(date, '-');
      rows += date + ",1,1\n";
    }
    reference = {};
    factors("a", rows);
    const auto store = open_adjusted({bars_table()});
    EXPECT_EQ(query(*store,
                    "SELECT count(*) AS n FROM factors WHERE ends IS DISTINCT FROM (date + 1)::TIMESTAMP - (SELECT"
                    " arg_max(utc_offset, local_begins) FROM penstock.time_zone WHERE local_begins <= date + 1)"),
              "n\n0\n")
        << name;
  }
}

TEST_F(AdjustmentTest, BarsAreShownUnderTheTickerOfTheDay) {
  tickers("wm", "19980102,uw\n19980716,uw\n20090804,wmi\n20501231,wm");
  factors("wm", "20050101,0.5,1");
  const auto store = open_adjusted({bars_table()});
  commit(*store, {{"UW", "1998-03-02T15:00:00Z", 20 * kDollar, kShare},
                  {"wmi", "2006-03-02T15:00:00Z", 30 * kDollar, kShare},
                  {"WM", "2006-03-02T15:00:00Z", 70 * kDollar, kShare},
                  {"WM", "2015-03-02T15:00:00Z", 50 * kDollar, kShare}});
  const std::string columns = "SELECT symbol, raw_symbol, security, open::DOUBLE AS o FROM ";
  EXPECT_EQ(query(*store, columns + "bars_adjusted ORDER BY start, o"),
            "symbol,raw_symbol,security,o\nWM,UW,WM,10.0\nWM,wmi,WM,30.0\nWM?,WM,,70.0\nWM,WM,WM,50.0\n");
  EXPECT_EQ(query(*store, columns + "bars_adjusted('2006-12-31') WHERE symbol = 'WMI' ORDER BY start"),
            "symbol,raw_symbol,security,o\nWMI,UW,WM,10.0\nWMI,wmi,WM,30.0\n");
  EXPECT_EQ(query(*store, columns + "bars_adjusted('1998-07-16')"), "symbol,raw_symbol,security,o\nUW,UW,WM,20.0\n");
}

TEST_F(AdjustmentTest, BarsOfQuotesAndTablesInASchemaAreAdjustedToo) {
  factors("a", "20201231,0.5,0.25");
  const auto store = open_adjusted({{.name = "own.quotes", .schema = market::quote_bar_schema(), .key = {0, 1, 2}}});
  market::Batch batch = market::make_batch(market::quote_bar_schema());
  batch.rows = 1;
  auto& c = batch.columns;
  c[QuoteBarColumn::symbol].codes.push_back(symbols.intern("A"));
  c[QuoteBarColumn::every].codes.push_back(symbols.intern("1m"));
  c[QuoteBarColumn::start].i64.push_back(at("2020-06-01T14:30:00Z").ns);
  for (size_t price = QuoteBarColumn::bid_open; price <= QuoteBarColumn::bid_close; ++price)
    c[price].i64.push_back(8 * kDollar);
  for (size_t price = QuoteBarColumn::ask_open; price <= QuoteBarColumn::ask_close; ++price) c[price].all_null = true;
  c[QuoteBarColumn::bid_size].i64.push_back(3 * kShare);
  c[QuoteBarColumn::ask_size].all_null = true;
  c[QuoteBarColumn::quotes].i64.push_back(2);
  c[QuoteBarColumn::revision].i64.push_back(0);
  c[QuoteBarColumn::final].u8.push_back(1);
  c[QuoteBarColumn::edge].all_null = true;
  const auto transaction = must(store->begin());
  ASSERT_OK(transaction->append(0, batch));
  ASSERT_OK(transaction->commit());
  const std::string columns = "SELECT bid_open, ask_close, bid_size, ask_size, quotes FROM own.quotes_adjusted";
  const std::string wanted = "bid_open,ask_close,bid_size,ask_size,quotes\n1.000000000,,12.00000000,,2\n";
  EXPECT_EQ(query(*store, columns), wanted);
  EXPECT_EQ(query(*store, columns + "('2021-06-01')"), wanted);
}

TEST_F(AdjustmentTest, AnotherReferenceReplacesTheFirstAndWithoutOneNothingIsLeft) {
  factors("a", "20201231,0.5,1");
  {
    commit(*open_adjusted({bars_table()}), {{"A", "2020-06-01T14:30:00Z", 8 * kDollar, kShare}});
  }
  reference = {};
  factors("a", "20201231,0.25,1");
  {
    const auto store = open_adjusted({bars_table(), bars_table("more")});
    EXPECT_EQ(query(*store, "SELECT open::INTEGER AS o FROM bars_adjusted"), "o\n2\n");
    EXPECT_EQ(query(*store, "SELECT count(*) AS n FROM more_adjusted"), "n\n0\n");
    EXPECT_EQ(query(*store, "SELECT security, price_factor::DOUBLE AS f FROM factors"), "security,f\nA,0.25\n");
  }
  {
    const auto store = must(try_open({bars_table()}, Adjusting::keep));
    EXPECT_EQ(query(*store, "SELECT open::INTEGER AS o FROM bars_adjusted('2021-01-01')"), "o\n2\n");
  }
  {  // The names are free again.
    const auto store =
        must(try_open({bars_table(), bars_table("bars_adjusted"), bars_table("factors")}, Adjusting::remove));
    EXPECT_EQ(query(*store, "SELECT count(*) AS n FROM bars_adjusted"), "n\n0\n");
    EXPECT_NE(query_error(*store, "FROM bars_adjusted('2021-01-01')").message, "");
  }
  const auto taken = try_open({bars_table()}, Adjusting::replace);
  ASSERT_FALSE(taken.has_value());
  EXPECT_NE(taken.error().message.find("the store has a table factors, and `reference`"), std::string::npos)
      << taken.error().message;
}

TEST_F(AdjustmentTest, AFailedReplacementLeavesWhatWasThere) {
  factors("a", "20201231,0.5,1");
  {
    commit(*open_adjusted({bars_table()}), {{"A", "2020-06-01T14:30:00Z", 8 * kDollar, kShare}});
  }
  {
    const auto store = must(try_open(
        {bars_table(), {.name = "more_adjusted", .schema = market::trade_schema(), .key = {}}}, Adjusting::keep));
  }
  EXPECT_FALSE(try_open({bars_table("more"), bars_table()}, Adjusting::replace).has_value());
  const auto store = must(try_open({bars_table()}, Adjusting::keep));
  EXPECT_EQ(query(*store, "SELECT open::INTEGER AS o FROM bars_adjusted"), "o\n4\n");
}

TEST_F(AdjustmentTest, WhatIsReadOnlyShowsItAndParquetTakesIt) {
  factors("a", "20201231,0.5,1");
  {
    commit(*open_adjusted({bars_table()}), {{"A", "2020-06-01T14:30:00Z", 8 * kDollar, kShare}});
  }
  DuckDbOptions reading = options();
  reading.read_only = true;
  const auto store = must(open_duckdb_store(path, reading, {}));
  EXPECT_EQ(query(*store, "SELECT open::INTEGER AS o FROM bars_adjusted('2021-01-01')"), "o\n4\n");
  EXPECT_EQ(must(store->export_to("SELECT * FROM bars_adjusted", Format::parquet, folder + "/a.parquet")), 1u);
}

}  // namespace
}  // namespace penstock::store

#include "market/record_codec.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace penstock::market {
namespace {

using TradeBuffer = std::array<std::byte, kTradeBytesMax>;

std::string encoded(const TradeRow& row) {
  TradeBuffer buffer;
  const size_t bytes = encode_trade(row, buffer.data());
  return {reinterpret_cast<const char*>(buffer.data()), bytes};
}
std::string encoded(const QuoteRow& row) {
  std::array<std::byte, kQuoteBytesMax> buffer;
  const size_t bytes = encode_quote(row, buffer.data());
  return {reinterpret_cast<const char*>(buffer.data()), bytes};
}

void expect_same_text(std::string_view a, std::string_view b) {
  EXPECT_EQ(a.data() == nullptr, b.data() == nullptr);
  EXPECT_EQ(a, b);
}

void expect_reads_back(const TradeRow& row) {
  const std::string value = encoded(row);
  ASSERT_FALSE(value.empty());
  TradeRow read;
  ASSERT_TRUE(decode_trade(value, record_timestamp_ms(row.ts_event), read));
  EXPECT_EQ(read.ts_event, row.ts_event);
  EXPECT_EQ(read.price, row.price);
  EXPECT_EQ(read.size, row.size);
  ASSERT_EQ(read.has_id, row.has_id);
  EXPECT_EQ(read.id, row.id);
  ASSERT_EQ(read.has_ts_recv, row.has_ts_recv);
  if (row.has_ts_recv) {
    EXPECT_EQ(read.ts_recv, row.ts_recv);
  }
  expect_same_text(read.venue, row.venue);
  expect_same_text(read.side, row.side);
  expect_same_text(read.conditions, row.conditions);
  expect_same_text(read.tape, row.tape);
  expect_same_text(read.action, row.action);
  ASSERT_EQ(read.has_ref_id, row.has_ref_id);
  if (row.has_ref_id) {
    EXPECT_EQ(read.ref_id, row.ref_id);
  }
}

// Numbers of every length and sign, whole powers of ten among them.
int64_t any_number(std::mt19937_64& random) {
  const auto bits = static_cast<unsigned>(random() % 64);
  auto value = static_cast<int64_t>(random() >> bits);
  if (random() % 2 == 0) value = value / kPow10[4 + random() % 15] * kPow10[random() % 5];
  return random() % 4 == 0 ? -1 - value : value;
}

constexpr int64_t kExtremes[] = {INT64_MIN, INT64_MIN + 1, -1'000'000, -1, 0, 1, 999'999, INT64_MAX - 1, INT64_MAX};

TEST(RecordCodec, APlainTradeTakesAboutTwelveBytes) {
  TradeRow row{.ts_event = Timestamp{1'570'752'004'123'000'000},
               .price = Price{123'450'000'000},
               .size = Size{10'000'000'000},
               .has_id = true,
               .id = {12'345'678, {}}};
  EXPECT_EQ(encoded(row).size(), 2u + 3u + 2u + 4u);
  row.ts_event.ns += 456'789;
  EXPECT_EQ(encoded(row).size(), 2u + 3u + 3u + 2u + 4u);
}

TEST(RecordCodec, EveryTradeReadsBack) {
  std::mt19937_64 random(7);
  const std::string longest(kTextBytesMax, 'x');
  const std::string texts[] = {"", "A", "XNAS", "@FTI", "a39c-\xc3\xa4", longest};
  const auto any_text = [&] {
    const auto pick = random() % (2 * std::size(texts));
    return pick < std::size(texts) ? std::string_view(texts[pick]) : std::string_view{};
  };
  for (int i = 0; i < 200'000; ++i) {
    TradeRow row{.ts_event = Timestamp{any_number(random)},
                 .price = Price{any_number(random)},
                 .size = Size{any_number(random)},
                 .has_ts_recv = random() % 4 == 0,
                 .has_id = random() % 8 != 0};
    if (row.has_ts_recv) row.ts_recv = Timestamp{any_number(random)};
    if (row.has_id) {
      row.id.number = any_number(random) & INT64_MAX;
      if (random() % 4 == 0) {
        row.id = {0, texts[random() % std::size(texts)]};
      }
    }
    row.venue = any_text();
    row.side = any_text();
    row.conditions = any_text();
    if (random() % 2 == 0) {
      row.tape = any_text();
      row.action = any_text();
      row.has_ref_id = random() % 2 == 0;
      if (row.has_ref_id) row.ref_id.number = any_number(random) & INT64_MAX;
      if (row.has_ref_id && random() % 2 == 0) row.ref_id = {0, texts[random() % std::size(texts)]};
    }
    expect_reads_back(row);
    ASSERT_FALSE(HasFailure()) << "record " << i;
  }
}

TEST(RecordCodec, TheEndsOfEveryRangeReadBack) {
  for (const int64_t time : kExtremes) {
    for (const int64_t units : kExtremes) {
      expect_reads_back({.ts_event = Timestamp{time},
                         .price = Price{units},
                         .size = Size{units},
                         .has_ts_recv = true,
                         .ts_recv = Timestamp{units}});
    }
  }
}

TEST(RecordCodec, EveryQuoteReadsBack) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 100'000; ++i) {
    QuoteRow row{.ts_event = Timestamp{any_number(random)},
                 .has_ts_recv = random() % 2 == 0,
                 .has_bid = random() % 4 != 0,
                 .has_bid_size = random() % 4 != 0,
                 .has_ask = random() % 4 != 0,
                 .has_ask_size = random() % 4 != 0};
    if (row.has_ts_recv) row.ts_recv = Timestamp{any_number(random)};
    if (row.has_bid) row.bid = Price{any_number(random)};
    if (row.has_bid_size) row.bid_size = Size{any_number(random)};
    if (row.has_ask) row.ask = Price{any_number(random)};
    if (row.has_ask_size) row.ask_size = Size{any_number(random)};
    if (random() % 2 == 0) row.venue = random() % 2 == 0 ? "XNYS" : "";
    const std::string value = encoded(row);
    QuoteRow read;
    ASSERT_TRUE(decode_quote(value, record_timestamp_ms(row.ts_event), read));
    ASSERT_EQ(read.ts_event, row.ts_event);
    ASSERT_EQ(read.has_ts_recv, row.has_ts_recv);
    ASSERT_TRUE(!row.has_ts_recv || read.ts_recv == row.ts_recv);
    ASSERT_TRUE(read.has_bid == row.has_bid && (!row.has_bid || read.bid == row.bid));
    ASSERT_TRUE(read.has_bid_size == row.has_bid_size && (!row.has_bid_size || read.bid_size == row.bid_size));
    ASSERT_TRUE(read.has_ask == row.has_ask && (!row.has_ask || read.ask == row.ask));
    ASSERT_TRUE(read.has_ask_size == row.has_ask_size && (!row.has_ask_size || read.ask_size == row.ask_size));
    expect_same_text(read.venue, row.venue);
  }
}

TEST(RecordCodec, ATextBeyondItsLengthByteCannotBeEncoded) {
  const std::string too_long(kTextBytesMax + 1, 'x');
  EXPECT_TRUE(encoded(TradeRow{.has_id = true, .id = {0, too_long}}).empty());
  EXPECT_TRUE(encoded(TradeRow{.venue = too_long}).empty());
  EXPECT_TRUE(encoded(TradeRow{.side = too_long}).empty());
  EXPECT_TRUE(encoded(TradeRow{.conditions = too_long}).empty());
  EXPECT_TRUE(encoded(QuoteRow{.venue = too_long}).empty());
}

TEST(RecordCodec, ACutOrLongerOrNewerValueIsRefused) {
  const TradeRow row{.ts_event = Timestamp{1'570'752'004'123'456'789},
                     .price = Price{123'450'000'000},
                     .size = Size{10'000'000'000},
                     .has_ts_recv = true,
                     .has_id = true,
                     .ts_recv = Timestamp{1'570'752'004'130'000'000},
                     .id = {0, "t-1"},
                     .venue = "XNAS",
                     .side = "B",
                     .conditions = "@F",
                     .tape = "C",
                     .action = "cancel",
                     .has_ref_id = true,
                     .ref_id = {17, {}}};
  const std::string whole = encoded(row);
  const int64_t ms = record_timestamp_ms(row.ts_event);
  TradeRow read;
  for (size_t length = 0; length < whole.size(); ++length) {
    // A copy of its own, so that the address sanitizer sees a read behind the end.
    const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
    EXPECT_FALSE(decode_trade({cut.data(), cut.size()}, ms, read)) << length;
  }
  EXPECT_FALSE(decode_trade(whole + '\0', ms, read));
  std::string newer = whole;
  newer[0] = 0x21;
  EXPECT_FALSE(decode_trade(newer, ms, read));
  std::string flagged = encoded(TradeRow{.tape = "", .action = "", .has_ref_id = true, .ref_id = {0, ""}});
  ASSERT_EQ(flagged.at(flagged.size() - 4), '\x0b') << "the byte of more flags stands before three empty texts";
  EXPECT_TRUE(decode_trade(flagged, ms, read));
  flagged.at(flagged.size() - 4) = '\x1b';
  EXPECT_FALSE(decode_trade(flagged, ms, read));
  QuoteRow quote;
  EXPECT_FALSE(decode_quote(whole, ms, quote));
}

TEST(RecordCodec, ATimeBeyondTheRangeIsRefused) {
  const std::string value = encoded(TradeRow{.price = Price{1}, .size = Size{1}});
  TradeRow read;
  EXPECT_FALSE(decode_trade(value, INT64_MAX, read));
  EXPECT_FALSE(decode_trade(value, INT64_MIN, read));
  EXPECT_TRUE(decode_trade(value, 0, read));
}

TEST(RecordCodec, AnAppenderMakesTheBatchThatWasEncoded) {
  SymbolTable symbols;
  SymbolCache cache(symbols);
  std::mt19937_64 random(3);
  Batch expected = make_batch(trade_schema());
  for (size_t row = 0; row < 3000; ++row) {
    // The first thousand have neither venue nor side, so that these columns begin with nulls.
    Batch one = make_batch(trade_schema());
    one.rows = 1;
    for (Column& column : one.columns) column.all_null = true;
    const auto set = [&](size_t column, auto member, auto value) {
      one.columns[column].all_null = false;
      (one.columns[column].*member).push_back(value);
    };
    set(TradeColumn::symbol, &Column::codes, cache.intern(fmt::format("S{}", random() % 50)));
    set(TradeColumn::ts_event, &Column::i64, static_cast<int64_t>(row) * 1'000'001);
    set(TradeColumn::price, &Column::i64, any_number(random));
    set(TradeColumn::size, &Column::i64, any_number(random));
    if (random() % 5 != 0) {
      one.columns[TradeColumn::id].all_null = false;
      one.columns[TradeColumn::id].ids.append(row > 2000 && random() % 2 == 0 ? Id{0, "text"} : Id{int64_t(row), {}});
    }
    if (row > 1000 && random() % 2 == 0) set(TradeColumn::venue, &Column::codes, cache.intern("V"));
    if (row > 1500 && random() % 2 == 0) set(TradeColumn::side, &Column::codes, cache.intern("B"));
    if (row > 1500 && random() % 2 == 0) set(TradeColumn::ts_recv, &Column::i64, any_number(random));
    if (row > 1500 && random() % 2 == 0) {
      one.columns[TradeColumn::conditions].all_null = false;
      one.columns[TradeColumn::conditions].text.append(random() % 2 == 0 ? "@" : "");
    }
    if (row > 2500 && random() % 2 == 0) set(TradeColumn::tape, &Column::codes, cache.intern("C"));
    if (row > 2500 && random() % 2 == 0) set(TradeColumn::action, &Column::codes, cache.intern(kCancel));
    if (row > 2500 && random() % 2 == 0) {
      one.columns[TradeColumn::ref_id].all_null = false;
      one.columns[TradeColumn::ref_id].ids.append(random() % 2 == 0 ? Id{0, "r"} : Id{int64_t(row), {}});
    }
    append_row(expected, one, 0);
  }
  TradeAppender appender(cache);
  appender.begin(expected.rows + 10);
  std::vector<std::byte> buffer(kTradeBytesMax);
  for (size_t row = 0; row < expected.rows; ++row) {
    const TradeRow trade = trade_row(expected, row, symbols);
    const size_t bytes = encode_trade(trade, buffer.data());
    const std::string_view value(reinterpret_cast<const char*>(buffer.data()), bytes);
    ASSERT_TRUE(appender.append(symbols.text(expected.columns[TradeColumn::symbol].codes[row]),
                                record_timestamp_ms(trade.ts_event), value));
    EXPECT_FALSE(appender.append("S", 0, value.substr(1))) << "a malformed value adds nothing";
  }
  const Batch read = appender.finish();
  ASSERT_EQ(read.rows, expected.rows);
  for (size_t row = 0; row < expected.rows; ++row) {
    for (size_t column = 0; column < TradeColumn::count; ++column) {
      ASSERT_EQ(value_text(read.columns[column], row, symbols), value_text(expected.columns[column], row, symbols))
          << "row " << row << " column " << column;
    }
  }
}

TEST(RecordCodec, AnAppenderRefusesAPlainTradeThatIsCutOrGoesOn) {
  SymbolTable symbols;
  SymbolCache cache(symbols);
  TradeAppender appender(cache);
  appender.begin(4);
  const TradeRow trade{.ts_event = Timestamp{5'000'007},
                       .price = Price{1'230'000'000},
                       .size = Size{300'000'000},
                       .has_id = true,
                       .id = {77, {}}};
  const std::string value = encoded(trade);
  for (size_t bytes = 0; bytes < value.size(); ++bytes) {
    EXPECT_FALSE(appender.append("A", 5, value.substr(0, bytes))) << bytes << " bytes of it";
  }
  EXPECT_FALSE(appender.append("A", 5, value + '\0'));
  EXPECT_FALSE(appender.append("A", INT64_MAX, value)) << "a time out of range";
  ASSERT_TRUE(appender.append("A", 5, value));
  const Batch read = appender.finish();
  ASSERT_EQ(read.rows, 1u);
  const TradeRow row = trade_row(read, 0, symbols);
  EXPECT_TRUE(row.ts_event == trade.ts_event && row.price == trade.price && row.size == trade.size &&
              row.id == trade.id);
}

TEST(RecordCodec, AQuoteAppenderMakesTheBatchThatWasEncoded) {
  SymbolTable symbols;
  SymbolCache cache(symbols);
  QuoteAppender appender(cache);
  appender.begin(2);
  ASSERT_TRUE(
      appender.append("A", 1, encoded(QuoteRow{.ts_event = Timestamp{1'000'000}, .has_bid = true, .bid = Price{5}})));
  ASSERT_TRUE(appender.append(
      "B", 2,
      encoded(QuoteRow{.ts_event = Timestamp{2'000'000}, .has_ask_size = true, .ask_size = Size{7}, .venue = "V"})));
  EXPECT_FALSE(appender.append("B", 2, "nonsense"));
  const Batch read = appender.finish();
  ASSERT_EQ(read.rows, 2u);
  const QuoteRow first = quote_row(read, 0, symbols);
  const QuoteRow second = quote_row(read, 1, symbols);
  EXPECT_TRUE(first.has_bid && first.bid == Price{5} && !first.has_ask_size && first.venue.data() == nullptr);
  EXPECT_TRUE(!second.has_bid && second.has_ask_size && second.ask_size == Size{7} && second.venue == "V");
}

}  // namespace
}  // namespace penstock::market

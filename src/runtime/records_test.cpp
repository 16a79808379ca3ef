#include "runtime/records.h"

#include <gtest/gtest.h>

#include <array>

#include "market/schema.h"

namespace penstock::runtime {
namespace {

// Trades with an id that is a number and no other optional field; some symbols are longer than a framed key.
market::Batch plain_trades(market::SymbolTable& symbols) {
  const std::vector<std::string> names{"A", "AAPL", "FIFTEEN_LETTERS", "SIXTEEN__LETTERS", std::string(255, 'X')};
  market::Batch rows = market::make_batch(market::trade_schema());
  using Column = market::TradeColumn;
  for (const size_t column : {Column::venue, Column::ts_recv, Column::side, Column::conditions, Column::tape,
                              Column::action, Column::ref_id}) {
    rows.columns[column].all_null = true;
  }
  for (int64_t i = 0; i < 500; ++i) {
    rows.columns[Column::symbol].codes.push_back(symbols.intern(names[static_cast<size_t>(i) % names.size()]));
    rows.columns[Column::ts_event].i64.push_back(1'700'000'000'000'000'000 +
                                                 i * i * 77'777'777 * (i % 7 == 0 ? -1 : 1));
    rows.columns[Column::price].i64.push_back((i % 3 == 0 ? -1 : 1) * (i * 10'000'000 + i % 11));
    rows.columns[Column::size].i64.push_back(i % 5 == 0 ? i : i * 100'000'000);
    rows.columns[Column::id].ids.append({i % 13 == 0 ? INT64_MAX - i : i, {}});
    ++rows.rows;
  }
  return rows;
}

TEST(Records, PlainTradesAreTheSameBytesAsByTheGeneralWay) {
  market::SymbolTable symbols;
  const market::Batch rows = plain_trades(symbols);
  log::RecordBatchBuilder general;
  for (size_t row = 0; row < rows.rows; ++row) {
    const market::TradeRow trade = market::trade_row(rows, row, symbols);
    general.add_written(market::record_timestamp_ms(trade.ts_event),
                        symbols.text(rows.columns[market::TradeColumn::symbol].codes[row]), market::kTradeBytesMax,
                        [&](std::byte* out) { return market::encode_trade(trade, out); });
  }
  const auto expected = general.finish(log::Codec::none);
  RecordWriter writer(plan::RecordKind::trade, log::Codec::none, symbols);
  for (int round = 0; round < 2; ++round) {  // with keys that are made, and with keys that are known
    const auto written = writer.encode(rows);
    ASSERT_TRUE(written && expected);
    EXPECT_EQ(written->records, expected->records);
    EXPECT_EQ(written->count, 500);
    EXPECT_EQ(written->base_timestamp_ms, expected->base_timestamp_ms);
    EXPECT_EQ(written->max_timestamp_ms, expected->max_timestamp_ms);
  }
}

TEST(Records, WhatIsSentAgainIsReadBackBesideTheRows) {
  market::SymbolTable symbols;
  RecordWriter writer(plan::RecordKind::trade, log::Codec::none, symbols);
  const std::vector<market::ReprocessRecord> sent{{"s", "feed", "A", "rule p: price > 0", "{\"price\": -1}"},
                                                  {"t", "", "", "rule q (mad): 1, bound 2 to 3", "{}"}};
  const auto encoded = writer.encode_reprocess(sent, 1'700'000'000'000);
  ASSERT_TRUE(encoded);
  log::ReadBatch batch;
  batch.base_offset = Offset{40};
  batch.count = encoded->count;
  batch.base_timestamp_ms = encoded->base_timestamp_ms;
  batch.records = encoded->records;
  RecordReader::Sources sources;
  sources.topic_kinds.emplace("trades", plan::RecordKind::trade);
  RecordReader reader(sources, "trades", symbols);
  const auto read = reader.decode(batch, Offset{41});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->rows.rows, 0u);
  ASSERT_EQ(read->again.size(), 1u);
  EXPECT_EQ(read->again[0].stream, "t");
  EXPECT_EQ(read->again[0].reason, sent[1].reason);
  EXPECT_EQ(read->count, 1);
}

TEST(Records, AnIdThatIsATextGoesTheGeneralWay) {
  market::SymbolTable symbols;
  market::Batch rows = plain_trades(symbols);
  rows.columns[market::TradeColumn::id].ids.set_text(7, "x7");
  RecordWriter writer(plan::RecordKind::trade, log::Codec::none, symbols);
  const auto written = writer.encode(rows);
  ASSERT_TRUE(written);
  const log::ReadBatch batch{
      .count = written->count, .base_timestamp_ms = written->base_timestamp_ms, .records = written->records};
  log::RecordIterator records(batch);
  size_t row = 0;
  for (log::RecordView record; records.next(record); ++row) {
    market::TradeRow trade;
    ASSERT_TRUE(market::decode_trade(record.value, record.timestamp_ms, trade));
    EXPECT_EQ(trade.id, rows.columns[market::TradeColumn::id].ids[row]);
  }
  EXPECT_EQ(row, rows.rows);
}

}  // namespace
}  // namespace penstock::runtime

#include "runtime/scatter.h"

#include <gtest/gtest.h>

#include "market/schema.h"

namespace penstock::runtime {
namespace {

// Values of org.apache.kafka.common.utils.Utils.murmur2 published in Kafka's own UtilsTest, as partitions of many.
TEST(Scatter, PartitionsAsKafkasDefaultPartitionerDoes) {
  constexpr int32_t kMany = 1'000'003;
  const std::pair<const char*, int32_t> known[] = {{"21", -973932308},
                                                   {"foobar", -790332482},
                                                   {"a-little-bit-long-string", -985981536},
                                                   {"a-little-bit-longer-string", -1486304829},
                                                   {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                                                   {"abc", 479470107}};
  for (const auto& [key, hash] : known) EXPECT_EQ(partition_for(key, kMany), (hash & 0x7fffffff) % kMany) << key;
}

TEST(Scatter, EveryRowGoesToItsKeysPartitionInOrder) {
  market::SymbolTable symbols;
  market::Batch rows = market::make_batch(market::trade_schema());
  for (market::Column& column : rows.columns) column.all_null = true;
  auto& symbol = rows.columns[market::TradeColumn::symbol];
  auto& id = rows.columns[market::TradeColumn::id];
  symbol.all_null = id.all_null = false;
  const std::vector<std::string> names{"AAPL", "MSFT", "IBM", "A", "BRK.A"};
  for (int64_t i = 0; i < 1000; ++i) {
    symbol.codes.push_back(symbols.intern(names[static_cast<size_t>(i * i % 5)]));
    id.ids.append({i, {}});
    ++rows.rows;
  }
  Scatter scatter(plan::RecordKind::trade, 3, symbols);
  const auto parts = scatter.split(rows);
  ASSERT_EQ(parts.size(), 3u);
  size_t total = 0;
  for (size_t p = 0; p < parts.size(); ++p) {
    int64_t last = -1;
    for (size_t row = 0; row < parts[p].rows; ++row) {
      EXPECT_EQ(partition_for(symbols.text(parts[p].columns[market::TradeColumn::symbol].codes[row]), 3),
                static_cast<int32_t>(p));
      EXPECT_GT(parts[p].columns[market::TradeColumn::id].ids[row].number, last);
      last = parts[p].columns[market::TradeColumn::id].ids[row].number;
    }
    total += parts[p].rows;
  }
  EXPECT_EQ(total, rows.rows);
}

}  // namespace
}  // namespace penstock::runtime

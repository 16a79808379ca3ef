// What several benchmarks need: results without errors, a folder, made-up trades and the plan of their bars.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "market/schema.h"
#include "plan/plan.h"

namespace penstock::bench {

template <typename T>
T must(Result<T> result) {
  if (!result) assert_failed(result.error().message.c_str(), __FILE__, __LINE__);
  return std::move(*result);
}
inline void must(const Status& status) {
  if (!status) assert_failed(status.error().message.c_str(), __FILE__, __LINE__);
}

// Of its own, and gone with it.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "penstock-bench-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// One-minute bars of the topic `trades` into the table `bars`, after dedup by id if asked for.
inline plan::Plan bars_plan(bool dedup = false) {
  plan::Plan plan;
  plan.sources.push_back({.name = "feed", .topic = "trades"});
  plan.topics.push_back({.name = "trades", .schema = market::trade_schema(), .sources = {0}});
  plan::Stream stream{.name = "bars", .output = market::bar_schema()};
  if (dedup) {
    stream.steps.push_back(
        {.what = plan::Dedup{.columns = {market::TradeColumn::id}}, .output = market::trade_schema()});
  }
  stream.steps.push_back({.what = plan::Bars{.every = {kMinute}}, .output = market::bar_schema()});
  plan.streams.push_back(std::move(stream));
  plan.tables.push_back(
      {.name = "bars", .inputs = {{plan::Input::From::stream, 0, plan::Port::rows}}, .schema = market::bar_schema()});
  return plan;
}

// A batch of `schema` in which every column but `given` is null.
inline market::Batch batch_of(const market::SchemaPtr& schema, const std::vector<size_t>& given) {
  market::Batch batch = market::make_batch(schema);
  for (market::Column& column : batch.columns) column.all_null = true;
  for (const size_t column : given) batch.columns[column].all_null = false;
  return batch;
}

inline uint64_t next_random(uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}
inline constexpr uint64_t kSeed = 88172645463325252U;

// `rows` trades with ids from `first` on, a millisecond between them, of symbols in an order that is not to be
// predicted.
inline market::Batch make_trades(const std::vector<market::SymbolCode>& codes, size_t rows, int64_t first,
                                 uint64_t& random) {
  using C = market::TradeColumn;
  market::Batch batch = batch_of(market::trade_schema(), {C::symbol, C::ts_event, C::price, C::size, C::id});
  for (size_t row = 0; row < rows; ++row) {
    const int64_t id = first + static_cast<int64_t>(row);
    batch.columns[C::symbol].codes.push_back(codes[next_random(random) % codes.size()]);
    batch.columns[C::ts_event].i64.push_back(1'570'752'000'000'000'000 + id * 1'000'000);
    batch.columns[C::price].i64.push_back(static_cast<int64_t>(10'000 + next_random(random) % 1'000) * 10'000'000);
    batch.columns[C::size].i64.push_back(static_cast<int64_t>(1 + next_random(random) % 500) * 100'000'000);
    batch.columns[C::id].ids.append({id, {}});
  }
  batch.rows = rows;
  return batch;
}

}  // namespace penstock::bench

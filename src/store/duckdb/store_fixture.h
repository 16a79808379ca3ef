// What the store's tests share: a folder of their own, batches of small numbers, and queries as text.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "market/schema.h"
#include "store/duckdb/duckdb_store.h"

namespace penstock::store {

// Unwraps, or fails the test with the error's message.
template <typename T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message;
    std::abort();
  }
  return std::move(*result);
}
inline void must(const Status& status) {
  if (status) return;
  ADD_FAILURE() << status.error().message;
  std::abort();
}
#define ASSERT_OK(expression)                                        \
  do {                                                               \
    const auto status_of = (expression);                             \
    ASSERT_TRUE(status_of.has_value()) << status_of.error().message; \
  } while (false)

// A bar whose prices are all `price`, in units of the columns.
struct BarRow {
  std::string symbol;
  std::string every = "1m";
  int64_t start = 0;
  int64_t price = 0;
  Int128 volume = 0;
  int64_t trades = 1;
  int64_t revision = 0;
  bool final = true;
};

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "penstock-store-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    path = folder + "/store.duckdb";
  }
  ~StoreTest() override {
    std::error_code ignored;
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(folder, ignored);
  }

  [[nodiscard]] DuckDbOptions options() { return {.memory_bytes_max = int64_t{256} << 20, .symbols = &symbols}; }
  [[nodiscard]] std::unique_ptr<Store> open(std::vector<TableSpec> tables) {
    return must(open_duckdb_store(path, options(), std::move(tables)));
  }

  [[nodiscard]] market::Batch bar_batch(const std::vector<BarRow>& rows) {
    using C = market::BarColumn;
    market::Batch batch = market::make_batch(market::bar_schema());
    batch.rows = rows.size();
    auto& c = batch.columns;
    c[C::edge].all_null = true;
    for (const BarRow& bar : rows) {
      c[C::symbol].codes.push_back(symbols.intern(bar.symbol));
      c[C::every].codes.push_back(symbols.intern(bar.every));
      c[C::start].i64.push_back(bar.start);
      for (const size_t price : {C::open, C::high, C::low, C::close, C::vwap}) c[price].i64.push_back(bar.price);
      c[C::volume].i128.push_back(bar.volume);
      c[C::trades].i64.push_back(bar.trades);
      c[C::revision].i64.push_back(bar.revision);
      c[C::final].u8.push_back(bar.final ? 1 : 0);
    }
    return batch;
  }

  // `count` trades of `symbol`, one a second, with ids from `first_id`.
  [[nodiscard]] market::Batch trades(std::string_view symbol, int64_t count, int64_t first_id = 1) {
    market::Batch batch = market::make_batch(market::trade_schema());
    using C = market::TradeColumn;
    batch.rows = static_cast<size_t>(count);
    const market::SymbolCode code = symbols.intern(symbol);
    for (const size_t unset : {C::venue, C::ts_recv, C::side, C::conditions, C::tape, C::action, C::ref_id})
      batch.columns[unset].all_null = true;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t id = first_id + i;
      batch.columns[C::symbol].codes.push_back(code);
      batch.columns[C::ts_event].i64.push_back(1'570'752'000'000'000'000 + id * 1'000'000'000);
      batch.columns[C::price].i64.push_back(100'000'000'000 + id);
      batch.columns[C::size].i64.push_back(id * 100'000'000);
      batch.columns[C::id].ids.append({id, {}});
    }
    return batch;
  }

  static std::string query(Store& store, std::string_view sql, Format format = Format::csv) {
    std::string out;
    const Status done = store.query(sql, format, {}, [&](std::string_view piece) -> Status {
      out += piece;
      return {};
    });
    EXPECT_TRUE(done.has_value()) << sql << ": " << (done ? "" : done.error().message);
    return out;
  }
  static Error query_error(Store& store, std::string_view sql, const QueryLimits& limits = {}) {
    const Status done = store.query(sql, Format::csv, limits, [](std::string_view) -> Status { return {}; });
    EXPECT_FALSE(done.has_value()) << sql;
    return done ? Error{} : done.error();
  }
  static std::string read_file(const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  market::SymbolTable symbols;
  std::string folder;
  std::string path;
};

}  // namespace penstock::store

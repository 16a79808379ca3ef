// The embedded store: rows appended and committed a second, upserts into a table that has many rows, small commits.
#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <string>

#include "market/schema.h"
#include "store/duckdb/duckdb_store.h"
#include "support.h"

namespace {

using namespace penstock;

std::unique_ptr<store::Store> open(benchmark::State& state, const bench::Folder& folder,
                                   const market::SymbolTable& symbols, store::TableSpec table) {
  auto opened = store::open_duckdb_store(folder.path() + "/store.duckdb", {.symbols = &symbols}, {std::move(table)});
  if (opened) return std::move(*opened);
  state.SkipWithError(opened.error().message.c_str());
  return nullptr;
}

Status commit(store::Store& store, const market::Batch& rows) {
  PENSTOCK_TRY_ASSIGN(const auto transaction, store.begin());
  PENSTOCK_TRY(transaction->append(0, rows));
  return transaction->commit();
}

// A million trades of 500 symbols a commit.
void append_trades(benchmark::State& state) {
  using C = market::TradeColumn;
  constexpr size_t kRows = 1'000'000;
  const bench::Folder folder;
  market::SymbolTable symbols;
  const auto store = open(state, folder, symbols, {.name = "trades", .schema = market::trade_schema(), .key = {}});
  if (!store) return;
  std::mt19937_64 random(1);
  market::Batch batch =
      bench::batch_of(market::trade_schema(), {C::symbol, C::venue, C::ts_event, C::price, C::size, C::id});
  const market::SymbolCode venue = symbols.intern("XNAS");
  for (size_t i = 0; i < kRows; ++i) {
    batch.columns[C::symbol].codes.push_back(symbols.intern("SYM" + std::to_string(random() % 500)));
    batch.columns[C::venue].codes.push_back(venue);
    batch.columns[C::ts_event].i64.push_back(1'570'752'000'000'000'000 + static_cast<int64_t>(i) * 1000);
    batch.columns[C::price].i64.push_back(100'000'000'000 + static_cast<int64_t>(random() % 10'000) * 10'000'000);
    batch.columns[C::size].i64.push_back(static_cast<int64_t>(random() % 1000) * 100'000'000);
    batch.columns[C::id].ids.append({static_cast<int64_t>(i), {}});
  }
  batch.rows = kRows;
  for (auto _ : state) {
    if (const Status done = commit(*store, batch); !done) state.SkipWithError(done.error().message.c_str());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
}
BENCHMARK(append_trades)->Unit(benchmark::kMillisecond)->UseRealTime();

// 10,000 bars a commit, each of the next minute, into a table that holds range(0) minutes already.
void upsert_bars(benchmark::State& state) {
  using C = market::BarColumn;
  constexpr size_t kSymbols = 10'000;
  const bench::Folder folder;
  market::SymbolTable symbols;
  const auto store = open(state, folder, symbols,
                          {.name = "bars", .schema = market::bar_schema(), .key = {C::symbol, C::every, C::start}});
  if (!store) return;
  const market::SymbolCode every = symbols.intern("1m");
  int64_t minute = 0;
  const auto next = [&] {
    market::Batch batch =
        bench::batch_of(market::bar_schema(), {C::symbol, C::every, C::start, C::open, C::high, C::low, C::close,
                                               C::vwap, C::volume, C::trades, C::revision, C::final});
    for (size_t i = 0; i < kSymbols; ++i) {
      batch.columns[C::symbol].codes.push_back(symbols.intern("SYM" + std::to_string(i)));
      batch.columns[C::every].codes.push_back(every);
      batch.columns[C::start].i64.push_back(1'570'752'000'000'000'000 + minute * 60'000'000'000);
      for (const size_t price : {C::open, C::high, C::low, C::close, C::vwap}) {
        batch.columns[price].i64.push_back(100'000'000'000 + static_cast<int64_t>(i));
      }
      batch.columns[C::volume].i128.push_back(100'000'000);
      batch.columns[C::trades].i64.push_back(5);
      batch.columns[C::revision].i64.push_back(0);
      batch.columns[C::final].u8.push_back(1);
    }
    batch.rows = kSymbols;
    ++minute;
    return batch;
  };
  while (minute < state.range(0)) {
    if (const Status done = commit(*store, next()); !done) return state.SkipWithError(done.error().message.c_str());
  }
  for (auto _ : state) {
    state.PauseTiming();
    const market::Batch batch = next();
    state.ResumeTiming();
    if (const Status done = commit(*store, batch); !done) state.SkipWithError(done.error().message.c_str());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kSymbols));
}
BENCHMARK(upsert_bars)->Arg(0)->Arg(300)->Unit(benchmark::kMillisecond)->UseRealTime();

// An offset and 50 KB of state.
void commit_state(benchmark::State& state) {
  const bench::Folder folder;
  const market::SymbolTable symbols;
  const auto store = open(state, folder, symbols, {.name = "trades", .schema = market::trade_schema(), .key = {}});
  if (!store) return;
  int64_t offset = 0;
  std::mt19937_64 random(1);
  for (auto _ : state) {
    std::string blob(50'000, '\0');
    for (char& c : blob) c = static_cast<char>(random());
    const auto transaction = store->begin();
    const bool done = transaction && (*transaction)->set_offset({"trades", 0}, Offset{++offset}) &&
                      (*transaction)->set_state({"trades", 0}, {{"bars", blob}}) && (*transaction)->commit();
    if (!done) state.SkipWithError("the commit failed");
  }
}
BENCHMARK(commit_state)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

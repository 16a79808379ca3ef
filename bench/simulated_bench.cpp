// How fast the simulated market is made, and how fast a resumed one gets past what it skips.
#include <benchmark/benchmark.h>

#include "base/clock.h"
#include "feed/simulated/simulated_source.h"

namespace penstock::feed {
namespace {

// Counts the rows that come, and keeps nothing.
class Counter final : public Emitter {
 public:
  Result<std::unique_ptr<PreparedChunk>> prepare(Chunk&& chunk) override {
    rows += chunk.rows.rows;
    position = chunk.position_end;
    return std::make_unique<PreparedChunk>();
  }
  Status publish(std::unique_ptr<PreparedChunk>) override { return {}; }
  uint64_t rows = 0;
  uint64_t position = 0;
};

SimulatedOptions session() {
  SimulatedOptions options;
  options.symbol_count = 500;
  options.pace.reset();
  options.start = Timestamp{1'710'509'400 * kSecond.ns};
  options.duration = kSimulatedSession;
  return options;
}

Counter run(const SimulatedOptions& options, uint64_t position) {
  market::SymbolTable symbols;
  auto source = make_simulated_source(options, symbols, system_clock());
  PENSTOCK_ASSERT(source);
  Counter counter;
  PENSTOCK_ASSERT((*source)->run(position, counter, std::stop_token{}));
  return counter;
}

void BM_SimulatedTrades(benchmark::State& state) {
  uint64_t rows = 0;
  for (auto _ : state) rows += run(session(), 0).rows;
  state.SetItemsProcessed(static_cast<int64_t>(rows));
}
BENCHMARK(BM_SimulatedTrades)->Unit(benchmark::kMillisecond);

void BM_SimulatedTradesAndQuotes(benchmark::State& state) {
  SimulatedOptions options = session();
  options.quotes = true;
  uint64_t rows = 0;
  for (auto _ : state) rows += run(options, 0).rows;
  state.SetItemsProcessed(static_cast<int64_t>(rows));
}
BENCHMARK(BM_SimulatedTradesAndQuotes)->Unit(benchmark::kMillisecond);

void BM_SimulatedResumeAtTheEnd(benchmark::State& state) {
  const Counter whole = run(session(), 0);
  for (auto _ : state) benchmark::DoNotOptimize(run(session(), whole.position).rows);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(whole.rows));
}
BENCHMARK(BM_SimulatedResumeAtTheEnd)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock::feed

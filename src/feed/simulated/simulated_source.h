// A simulated market as a feed: invented trades, and quotes where wanted, from a seed. Everything it gives is made up,
// which `simulated()` says wherever its data is shown.
//
// With `start` stated it is deterministic: simulated time begins there, the same options give the same chunks, byte for
// byte, on every machine, and ts_recv is null. A position is a number of chunks; resuming makes the skipped ones again
// and drops them, some 10 M trades a second. Without `start` it is live: simulated time is anchored at the clock's when
// `run` is called, ts_recv is the clock's, and a restart goes on from then, whatever the position, with ids that no
// earlier run gave.
//
// Marks stand at the time up to which the market has been made. Trades that the simulated network delays arrive behind
// them, as they do from a real venue: the pipeline's lateness takes most, its late output the rest.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/time.h"
#include "feed/source.h"
#include "market/symbol_table.h"

namespace penstock::feed {

struct SimulatedOptions {
  uint64_t seed = 1;
  std::vector<std::string> symbols;  // the busiest first; empty: `symbol_count` invented ones
  int32_t symbol_count = 20;  // 1 to 100,000
  double trades_per_second = 200;  // over all symbols, on the average of a session; 0.001 to 10,000,000
  std::optional<double> pace = 1.0;  // simulated seconds a real one; none: as fast as it goes
  std::optional<Timestamp> start;  // of the simulated time; none: live
  std::optional<Duration> duration;  // of the simulated time; none: without end
  double late_fraction = 0.001;  // 0 to 1
  double duplicate_fraction = 0.0005;  // 0 to 1
  double cancel_fraction = 0;  // 0 to 1; as that below, of the trades
  double correct_fraction = 0;  // 0 to 1
  bool quotes = false;  // output 1 is quotes; output 0 is trades
  struct Halt {  // no trade or quote of `symbol` in [start + after, start + after + length)
    std::string symbol;
    Duration after;
    Duration length;
  };
  std::vector<Halt> halts;
};

// A session is 6 h 30 min, as 09:30 to 16:00, and U-shaped; sessions follow one another without a pause. The first
// begins at `start`. A live market's are half an hour, so that one sees the shape while one watches.
inline constexpr Duration kSimulatedSession{390 * kMinute.ns};
inline constexpr Duration kSimulatedLiveSession{30 * kMinute.ns};
// How much simulated time a chunk covers at pace 1: what is seen is at most so old.
inline constexpr Duration kSimulatedSlice{50 * kMillisecond.ns};
inline constexpr size_t kSimulatedChunkRowsMax = 16 * 1024;  // of both outputs together, one event more or less

// Borrows `symbols` and `clock`. `invalid` when an option is out of its range.
[[nodiscard]] Result<std::unique_ptr<Source>> make_simulated_source(SimulatedOptions options,
                                                                    market::SymbolTable& symbols, Clock& clock);

}  // namespace penstock::feed

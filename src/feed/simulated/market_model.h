// The invented market itself: who trades when, at what price and size. The same options give the same events on every
// machine (integers only, see random.h). What goes wrong on the way to us (late, twice) is delivery.h's part.
//
// Trades are a Poisson process whose rate is U-shaped over a session; each picks its symbol by a Zipf law. A symbol's
// mid price is a geometric random walk in its own trades' time, with a mean-reverting volatility; bid and ask stand
// around it on the tick grid. A trade takes the bid or the ask (or, off-exchange, a price between), and the market
// moves after it. Quotes have their own process and random numbers: the trades are the same with and without them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "feed/simulated/random.h"

namespace penstock::feed {

struct MarketOptions {
  uint64_t seed = 1;
  uint32_t symbols = 20;                     // 1 to kSimulatedSymbolsMax
  int64_t trades_per_million_seconds = 0;    // over all symbols, on the average of a session; 1 to 10^13
  Timestamp start;
  // The sessions follow one another without a pause: something always happens. `session_begun` is how much of the
  // first one lies before `start`.
  Duration session{390 * kMinute.ns};
  Duration session_begun;
  bool quotes = false;
  int64_t first_id = 1;                      // each symbol's trade ids count on from here
  struct Halt {
    uint32_t symbol = 0;
    Timestamp begin;
    Timestamp end;                           // not halted any more
  };
  std::vector<Halt> halts;
};
inline constexpr uint32_t kSimulatedSymbolsMax = 100'000;

inline constexpr int64_t kTickUnits = 10'000'000;  // 0.01 as a Price's units

enum class Side : uint8_t { buy, sell, unknown };
enum class Condition : uint8_t { none, odd_lot, sweep };
// A message about the trade of the same symbol and id, not a trade.
enum class Action : uint8_t { none, cancel, correct };

struct SimulatedTrade {
  int64_t ts_event = 0;
  int64_t price_ticks = 0;
  int64_t id = 0;
  uint32_t symbol = 0;
  int32_t shares = 0;
  uint8_t venue = 0;                         // into kVenues
  Side side = Side::unknown;
  Condition condition = Condition::none;
  Action action = Action::none;
};

struct SimulatedQuote {
  int64_t ts_event = 0;
  int64_t bid_ticks = 0;
  int64_t ask_ticks = 0;
  uint32_t symbol = 0;
  int32_t bid_shares = 0;
  int32_t ask_shares = 0;
  uint8_t venue = 0;
};

// One moment of the market: a trade, a quote, or a trade and the quote it leaves behind; neither where the symbol
// that would have acted is halted.
struct MarketEvent {
  Timestamp time;
  std::optional<SimulatedTrade> trade;
  std::optional<SimulatedQuote> quote;
};

// ISO 10383 codes; the last is off-exchange reporting, whose trades have no side.
inline constexpr const char* kVenues[] = {"XNAS", "XNYS", "ARCX", "BATS", "EDGX", "IEXG", "FINR"};
inline constexpr uint8_t kOffExchange = 6;

// One thread.
class MarketModel {
 public:
  explicit MarketModel(const MarketOptions& options);

  // The next event; times never fall. It never ends: the caller does.
  const MarketEvent& next();

 private:
  struct Symbol {
    int64_t mid = 0;             // a Price's units
    int64_t deviation_q32 = 0;   // of one trade's return, at volatility 1
    int64_t volatility_q16 = 0;  // reverts to 1
    int64_t spread_q32 = 0;      // ask less bid over mid, at volatility 1
    int64_t next_id = 0;
    bool buying = false;         // the last aggressor: orders come in runs
    bool has_halts = false;
  };
  struct Best {
    int64_t bid_ticks = 0;
    int64_t ask_ticks = 0;
  };

  void make_symbols();
  void make_alias_table(const std::vector<uint64_t>& weights, uint64_t total);
  [[nodiscard]] uint32_t pick_symbol(Random& random) const;
  [[nodiscard]] int64_t mean_gap_ns(int64_t time);
  [[nodiscard]] bool halted(uint32_t symbol, int64_t time) const;
  [[nodiscard]] static Best best(const Symbol& symbol);
  void trade(uint32_t index, int64_t time);
  void quote(uint32_t index, int64_t time, bool at_best);
  static void move(Symbol& symbol, Random& random);
  [[nodiscard]] int32_t draw_shares();

  // Constant after construction.
  const MarketOptions options_;
  struct AliasSlot {
    uint64_t keep_per_2_32 = 0;
    uint32_t other = 0;
  };
  std::vector<AliasSlot> alias_;

  std::vector<Symbol> symbols_;
  Random trade_random_;
  Random quote_random_;
  int64_t trade_time_ = 0;   // of the next trade
  int64_t quote_time_ = 0;   // of the next quote of the quotes' own process
  uint32_t trade_symbol_ = 0;
  int64_t gap_ns_ = 0;       // the mean one, up to gap_until_
  int64_t gap_until_ = 0;
  MarketEvent event_;
};

// The invented names of symbols 0, 1, ...: five letters that no listed share has (six from 25,000 on), the same for
// every seed.
// `index` is below kSimulatedSymbolsMax.
[[nodiscard]] std::string simulated_symbol(uint32_t index);

}  // namespace penstock::feed

// What goes wrong between the simulated market and us: trades that come late, that come twice, and that are cancelled
// or corrected 1 to 20 s after they came. Quotes do not. Which trades are cancelled and corrected, and how, does not
// depend on which are late or double. A late trade is 50 ms to 2 s behind three times out of four, else 2 to 8 s:
// beyond the usual lateness of 2 s, so that a pipeline shows what it does with those too.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "base/time.h"
#include "feed/simulated/market_model.h"
#include "feed/simulated/random.h"

namespace penstock::feed {

// One thread.
class Delivery {
 public:
  // Of all trades, in 2^-32.
  struct Fractions {
    uint64_t late = 0;
    uint64_t duplicate = 0;
    uint64_t cancel = 0;
    uint64_t correct = 0;
  };
  Delivery(uint64_t seed, const Fractions& per_2_32);

  // Takes a trade as it is made. True: it arrives at once; else it will come out of `pop`, as its duplicates do.
  [[nodiscard]] bool send(const SimulatedTrade& trade);
  // When the next of those under way arrives; Timestamp::max() when there is none.
  [[nodiscard]] Timestamp next_arrival() const;
  [[nodiscard]] SimulatedTrade pop();

  // A trade that would be one too many under way arrives at once instead, and its duplicate is not made.
  static constexpr size_t kUnderWayMax = 1u << 18;

 private:
  struct UnderWay {
    int64_t arrival = 0;
    uint64_t order = 0;  // of sending, among equal arrivals
    SimulatedTrade trade;
    friend bool operator<(const UnderWay& a, const UnderWay& b) {  // the greatest is the first to arrive
      return a.arrival != b.arrival ? a.arrival > b.arrival : a.order > b.order;
    }
  };
  void put_off(const SimulatedTrade& trade, int64_t arrival);

  void take_back(const SimulatedTrade& trade, int64_t arrival);

  const Fractions per_2_32_;
  Random random_;
  Random back_random_;  // of cancels and corrections
  uint64_t sent_ = 0;
  std::priority_queue<UnderWay> under_way_;
};

}  // namespace penstock::feed

#include "feed/simulated/delivery.h"

#include "base/error.h"

namespace penstock::feed {

Delivery::Delivery(uint64_t seed, uint64_t late_per_2_32, uint64_t duplicate_per_2_32)
    : late_per_2_32_(late_per_2_32),
      duplicate_per_2_32_(duplicate_per_2_32),
      random_(Random::mix(seed ^ 0x6465'6c69'7665'7279u)) {}

void Delivery::put_off(const SimulatedTrade& trade, int64_t arrival) { under_way_.push({arrival, sent_++, trade}); }

bool Delivery::send(const SimulatedTrade& trade) {
  const bool late = random_.chance(late_per_2_32_) && under_way_.size() < kUnderWayMax;
  int64_t arrival = trade.ts_event;
  if (late) {
    arrival += random_.below(4) != 0 ? random_.between(50 * kMillisecond.ns, 2 * kSecond.ns)
                                     : random_.between(2 * kSecond.ns, 8 * kSecond.ns);
    put_off(trade, arrival);
  }
  if (random_.chance(duplicate_per_2_32_) && under_way_.size() < kUnderWayMax) {
    put_off(trade, arrival + random_.between(0, 1'500 * kMillisecond.ns));
  }
  return !late;
}

Timestamp Delivery::next_arrival() const {
  return under_way_.empty() ? Timestamp::max() : Timestamp{under_way_.top().arrival};
}

SimulatedTrade Delivery::pop() {
  PENSTOCK_ASSERT(!under_way_.empty());
  const SimulatedTrade trade = under_way_.top().trade;
  under_way_.pop();
  return trade;
}

}  // namespace penstock::feed

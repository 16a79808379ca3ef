#include "feed/simulated/delivery.h"

#include <algorithm>

#include "base/error.h"

namespace penstock::feed {

Delivery::Delivery(uint64_t seed, const Fractions& per_2_32)
    : per_2_32_(per_2_32),
      random_(Random::mix(seed ^ 0x6465'6c69'7665'7279u)),
      back_random_(Random::mix(seed ^ 0x7461'6b65'6261'636bu)) {}

void Delivery::put_off(const SimulatedTrade& trade, int64_t arrival) { under_way_.push({arrival, sent_++, trade}); }

bool Delivery::send(const SimulatedTrade& trade) {
  const bool late = random_.chance(per_2_32_.late) && under_way_.size() < kUnderWayMax;
  int64_t arrival = trade.ts_event;
  if (late) {
    arrival += random_.below(4) != 0 ? random_.between(50 * kMillisecond.ns, 2 * kSecond.ns)
                                     : random_.between(2 * kSecond.ns, 8 * kSecond.ns);
    put_off(trade, arrival);
  }
  if (random_.chance(per_2_32_.duplicate) && under_way_.size() < kUnderWayMax) {
    put_off(trade, arrival + random_.between(0, 1'500 * kMillisecond.ns));
  }
  take_back(trade, arrival);
  return !late;
}

void Delivery::take_back(const SimulatedTrade& trade, int64_t arrival) {
  if (per_2_32_.cancel == 0 && per_2_32_.correct == 0) return;
  const bool cancel = back_random_.chance(per_2_32_.cancel);
  const bool correct = back_random_.chance(per_2_32_.correct);
  const int64_t delay = back_random_.between(kSecond.ns, 20 * kSecond.ns);
  const int64_t ticks = back_random_.between(-5, 5);
  const int64_t shares = back_random_.between(1, 100);
  if ((!cancel && !correct) || under_way_.size() >= kUnderWayMax) return;
  SimulatedTrade event = trade;
  event.action = cancel ? Action::cancel : Action::correct;
  if (!cancel) {
    event.price_ticks = std::max<int64_t>(1, trade.price_ticks + ticks);
    event.shares = static_cast<int32_t>(shares);
  }
  put_off(event, arrival + delay);
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

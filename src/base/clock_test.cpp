#include "base/clock.h"

#include <gtest/gtest.h>

#include <thread>

namespace penstock {
namespace {

TEST(Clock, AManualClockWakesWhoWaitsWhenItsTimeHasCome) {
  ManualClock clock(Timestamp{0});
  bool reached = false;
  std::thread waiter([&] { reached = clock.wait_until(Timestamp{kSecond.ns}, {}); });
  clock.await_waiter();
  clock.advance(kSecond);
  waiter.join();
  EXPECT_TRUE(reached);
  EXPECT_EQ(clock.now(), Timestamp{kSecond.ns});
}

TEST(Clock, AStopEndsAWaitOnEitherClock) {
  ManualClock manual(Timestamp{0});
  for (Clock* clock : {static_cast<Clock*>(&manual), &system_clock()}) {
    std::stop_source stop;
    bool reached = true;
    std::thread waiter([&] { reached = clock->wait_for(kDay, stop.get_token()); });
    stop.request_stop();
    waiter.join();
    EXPECT_FALSE(reached);
  }
}

TEST(Clock, TheSystemClockGoesForwardAndWaitsForAPastTimeReturnAtOnce) {
  const Timestamp before = system_clock().now();
  EXPECT_TRUE(system_clock().wait_until(before - kSecond, {}));
  EXPECT_GE(system_clock().now(), before);
}

}  // namespace
}  // namespace penstock

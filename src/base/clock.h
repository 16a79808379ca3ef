// Where time comes from. Only feeds, schedules and servers have a clock; the event-time engine has none.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "base/time.h"

namespace penstock {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() = 0;
  // Waits until `deadline` or a stop request; false when stopped.
  virtual bool wait_until(Timestamp deadline, const std::stop_token& stop) = 0;
  bool wait_for(Duration d, const std::stop_token& stop) { return wait_until(now() + d, stop); }
};

// The machine's wall clock.
[[nodiscard]] Clock& system_clock();

// A clock for tests: it stands still until `advance`, and wakes those who wait.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start) : now_(start) {}
  Timestamp now() override;
  bool wait_until(Timestamp deadline, const std::stop_token& stop) override;
  void advance(Duration d);
  // Blocks until some thread waits on this clock, so that a test advances it only when that matters.
  void await_waiter();

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Timestamp now_;    // guarded by mutex_
  int waiting_ = 0;  // guarded by mutex_
};

}  // namespace penstock

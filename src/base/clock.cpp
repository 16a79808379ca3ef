#include "base/clock.h"

#include <chrono>

namespace penstock {
namespace {

class SystemClock final : public Clock {
 public:
  Timestamp now() override {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return Timestamp{std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count()};
  }

  bool wait_until(Timestamp deadline, const std::stop_token& stop) override {
    std::mutex mutex;
    std::condition_variable_any woken;
    std::unique_lock lock(mutex);
    const auto remaining = std::chrono::nanoseconds(deadline.ns - now().ns);
    // Steady, so that a step of the wall clock neither hurries nor stalls a wait that is under way.
    woken.wait_until(lock, stop, std::chrono::steady_clock::now() + remaining, [] { return false; });
    return !stop.stop_requested();
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

Timestamp ManualClock::now() {
  std::lock_guard lock(mutex_);
  return now_;
}

bool ManualClock::wait_until(Timestamp deadline, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  ++waiting_;
  changed_.notify_all();
  changed_.wait(lock, stop, [&] { return now_ >= deadline; });
  --waiting_;
  return !stop.stop_requested();
}

void ManualClock::advance(Duration d) {
  std::lock_guard lock(mutex_);
  now_ = now_ + d;
  changed_.notify_all();
}

void ManualClock::await_waiter() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_ > 0; });
}

}  // namespace penstock

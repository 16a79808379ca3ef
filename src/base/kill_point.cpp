#include "base/kill_point.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>

namespace penstock::internal {
namespace {

constexpr const char* kVariable = "PENSTOCK_KILL_POINT";

}  // namespace

const bool kill_point_armed = std::getenv(kVariable) != nullptr;

void reach_kill_point(std::string_view name) {
  const std::string_view wanted = std::getenv(kVariable);
  const size_t colon = wanted.rfind(':');
  if (wanted.substr(0, colon) != name) return;
  int64_t count = 1;
  if (colon != std::string_view::npos) {
    std::from_chars(wanted.data() + colon + 1, wanted.data() + wanted.size(), count);
  }
  static std::atomic<int64_t> reached{0};
  if (reached.fetch_add(1) + 1 == count) kill(getpid(), SIGKILL);
}

}  // namespace penstock::internal

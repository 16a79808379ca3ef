// Named places where a crash test ends the process as `kill -9` would. PENSTOCK_KILL_POINT=name:count in the
// environment kills at the count-th time that place is reached (1 is the first); without it a kill point costs a load.
#pragma once

#include <string_view>

namespace penstock {

namespace internal {
extern const bool kill_point_armed;
void reach_kill_point(std::string_view name);
}  // namespace internal

inline void kill_point(std::string_view name) {
  if (internal::kill_point_armed) [[unlikely]]
    internal::reach_kill_point(name);
}

}  // namespace penstock

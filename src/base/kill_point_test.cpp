#include "base/kill_point.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace penstock {
namespace {

TEST(KillPoint, KillsAtTheCountOfItsNameAndAtNoOther) {
  ASSERT_EQ(setenv("PENSTOCK_KILL_POINT", "after_append:3", 1), 0);
  EXPECT_EXIT(
      {
        internal::reach_kill_point("before_commit");
        internal::reach_kill_point("after_append");
        internal::reach_kill_point("after_append");
        internal::reach_kill_point("before_commit");
        internal::reach_kill_point("after_append");
        std::exit(0);
      },
      testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(
      {
        internal::reach_kill_point("after_append");
        internal::reach_kill_point("after_append");
        std::exit(0);
      },
      testing::ExitedWithCode(0), "");
  unsetenv("PENSTOCK_KILL_POINT");
}

}  // namespace
}  // namespace penstock

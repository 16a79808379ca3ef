#include "runtime/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "runtime/closed_store.h"
#include "store/duckdb/duckdb_store.h"

namespace penstock::runtime {
namespace {

// Goes on by itself whenever somebody waits, and tells the test of it.
class WaitedClock final : public Clock {
 public:
  std::function<void(int)> waited = [](int) {};
  Timestamp now() override { return now_; }
  bool wait_until(Timestamp deadline, const std::stop_token&) override {
    now_ = deadline;
    waited(++waits_);
    return true;
  }

 private:
  Timestamp now_{0};
  int waits_ = 0;
};

// A data folder with a closed store, held as a pipeline holds it while it stops: its address answers no more.
class HeldFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_.emplace(TemporaryFolder::make().value());
    paths_.root = folder_->path();
    ASSERT_TRUE(store::open_duckdb_store(paths_.store(), {}, {}));
    held_.emplace(DataDir::acquire(files_, paths_.root).value());
    ASSERT_TRUE(write_run_info(files_, paths_, {1, "127.0.0.1:1", "demo"}));
  }
  Status ask(std::string& out) {
    return query(
        files_, paths_.root, "SELECT 42 AS n", Format::csv,
        [&](std::string_view piece) -> Status {
          out += piece;
          return {};
        },
        clock_);
  }

  io::FileSystem& files_ = io::posix_file_system();
  std::optional<TemporaryFolder> folder_;
  DataPaths paths_;
  std::optional<DataDir> held_;
  WaitedClock clock_;
};

TEST_F(HeldFolder, AQueryWaitsUntilItIsLetGo) {
  clock_.waited = [&](int times) {
    if (times == 3) held_.reset();
  };
  std::string out;
  const Status status = ask(out);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(out, "n\n42\n");
}

TEST_F(HeldFolder, AQueryGivesUpInTheEndAndSaysWhy) {
  std::string out;
  const Status status = ask(out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::closed);
  EXPECT_THAT(status.error().message, testing::HasSubstr("a pipeline has " + paths_.root));
  EXPECT_THAT(status.error().message, testing::HasSubstr("did not answer for 10s: try again"));
  EXPECT_EQ(out, "");
}

TEST_F(HeldFolder, WhatIsWrongWithAQueryIsSaidAtOnce) {
  held_.reset();
  clock_.waited = [](int) { ADD_FAILURE() << "it waited"; };
  const Status status =
      query(files_, paths_.root, "SELEC 1", Format::csv, [](std::string_view) -> Status { return {}; }, clock_);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::invalid);
}

}  // namespace
}  // namespace penstock::runtime

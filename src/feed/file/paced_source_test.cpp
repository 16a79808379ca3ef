#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "feed/file/file_testing.h"

namespace penstock::feed::file {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Timestamp kStart{1'704'205'800 * kSecond.ns};

// A clock that the test moves, and that knows when the source has done all it can before the clock moves on.
class SettlingClock final : public Clock {
 public:
  Timestamp now() override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  bool wait_until(Timestamp deadline, const std::stop_token& stop) override {
    std::unique_lock lock(mutex_);
    deadline_ = deadline;
    changed_.notify_all();
    changed_.wait(lock, stop, [&] { return now_ >= deadline; });
    deadline_.reset();
    return !stop.stop_requested();
  }
  void advance(Duration d) {
    const std::lock_guard lock(mutex_);
    now_ = now_ + d;
    changed_.notify_all();
  }
  void settle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return deadline_ && *deadline_ > now_; });
  }
  // The same; false when the source has ended instead.
  bool settle_or(const std::atomic<bool>& ended) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended || (deadline_ && *deadline_ > now_); });
    return !ended;
  }
  void wake() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Timestamp now_ = kStart;             // guarded by mutex_
  std::optional<Timestamp> deadline_;  // guarded by mutex_: of who waits
};

// A run in a thread of its own, on a clock that the test moves.
class PacedSource : public testing::Test {
 protected:
  void start(double pace, uint64_t position = 0) {
    files_.contents["trades.csv"] =
        "symbol,ts_event,price,size,id\n"
        "A,1704205800.0,1,1,1\n"
        "B,1704205800.0,1,1,2\n"
        "bad\n"
        "A,1704205800.2,1,1,3\n"
        "A,1704205802.0,1,1,4\n";
    auto source = make_file_source({.path = "trades.csv", .pace = pace, .threads = 8}, symbols_, clock_, files_);
    ASSERT_TRUE(source) << source.error().message;
    source_ = std::move(*source);
    EXPECT_TRUE(source_->deterministic());
    thread_ = std::jthread(
        [this, position](const std::stop_token& stop) { status_ = source_->run(position, emitter_, stop); });
  }

  // The chunks of a whole run, the clock going on by `step` whenever the source has nothing to do.
  std::vector<SeenChunk> run_through(const std::string& path, uint64_t position, Duration step) {
    emitter_.chunks.clear();
    auto source = make_file_source({.path = path, .pace = 1}, symbols_, clock_, files_);
    EXPECT_TRUE(source);
    std::atomic<bool> ended = false;
    thread_ = std::jthread([&](const std::stop_token& stop) {
      status_ = (*source)->run(position, emitter_, stop);
      ended = true;
      clock_.wake();
    });
    while (clock_.settle_or(ended)) clock_.advance(step);
    thread_.join();
    EXPECT_TRUE(status_);
    return emitter_.chunks;
  }

  market::SymbolTable symbols_;
  SettlingClock clock_;
  MemoryFiles files_;
  KeepingEmitter emitter_{symbols_};
  std::unique_ptr<Source> source_;
  Status status_;
  std::jthread thread_;
};

TEST_F(PacedSource, RowsComeWhenTheirTimeHasComeAndMarksBetween) {
  start(1);
  clock_.settle();
  EXPECT_THAT(emitter_.rows(), SizeIs(2));
  EXPECT_THAT(emitter_.rejects(), SizeIs(1));
  clock_.advance(Duration{200 * kMillisecond.ns});
  clock_.settle();
  EXPECT_THAT(emitter_.rows(), SizeIs(3));
  EXPECT_THAT(emitter_.marks(), IsEmpty());
  clock_.advance(Duration{50 * kMillisecond.ns});
  clock_.settle();
  EXPECT_THAT(emitter_.marks(), ElementsAre(kStart + Duration{250 * kMillisecond.ns}));
  EXPECT_THAT(emitter_.rows(), SizeIs(3));
  clock_.advance(Duration{1'750 * kMillisecond.ns});
  thread_.join();
  EXPECT_TRUE(status_);
  EXPECT_THAT(emitter_.rows(), SizeIs(4));
  EXPECT_EQ(emitter_.marks().back(), Timestamp::max());
}

TEST_F(PacedSource, AfterAStallNoMarkPassesARowThatIsDue) {
  start(1);
  clock_.settle();
  clock_.advance(Duration{30 * kSecond.ns});
  thread_.join();
  EXPECT_TRUE(status_);
  EXPECT_THAT(emitter_.rows(), SizeIs(4));
  const auto marks = emitter_.marks();
  ASSERT_GE(marks.size(), 2u);
  for (size_t i = 0; i + 1 < marks.size(); ++i) EXPECT_LE(marks[i], kStart + Duration{2 * kSecond.ns});
  EXPECT_EQ(marks.back(), Timestamp::max());
}

TEST_F(PacedSource, APaceOfTenTakesATenthOfTheTime) {
  start(10);
  clock_.settle();
  EXPECT_THAT(emitter_.rows(), SizeIs(2));
  clock_.advance(Duration{20 * kMillisecond.ns});
  clock_.settle();
  EXPECT_THAT(emitter_.rows(), SizeIs(3));
  clock_.advance(Duration{180 * kMillisecond.ns});
  thread_.join();
  EXPECT_THAT(emitter_.rows(), SizeIs(4));
}

// Rows and rejects in the order in which a log gets them: within a chunk the rejects are last.
std::vector<std::string> order_of(const std::vector<SeenChunk>& chunks) {
  std::vector<std::string> order;
  for (const SeenChunk& chunk : chunks) {
    for (const std::string& row : chunk.rows) order.push_back(row.substr(row.find("Z|-|1|1|") + 8, 1));
    for (const std::string& reject : chunk.rejects) order.push_back(reject.substr(0, reject.find(':')));
  }
  return order;
}

TEST_F(PacedSource, TheOrderIsTheFilesHoweverTheClockCutsItAndWhereverItResumes) {
  files_.contents["mixed.csv"] =
      "symbol,ts_event,price,size,id\n"
      "A,1704205800.0,1,1,1\n"
      "bad\n"
      "A,1704205800.1,1,1,2\n"
      "B,1704205800.1,1,1,3\n"
      "bad\n"
      "bad\n"
      "A,1704205800.1,1,1,4\n"
      "bad\n"
      "A,1704205800.6,1,1,5\n"
      "bad\n";
  const std::vector<std::string> expected{"1", "line 3", "2", "3", "line 6", "line 7", "4", "line 9", "5", "line 11"};
  // In one step everything is due at once, in small ones nothing is due together.
  for (const Duration step : {kMinute, Duration{50 * kMillisecond.ns}}) {
    const std::vector<SeenChunk> whole = run_through("mixed.csv", 0, step);
    EXPECT_EQ(order_of(whole), expected);
    for (size_t done = 1; done <= whole.size(); ++done) {
      std::vector<SeenChunk> chunks(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(done));
      for (SeenChunk& chunk : run_through("mixed.csv", chunks.back().position_end, step)) {
        chunks.push_back(std::move(chunk));
      }
      EXPECT_EQ(order_of(chunks), expected);
    }
  }
}

TEST_F(PacedSource, GarbageThatComesInPartsIsWhole) {
  std::string content = "symbol,ts_event,price,size,id\n";
  for (int i = 0; i < 30'000; ++i) content += "\"\n";
  files_.contents["garbage.csv"] = content + "A,1704205800.0,1,1,1\n";
  auto source = make_file_source({.path = "garbage.csv", .pace = 1}, symbols_, clock_, files_);
  ASSERT_TRUE(source) << source.error().message;
  ASSERT_TRUE((*source)->run(0, emitter_, {}));
  ASSERT_THAT(emitter_.rejects(), SizeIs(30'000));
  EXPECT_THAT(emitter_.rejects().back(), testing::StartsWith("line 30001: "));
  EXPECT_THAT(emitter_.rows(), SizeIs(1));
  EXPECT_THAT(emitter_.chunks, SizeIs(testing::Ge(3)));
}

TEST_F(PacedSource, StoppedItSaysWhereToResume) {
  start(1);
  clock_.settle();
  thread_.request_stop();
  thread_.join();
  ASSERT_TRUE(status_);
  ASSERT_THAT(emitter_.rows(), SizeIs(2));
  ASSERT_THAT(emitter_.rejects(), SizeIs(1));
  EXPECT_THAT(emitter_.marks(), IsEmpty());
  const uint64_t position = emitter_.chunks.back().position_end;
  emitter_.chunks.clear();
  start(1, position);
  clock_.settle();
  EXPECT_THAT(emitter_.rows(), SizeIs(1));  // its time counts from its own first row
  EXPECT_THAT(emitter_.rejects(), IsEmpty());
  clock_.advance(Duration{1'800 * kMillisecond.ns});
  thread_.join();
  EXPECT_THAT(emitter_.rows(), SizeIs(2));
}

}  // namespace
}  // namespace penstock::feed::file

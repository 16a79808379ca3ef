#include "log/embedded/embedded_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <thread>

#include "log/embedded/batch_header.h"
#include "log/embedded/log_test_support.h"

namespace penstock::log {
namespace {

const TopicPartition kTrades{"trades", 0};
constexpr int64_t kProducer = 9;

class EmbeddedLogTest : public testing::Test {
 protected:
  std::unique_ptr<EmbeddedLog> open(const EmbeddedOptions& options = {.segment_bytes_max = 2000}) {
    auto log = must(EmbeddedLog::open(files_, "log", options));
    if (!options.read_only) must(log->create_topic("trades", 1));
    return log;
  }
  // Appends batches of `count` numbered records, each with the sequence of its first, until offset `to`.
  static void fill(Log& log, int64_t from, int64_t to, int64_t count = 5, size_t value_bytes = 20) {
    for (int64_t first = from; first < to; first += count) {
      const Appended appended =
          must(log.append(kTrades, encode(numbered(first, count, value_bytes)), {kProducer, 0, first}));
      ASSERT_FALSE(appended.duplicate);
      ASSERT_EQ(appended.base_offset.value, first);
    }
  }
  static void expect_numbered(Log& log, int64_t from, int64_t to, size_t value_bytes = 20) {
    const auto all = must(read_all(log, kTrades, Offset{from}));
    const auto expected = numbered(from, to - from, value_bytes);
    ASSERT_EQ(all.size(), expected.size());
    for (size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(all[i].offset, from + static_cast<int64_t>(i));
      ASSERT_EQ(all[i].record, expected[i]);
    }
  }
  static std::string segment(int64_t base, std::string_view extension = "log") {
    return fmt::format("log/trades-0/{:020}.{}", base, extension);
  }
  void flip(const std::string& path, size_t at) {
    auto bytes = files_.content(path);
    bytes.at(at) ^= std::byte{0x10};
    files_.set_content(path, std::move(bytes));
  }

  Warnings warnings_;
  io::MemoryFileSystem files_;
};

TEST_F(EmbeddedLogTest, ReadsFromEveryOffsetAcrossSegmentsAndAfterReopening) {
  auto log = open();
  fill(*log, 0, 500);
  EXPECT_GT(must(log->info(kTrades)).segments, 5U);
  for (int round = 0; round < 2; ++round) {
    for (int64_t from = 0; from <= 500; from += 7) expect_numbered(*log, from, 500);
    EXPECT_EQ(must(log->info(kTrades)).end.value, 500);
    log.reset();
    log = open();
  }
  EXPECT_TRUE(log->recovery_report().empty());
  const auto reader = must(log->reader(kTrades));
  const auto at_end = must(reader->fetch(Offset{500}, 1000));
  EXPECT_TRUE(at_end.batches.empty());
  EXPECT_EQ(at_end.next.value, 500);
}

TEST_F(EmbeddedLogTest, FindsTheFirstRecordAtOrAfterATimeThoughTimesAreOutOfOrder) {
  std::mt19937_64 random(5);
  auto log = open();
  std::vector<int64_t> times;
  for (int batch = 0; batch < 100; ++batch) {
    std::vector<TestRecord> records;
    for (int i = 0; i < 4; ++i) {
      times.push_back(1'000'000 + batch * 100 + static_cast<int64_t>(random() % 2000));
      records.push_back({times.back(), "k", "v"});
    }
    must(log->append(kTrades, encode(records), {}));
  }
  for (int round = 0; round < 2; ++round) {
    const auto reader = must(log->reader(kTrades));
    for (int64_t ms = 999'000; ms < 1'013'000; ms += 37) {
      const auto first = std::ranges::find_if(times, [&](int64_t time) { return time >= ms; });
      ASSERT_EQ(must(reader->offset_for(Timestamp{ms * kMillisecond.ns})).value, first - times.begin()) << ms;
    }
    log.reset();
    log = open();
  }
}

TEST_F(EmbeddedLogTest, ABatchThatComesAgainIsAcknowledgedWithItsOffsetAndNotWritten) {
  auto log = open({});
  fill(*log, 0, 100);
  for (int round = 0; round < 2; ++round) {
    const Appended newest = must(log->append(kTrades, encode(numbered(95, 5)), {kProducer, 0, 95}));
    EXPECT_TRUE(newest.duplicate);
    EXPECT_EQ(newest.base_offset.value, 95);
    const Appended long_ago = must(log->append(kTrades, encode(numbered(0, 5)), {kProducer, 0, 0}));
    EXPECT_TRUE(long_ago.duplicate);
    EXPECT_EQ(long_ago.base_offset.value, 100) << "no longer remembered: the end is given";
    EXPECT_EQ(must(log->next_sequence(kTrades, kProducer)), 100);
    log.reset();
    log = open({});
  }
  expect_numbered(*log, 0, 100);
}

TEST_F(EmbeddedLogTest, AGapAnOverlapOrAnOlderEpochIsRefused) {
  auto log = open();
  fill(*log, 0, 10);
  for (const ProducerStamp stamp : {ProducerStamp{kProducer, 0, 11}, ProducerStamp{kProducer, 0, 8},
                                    ProducerStamp{kProducer, 0, -1}, ProducerStamp{12345, 0, 3}}) {
    const auto refused = log->append(kTrades, encode(numbered(0, 5)), stamp);
    ASSERT_FALSE(refused) << stamp.sequence;
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  }
  EXPECT_FALSE(must(log->append(kTrades, encode(numbered(10, 5)), {kProducer, 1, 0})).duplicate);
  EXPECT_EQ(log->append(kTrades, encode(numbered(10, 5)), {kProducer, 0, 10}).error().kind, ErrorKind::invalid);
  EXPECT_EQ(must(log->info(kTrades)).end.value, 15);
}

TEST_F(EmbeddedLogTest, SequencesGoOnBeyondTheFormats31Bits) {
  auto log = open({.segment_bytes_max = 400});
  const int64_t wrap = int64_t{1} << 31;
  must(log->append(kTrades, encode(numbered(0, 1)), {kProducer, 0, 0}));
  // A hole lets a producer go on from where it is, far ahead: to just before the wrap, and again beyond it.
  must(log->skip_to(kTrades, Offset{10}));
  int64_t sequence = wrap - 7;
  for (int i = 0; i < 12; ++i, sequence += 3) {
    must(log->append(kTrades, encode(numbered(sequence, 3)), {kProducer, 0, sequence}));
  }
  ASSERT_GT(sequence, wrap);
  log.reset();
  log = open({.segment_bytes_max = 400});
  EXPECT_EQ(must(log->next_sequence(kTrades, kProducer)), sequence);
  EXPECT_TRUE(must(log->append(kTrades, encode(numbered(0, 3)), {kProducer, 0, sequence - 3})).duplicate);
  // The newest producers' file lost: the headers of all segments tell the same.
  const auto names = files_.list("log/trades-0").value();
  for (const auto& name : names) {
    if (name.ends_with(".producers")) must(files_.remove("log/trades-0/" + name));
  }
  log.reset();
  log = open({.segment_bytes_max = 400});
  EXPECT_EQ(must(log->next_sequence(kTrades, kProducer)), sequence);
  EXPECT_EQ(warnings_.take().size(), 1U);
}

TEST_F(EmbeddedLogTest, AfterALossThatTookItsProducersTooAPartitionTakesEachWhereItGoesOn) {
  auto log = open({.fsync = Fsync::never});
  fill(*log, 0, 1000);
  log.reset();
  files_.restart(io::MemoryFileSystem::Loss::everything, 1);
  log = open({.fsync = Fsync::never});
  ASSERT_EQ(must(log->info(kTrades)).end, Offset{0});
  must(log->skip_to(kTrades, Offset{1000}));
  for (int round = 0; round < 2; ++round) {
    // Also after a restart before the first append.
    log.reset();
    log = open({.fsync = Fsync::never});
    const int64_t sequence = 1000 + 5 * round;
    EXPECT_FALSE(must(log->append(kTrades, encode(numbered(sequence, 5)), {kProducer, 0, sequence})).duplicate);
  }
  EXPECT_TRUE(must(log->append(kTrades, encode(numbered(1005, 5)), {kProducer, 0, 1005})).duplicate);
  EXPECT_FALSE(log->append(kTrades, encode(numbered(1011, 5)), {kProducer, 0, 1011})) << "a gap is one again";
  expect_numbered(*log, 1000, 1010);
}

TEST_F(EmbeddedLogTest, ProducersThatNoSegmentTellsOfGoOnWhereTheyAre) {
  const int64_t wrap = int64_t{1} << 31;
  auto log = open({.segment_bytes_max = 400, .retention_bytes = 400});
  must(log->skip_to(kTrades, Offset{10}));
  int64_t sequence = wrap + 100;
  for (int i = 0; i < 12; ++i, sequence += 3) {
    must(log->append(kTrades, encode(numbered(sequence, 3)), {kProducer, 0, sequence}));
  }
  ASSERT_GT(must(log->enforce_retention(Timestamp{0}, {{kTrades, Offset{30}}})), 0U);
  log.reset();
  const auto names = files_.list("log/trades-0").value();
  for (const auto& name : names) {
    if (name.ends_with(".producers")) must(files_.remove("log/trades-0/" + name));
  }
  log = open({.segment_bytes_max = 400});
  EXPECT_EQ(warnings_.take().size(), 2U);
  // Of the one that the segments name the 31 bits are known, of the other nothing.
  EXPECT_TRUE(must(log->append(kTrades, encode(numbered(0, 3)), {kProducer, 0, sequence - 3})).duplicate);
  EXPECT_FALSE(must(log->append(kTrades, encode(numbered(0, 3)), {kProducer, 0, sequence})).duplicate);
  EXPECT_FALSE(must(log->append(kTrades, encode(numbered(0, 3)), {12345, 0, 777})).duplicate);
  // That was said once: from then on it is on record.
  log.reset();
  log = open({.segment_bytes_max = 400});
  EXPECT_TRUE(must(log->append(kTrades, encode(numbered(0, 3)), {kProducer, 0, sequence})).duplicate);
  EXPECT_FALSE(must(log->append(kTrades, encode(numbered(0, 3)), {kProducer, 0, sequence + 3})).duplicate);
  EXPECT_EQ(must(log->next_sequence(kTrades, 12345)), 780);
}

TEST_F(EmbeddedLogTest, ATornTailIsCutAndReportedAtEveryLength) {
  auto log = open({});
  fill(*log, 0, 15);
  const size_t before = files_.content(segment(0)).size();
  fill(*log, 15, 20);
  log.reset();
  const auto whole = files_.content(segment(0));
  must(files_.remove("log/trades-0/flushed"));
  for (size_t length = before + 1; length < whole.size(); ++length) {
    files_.set_content(segment(0), {whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length)});
    log = open({});
    ASSERT_EQ(log->recovery_report().size(), 1U);
    const RecoveryCut& cut = log->recovery_report().front();
    ASSERT_EQ(cut.partition, kTrades);
    ASSERT_EQ(cut.end.value, 15);
    ASSERT_EQ(cut.bytes, length - before);
    ASSERT_EQ(files_.content(segment(0)).size(), before);
    ASSERT_EQ(warnings_.take().size(), 1U);
    expect_numbered(*log, 0, 15);
    ASSERT_EQ(must(log->next_sequence(kTrades, kProducer)), 15);
    log.reset();
    must(files_.remove("log/trades-0/flushed"));
  }
  files_.set_content(segment(0), whole);
  flip(segment(0), whole.size() - 3);
  log = open({});
  ASSERT_EQ(log->recovery_report().size(), 1U);
  EXPECT_EQ(warnings_.take().size(), 1U);
  fill(*log, 15, 40);
  expect_numbered(*log, 0, 40);
}

TEST_F(EmbeddedLogTest, ANoteOfWhatIsFlushedThatIsNoneCountsForNothing) {
  auto log = open({});
  fill(*log, 0, 15);
  log.reset();
  // The last one fills the note's buffer: what is parsed behind its end is not in it.
  for (const std::string& note :
       std::vector<std::string>{"", "\n", "crc ", "crc \n0 5\n", "crc 1\n", "\ncrc ", "\n1crc ", "penstock\n0 999999\n",
                                "crc " + std::string(122, 'x') + "\n5"}) {
    const auto bytes = std::as_bytes(std::span(note));
    files_.set_content("log/trades-0/flushed", {bytes.begin(), bytes.end()});
    log = open({});
    EXPECT_TRUE(log->recovery_report().empty());
    expect_numbered(*log, 0, 15);
    log.reset();
  }
}

TEST_F(EmbeddedLogTest, DamageInAnOlderSegmentIsAnErrorThereAndWhatFollowsCanBeRead) {
  auto log = open();
  fill(*log, 0, 200);
  log.reset();
  flip(segment(0), 400);
  log = open();
  EXPECT_TRUE(log->recovery_report().empty());
  const auto damaged = read_all(*log, kTrades, Offset{0});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().kind, ErrorKind::corrupt);
  EXPECT_NE(damaged.error().message.find(segment(0)), std::string::npos) << damaged.error().message;
  EXPECT_NE(damaged.error().message.find("byte "), std::string::npos);
  // The error says where to go on.
  const auto from = std::stoll(damaged.error().message.substr(damaged.error().message.rfind(' ')));
  EXPECT_GT(from, 0);
  expect_numbered(*log, from, 200);
  // What stands before it is given before the error.
  const auto reader = must(log->reader(kTrades));
  const auto before = must(reader->fetch(Offset{0}, size_t{1} << 20));
  EXPECT_FALSE(before.batches.empty());
  EXPECT_FALSE(reader->fetch(before.next, size_t{1} << 20));
}

TEST_F(EmbeddedLogTest, AnOlderSegmentThatIsCutIsAnErrorAndNotAHole) {
  auto log = open();
  fill(*log, 0, 200);
  log.reset();
  auto bytes = files_.content(segment(0));
  bytes.resize(bytes.size() - 30);
  files_.set_content(segment(0), bytes);
  log = open();
  EXPECT_EQ(warnings_.take().size(), 1U);
  const auto all = read_all(*log, kTrades, Offset{0});
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().kind, ErrorKind::corrupt);
}

TEST_F(EmbeddedLogTest, IndexesThatAreMissingOrNonsenseAreMadeAgain) {
  auto log = open({.segment_bytes_max = 20'000});
  fill(*log, 0, 2000);
  log.reset();
  const auto index = files_.content(segment(0, "index"));
  const auto times = files_.content(segment(0, "timeindex"));
  ASSERT_FALSE(index.empty());
  ASSERT_FALSE(times.empty());
  for (int damage = 0; damage < 5; ++damage) {
    if (damage == 0) must(files_.remove(segment(0, "index")));
    if (damage == 1) must(files_.remove(segment(0, "timeindex")));
    if (damage == 2) files_.set_content(segment(0, "index"), std::vector<std::byte>(17, std::byte{9}));
    if (damage == 3) files_.set_content(segment(0, "index"), std::vector<std::byte>(index.size(), std::byte{0xFF}));
    if (damage == 4) files_.set_content(segment(0, "timeindex"), std::vector<std::byte>(times.size(), std::byte{0}));
    log = open({.segment_bytes_max = 20'000});
    expect_numbered(*log, 1234, 2000);
    log.reset();
    ASSERT_EQ(files_.content(segment(0, "index")), index) << damage;
    ASSERT_EQ(files_.content(segment(0, "timeindex")), times) << damage;
  }
}

TEST_F(EmbeddedLogTest, SkipLeavesAHoleThatReadersStepOver) {
  auto log = open();
  must(log->skip_to(kTrades, Offset{10}));
  must(log->skip_to(kTrades, Offset{20}));
  EXPECT_EQ(must(log->info(kTrades)).end.value, 20);
  EXPECT_EQ(must(log->info(kTrades)).segments, 1U);
  must(log->append(kTrades, encode(numbered(20, 5)), {kProducer, 0, 0}));
  must(log->skip_to(kTrades, Offset{100}));
  EXPECT_TRUE(must(must(log->reader(kTrades))->fetch(Offset{30}, 1000)).batches.empty());
  EXPECT_EQ(log->skip_to(kTrades, Offset{99}).error().kind, ErrorKind::invalid);
  for (int round = 0; round < 2; ++round) {
    log.reset();
    log = open();
    EXPECT_EQ(must(log->info(kTrades)).end.value, round == 0 ? 100 : 105);
    // What was lost took sequences with it: the producer goes on with a later one.
    if (round == 0) must(log->append(kTrades, encode(numbered(100, 5)), {kProducer, 0, 80}));
  }
  const auto all = must(read_all(*log, kTrades, Offset{20}));
  ASSERT_EQ(all.size(), 10U);
  EXPECT_EQ(all[4].offset, 24);
  EXPECT_EQ(all[5].offset, 100);
}

TEST_F(EmbeddedLogTest, RetentionDeletesWholeOldSegmentsButNothingThatIsStillNeeded) {
  auto log = open({.segment_bytes_max = 2000, .retention_bytes = 5000});
  fill(*log, 0, 1000);
  const auto reader = must(log->reader(kTrades));
  const auto standing = must(reader->fetch(Offset{0}, 1));
  const PartitionInfo before = must(log->info(kTrades));
  EXPECT_EQ(must(log->enforce_retention(Timestamp{0}, {{kTrades, Offset{0}}})), 0U);
  EXPECT_GT(must(log->enforce_retention(Timestamp{0}, {{kTrades, Offset{300}}})), 0U);
  EXPECT_LE(must(log->info(kTrades)).start.value, 300);
  const uint64_t freed = must(log->enforce_retention(Timestamp{0}, {{kTrades, Offset{1000}}}));
  const PartitionInfo after = must(log->info(kTrades));
  EXPECT_GT(freed, 0U);
  EXPECT_GE(after.bytes, 5000U);
  EXPECT_LT(after.bytes, 7100U);
  EXPECT_LT(after.segments, before.segments);
  const auto gone = reader->fetch(standing.next, 1000);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::not_found);
  EXPECT_NE(gone.error().message.find(std::to_string(after.start.value)), std::string::npos);
  expect_numbered(*log, after.start.value, 1000);
  log.reset();
  log = open();
  EXPECT_EQ(must(log->info(kTrades)).start, after.start);
  EXPECT_EQ(must(log->next_sequence(kTrades, kProducer)), 1000);
}

TEST_F(EmbeddedLogTest, RetentionByTimeKeepsTheNewestSegment) {
  auto log = open({.segment_bytes_max = 2000, .retention_time = kHour});
  fill(*log, 0, 1000);
  const Timestamp newest{(1'000'000 + 9'990) * kMillisecond.ns};
  EXPECT_EQ(must(log->enforce_retention(newest, {{kTrades, Offset{1000}}})), 0U);
  EXPECT_GT(must(log->enforce_retention(newest + kDay, {{kTrades, Offset{1000}}})), 0U);
  EXPECT_EQ(must(log->info(kTrades)).segments, 1U);
}

TEST_F(EmbeddedLogTest, AFullDiskIsAnErrorAndTheLogGoesOnWhenThereIsRoom) {
  auto log = open({});
  fill(*log, 0, 50);
  files_.fail_call(1, ErrorKind::full);
  const auto refused = log->append(kTrades, encode(numbered(50, 5, 300)), {kProducer, 0, 50});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::full);
  uint64_t bytes = 0;
  const auto names = files_.list("log/trades-0").value();
  for (const auto& name : names) {
    if (name.ends_with(".log")) bytes += files_.content("log/trades-0/" + name).size();
  }
  EXPECT_EQ(bytes, must(log->info(kTrades)).bytes) << "a part of the refused batch is left in the file";
  expect_numbered(*log, 0, 50);
  fill(*log, 50, 100);
  expect_numbered(*log, 0, 100);
}

TEST_F(EmbeddedLogTest, AfterAFlushThatTheDeviceRefusedNothingIsAcknowledgedUntilItIsOpenedAgain) {
  auto log = open({.fsync = Fsync::always});
  fill(*log, 0, 10);
  files_.fail_call(2, ErrorKind::io);  // the write succeeds, the flush does not
  EXPECT_FALSE(log->append(kTrades, encode(numbered(10, 5)), {kProducer, 0, 10}));
  EXPECT_FALSE(log->append(kTrades, encode(numbered(10, 5)), {kProducer, 0, 10}));
  EXPECT_FALSE(log->flush());
  log.reset();
  EXPECT_EQ(warnings_.take().size(), 1U);
  log = open({.fsync = Fsync::always});
  must(log->append(kTrades, encode(numbered(10, 5)), {kProducer, 0, 10}));
  expect_numbered(*log, 0, 15);
}

TEST_F(EmbeddedLogTest, ATopicKeepsItsNumberOfPartitionsAndHasALegalName) {
  auto log = open();
  must(log->create_topic("quotes", 3));
  must(log->create_topic("quotes", 3));
  EXPECT_EQ(must(log->topics()).size(), 4U);
  for (const int32_t partitions : {2, 0, -1}) {
    EXPECT_EQ(log->create_topic("quotes", partitions).error().kind, ErrorKind::invalid) << partitions;
  }
  for (const std::string name : {"", ".", "..", "a/b", "ä", "a b"}) {
    EXPECT_EQ(log->create_topic(name, 1).error().kind, ErrorKind::invalid) << name;
  }
  EXPECT_EQ(log->reader({"nothing", 0}).error().kind, ErrorKind::not_found);
  EXPECT_EQ(log->append({"quotes", 3}, encode(numbered(0, 1)), {}).error().kind, ErrorKind::not_found);
}

TEST_F(EmbeddedLogTest, AReadOnlyLogSeesWholeBatchesThatAWriterAppendsMeanwhileAndChangesNothing) {
  auto writer = open();
  fill(*writer, 0, 10);
  auto looker = open({.read_only = true});
  const uint64_t changes = files_.changes();
  int64_t seen = 0;
  for (int64_t end = 10; end <= 300; end += 10) {
    expect_numbered(*looker, 0, end);
    seen = end;
    if (end < 300) fill(*writer, end, end + 10);
  }
  EXPECT_EQ(seen, 300);
  // Half a batch at the end is not there for it.
  auto bytes = files_.content(segment(0));
  EXPECT_EQ(looker->append(kTrades, encode(numbered(0, 1)), {}).error().kind, ErrorKind::invalid);
  EXPECT_EQ(looker->create_topic("more", 1).error().kind, ErrorKind::invalid);
  const uint64_t changes_of_the_writer = files_.changes() - changes;
  expect_numbered(*looker, 0, 300);
  EXPECT_EQ(files_.changes() - changes, changes_of_the_writer);
}

TEST_F(EmbeddedLogTest, AReadOnlyLogStopsBeforeABatchThatIsNotWholeYet) {
  auto writer = open({});
  fill(*writer, 0, 20);
  const auto whole = files_.content(segment(0));
  const size_t batch_bytes = whole.size() / 4;
  auto partial = whole;
  partial.resize(whole.size() - batch_bytes / 2);
  files_.set_content(segment(0), partial);
  auto looker = open({.read_only = true});
  expect_numbered(*looker, 0, 15);
  files_.set_content(segment(0), whole);
  expect_numbered(*looker, 0, 20);
}

// On the system's own files, where reads and writes really run side by side.
TEST(EmbeddedLogThreads, ReadersFollowTheWriterWhileItFlushesAndRolls) {
  Warnings warnings;
  std::string pattern = (std::filesystem::temp_directory_path() / "penstock-log-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  {
    auto log = must(EmbeddedLog::open(io::posix_file_system(), pattern + "/log", {.segment_bytes_max = 20'000}));
    must(log->create_topic("trades", 1));
    constexpr int64_t kEnd = 4000;
    const auto follow = [&](size_t bytes_max) {
      const auto reader = must(log->reader(kTrades));
      int64_t next = 0;
      while (next < kEnd) {
        FetchResult fetched = must(reader->fetch(Offset{next}, bytes_max));
        for (const ReadBatch& batch : fetched.batches) {
          RecordIterator records(batch);
          for (RecordView record; records.next(record);) {
            if (record.offset.value < next) continue;
            ASSERT_EQ(record.offset.value, next);
            ASSERT_EQ(record.key, fmt::format("key {}", next));
            ++next;
          }
        }
        reader->recycle(std::move(fetched));
        if (next < kEnd) std::this_thread::yield();
      }
    };
    std::jthread near([&] { follow(1); });
    std::jthread far([&] { follow(size_t{1} << 20); });
    std::jthread flusher([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) must(log->flush());
    });
    for (int64_t first = 0; first < kEnd; first += 10) {
      must(log->append(kTrades, encode(numbered(first, 10)), {kProducer, 0, first}));
    }
    near.join();
    far.join();
    flusher.request_stop();
    flusher.join();
    EXPECT_GT(must(log->info(kTrades)).segments, 3U);
  }
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace penstock::log

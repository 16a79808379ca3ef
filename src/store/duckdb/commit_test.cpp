#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <limits>
#include <random>
#include <thread>

#include "store/duckdb/store_fixture.h"

namespace penstock::store {
namespace {

using market::Kind;

TableSpec trades_table() { return {.name = "trades", .schema = market::trade_schema(), .key = {}}; }
TableSpec keyed_table() {
  return {.name = "last",
          .schema = std::make_shared<const market::Schema>(
              market::Schema{{{"symbol", {Kind::text}}, {"every", {Kind::text}}, {"value", {Kind::int64}}}}),
          .key = {0, 1}};
}
market::Batch keyed(const std::vector<std::tuple<std::string, std::string, int64_t>>& rows) {
  market::Batch batch = market::make_batch(keyed_table().schema);
  batch.rows = rows.size();
  for (const auto& [symbol, every, value] : rows) {
    batch.columns[0].text.append(symbol);
    batch.columns[1].text.append(every);
    batch.columns[2].i64.push_back(value);
  }
  return batch;
}

using CommitTest = StoreTest;

TEST_F(CommitTest, EachRowToRemoveTakesOutOneThatIsEqualInAllColumns) {
  const auto store = open({trades_table(), {.name = "quality", .schema = market::quality_schema(), .key = {}}});
  const auto quality = [&](const std::vector<std::pair<std::string, std::optional<std::string>>>& rows) {
    market::Batch batch = market::make_batch(market::quality_schema());
    for (market::Column& column : batch.columns) column.all_null = true;
    for (const auto& [rule, record] : rows) {
      batch.columns[market::QualityColumn::rule].all_null = false;
      batch.columns[market::QualityColumn::rule].text.append(rule);
      market::Column& json = batch.columns[market::QualityColumn::record];
      json.all_null = false;
      json.text.append(record.value_or(""));
      json.valid.push_back(record ? 1 : 0);
      ++batch.rows;
    }
    return batch;
  };
  const std::string all = "select rule, record from quality order by all";
  auto commit = must(store->begin());
  ASSERT_OK(
      commit->append(1, quality({{"a", "{\"x\": 1}"}, {"a", "{\"x\": 1}"}, {"a", "{\"x\": 2}"}, {"b", std::nullopt}})));
  ASSERT_OK(commit->append(0, trades("A", 3)));
  // Of this transaction's own rows: one of two equal ones, and the one with a null.
  ASSERT_OK(commit->remove(1, quality({{"a", "{\"x\": 1}"}, {"b", std::nullopt}, {"none", std::nullopt}})));
  ASSERT_OK(commit->append(1, quality({{"c", std::nullopt}})));
  ASSERT_OK(commit->commit());
  commit.reset();
  EXPECT_EQ(query(*store, all), "rule,record\na,\"{\"\"x\"\": 1}\"\na,\"{\"\"x\"\": 2}\"\nc,\n");
  commit = must(store->begin());
  ASSERT_OK(commit->remove(1, quality({{"a", "{\"x\": 1}"}, {"a", "{\"x\": 1}"}, {"c", std::nullopt}})));
  commit.reset();  // dropped
  EXPECT_EQ(query(*store, "select count(*) as n from quality"), "n\n3\n");
  commit = must(store->begin());
  ASSERT_OK(commit->remove(1, quality({{"a", "{\"x\": 1}"}, {"a", "{\"x\": 1}"}, {"c", std::nullopt}})));
  ASSERT_OK(commit->remove(0, trades("A", 1, 2)));
  ASSERT_OK(commit->remove(0, trades("B", 1)));
  ASSERT_OK(commit->commit());
  EXPECT_EQ(query(*store, all), "rule,record\na,\"{\"\"x\"\": 2}\"\n");
  EXPECT_EQ(query(*store, "select id from trades order by id"), "id\n1\n3\n");
}

TEST_F(CommitTest, RowsOffsetsSourcesAndStateAreThereAfterReopening) {
  const TopicPartition zero{"trades", 0};
  const TopicPartition one{"trades", 1};
  const std::string blob("\0\xFF state \n", 9);
  {
    const auto store = open({trades_table()});
    auto commit = must(store->begin());
    ASSERT_OK(commit->append(0, trades("AAPL", 5000)));
    ASSERT_OK(commit->set_offset(zero, Offset{5000}));
    ASSERT_OK(commit->set_offset(one, Offset{7}));
    ASSERT_OK(commit->set_source("file", {.position = std::numeric_limits<uint64_t>::max(),
                                          .finished = true,
                                          .identity = "a 'path'",
                                          .next_sequence = {{zero, 5000}, {one, 0}}}));
    ASSERT_OK(commit->set_state(zero, {{"bars", blob}, {"dedup", "x"}}));
    ASSERT_OK(commit->commit());
    commit.reset();
    commit = must(store->begin());
    ASSERT_OK(commit->set_offset(one, Offset{9}));
    ASSERT_OK(commit->set_state(zero, {{"dedup", ""}, {"watermark", "w"}}));
    ASSERT_OK(commit->commit());
  }
  const auto store = open({trades_table()});
  const Committed committed = must(store->load_committed());
  EXPECT_EQ(committed.offsets, (std::map<TopicPartition, Offset>{{zero, Offset{5000}}, {one, Offset{9}}}));
  ASSERT_EQ(committed.sources.size(), 1u);
  const SourcePosition& source = committed.sources.at("file");
  EXPECT_EQ(source.position, std::numeric_limits<uint64_t>::max());
  EXPECT_TRUE(source.finished);
  EXPECT_EQ(source.identity, "a 'path'");
  EXPECT_EQ(source.next_sequence, (std::map<TopicPartition, int64_t>{{zero, 5000}, {one, 0}}));
  EXPECT_EQ(
      committed.state,
      (std::map<TopicPartition, std::map<std::string, std::string>>{{zero, {{"bars", blob}, {"watermark", "w"}}}}));
  EXPECT_EQ(must(store->table_rows()), (std::map<std::string, uint64_t>{{"trades", 5000}}));
}

TEST_F(CommitTest, ADroppedTransactionLeavesNothing) {
  const auto store = open({trades_table(), keyed_table()});
  {
    const auto commit = must(store->begin());
    ASSERT_OK(commit->append(0, trades("AAPL", 300'000)));
    ASSERT_OK(commit->append(1, keyed({{"A", "1m", 1}})));
    ASSERT_OK(commit->set_offset({"trades", 0}, Offset{1}));
    ASSERT_OK(commit->set_state({"trades", 0}, {{"bars", "x"}}));
  }
  EXPECT_EQ(must(store->table_rows()), (std::map<std::string, uint64_t>{{"trades", 0}, {"last", 0}}));
  const Committed committed = must(store->load_committed());
  EXPECT_TRUE(committed.offsets.empty());
  EXPECT_TRUE(committed.state.empty());
}

TEST_F(CommitTest, OneTransactionAtATimeAndNoneAfterCommit) {
  const auto store = open({trades_table()});
  auto first = must(store->begin());
  const auto second = store->begin();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::invalid);
  ASSERT_OK(first->commit());
  const Status late = first->append(0, trades("AAPL", 1));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().kind, ErrorKind::closed);
  EXPECT_FALSE(first->commit().has_value());
  first.reset();
  EXPECT_TRUE(store->begin().has_value());
}

TEST_F(CommitTest, ALaterRowReplacesAnEarlierOneOfItsKey) {
  const auto store = open({keyed_table()});
  auto commit = must(store->begin());
  ASSERT_OK(commit->append(0, keyed({{"A", "1m", 1}, {"B", "1m", 2}, {"A", "1m", 3}})));
  ASSERT_OK(commit->append(0, keyed({{"A", "5m", 4}, {"B", "1m", 5}})));
  ASSERT_OK(commit->commit());
  commit.reset();
  EXPECT_EQ(query(*store, "SELECT * FROM last ORDER BY ALL"), "symbol,every,value\nA,1m,3\nA,5m,4\nB,1m,5\n");
  for (int64_t round = 0; round < 3; ++round) {
    commit = must(store->begin());
    ASSERT_OK(commit->append(0, keyed({{"A", "1m", 10 + round}, {"C", "1m", round}})));
    ASSERT_OK(commit->commit());
    commit.reset();
  }
  EXPECT_EQ(query(*store, "SELECT * FROM last ORDER BY ALL"), "symbol,every,value\nA,1m,12\nA,5m,4\nB,1m,5\nC,1m,2\n");
}

TEST_F(CommitTest, AKeyMayComeAgainAcrossTheAppendersOwnFlushes) {
  const auto store = open({keyed_table()});
  const auto commit = must(store->begin());
  // Over 204,800 rows DuckDB flushes what was appended so far, within the transaction.
  for (int64_t round = 0; round < 3; ++round) {
    std::vector<std::tuple<std::string, std::string, int64_t>> rows;
    for (int i = 0; i < 150'000; ++i) rows.emplace_back("S" + std::to_string(i), "1m", round);
    ASSERT_OK(commit->append(0, keyed(rows)));
  }
  ASSERT_OK(commit->commit());
  EXPECT_EQ(query(*store, "SELECT value, count(*) AS n FROM last GROUP BY 1"), "value,n\n2,150000\n");
}

TEST_F(CommitTest, ANullInAKeyIsAnErrorThatNamesTheColumn) {
  const auto store = open({keyed_table()});
  auto commit = must(store->begin());
  market::Batch rows = keyed({{"A", "1m", 1}, {"B", "1m", 2}});
  rows.columns[1].valid = {1, 0};
  const Status appended = commit->append(0, rows);
  ASSERT_FALSE(appended.has_value());
  EXPECT_EQ(appended.error().kind, ErrorKind::invalid);
  EXPECT_THAT(appended.error().message, testing::HasSubstr("table last: column every"));
  EXPECT_FALSE(commit->commit().has_value());
  commit.reset();
  EXPECT_EQ(must(store->table_rows()).at("last"), 0u);
}

// The child commits one row, its offset and its state, again and again, until it is killed. After each kill all three
// say the same, and nothing that was reported as committed is gone.
TEST_F(CommitTest, AKilledProcessLeavesItsLastCommitWhole) {
  std::mt19937 random(7);
  int64_t committed_before = 0;
  for (int round = 0; round < 12; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(pipe_ends[0]);
      auto store = open({trades_table(), keyed_table()});
      int64_t next = must(store->load_committed()).offsets[{"trades", 0}].value;
      while (true) {
        ++next;
        auto commit = must(store->begin());
        must(commit->append(0, trades("AAPL", 1, next)));
        must(commit->append(1, keyed({{"A", "1m", next}})));
        must(commit->set_offset({"trades", 0}, Offset{next}));
        must(commit->set_state({"trades", 0}, {{"bars", std::to_string(next) + std::string(20'000, 's')}}));
        must(commit->commit());
        if (write(pipe_ends[1], &next, sizeof(next)) != sizeof(next)) _exit(1);
      }
    }
    close(pipe_ends[1]);
    int64_t reported = 0;
    const int64_t wanted = committed_before + 1 + static_cast<int64_t>(random() % 40);
    while (reported < wanted && read(pipe_ends[0], &reported, sizeof(reported)) == sizeof(reported)) {
    }
    kill(child, SIGKILL);
    int64_t more = 0;
    while (read(pipe_ends[0], &more, sizeof(more)) == sizeof(more)) reported = more;
    close(pipe_ends[0]);
    waitpid(child, nullptr, 0);
    ASSERT_GE(reported, wanted);

    const auto store = open({trades_table(), keyed_table()});
    const Committed committed = must(store->load_committed());
    const int64_t offset = committed.offsets.at({"trades", 0}).value;
    EXPECT_GE(offset, reported);
    const std::string& state = committed.state.at({"trades", 0}).at("bars");
    EXPECT_EQ(state.substr(0, state.find('s')), std::to_string(offset));
    EXPECT_EQ(query(*store, "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM trades"),
              fmt::format("n,ids\n{},{}\n", offset, offset));
    EXPECT_EQ(query(*store, "SELECT value FROM last"), fmt::format("value\n{}\n", offset));
    committed_before = offset;
  }
}

TEST_F(CommitTest, AStoreOfAKilledProcessCanBeReadWithoutBeingChanged) {
  const pid_t child = fork();
  if (child == 0) {
    auto store = open({trades_table()});
    const auto commit = must(store->begin());
    must(commit->append(0, trades("AAPL", 10)));
    must(commit->commit());
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  const std::string wal = read_file(path + ".wal");
  ASSERT_FALSE(wal.empty());
  const std::string file = read_file(path);
  DuckDbOptions reading = options();
  reading.read_only = true;
  {
    const auto store = must(open_duckdb_store(path, reading, {}));
    EXPECT_EQ(query(*store, "SELECT count(*) AS n FROM trades"), "n\n10\n");
    EXPECT_FALSE(store->begin().has_value());
  }
  EXPECT_EQ(read_file(path + ".wal"), wal);
  EXPECT_EQ(read_file(path), file);
}

TEST_F(CommitTest, AThousandCommitsOfStateDoNotGrowTheFileWithoutBound) {
  const auto store = open({trades_table()});
  std::mt19937_64 random(3);
  uintmax_t largest = 0;
  for (int64_t i = 1; i <= 1000; ++i) {
    const auto commit = must(store->begin());
    std::string blob(200'000, '\0');
    for (char& c : blob) c = static_cast<char>(random());
    ASSERT_OK(commit->set_state({"trades", 0}, {{"bars", blob}}));
    ASSERT_OK(commit->set_offset({"trades", 0}, Offset{i}));
    ASSERT_OK(commit->commit());
    const std::string wal = path + ".wal";
    const uintmax_t size =
        std::filesystem::file_size(path) + (std::filesystem::exists(wal) ? std::filesystem::file_size(wal) : 0);
    largest = std::max(largest, size);
  }
  RecordProperty("largest_bytes", std::to_string(largest));
  // 200 MB were written in all. What stays is a WAL of 16 MB and a file that DuckDB makes longer 32 MB at a time, where
  // a checkpoint may not yet reuse what the one before it freed.
  EXPECT_LT(largest, uintmax_t{100} << 20);
}

// A limit on the size of files stands for the full disk: the write fails in the same place.
TEST_F(CommitTest, AFullDiskIsAnErrorAndLosesNothingThatWasCommitted) {
  const pid_t child = fork();
  if (child == 0) {
    auto store = open({trades_table()});
    {
      const auto commit = must(store->begin());
      must(commit->append(0, trades("AAPL", 10)));
      must(commit->set_offset({"trades", 0}, Offset{10}));
      must(commit->commit());
    }
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 4 << 20;
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int64_t i = 0; i < 50; ++i) {
      auto commit = must(store->begin());
      Status done = commit->append(0, trades("AAPL", 500'000, 1'000 + i * 500'000));
      if (done) done = commit->commit();
      if (!done) _exit(done.error().kind == ErrorKind::full ? 0 : 2);
    }
    _exit(3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "2: another kind of error; 3: no error";
  const auto store = open({trades_table()});
  EXPECT_EQ(must(store->load_committed()).offsets.at({"trades", 0}), Offset{10});
  EXPECT_EQ(query(*store, "SELECT count(*) % 500000 AS n FROM trades"), "n\n10\n");
}

TEST_F(CommitTest, QueriesDuringCommitsSeeWholeCommitsOnly) {
  const auto store = open({trades_table(), keyed_table()});
  std::atomic<bool> over{false};
  std::atomic<int> seen{0};
  const auto read = [&] {
    while (!over || seen == 0) {
      EXPECT_EQ(
          query(*store, "SELECT (SELECT count(*) FROM trades) = (SELECT coalesce(max(value), 0) FROM last) AS same"),
          "same\ntrue\n");
      ++seen;
    }
  };
  std::thread first(read);
  std::thread second(read);
  for (int64_t i = 1; i <= 60; ++i) {
    const auto commit = must(store->begin());
    ASSERT_OK(commit->append(0, trades("AAPL", 100, i * 100)));
    ASSERT_OK(commit->append(1, keyed({{"A", "1m", i * 100}})));
    ASSERT_OK(commit->commit());
  }
  over = true;
  first.join();
  second.join();
  EXPECT_GT(seen, 0);
}

}  // namespace
}  // namespace penstock::store

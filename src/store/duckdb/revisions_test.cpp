#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <random>
#include <tuple>

#include "store/duckdb/handles.h"
#include "store/duckdb/store_fixture.h"

namespace penstock::store {
namespace {

using market::BarColumn;

struct Bar {
  std::string symbol = "A";
  std::string every = "1m";
  int64_t minute = 0;
  int64_t close = 0;  // dollars
  int64_t trades = 1;
  int64_t revision = 0;
  bool final = true;
};

TableSpec bars_table(bool come_once = true) {
  return {.name = "bars", .schema = market::bar_schema(), .key = {}, .bars_come_once = come_once};
}

class RevisionsTest : public StoreTest {
 protected:
  market::Batch bars(const std::vector<Bar>& bars) {
    std::vector<BarRow> rows;
    for (const Bar& bar : bars) {
      rows.push_back({.symbol = bar.symbol,
                      .every = bar.every,
                      .start = 1'570'752'000'000'000'000 + bar.minute * kMinute.ns,
                      .price = bar.close * 1'000'000'000,
                      .volume = Int128{bar.trades} * 100'000'000,
                      .trades = bar.trades,
                      .revision = bar.revision,
                      .final = bar.final});
    }
    return bar_batch(rows);
  }
  void commit(Store& store, const std::vector<std::vector<Bar>>& batches) {
    const auto transaction = must(store.begin());
    for (const std::vector<Bar>& batch : batches) ASSERT_OK(transaction->append(0, bars(batch)));
    ASSERT_OK(transaction->commit());
  }
  static std::string shown(Store& store) {
    return query(
        store, "SELECT symbol, every, start, close::INTEGER AS close, trades, revision, final FROM bars ORDER BY ALL");
  }
  void run_sql(const std::string& sql) const {
    duck::Database database;
    ASSERT_EQ(duckdb_open(path.c_str(), database.out()), DuckDBSuccess);
    duck::Connection connection;
    ASSERT_EQ(duckdb_connect(database.get(), connection.out()), DuckDBSuccess);
    ASSERT_OK(duck::run(connection.get(), sql, "the test"));
  }
  // A store as Penstock made it before tables of bars kept revisions; bars had no `edge` at first.
  void make_format_1(const std::string& more) const {
    std::string columns = "symbol VARCHAR, every VARCHAR, start TIMESTAMP";
    for (const char* price : {"open", "high", "low", "close"}) columns += fmt::format(", {} DECIMAL(19,9)", price);
    columns += ", volume DECIMAL(38,8), vwap DECIMAL(19,9), trades BIGINT, revision BIGINT, \"final\" BOOLEAN";
    run_sql(
        "CREATE SCHEMA penstock; CREATE TABLE penstock.meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);"
        "INSERT INTO penstock.meta VALUES ('format_version', '1'), ('key of main.bars', ''),"
        " ('key of own.last', 'symbol, every, start');"
        "CREATE TABLE penstock.offsets (topic VARCHAR NOT NULL, partition INTEGER NOT NULL, next BIGINT NOT NULL);"
        "CREATE TABLE penstock.sources (name VARCHAR NOT NULL, position UBIGINT NOT NULL, finished BOOLEAN NOT NULL,"
        " identity VARCHAR NOT NULL);"
        "CREATE TABLE penstock.sequences (source VARCHAR NOT NULL, topic VARCHAR NOT NULL, partition INTEGER NOT NULL,"
        " next BIGINT NOT NULL);"
        "CREATE TABLE penstock.state (topic VARCHAR NOT NULL, partition INTEGER NOT NULL, name VARCHAR NOT NULL,"
        " value BLOB NOT NULL); INSERT INTO penstock.offsets VALUES ('trades', 0, 7); CREATE SCHEMA own;"
        "CREATE TABLE bars (" +
        columns + "); CREATE TABLE own.last (" + columns + ", edge VARCHAR" +
        "); INSERT INTO bars SELECT 'A', '1m', TIMESTAMP '2019-10-11' + INTERVAL 1 MINUTE * i, 1, 1, 1, i, 5, 1, 1, 0,"
        " true FROM range(3) AS t(i); INSERT INTO bars SELECT * REPLACE (9 AS close) FROM bars WHERE close = 1;" +
        more);
  }
};

TEST_F(RevisionsTest, TheViewShowsTheNewestRevisionAndTheHistoryStays) {
  {
    const auto store = open({bars_table()});
    commit(*store, {{{.close = 1, .final = false}, {.symbol = "B", .close = 5}}});
    commit(*store, {{{.close = 2, .final = false}}, {{.close = 3, .final = false}}});
    EXPECT_EQ(shown(*store),
              "symbol,every,start,close,trades,revision,final\nA,1m,2019-10-11 00:00:00,3,1,0,false\n"
              "B,1m,2019-10-11 00:00:00,5,1,0,true\n");
    commit(*store, {{{.close = 4}}});
    commit(*store, {{{.close = 6, .revision = 1}, {.symbol = "B", .close = 7, .revision = 1}}});
  }
  const auto store = open({bars_table()});
  commit(*store, {{{.symbol = "B", .close = 8, .revision = 2}}});
  EXPECT_EQ(shown(*store),
            "symbol,every,start,close,trades,revision,final\nA,1m,2019-10-11 00:00:00,6,1,1,true\n"
            "B,1m,2019-10-11 00:00:00,8,1,2,true\n");
  EXPECT_EQ(query(*store, "SELECT symbol, close::INTEGER AS c, revision AS r, final, newest FROM bars_revisions"),
            "symbol,c,r,final,newest\nA,1,0,false,false\nB,5,0,true,false\nA,2,0,false,false\nA,3,0,false,false\n"
            "A,4,0,true,false\nA,6,1,true,true\nB,7,1,true,false\nB,8,2,true,true\n");
  EXPECT_EQ(must(store->table_rows()), (std::map<std::string, uint64_t>{{"bars", 2}}));
}

TEST_F(RevisionsTest, TheViewHasTheColumnsOfBarsInTheirOrder) {
  const auto store = open({bars_table()});
  EXPECT_EQ(query(*store, "SELECT column_name, column_type FROM (DESCRIBE bars)"),
            "column_name,column_type\nsymbol,VARCHAR\nevery,VARCHAR\nstart,TIMESTAMP\nopen,\"DECIMAL(19,9)\"\n"
            "high,\"DECIMAL(19,9)\"\nlow,\"DECIMAL(19,9)\"\nclose,\"DECIMAL(19,9)\"\nvolume,\"DECIMAL(38,8)\"\n"
            "vwap,\"DECIMAL(19,9)\"\ntrades,BIGINT\nrevision,BIGINT\nfinal,BOOLEAN\nedge,VARCHAR\n");
}

TEST_F(RevisionsTest, ABarThatWasCancelledAwayIsNotShownUntilATradeBringsItBack) {
  const auto store = open({bars_table()});
  commit(*store, {{{.close = 1}, {.minute = 1, .close = 2}}});
  commit(*store, {{{.close = 0, .trades = 0, .revision = 1}}});
  EXPECT_EQ(shown(*store), "symbol,every,start,close,trades,revision,final\nA,1m,2019-10-11 00:01:00,2,1,0,true\n");
  EXPECT_EQ(must(store->table_rows()).at("bars"), 1u);
  commit(*store, {{{.close = 3, .revision = 2}}});
  EXPECT_EQ(query(*store, "SELECT close::INTEGER AS c, revision FROM bars ORDER BY ALL"), "c,revision\n2,0\n3,2\n");
}

// What counts quotes, and what is computed from bars and counts nothing.
TEST_F(RevisionsTest, OtherRowsThanBarsOfTradesAreTakenBackByTheirOwnSign) {
  const auto schema = [](const char* name, market::Type type) {
    return std::make_shared<const market::Schema>(market::Schema{{{"symbol", {market::Kind::text}},
                                                                  {"every", {market::Kind::text}},
                                                                  {"start", {market::Kind::timestamp}},
                                                                  {name, type},
                                                                  {"revision", {market::Kind::int64}},
                                                                  {"final", {market::Kind::boolean}}}});
  };
  const std::vector<market::SchemaPtr> schemas = {schema("quotes", {market::Kind::int64}),
                                                  schema("close", market::kPriceType)};
  const auto store = open({{.name = "own.quote_bars", .schema = schemas[0], .key = {}},
                           {.name = "studies", .schema = schemas[1], .key = {}}});
  const auto transaction = must(store->begin());
  for (size_t table = 0; table < 2; ++table) {
    for (const bool there : {true, false}) {
      market::Batch row = market::make_batch(schemas[table]);
      row.rows = 1;
      row.columns[0].text.append(there ? "A" : "B");
      row.columns[1].text.append("1m");
      row.columns[2].i64.push_back(0);
      row.columns[3].i64.push_back(there ? 4 : 0);
      if (table == 1 && !there) row.columns[3].valid = {0};
      row.columns[4].i64.push_back(0);
      row.columns[5].u8.push_back(1);
      ASSERT_OK(transaction->append(table, row));
    }
  }
  ASSERT_OK(transaction->commit());
  EXPECT_EQ(query(*store, "FROM own.quote_bars"),
            "symbol,every,start,quotes,revision,final\nA,1m,1970-01-01 00:00:00,4,0,true\n");
  EXPECT_EQ(query(*store, "SELECT count(*) AS n FROM own.quote_bars_revisions"), "n\n2\n");
  EXPECT_EQ(query(*store, "SELECT symbol FROM studies"), "symbol\nA\n");
}

TEST_F(RevisionsTest, ATableOfBarsWithAKeyKeepsTheNewestRowAlone) {
  TableSpec keyed = bars_table();
  keyed.key = {0, 1, 2};
  const auto store = open({keyed});
  commit(*store, {{{.close = 1, .final = false}}, {{.close = 2}}});
  EXPECT_EQ(query(*store, "SELECT close::INTEGER AS c FROM bars"), "c\n2\n");
  EXPECT_EQ(query(*store, "SELECT count(*) AS n FROM duckdb_views() WHERE NOT internal"), "n\n0\n");
}

TEST_F(RevisionsTest, AnotherTableMayNotHaveTheNameOfTheRevisions) {
  const TableSpec other{.name = "bars_revisions", .schema = market::trade_schema(), .key = {}};
  const auto both = open_duckdb_store(path, options(), {bars_table(), other});
  ASSERT_FALSE(both.has_value());
  EXPECT_EQ(both.error().kind, ErrorKind::invalid);
  EXPECT_THAT(both.error().message, testing::HasSubstr("the revisions of table bars are kept as bars_revisions"));
  open({other}).reset();
  const std::string unchanged = read_file(path);
  EXPECT_FALSE(open_duckdb_store(path, options(), {bars_table()}).has_value());
  EXPECT_EQ(read_file(path), unchanged);
}

// The newest row of each bar by the rule itself, from the rows in the order they were appended.
std::vector<std::string> newest_by_rule(const std::vector<Bar>& rows) {
  std::map<std::tuple<std::string, std::string, int64_t>, Bar> newest;
  for (const Bar& bar : rows) {
    Bar& best = newest.try_emplace({bar.symbol, bar.every, bar.minute}, bar).first->second;
    if (std::tie(bar.revision, bar.final) >= std::tie(best.revision, best.final)) best = bar;
  }
  std::vector<std::string> lines;
  for (const auto& [key, bar] : newest) {
    if (bar.trades == 0) continue;
    lines.push_back(fmt::format("{},{},{},{},{},{},{}", bar.symbol, bar.every, bar.minute, bar.close, bar.trades,
                                bar.revision, bar.final));
  }
  std::ranges::sort(lines);
  return lines;
}
std::vector<std::string> newest_in_store(const std::string& csv) {
  std::vector<std::string> lines;
  size_t begin = csv.find('\n') + 1;
  while (begin < csv.size()) {
    const size_t end = csv.find('\n', begin);
    lines.push_back(csv.substr(begin, end - begin));
    begin = end + 1;
  }
  std::ranges::sort(lines);
  return lines;
}
constexpr const char* kAllShown =
    "SELECT symbol, every, date_diff('minute', TIMESTAMP '2019-10-11', start) AS minute, close::BIGINT AS close,"
    " trades, revision, final FROM bars";

TEST_F(RevisionsTest, WhateverComesInWhateverCommitsTheViewIsTheRule) {
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto below = [&](uint32_t bound) { return static_cast<int64_t>(random() % bound); };
    // Where a bar comes once, revisions of one ascend, as an engine makes them; else anything may come in any order.
    const bool once = seed % 2 == 0;
    const bool early = seed % 3 == 0;
    path = folder + "/" + std::to_string(seed) + ".duckdb";
    auto store = open({bars_table(once)});
    std::vector<Bar> committed;
    std::map<std::tuple<std::string, std::string, int64_t>, int64_t> next_revision;
    for (int round = 0; round < 40; ++round) {
      const auto before = next_revision;
      std::vector<Bar> all;
      std::vector<std::vector<Bar>> batches(static_cast<size_t>(1 + below(3)));
      for (std::vector<Bar>& batch : batches) {
        for (int64_t i = below(30); i > 0; --i) {
          Bar bar{.symbol = "S" + std::to_string(below(3)),
                  .every = below(2) == 0 ? "1m" : "5m",
                  .minute = below(once ? 200 : 10),
                  .close = below(1'000'000),
                  .trades = below(5)};
          int64_t& next = next_revision[{bar.symbol, bar.every, bar.minute}];
          bar.revision = once ? next : below(3);
          bar.final = once ? !early || below(2) == 0 : below(3) != 0;
          if (bar.final) ++next;
          batch.push_back(bar);
        }
        all.insert(all.end(), batch.begin(), batch.end());
      }
      const auto transaction = must(store->begin());
      for (const std::vector<Bar>& batch : batches) ASSERT_OK(transaction->append(0, bars(batch)));
      if (below(5) == 0) {
        next_revision = before;  // dropped
      } else {
        ASSERT_OK(transaction->commit());
        committed.insert(committed.end(), all.begin(), all.end());
      }
    }
    EXPECT_EQ(newest_in_store(query(*store, kAllShown)), newest_by_rule(committed));
    store.reset();
    store = open({bars_table(once)});
    EXPECT_EQ(newest_in_store(query(*store, kAllShown)), newest_by_rule(committed));
    EXPECT_EQ(query(*store, "SELECT count(*) AS n FROM bars_revisions"), fmt::format("n\n{}\n", committed.size()));
  }
}

TEST_F(RevisionsTest, BarsOfMoreRowsThanDuckDbFlushesAtOnceAreRevisedWhole) {
  const auto store = open({bars_table()});
  std::vector<Bar> first;
  for (int64_t minute = 0; minute < 250'000; ++minute) first.push_back({.minute = minute, .close = 1, .final = false});
  std::vector<Bar> second = first;
  for (Bar& bar : second) bar.final = true;
  commit(*store, {first, second});
  EXPECT_EQ(query(*store, "SELECT final, count(*) AS n FROM bars GROUP BY 1"), "final,n\ntrue,250000\n");
}

// The child commits a provisional bar and its final one, again and again, until it is killed.
TEST_F(RevisionsTest, AKilledProcessLeavesOneNewestRowABar) {
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(pipe_ends[0]);
      auto store = open({bars_table()});
      int64_t minute = must(store->load_committed()).offsets[{"trades", 0}].value;
      while (true) {
        auto commit = must(store->begin());
        must(commit->append(0, bars({{.minute = minute, .close = 2}, {.minute = minute + 1, .final = false}})));
        must(commit->set_offset({"trades", 0}, Offset{++minute}));
        must(commit->commit());
        if (write(pipe_ends[1], &minute, sizeof(minute)) != sizeof(minute)) _exit(1);
      }
    }
    close(pipe_ends[1]);
    int64_t seen = 0;
    for (int i = 0; i < 7 * (round + 1); ++i) ASSERT_EQ(read(pipe_ends[0], &seen, sizeof(seen)), ssize_t{sizeof(seen)});
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(pipe_ends[0]);
    const auto store = open({bars_table()});
    const int64_t minutes = must(store->load_committed()).offsets.at({"trades", 0}).value;
    EXPECT_GE(minutes, seen);
    EXPECT_EQ(query(*store, "SELECT count(*) AS n, count(DISTINCT start) AS bars, count_if(final) AS final FROM bars"),
              fmt::format("n,bars,final\n{0},{0},{1}\n", minutes + 1, minutes));
  }
}

TEST_F(RevisionsTest, AStoreOfFormat1IsConvertedInPlace) {
  make_format_1("INSERT INTO own.last SELECT *, NULL FROM bars LIMIT 1");
  TableSpec last = bars_table();
  last.name = "own.last";
  last.key = {0, 1, 2};
  const auto store = open({bars_table(), last});
  EXPECT_EQ(query(*store, "SELECT value FROM penstock.meta WHERE key = 'format_version'"), "value\n2\n");
  EXPECT_EQ(query(*store, "SELECT close::INTEGER AS c FROM bars ORDER BY start"), "c\n0\n9\n2\n");
  EXPECT_EQ(query(*store, "SELECT close::INTEGER AS c, newest FROM bars_revisions"),
            "c,newest\n0,true\n1,false\n2,true\n9,true\n");
  EXPECT_EQ(query(*store, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'own'"), "table_name\nlast\n");
  EXPECT_EQ(must(store->load_committed()).offsets.at({"trades", 0}), Offset{7});
  commit(*store, {{{.minute = 2, .close = 4, .revision = 1}}});
  EXPECT_EQ(query(*store, "SELECT close::INTEGER AS c FROM bars ORDER BY start"), "c\n0\n9\n4\n");
}

TEST_F(RevisionsTest, AStoreOfFormat1ThatIsOnlyReadStaysAsItIs) {
  make_format_1("");
  const std::string unchanged = read_file(path);
  DuckDbOptions reading = options();
  reading.read_only = true;
  const auto store = must(open_duckdb_store(path, reading, {}));
  EXPECT_EQ(query(*store, "SELECT count(*) AS n FROM bars"), "n\n4\n");
  EXPECT_EQ(read_file(path), unchanged);
}

TEST_F(RevisionsTest, AConversionThatCannotBeMadeChangesNothing) {
  make_format_1("CREATE TABLE bars_revisions (a INTEGER)");
  const auto store = open_duckdb_store(path, options(), {bars_table()});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().kind, ErrorKind::invalid);
  EXPECT_THAT(store.error().message, testing::HasSubstr("bars_revisions"));
  DuckDbOptions reading = options();
  reading.read_only = true;
  const auto as_it_was = must(open_duckdb_store(path, reading, {}));
  EXPECT_EQ(query(*as_it_was, "SELECT (SELECT value FROM penstock.meta LIMIT 1) AS v, count(*) AS n FROM bars"),
            "v,n\n1,4\n");
}

}  // namespace
}  // namespace penstock::store

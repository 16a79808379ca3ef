// The vocabulary of the checks' tests: one topic, one stream `s` with the rules of a pipeline file, rows in as texts,
// what was found out as lines.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plan/load.h"
#include "plan/test_case.h"
#include "stream/engine_testing.h"

namespace penstock::stream::testing {

using TextRow = plan::TestCase::Row;

// A trade at `time` (RFC 3339, or seconds of 2024-01-02 from 14:30:00Z when it is a number), its other columns as
// given.
inline std::string at_second(double second) {
  return format_rfc3339(Timestamp{1'704'205'800'000'000'000 + static_cast<int64_t>(second * 1e9)});
}
inline TextRow trade(double second, const std::string& price, TextRow more = {}) {
  more.emplace("symbol", "A");
  more.emplace("ts_event", at_second(second));
  more.emplace("price", price);
  more.emplace("size", "1");
  return more;
}

// The plan of a topic `t` of `records` with one stream: `s: {from: t, check: {RULES}}`, a table `rows` of it.
inline plan::Plan checks_plan(const std::string& rules, const std::string& records = "trades",
                              const std::string& before = "") {
  const std::string text = "name: test\nsources:\n  feed: {type: file, path: none.csv, records: " + records +
                           ", topic: t}\ntopics: {t: {partitions: 1}}\nstreams:\n  s: {from: t, " + before +
                           "check: {" + rules + "}}\ntables:\n  rows: {from: s}\n";
  auto plan = plan::parse_plan(text, "test.yaml", {.set = {}, .use_environment = false});
  EXPECT_TRUE(plan) << plan.error().message;
  return *std::move(plan);
}

// One run of it.
class CheckRun {
 public:
  explicit CheckRun(const plan::Plan& plan, const std::vector<std::string>& first = {})
      : plan_(plan), partition(plan, first) {}

  [[nodiscard]] Status try_give(const std::vector<TextRow>& rows) {
    auto built = plan::build_rows(plan_, {.topic = 0, .rows = rows}, partition.symbols);
    EXPECT_TRUE(built) << built.error().message;
    EXPECT_TRUE(built->rejects.empty()) << built->rejects[0].reason;
    return partition.engine->process(built->rows);
  }
  void give(const std::vector<TextRow>& rows) {
    const Status status = try_give(rows);
    EXPECT_TRUE(status) << status.error().message;
  }
  void mark(double second) {
    const Status status =
        partition.engine->mark(0, Timestamp{1'704'205'800'000'000'000 + static_cast<int64_t>(second * 1e9)});
    EXPECT_TRUE(status) << status.error().message;
  }
  // Lines of a table since the last call.
  std::vector<std::string> take(std::string_view table) {
    for (size_t i = 0; i < plan_.tables.size(); ++i) {
      if (plan_.tables[i].name == table) return partition.take(i);
    }
    ADD_FAILURE() << "no table " << table;
    return {};
  }
  // `RULE SYMBOL TIME: VALUE | BOUND` of what was found since the last call.
  std::vector<std::string> found() {
    std::vector<std::string> lines;
    for (const std::string& line : take("quality")) {
      std::vector<std::string> fields;
      for (size_t at = 0; at != std::string::npos;) {
        const size_t bar = line.find('|', at);
        fields.push_back(line.substr(at, bar - at));
        at = bar == std::string::npos ? bar : bar + 1;
      }
      EXPECT_GE(fields.size(), 9u) << line;
      lines.push_back(fields[1] + " " + fields[4] + " " + fields[5].substr(11) + ": " + fields[6] + " | " + fields[7]);
    }
    return lines;
  }
  [[nodiscard]] const StreamCounts& counts() const { return partition.engine->counts().streams[0]; }

 private:
  const plan::Plan& plan_;

 public:
  Partition partition;
};

// Gives the rows in pieces of `piece`, with a commit and a restored engine after every `restart` rows (0: never);
// gives everything that came out. The same whatever the pieces.
inline std::string run_in_pieces(const plan::Plan& plan, const std::vector<TextRow>& rows, size_t piece, size_t restart,
                                 const std::vector<std::string>& first = {}) {
  std::string out;
  StateChanges state;
  auto run = std::make_unique<CheckRun>(plan, first);
  // Every table's lines, in order over restarts: a table's lines follow one another.
  std::map<std::string, std::string> tables;
  const auto drain = [&] {
    for (const plan::Table& table : plan.tables) {
      for (const std::string& line : run->take(table.name)) tables[table.name] += line + "\n";
    }
  };
  size_t since = 0;
  for (size_t at = 0; at < rows.size(); at += piece) {
    const size_t end = std::min(rows.size(), at + piece);
    run->give({rows.begin() + static_cast<ptrdiff_t>(at), rows.begin() + static_cast<ptrdiff_t>(end)});
    since += end - at;
    if (restart == 0 || since < restart) continue;
    since = 0;
    drain();
    run->partition.commit(state);
    run = std::make_unique<CheckRun>(plan, first);
    const Status restored = run->partition.engine->restore(state);
    EXPECT_TRUE(restored) << restored.error().message;
  }
  drain();
  for (const auto& [name, lines] : tables) out += name + ":\n" + lines;
  return out;
}

}  // namespace penstock::stream::testing

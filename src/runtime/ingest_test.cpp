#include "runtime/ingest.h"

#include <gtest/gtest.h>

#include "io/memory_file_system.h"
#include "log/embedded/embedded_log.h"
#include "market/schema.h"
#include "stream/engine.h"

namespace penstock::runtime {
namespace {

// Keeps the rejects that it is given, and counts rows.
class RejectsEngine final : public stream::Engine {
 public:
  explicit RejectsEngine(std::vector<std::string>& positions) : positions_(positions) {}
  Status process(const market::Batch& rows) override {
    counts_.records += rows.rows;
    return {};
  }
  Status mark(size_t, Timestamp) override { return {}; }
  void reject(stream::RejectedRecord record) override { positions_.emplace_back(record.position); }
  std::vector<stream::TableRows> take_rows() override { return {}; }
  size_t pending_bytes() const override { return 0; }
  stream::StateChanges take_state_changes() override { return {}; }
  Status restore(const stream::StateChanges&) override { return {}; }
  const stream::EngineCounts& counts() const override { return counts_; }
  Timestamp watermark() const override { return Timestamp::min(); }

 private:
  std::vector<std::string>& positions_;
  stream::EngineCounts counts_;
};

// One source into one topic of one partition.
struct Fixture {
  Fixture() : log(log::EmbeddedLog::open(files, "log", {}).value()) {
    route.topic = "trades";
    EXPECT_TRUE(log->create_topic(route.topic, 1));
    std::vector<PartitionStart> starts(1);
    starts[0].id = {route.topic, 0};
    starts[0].engine = std::make_unique<RejectsEngine>(positions);
    worker =
        std::make_unique<Worker>(std::move(starts), RecordReader::Sources{}, *log, symbols, [] {}, [](const Error&) {});
    worker->start();
    route.targets.push_back({worker.get(), 0});
    ingest = std::make_unique<Ingest>("file", 0, std::vector<TopicRoute*>{&route}, *log, log::Codec::none, symbols,
                                      store::SourcePosition{});
  }
  // What the source publishes after a restart of the process: it resumes at `start`.
  void resume(store::SourcePosition start) {
    ingest = std::make_unique<Ingest>("file", 0, std::vector<TopicRoute*>{&route}, *log, log::Codec::none, symbols,
                                      std::move(start));
  }
  // Trades of these ids, then as many rejects and marks.
  Status emit(const std::vector<int64_t>& ids, size_t rejects = 0, std::optional<Timestamp> mark = {},
              bool by_clock = false) {
    feed::Chunk chunk{.rows = market::make_batch(market::trade_schema()), .marks_by_clock = by_clock};
    const market::SymbolCode symbol = symbols.intern("A");
    for (market::Column& column : chunk.rows.columns) column.all_null = true;
    const auto column = [&](size_t index) -> market::Column& {
      chunk.rows.columns[index].all_null = false;
      return chunk.rows.columns[index];
    };
    for (const int64_t id : ids) {
      column(market::TradeColumn::symbol).codes.push_back(symbol);
      column(market::TradeColumn::ts_event).i64.push_back(id * kSecond.ns);
      column(market::TradeColumn::price).i64.push_back(1);
      column(market::TradeColumn::size).i64.push_back(1);
      column(market::TradeColumn::id).ids.append({id, {}});
      ++chunk.rows.rows;
    }
    for (size_t i = 0; i < rejects; ++i) chunk.rejects.push_back({"line", "reason", std::to_string(i)});
    if (mark) chunk.marks.push_back({*mark});
    return ingest->emit(std::move(chunk));
  }
  // What the log holds: ids, `r` and the reject's bytes, `m`.
  std::vector<std::string> logged() {
    RecordReader::Sources sources;
    sources.index.emplace("file", 0);
    sources.topic_kinds.emplace(route.topic, plan::RecordKind::trade);
    RecordReader reader(sources, route.topic, symbols);
    std::vector<std::string> all;
    const auto from = log->reader({route.topic, 0}).value();
    for (Offset next{0};;) {
      const log::FetchResult fetched = from->fetch(next, 1 << 20).value();
      if (fetched.batches.empty()) return all;
      next = fetched.next;
      for (const log::ReadBatch& batch : fetched.batches) {
        const DecodedBatch decoded = reader.decode(batch, batch.base_offset).value();
        for (size_t row = 0; row < decoded.rows.rows; ++row) {
          all.push_back(std::to_string(decoded.rows.columns[market::TradeColumn::id].ids[row].number));
        }
        for (const market::RejectRecord& reject : decoded.rejects) all.push_back("r" + reject.raw);
        for (size_t i = 0; i < decoded.marks.size(); ++i) all.push_back("m");
      }
    }
  }

  io::MemoryFileSystem files;
  std::unique_ptr<log::Log> log;
  market::SymbolTable symbols;
  std::vector<std::string> positions;  // of rejects, as the engine saw them
  TopicRoute route;
  std::unique_ptr<Worker> worker;
  std::unique_ptr<Ingest> ingest;
};

TEST(Ingest, WhatComesAgainInOtherChunksIsLoggedOnce) {
  Fixture f;
  ASSERT_TRUE(f.emit({1, 2, 3}));
  const store::SourcePosition committed = f.ingest->position();
  ASSERT_TRUE(f.emit({4, 5}, 3));
  ASSERT_TRUE(f.emit({6, 7}, 2));
  const std::vector<std::string> before{"m", "1", "2", "3", "4", "5", "r0", "r1", "r2", "6", "7", "r0", "r1"};
  ASSERT_EQ(f.logged(), before);
  // Cut elsewhere: what is there already, what is there in part, and what is new.
  std::vector<std::string> after = before;
  f.resume({.position = 1, .next_sequence = committed.next_sequence});
  ASSERT_TRUE(f.emit({4}));
  ASSERT_TRUE(f.emit({5}, 1));
  ASSERT_TRUE(f.emit({}, 2));
  EXPECT_EQ(f.logged(), after);
  f.resume({.position = 1, .next_sequence = committed.next_sequence});
  ASSERT_TRUE(f.emit({4, 5}, 3));
  ASSERT_TRUE(f.emit({6, 7}, 4));
  ASSERT_TRUE(f.emit({9}));
  after.insert(after.end(), {"r2", "r3", "9"});
  EXPECT_EQ(f.logged(), after);
  ASSERT_TRUE(f.worker->drain());
}

TEST(Ingest, MarksByAClockTakeNoSequence) {
  Fixture f;
  ASSERT_TRUE(f.emit({1}));
  const store::SourcePosition committed = f.ingest->position();
  ASSERT_TRUE(f.emit({2}, 0, Timestamp{5}, true));
  ASSERT_TRUE(f.emit({3}, 0, Timestamp{6}, false));
  ASSERT_EQ(f.logged(), (std::vector<std::string>{"m", "1", "2", "m", "3", "m"}));
  // Again, with more marks by the clock and at other places: they are logged, and the rest is not.
  f.resume({.position = 1, .next_sequence = committed.next_sequence});
  ASSERT_TRUE(f.emit({}, 0, Timestamp{5}, true));
  ASSERT_TRUE(f.emit({2}, 0, Timestamp{5}, true));
  ASSERT_TRUE(f.emit({3}, 0, Timestamp{6}, false));
  EXPECT_EQ(f.logged(), (std::vector<std::string>{"m", "1", "2", "m", "3", "m", "m", "m"}));
}

TEST(Ingest, RejectsOfOneChunkMayBeMoreThanABatchOfTheLogHolds) {
  Fixture f;
  feed::Chunk chunk{.rows = market::make_batch(market::trade_schema()), .position_end = 7};
  const std::string raw(feed::kRejectBytesMax, 'x');
  std::vector<std::string> expected;
  for (size_t i = 0; i * raw.size() <= log::kBatchBytesMax; ++i) {
    expected.push_back("line " + std::to_string(i));
    chunk.rejects.push_back({expected.back(), "why not", raw});
  }
  const Status emitted = f.ingest->emit(std::move(chunk));
  ASSERT_TRUE(emitted) << emitted.error().message;
  ASSERT_TRUE(f.worker->drain());
  EXPECT_EQ(f.positions, expected);
  EXPECT_EQ(f.ingest->position().position, 7u);
  // The opening mark, and one record a reject.
  const TopicPartition id{"trades", 0};
  EXPECT_EQ(f.ingest->position().next_sequence.at(id), static_cast<int64_t>(expected.size()) + 1);
  EXPECT_EQ(f.log->info(id)->end, Offset{static_cast<int64_t>(expected.size()) + 1});
}

}  // namespace
}  // namespace penstock::runtime

#include "runtime/ingest.h"

#include <gtest/gtest.h>

#include "io/memory_file_system.h"
#include "log/embedded/embedded_log.h"
#include "market/schema.h"
#include "stream/engine.h"

namespace penstock::runtime {
namespace {

// Keeps the rejects that it is given.
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
  io::MemoryFileSystem files;
  std::unique_ptr<log::Log> log;
  market::SymbolTable symbols;
  std::vector<std::string> positions;  // of rejects, as the engine saw them
  TopicRoute route;
  std::unique_ptr<Worker> worker;
  std::unique_ptr<Ingest> ingest;
};

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

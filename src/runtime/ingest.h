// From a source's chunks to the log and the workers: cuts a chunk into the partitions of its topic, encodes each part,
// appends it with the source's sequence, and hands the rows on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "feed/source.h"
#include "log/log.h"
#include "runtime/records.h"
#include "runtime/worker.h"
#include "store/store.h"

namespace penstock::runtime {

// Where a topic's partitions are processed. Shared by the sources that write the topic.
struct TopicRoute {
  std::string topic;
  plan::RecordKind kind = plan::RecordKind::trade;
  struct Target {
    Worker* worker = nullptr;  // outlives the route
    size_t partition = 0;      // in the worker
  };
  std::vector<Target> targets;  // one a partition
  std::mutex publishing;        // held from an append to its hand-over, so that both have one order
};

// One source's way into the log. prepare() on any thread; publish() on one at a time.
class Ingest final : public feed::Emitter {
 public:
  // `source_index` is its place in Plan::sources; `outputs` its topics in the order of Source::outputs; `start` is
  // where it resumes. Borrows the routes, the log and the symbols.
  Ingest(std::string source_name, size_t source_index, std::vector<TopicRoute*> outputs, log::Log& log,
         log::Codec codec, market::SymbolTable& symbols, store::SourcePosition start);
  ~Ingest() override;

  Result<std::unique_ptr<feed::PreparedChunk>> prepare(feed::Chunk&& chunk) override;
  Status publish(std::unique_ptr<feed::PreparedChunk> chunk) override;

  // The position behind the last chunk that was published whole, with the sequences that go with it.
  [[nodiscard]] store::SourcePosition position() const;
  void set_finished();

  // The id that the log knows a source by: of its name, the same in every run.
  [[nodiscard]] static int64_t producer_id(std::string_view source_name);

 private:
  // What one thread needs to prepare chunks; kept and given out again.
  struct Scratch;
  struct Part;
  struct Prepared;

  [[nodiscard]] std::unique_ptr<Scratch> take_scratch();
  void give_back(std::unique_ptr<Scratch> scratch);
  // A source that begins (again) takes back the end mark of an earlier run: its records are awaited anew.
  [[nodiscard]] Status publish_opening();
  [[nodiscard]] Status append_part(TopicRoute& route, Part& part);
  // Where the log's sequences of this source ended when the run began.
  [[nodiscard]] Result<int64_t> known_end(const TopicPartition& partition);
  // Takes the first `count` records away, which the log has.
  [[nodiscard]] Status drop_known(const TopicRoute& route, Part& part, size_t count) const;

  const std::string source_name_;
  const size_t source_index_;
  const std::vector<TopicRoute*> outputs_;
  log::Log& log_;
  const log::Codec codec_;
  market::SymbolTable& symbols_;
  const int64_t producer_id_;

  bool opening_;                                     // owned by the publishing thread
  std::map<TopicPartition, int64_t> next_sequence_;  // owned by the publishing thread
  std::map<TopicPartition, int64_t> known_end_;      // owned by the publishing thread

  mutable std::mutex mutex_;
  store::SourcePosition position_;                   // guarded by mutex_
  std::vector<std::unique_ptr<Scratch>> scratches_;  // guarded by mutex_; at most one a preparing thread
};

}  // namespace penstock::runtime

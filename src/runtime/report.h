// What a run did, in numbers, and whether they add up.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "plan/plan.h"
#include "stream/engine.h"

namespace penstock::runtime {

struct SourceReport {
  std::string name;
  std::string topic;
  bool simulated = false;
  bool ended = false;
  // Of this run; the others are of all runs on the data folder.
  uint64_t records = 0;
  uint64_t rejects = 0;
  uint64_t duplicates = 0;
  uint64_t bytes = 0;
  uint64_t bytes_total = 0;
  uint64_t requests = 0;
  uint64_t retries = 0;
};

struct PartitionReport {
  int32_t partition = 0;
  Offset start;
  Offset end;
  Offset processed;  // the next record to process
  Offset committed;  // the next record whose results are not in the store
  uint64_t bytes = 0;
  Timestamp watermark;
};

struct TopicReport {
  std::string name;
  std::vector<PartitionReport> partitions;
  stream::EngineCounts counts;  // summed over partitions
};

struct RunReport {
  std::string pipeline;
  std::string address;
  Timestamp started_at;
  Timestamp now;
  bool simulated = false;
  std::string error;                            // the first one, if any
  std::vector<SourceReport> sources;
  std::vector<TopicReport> topics;              // as Plan::topics
  std::vector<stream::StreamCounts> streams;    // as Plan::streams, summed over partitions
  std::map<std::string, uint64_t> table_rows;   // by name
  uint64_t commits = 0;
  uint64_t rows_committed = 0;                  // of this run
  int64_t last_commit_ns = 0;
  Timestamp committed_at;
};

// One way of records through the streams, from a topic to a stream that no other stream reads on.
// in = rows + late + duplicates + quarantined + filtered, or the path does not balance.
struct PathBalance {
  std::string path;  // `trades -> checked -> bars`
  uint64_t in = 0;
  uint64_t rows = 0;
  uint64_t late = 0;
  uint64_t duplicates = 0;
  uint64_t quarantined = 0;
  uint64_t filtered = 0;
  [[nodiscard]] bool balances() const { return in == rows + late + duplicates + quarantined + filtered; }
};
[[nodiscard]] std::vector<PathBalance> balance(const plan::Plan& plan, const RunReport& report);
// `corrupt` when a path does not balance: a record was lost or made up, which is a bug.
[[nodiscard]] Status check_balance(const std::vector<PathBalance>& paths);

// Adds `more` to `total`, stream by stream.
void add_counts(stream::EngineCounts& total, const stream::EngineCounts& more);

// Lines for a person: one a source, a path, a table.
[[nodiscard]] std::string summary(const plan::Plan& plan, const RunReport& report);

}  // namespace penstock::runtime

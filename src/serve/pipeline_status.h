// What `/api/status` and the status page show of a pipeline. Filled by the runtime; see docs/formats/http-api.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace penstock::serve {

struct SourceStatus {
  std::string name;
  std::string type;          // `file`, `http`, `simulated`
  std::string topic;
  std::string state;         // `running`, `finished`, `failed: why`
  bool simulated = false;    // what it gives is invented
  uint64_t records = 0;
  uint64_t rejects = 0;
  uint64_t duplicates = 0;   // dropped by the source itself
  uint64_t bytes = 0;
  uint64_t bytes_total = 0;  // of a bounded source; 0: unknown
  uint64_t requests = 0;
  uint64_t retries = 0;
};

// in = out + late + duplicates + quarantined + filtered.
struct StreamStatus {
  std::string name;
  uint64_t in = 0;
  uint64_t out = 0;
  uint64_t late = 0;
  uint64_t duplicates = 0;
  uint64_t quarantined = 0;
  uint64_t filtered = 0;
};

struct PartitionStatus {
  int32_t partition = 0;
  int64_t start = 0;      // the oldest offset kept
  int64_t end = 0;        // one past the newest
  int64_t committed = 0;  // one past the last whose rows are in the store
  uint64_t bytes = 0;
  std::optional<Timestamp> watermark;
};

struct TopicStatus {
  std::string name;
  std::string kind;  // `trade`, `quote`, `json`
  std::vector<PartitionStatus> partitions;
};

struct TableStatus {
  std::string name;
  uint64_t rows = 0;
};

struct PipelineStatus {
  std::string name;
  std::string version;
  std::string state;       // `starting`, `running`, `finished`, `failed: why`, `stopping`
  bool simulated = false;  // some of the data is invented
  Timestamp started;
  Timestamp now;
  std::optional<Timestamp> watermark;  // the least of all partitions
  std::optional<Timestamp> committed;  // when the last commit was made
  std::vector<SourceStatus> sources;
  std::vector<StreamStatus> streams;
  std::vector<TopicStatus> topics;
  std::vector<TableStatus> tables;
};

// One JSON object. Times are RFC 3339 texts or null; `uptime_seconds` is added.
[[nodiscard]] std::string to_json(const PipelineStatus& status);
// `{"error": message}`, whatever bytes the message holds.
[[nodiscard]] std::string error_json(std::string_view message);

}  // namespace penstock::serve

// How an embedded log keeps its promises.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/time.h"

namespace penstock::log {

// What is on the device when append() returns: `always`: the batch. `interval` and `never`: perhaps not yet; a crash of
// the process loses nothing, a loss of power loses what came after the last flush(). The caller flushes: with
// `interval` at least once an interval. With `never`, flush() does nothing: only full segments are put on the device.
// docs/decisions/log-durability.md has the promises in full.
enum class Fsync : uint8_t { always, interval, never };

struct EmbeddedOptions {
  Fsync fsync = Fsync::interval;
  int64_t segment_bytes_max = int64_t{1} << 30;
  std::optional<Duration> retention_time;  // by the newest record of a segment
  std::optional<int64_t> retention_bytes;  // of one partition
  bool read_only = false;  // for looking in from another process; a writer may be at work
};

// A tail that was no whole batch, cut when the log was opened.
struct RecoveryCut {
  TopicPartition partition;
  Offset end;  // of the partition, after the cut
  uint64_t bytes = 0;  // that were cut
  std::string why;
};

}  // namespace penstock::log

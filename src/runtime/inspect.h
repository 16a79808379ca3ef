// Looking at a data folder from another process, whether a pipeline runs on it or not: queries, exports, topics, tails.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "io/file_system.h"
#include "store/store.h"

namespace penstock::runtime {

using Format = store::Format;

// Runs read-only SQL: asks the pipeline that runs on `data_dir`, or opens its store when none does. While one is
// starting or stopping it waits for ten seconds at most; `closed` after that.
[[nodiscard]] Status query(io::FileSystem& files, const std::string& data_dir, const std::string& sql,
                           store::Format format, const store::ByteSink& sink, Clock& clock);

// Writes the result of `sql` to `path` (a whole file or none). Gives the bytes written.
[[nodiscard]] Result<uint64_t> export_query(io::FileSystem& files, const std::string& data_dir, const std::string& sql,
                                            store::Format format, const std::string& path, Clock& clock);

// A table of the log's topics: partitions, offsets, records, bytes.
[[nodiscard]] Result<std::string> describe_topics(io::FileSystem& files, const std::string& data_dir);

struct TailOptions {
  std::optional<int32_t> partition;  // none: all
  std::optional<Offset> from;  // an offset in each partition tailed
  std::optional<Timestamp> since;  // or a time
  uint64_t last = 10;  // or so many records of each partition before its end
  std::optional<uint64_t> count;  // stop after so many records
  bool follow = false;  // wait for more
};
// Prints a topic's records as JSON, one a line: partition, offset, time, kind, fields.
[[nodiscard]] Status tail(io::FileSystem& files, const std::string& data_dir, const std::string& topic,
                          const TailOptions& options, Clock& clock, const std::stop_token& stop,
                          const store::ByteSink& sink);

}  // namespace penstock::runtime

// Reads a partition forward, across its segments. One thread.
#pragma once

#include <memory>

#include "log/embedded/partition.h"
#include "log/log.h"

namespace penstock::log {

class PartitionReader final : public Reader {
 public:
  // Borrows `partition`. With `refreshes`, looks for what another process wrote whenever it reaches the end.
  PartitionReader(Partition& partition, bool refreshes) : partition_(partition), refreshes_(refreshes) {}
  Result<FetchResult> fetch(Offset from, size_t bytes_max) override;
  void recycle(FetchResult&& done) override;
  Result<Offset> offset_for(Timestamp t) override;

 private:
  [[nodiscard]] std::vector<std::byte> take_buffer(size_t bytes);
  [[nodiscard]] Result<FetchResult> fetch_from(const Segment& segment, Offset from, size_t bytes_max);
  // Where in `segment` the batch that holds `from` begins, found from the index by its headers.
  [[nodiscard]] Result<uint64_t> find_batch(const Segment& segment, Offset from);

  Partition& partition_;
  const bool refreshes_;
  // Where the last fetch ended, so that reading on needs no index.
  std::shared_ptr<Segment> segment_;
  Offset next_{-1};
  uint64_t position_ = 0;
  std::vector<std::vector<std::byte>> spare_;
};

}  // namespace penstock::log

// The durable log: topics of partitions of record batches. Implemented by log/embedded (segments in a folder) and,
// for clusters, over Kafka.
//
// What is promised: `append` returns when the batch is written to the operating system: it outlives this process,
// not the machine. `flush` returns when everything appended before it is on the device. With fsync always, append
// includes flush. An acknowledged batch is whole or, after a loss of power, gone: never half.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "log/record_batch.h"

namespace penstock::log {

// Who appends, for idempotence: a batch whose sequences the partition has already is acknowledged and not written.
// `sequence` is of the batch's first record and counts on without wrapping (the format stores it modulo 2^31).
struct ProducerStamp {
  int64_t producer_id = -1;  // -1: not idempotent
  int16_t epoch = -1;
  int64_t sequence = -1;
};

struct Appended {
  Offset base_offset;      // of the batch, or where the same batch stands already
  bool duplicate = false;
};

// What a partition holds.
struct PartitionInfo {
  TopicPartition id;
  Offset start;             // the oldest record kept
  Offset end;               // one past the newest
  uint64_t bytes = 0;
  uint32_t segments = 0;
  std::optional<Timestamp> newest;  // the greatest timestamp (ms) of the newest segment
};

// Batches read in one call; owns the bytes that `batches[i].records` borrow.
struct FetchResult {
  std::vector<ReadBatch> batches;      // empty: nothing there yet; not an error
  std::vector<std::vector<std::byte>> memory;
  Offset next;                         // where to read on
};

// Reads a partition forward. One thread; any number of readers beside the one writer.
class Reader {
 public:
  virtual ~Reader() = default;
  // Whole batches from `from` on (the first may begin before it: skip by offset), up to about bytes_max, at least one
  // if there is any. `not_found` when `from` is before the oldest record kept: the message says which is.
  [[nodiscard]] virtual Result<FetchResult> fetch(Offset from, size_t bytes_max) = 0;
  // Gives back the memory of a result that is done with, so that the next fetch needs no new pages.
  virtual void recycle(FetchResult&& done) { done = {}; }
  // The first offset whose record's timestamp is at or after `t`; the end when there is none.
  [[nodiscard]] virtual Result<Offset> offset_for(Timestamp t) = 0;
};

// Thread-safe. Appends to one partition are made by one thread at a time.
class Log {
 public:
  virtual ~Log() = default;
  // Makes what is missing. `invalid` when the topic is there with another number of partitions.
  [[nodiscard]] virtual Status create_topic(const std::string& topic, int32_t partitions) = 0;
  [[nodiscard]] virtual Result<Appended> append(const TopicPartition& to, const EncodedBatch& batch,
                                                const ProducerStamp& stamp) = 0;
  // Everything appended to any partition before the call is on the device when it returns.
  [[nodiscard]] virtual Status flush() = 0;
  // Moves the partition's end forward to `to` over records that are lost, leaving a hole that readers step over.
  [[nodiscard]] virtual Status skip_to(const TopicPartition& partition, Offset to) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Reader>> reader(const TopicPartition& partition) = 0;
  [[nodiscard]] virtual Result<PartitionInfo> info(const TopicPartition& partition) = 0;
  [[nodiscard]] virtual Result<std::vector<PartitionInfo>> topics() = 0;
  // The sequence that follows the last one appended by `producer_id` to this partition; 0 when there is none.
  [[nodiscard]] virtual Result<int64_t> next_sequence(const TopicPartition& partition, int64_t producer_id) = 0;
  // Deletes whole segments that retention no longer keeps, never past `keep_from` of the partitions named. Gives
  // the bytes freed.
  [[nodiscard]] virtual Result<uint64_t> enforce_retention(
      Timestamp now, const std::vector<std::pair<TopicPartition, Offset>>& keep_from) = 0;
};

}  // namespace penstock::log

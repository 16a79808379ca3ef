// What a partition remembers of who appended to it, so that a batch that comes again is known.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "log/embedded/batch_header.h"
#include "log/log.h"

namespace penstock::log {

// Not thread-safe: guarded by its partition.
class ProducerState {
 public:
  // Batches of a producer whose offsets are remembered, so that a repeated append gets the first one's answer.
  static constexpr size_t kBatchesRemembered = 8;

  // Producers of one partition: a pipeline has one a source.
  static constexpr size_t kProducersMax = 100'000;

  enum class Verdict : uint8_t { append, duplicate };
  // Whether a batch of `count` records is new. `invalid` for one that is partly known, leaves a gap or has an older
  // epoch; a newer epoch starts at sequence 0. After a hole a producer that is not known begins anywhere. `full` for a
  // producer beyond kProducersMax.
  [[nodiscard]] Result<Verdict> judge(const ProducerStamp& stamp, int32_t count) const;
  // Where a duplicate stands; nothing when it is no longer remembered.
  [[nodiscard]] std::optional<Offset> offset_of(const ProducerStamp& stamp) const;

  // Takes note of a batch that was appended, or is read from a segment (with its sequence modulo 2^31).
  void appended(const ProducerStamp& stamp, int32_t count, Offset base_offset);
  void scanned(const BatchHeader& header);
  // Records are lost before what comes next: each producer may go on with any later sequence, and one that is not
  // known may have been.
  void hole();

  [[nodiscard]] int64_t next_sequence(int64_t producer_id) const;

  // The state as the text of a snapshot file, its own checksum included, and back.
  [[nodiscard]] std::string snapshot() const;
  [[nodiscard]] static Result<ProducerState> from_snapshot(std::string_view text);

 private:
  struct Producer {
    int16_t epoch = 0;
    int64_t next_sequence = 0;
    bool after_hole = false;
    bool modulo = false;  // next_sequence is known modulo 2^31 only: what came before it was lost
    struct Batch {
      int64_t sequence;
      Offset base_offset;
    };
    std::deque<Batch> batches;  // the newest kBatchesRemembered
  };
  [[nodiscard]] static int64_t next_of(const Producer& producer, int64_t sequence);

  std::map<int64_t, Producer> producers_;
  bool incomplete_ = false;  // there was a hole: producers that are not known may have appended before it
};

}  // namespace penstock::log

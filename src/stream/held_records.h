// Which records the rules of a stream hold in quarantine now, by hashes of what the quarantine keeps of them. So a
// record that `reprocess` sends again is taken once for each time it was put aside, and never where this run of the log
// had let it pass at its first coming.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "stream/blob.h"
#include "stream/engine.h"
#include "stream/flat_set.h"

namespace penstock::stream {

// One thread. 48 bytes a record; equal records are held as often as they came.
class HeldRecords {
 public:
  // Those beyond are not remembered: they stay in the quarantine.
  static constexpr size_t kRecordsMax = 1'000'000;
  static constexpr size_t kChunkRecords = 4096;

  void add(std::string_view raw);
  [[nodiscard]] bool contains(std::string_view raw) const;
  // `raw` must be contained.
  void remove(std::string_view raw);
  [[nodiscard]] size_t size() const { return members_.size(); }

  // Blobs `prefix` + number: kChunkRecords in order of arrival, so that a commit writes what is new.
  void take_state(const std::string& prefix, StateChanges& changes);
  // By ascending number.
  [[nodiscard]] Status restore(const std::string& name, uint64_t number, std::string_view blob);

 private:
  struct Chunk {
    uint64_t number = 0;
    std::vector<Hash128> records;
    bool dirty = false;
  };
  // The hash by which the `copy`-th of equal records is known.
  [[nodiscard]] static Hash128 hash_of(std::string_view raw, uint64_t copy);

  // How many equal records are held: copies 0 to that less one, so that it is found by halving.
  [[nodiscard]] uint64_t copies(std::string_view raw) const;

  FlatSet<Hash128> members_;
  FlatSet<Hash128> removed_;  // since take_state(), still in a chunk
  std::deque<Chunk> chunks_;
  uint64_t next_number_ = 0;
};

}  // namespace penstock::stream

// Numeric ids seen, in about two bytes each while they increase: runs of ids as varints, in order, with an index every
// kIndexBytes to search from. Ids that come out of order go to a hash set beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stream/blob.h"
#include "stream/flat_set.h"

namespace penstock::stream {

class IdSet {
 public:
  static constexpr size_t kIndexBytes = 128;

  // Ids are from 0 on. False when the id was there.
  bool insert(int64_t id) {
    if (id > last_) [[likely]] {
      if (id == last_ + 1 && begin_ >= 0) {
        last_ = id;
      } else {
        flush_run();
        begin_ = last_ = id;
      }
      return true;
    }
    if (contains(id)) return false;
    extra_.insert(static_cast<uint64_t>(id) + 1);
    new_extra_.push_back(id);
    return true;
  }
  [[nodiscard]] bool contains(int64_t id) const;
  [[nodiscard]] int64_t last() const { return last_; }
  [[nodiscard]] size_t byte_size() const { return runs_.size() + index_.size() * sizeof(Index) + extra_.byte_size(); }

  // Writes what was inserted since the last call (with `whole`: everything), and remembers that it is written.
  void save(BlobWriter& out, bool whole);
  // Adds what save() wrote; `whole` as then. False when malformed.
  bool load(BlobReader& in, bool whole);

 private:
  struct Index {
    int64_t before = -1;  // the last id ahead of the run at `at`
    size_t at = 0;
  };
  // Writes the run that is growing behind the others.
  void flush_run();

  std::string runs_;  // each run: varint (begin - end of the one before) * 2 + (longer than 1); varint length - 1
  std::vector<Index> index_;
  int64_t written_last_ = -1;  // the end of the last run in runs_
  int64_t begin_ = -1;  // the run that is growing, not in runs_ yet; -1: none
  int64_t last_ = -1;
  FlatSet<uint64_t> extra_;  // id + 1
  std::vector<int64_t> new_extra_;  // since save()
  size_t saved_ = 0;  // of runs_
  int64_t saved_last_ = -1;
};

}  // namespace penstock::stream

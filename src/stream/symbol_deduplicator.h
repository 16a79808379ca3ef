// Deduplication per symbol, forgetting by event time: keys lie in buckets of an eighth of `within`.
//
// State is a journal: each take_state() appends the keys that are new to its last segment, so that a commit costs what
// arrived since the one before. Segments that no kept bucket needs are deleted; when more than half of the journal is
// of forgotten keys, what the oldest segment holds is written again at the end.
#pragma once

#include <deque>
#include <optional>

#include "stream/deduplicator.h"
#include "stream/id_set.h"
#include "stream/row_key.h"

namespace penstock::stream {

class SymbolDeduplicator final : public Deduplicator {
 public:
  struct Columns {
    size_t symbol = 0;
    size_t ts_event = 0;
    std::vector<size_t> key;
    bool numeric = false;  // the key is one column of ids: numbers go to an IdSet
    std::optional<size_t> action;  // not null: a cancel or a correction, which may well bear its trade's id
  };
  SymbolDeduplicator(Columns columns, Duration within, std::string stream, market::SymbolTable& symbols);

  size_t process(const Flow& flow, std::vector<uint32_t>& kept) override;
  [[nodiscard]] bool knows(const market::Batch& batch, size_t row) override;
  void take_state(const std::string& prefix, StateChanges& changes) override;
  [[nodiscard]] Status restore(const std::string& name, uint64_t number, std::string_view blob) override;

  static constexpr size_t kSegmentBytes = 256 * 1024;
  static constexpr int64_t kBuckets = 8;  // that `within` spans; one more is kept, as it is partly within

 private:
  static constexpr uint32_t kNoSlot = UINT32_MAX;
  // Beyond so many symbols their state is not in the nearest cache: it is asked for so many rows ahead.
  static constexpr size_t kPrefetchSymbols = 512;
  static constexpr size_t kPrefetchRows = 16;
  struct Bucket {
    int64_t number = 0;
    bool dirty = false;
    std::optional<uint64_t> segment;  // the first of the journal that holds keys of it
    IdSet ids;
    FlatSet<Hash128> hashes;
    std::vector<Hash128> new_hashes;  // since take_state()
  };
  struct Symbol {
    market::SymbolCode code = market::kNoSymbol;
    bool dirty = false;
    int64_t newest_begin = INT64_MAX;     // of buckets.back(), in event time
    int64_t id_last = -1;                 // the greatest of all buckets
    std::vector<Bucket> buckets;          // ascending, at most kBuckets + 1
  };
  struct Segment {
    uint64_t number = 0;
    size_t bytes = 0;
  };

  // Asks for a row's symbol, and for the newest bucket of one that comes sooner.
  void prefetch(market::SymbolCode later, market::SymbolCode sooner) const;
  Symbol& symbol_of(market::SymbolCode code);
  // The bucket of `ts`; null when it is forgotten already. Makes it, and forgets others, only with `make`.
  Bucket* bucket_of(Symbol& symbol, int64_t ts, bool make);
  bool is_new_id(Symbol& symbol, int64_t ts, int64_t id);
  bool is_new_hash(Symbol& symbol, int64_t ts, const Hash128& hash);
  void touch(Symbol& symbol, Bucket& bucket);
  void write_bucket(Symbol& symbol, Bucket& bucket, bool whole, const std::string& prefix, StateChanges& changes);
  void begin_segment();
  void close_segment(const std::string& prefix, StateChanges& changes);
  void drop_segments(const std::string& prefix, StateChanges& changes);
  [[nodiscard]] uint64_t oldest_needed() const;

  const Columns columns_;
  const int64_t width_;          // of a bucket, ns
  const std::string stream_;
  market::SymbolTable& symbols_;
  RowKey row_key_;
  std::vector<uint32_t> slots_;  // by symbol code
  std::vector<Symbol> by_slot_;

  std::deque<Segment> segments_;   // complete ones of the journal, ascending
  uint64_t tail_number_ = 0;
  BlobWriter tail_;                // the segment that is growing
  bool tail_changed_ = false;
};

}  // namespace penstock::stream

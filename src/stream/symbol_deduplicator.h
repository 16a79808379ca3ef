// Deduplication per symbol, forgetting by event time: keys lie in buckets of an eighth of `within`.
//
// State is a journal: each take_state() appends the keys that are new to its last segment, so that a commit costs what
// arrived since the one before. Segments that no kept bucket needs are deleted; when more than half of the journal is
// of forgotten keys, what the oldest segment holds is written again at the end.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>

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
    // The key is a column of ids, alone or beside one of symbols (a venue): numbers go to an IdSet, one for each venue.
    std::optional<size_t> id;
    std::optional<size_t> venue;
    std::vector<size_t> ids;  // of the key, columns of ids
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
  // Of a symbol, or of a symbol at a venue.
  struct Symbol {
    market::SymbolCode code = market::kNoSymbol;
    market::SymbolCode venue = market::kNoSymbol;
    bool dirty = false;
    int64_t newest_begin = INT64_MAX;  // of buckets.back(), in event time
    int64_t id_last = -1;  // the greatest of all buckets
    std::vector<Bucket> buckets;  // ascending, at most kBuckets + 1
  };
  struct Segment {
    uint64_t number = 0;
    size_t bytes = 0;
  };

  // Asks for a row's symbol, and for the newest bucket of one that comes sooner.
  void prefetch(market::SymbolCode later, market::SymbolCode sooner) const;
  Symbol& symbol_of(market::SymbolCode code, market::SymbolCode venue = market::kNoSymbol);
  // The one that is there.
  [[nodiscard]] const Symbol* find_symbol(market::SymbolCode code, market::SymbolCode venue) const;
  // What a segment begins with: the width of buckets, below zero where venues stand beside symbols.
  [[nodiscard]] int64_t layout() const { return columns_.venue ? -width_ : width_; }
  // A row without an id is no duplicate: nothing says of what.
  [[nodiscard]] bool lacks_id(const market::Batch& batch, size_t row) const;
  // The bucket of `ts`; null when it is forgotten already. Makes it, and forgets others, only with `make`.
  Bucket* bucket_of(Symbol& symbol, int64_t ts, bool make);
  // Whether keys of `bucket` are compared with a row of bucket `number`. One that is older stays where it is until a
  // row begins a newer bucket, which may be this row.
  static bool in_reach(const Bucket& bucket, int64_t number) { return bucket.number >= number - kBuckets; }
  bool is_new_id(Symbol& symbol, int64_t ts, int64_t id);
  bool is_new_hash(Symbol& symbol, int64_t ts, const Hash128& hash);
  void touch(Symbol& symbol, Bucket& bucket);
  void write_bucket(Symbol& symbol, Bucket& bucket, bool whole, const std::string& prefix, StateChanges& changes);
  void begin_segment();
  void close_segment(const std::string& prefix, StateChanges& changes);
  void drop_segments(const std::string& prefix, StateChanges& changes);
  [[nodiscard]] uint64_t oldest_needed() const;

  const Columns columns_;
  const int64_t width_;  // of a bucket, ns
  const std::string stream_;
  market::SymbolTable& symbols_;
  RowKey row_key_;
  std::vector<uint32_t> slots_;  // by symbol code, without a venue
  std::unordered_map<uint64_t, uint32_t> venue_slots_;  // by symbol code and venue
  std::vector<Symbol> by_slot_;

  std::deque<Segment> segments_;  // complete ones of the journal, ascending
  uint64_t tail_number_ = 0;
  BlobWriter tail_;  // the segment that is growing
  bool tail_changed_ = false;
};

}  // namespace penstock::stream

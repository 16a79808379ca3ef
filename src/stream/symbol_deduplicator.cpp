#include "stream/symbol_deduplicator.h"

#include <algorithm>

namespace penstock::stream {

namespace {
int64_t bucket_number(int64_t ts, int64_t width) { return ts / width - (ts % width < 0 ? 1 : 0); }
}  // namespace

SymbolDeduplicator::SymbolDeduplicator(Columns columns, Duration within, std::string stream,
                                       market::SymbolTable& symbols)
    : columns_(std::move(columns)),
      width_(std::max<int64_t>(kMicrosecond.ns, within.ns / kBuckets + (within.ns % kBuckets != 0 ? 1 : 0))),
      stream_(std::move(stream)),
      symbols_(symbols),
      row_key_(columns_.key, symbols) {
  begin_segment();
}

SymbolDeduplicator::Symbol& SymbolDeduplicator::symbol_of(market::SymbolCode code, market::SymbolCode venue) {
  uint32_t* slot = nullptr;
  if (venue == market::kNoSymbol) {
    if (code >= slots_.size()) slots_.resize(std::max<size_t>(size_t{code} + 1, slots_.size() * 2), kNoSlot);
    slot = &slots_[code];
  } else {
    slot = &venue_slots_.try_emplace(uint64_t{code} << 32 | venue, kNoSlot).first->second;
  }
  if (*slot == kNoSlot) {
    *slot = static_cast<uint32_t>(by_slot_.size());
    by_slot_.push_back({.code = code, .venue = venue});
  }
  return by_slot_[*slot];
}

const SymbolDeduplicator::Symbol* SymbolDeduplicator::find_symbol(market::SymbolCode code,
                                                                  market::SymbolCode venue) const {
  if (venue == market::kNoSymbol) {
    return code < slots_.size() && slots_[code] != kNoSlot ? &by_slot_[slots_[code]] : nullptr;
  }
  const auto found = venue_slots_.find(uint64_t{code} << 32 | venue);
  return found == venue_slots_.end() ? nullptr : &by_slot_[found->second];
}

bool SymbolDeduplicator::lacks_id(const market::Batch& batch, size_t row) const {
  return std::ranges::any_of(columns_.ids, [&](size_t column) { return batch.columns[column].is_null(row); });
}

SymbolDeduplicator::Bucket* SymbolDeduplicator::bucket_of(Symbol& symbol, int64_t ts, bool make) {
  const int64_t number = bucket_number(ts, width_);
  auto& buckets = symbol.buckets;
  if (!buckets.empty() && number < buckets.back().number - kBuckets) return nullptr;
  const auto at = std::lower_bound(buckets.begin(), buckets.end(), number,
                                   [](const Bucket& bucket, int64_t n) { return bucket.number < n; });
  if (at != buckets.end() && at->number == number) return &*at;
  if (!make) return nullptr;
  Bucket& made = *buckets.insert(at, Bucket{.number = number});
  if (&made != &buckets.back()) return &made;
  // A new newest bucket: those that are now out of reach are forgotten.
  buckets.erase(buckets.begin(), std::find_if(buckets.begin(), buckets.end(), [number](const Bucket& bucket) {
                  return bucket.number >= number - kBuckets;
                }));
  if (__builtin_mul_overflow(number, width_, &symbol.newest_begin)) symbol.newest_begin = INT64_MAX;
  symbol.id_last = -1;
  for (const Bucket& bucket : buckets) symbol.id_last = std::max(symbol.id_last, bucket.ids.last());
  return &buckets.back();
}

void SymbolDeduplicator::touch(Symbol& symbol, Bucket& bucket) { symbol.dirty = bucket.dirty = true; }

bool SymbolDeduplicator::is_new_id(Symbol& symbol, int64_t ts, int64_t id) {
  // Above every id that is remembered, in the newest bucket: nearly every record.
  if (id > symbol.id_last && !symbol.buckets.empty() && ts >= symbol.newest_begin &&
      static_cast<uint64_t>(ts) - static_cast<uint64_t>(symbol.newest_begin) < static_cast<uint64_t>(width_))
      [[likely]] {
    Bucket& bucket = symbol.buckets.back();
    bucket.ids.insert(id);
    symbol.id_last = id;
    touch(symbol, bucket);
    return true;
  }
  const int64_t number = bucket_number(ts, width_);
  if (!symbol.buckets.empty() && number < symbol.buckets.back().number - kBuckets) return true;
  if (id <= symbol.id_last) {
    for (const Bucket& bucket : symbol.buckets) {
      if (in_reach(bucket, number) && bucket.ids.contains(id)) return false;
    }
  }
  Bucket& bucket = *bucket_of(symbol, ts, true);
  bucket.ids.insert(id);
  symbol.id_last = std::max(symbol.id_last, id);
  touch(symbol, bucket);
  return true;
}

bool SymbolDeduplicator::is_new_hash(Symbol& symbol, int64_t ts, const Hash128& hash) {
  const int64_t number = bucket_number(ts, width_);
  if (!symbol.buckets.empty() && number < symbol.buckets.back().number - kBuckets) return true;
  for (const Bucket& bucket : symbol.buckets) {
    if (in_reach(bucket, number) && bucket.hashes.contains(hash)) return false;
  }
  Bucket& bucket = *bucket_of(symbol, ts, true);
  bucket.hashes.insert(hash);
  bucket.new_hashes.push_back(hash);
  touch(symbol, bucket);
  return true;
}

void SymbolDeduplicator::prefetch(market::SymbolCode later, market::SymbolCode sooner) const {
  if (later < slots_.size() && slots_[later] != kNoSlot) __builtin_prefetch(&by_slot_[slots_[later]], 1);
  if (sooner >= slots_.size() || slots_[sooner] == kNoSlot) return;
  const Symbol& symbol = by_slot_[slots_[sooner]];
  if (symbol.buckets.empty()) return;
  const auto* bucket = reinterpret_cast<const char*>(&symbol.buckets.back());
  __builtin_prefetch(bucket, 1);
  __builtin_prefetch(bucket + 64, 1);
}

size_t SymbolDeduplicator::process(const Flow& flow, std::vector<uint32_t>& kept) {
  const market::Batch& batch = *flow.batch;
  const market::Column& symbols = batch.columns[columns_.symbol];
  const market::Column& times = batch.columns[columns_.ts_event];
  const market::Column* ids = columns_.id ? &batch.columns[*columns_.id] : nullptr;
  const market::Column* venues = columns_.venue ? &batch.columns[*columns_.venue] : nullptr;
  if (venues != nullptr && venues->all_null) venues = nullptr;
  const bool plain = ids != nullptr && !ids->all_null && ids->valid.empty() && ids->ids.all_numbers();
  const market::Column* actions = columns_.action ? &batch.columns[*columns_.action] : nullptr;
  if (actions != nullptr && actions->all_null) actions = nullptr;
  const size_t count = flow.size();
  kept.reserve(kept.size() + count);
  const bool far = by_slot_.size() > kPrefetchSymbols && count > kPrefetchRows && !symbols.all_null;
  for (size_t i = 0; i < count; ++i) {
    const size_t row = flow.row(i);
    if (far && i + kPrefetchRows < count) {
      prefetch(symbols.codes[flow.row(i + kPrefetchRows)], symbols.codes[flow.row(i + kPrefetchRows / 2)]);
    }
    bool is_new = true;
    // Without a symbol or a time there is nothing to remember a row by; what takes a trade back is no trade.
    const bool is_trade = actions == nullptr || actions->is_null(row);
    if (is_trade && !symbols.is_null(row) && !times.is_null(row)) {
      const int64_t ts = times.i64[row];
      if (plain || (ids != nullptr && !ids->is_null(row) && ids->ids[row].is_number())) {
        const market::SymbolCode venue =
            venues == nullptr || venues->is_null(row) ? market::kNoSymbol : venues->codes[row];
        is_new = is_new_id(symbol_of(symbols.codes[row], venue), ts, ids->ids.numbers()[row]);
      } else if (Hash128 hash; !lacks_id(batch, row) && row_key_.hash(batch, row, hash)) {
        is_new = is_new_hash(symbol_of(symbols.codes[row]), ts, hash);
      }
    }
    if (is_new) kept.push_back(static_cast<uint32_t>(row));
  }
  return count - kept.size();
}

bool SymbolDeduplicator::knows(const market::Batch& batch, size_t row) {
  const market::Column& symbols = batch.columns[columns_.symbol];
  const market::Column& times = batch.columns[columns_.ts_event];
  if (symbols.is_null(row) || times.is_null(row)) return false;
  const market::Column* ids = columns_.id ? &batch.columns[*columns_.id] : nullptr;
  const bool by_number = ids != nullptr && !ids->is_null(row) && ids->ids[row].is_number();
  market::SymbolCode venue = market::kNoSymbol;
  if (by_number && columns_.venue && !batch.columns[*columns_.venue].is_null(row)) {
    venue = batch.columns[*columns_.venue].codes[row];
  }
  const Symbol* symbol = find_symbol(symbols.codes[row], venue);
  if (symbol == nullptr) return false;
  // Too old to be compared: process() takes it for new.
  const int64_t number = bucket_number(times.i64[row], width_);
  if (!symbol->buckets.empty() && number < symbol->buckets.back().number - kBuckets) return false;
  if (by_number) {
    const int64_t id = ids->ids[row].number;
    return std::ranges::any_of(symbol->buckets, [id, number](const Bucket& bucket) {
      return in_reach(bucket, number) && bucket.ids.contains(id);
    });
  }
  Hash128 hash;
  return !lacks_id(batch, row) && row_key_.hash(batch, row, hash) &&
         std::ranges::any_of(symbol->buckets, [&](const Bucket& bucket) {
           return in_reach(bucket, number) && bucket.hashes.contains(hash);
         });
}

// An entry of the journal: symbol, bucket, whether it replaces what came before, ids, hashes.
void SymbolDeduplicator::write_bucket(Symbol& symbol, Bucket& bucket, bool whole, const std::string& prefix,
                                      StateChanges& changes) {
  if (tail_.size() > kSegmentBytes) close_segment(prefix, changes);
  if (whole || !bucket.segment) bucket.segment = tail_number_;
  tail_.put_text(symbols_.text(symbol.code));
  if (columns_.venue)
    tail_.put_text(symbol.venue == market::kNoSymbol ? std::string_view() : symbols_.text(symbol.venue));
  tail_.put_signed(bucket.number);
  tail_.put(whole ? 1 : 0);
  bucket.ids.save(tail_, whole);
  const auto put_hash = [this](const Hash128& hash) {
    tail_.put_raw({reinterpret_cast<const char*>(&hash), sizeof hash});
  };
  if (whole) {
    tail_.put(bucket.hashes.size());
    bucket.hashes.for_each(put_hash);
  } else {
    tail_.put(bucket.new_hashes.size());
    for (const Hash128& hash : bucket.new_hashes) put_hash(hash);
  }
  bucket.new_hashes = {};
  bucket.dirty = false;
  tail_changed_ = true;
}

void SymbolDeduplicator::close_segment(const std::string& prefix, StateChanges& changes) {
  changes[prefix + std::to_string(tail_number_)] = tail_.sealed();
  segments_.push_back({tail_number_, tail_.size()});
  ++tail_number_;
  begin_segment();
}

void SymbolDeduplicator::begin_segment() {
  tail_ = BlobWriter();
  tail_.put_signed(layout());
}

uint64_t SymbolDeduplicator::oldest_needed() const {
  uint64_t oldest = tail_number_;
  for (const Symbol& symbol : by_slot_) {
    for (const Bucket& bucket : symbol.buckets) oldest = std::min(oldest, bucket.segment.value_or(tail_number_));
  }
  return oldest;
}

void SymbolDeduplicator::drop_segments(const std::string& prefix, StateChanges& changes) {
  const auto drop_until = [&](uint64_t oldest) {
    for (; !segments_.empty() && segments_.front().number < oldest; segments_.pop_front()) {
      changes[prefix + std::to_string(segments_.front().number)] = "";
    }
  };
  drop_until(oldest_needed());
  size_t written = 0;
  size_t needed = 0;
  for (const Segment& segment : segments_) written += segment.bytes;
  for (const Symbol& symbol : by_slot_) {
    for (const Bucket& bucket : symbol.buckets) needed += bucket.ids.byte_size() + bucket.hashes.byte_size();
  }
  if (written <= 2 * needed + 4 * kSegmentBytes) return;
  // Once a segment that is mostly forgotten keys has been written again, it goes; one a call keeps commits short.
  const uint64_t oldest = segments_.front().number;
  for (Symbol& symbol : by_slot_) {
    for (Bucket& bucket : symbol.buckets) {
      if (bucket.segment == oldest) write_bucket(symbol, bucket, true, prefix, changes);
    }
  }
  drop_until(oldest_needed());
}

void SymbolDeduplicator::take_state(const std::string& prefix, StateChanges& changes) {
  const uint64_t tail_before = tail_number_;
  for (Symbol& symbol : by_slot_) {
    if (!symbol.dirty) continue;
    symbol.dirty = false;
    for (Bucket& bucket : symbol.buckets) {
      if (bucket.dirty) write_bucket(symbol, bucket, false, prefix, changes);
    }
  }
  if (tail_number_ != tail_before) drop_segments(prefix, changes);
  if (tail_changed_) changes[prefix + std::to_string(tail_number_)] = tail_.sealed();
  tail_changed_ = false;
}

Status SymbolDeduplicator::restore(const std::string& name, uint64_t number, std::string_view blob) {
  PENSTOCK_TRY_ASSIGN(BlobReader in, BlobReader::open(name, blob));
  if (in.get_signed() != layout() && in.ok()) {
    return fail(ErrorKind::invalid,
                "stream '{}': what it remembers of seen records was made with another `within` or other columns: put "
                "those back, or give the stream another name",
                stream_);
  }
  while (in.ok() && !in.at_end()) {
    const market::SymbolCode code = symbols_.intern(in.get_text());
    if (code == market::kNoSymbol) {
      return fail(ErrorKind::full, "state '{}' names more than {} symbols", name, market::SymbolTable::kSymbolsMax);
    }
    market::SymbolCode venue = market::kNoSymbol;
    if (columns_.venue) {
      if (const std::string_view text = in.get_text(); !text.empty()) {
        venue = symbols_.intern(text);
        if (venue == market::kNoSymbol) {
          return fail(ErrorKind::full, "state '{}' names more than {} symbols", name, market::SymbolTable::kSymbolsMax);
        }
      }
    }
    const int64_t bucket_read = in.get_signed();
    const bool whole = in.get() != 0;
    int64_t begin = 0;
    if (!in.ok() || (bucket_read >= 0 ? __builtin_mul_overflow(bucket_read, width_, &begin)
                                      : __builtin_mul_overflow(bucket_read + 1, width_, &begin))) {
      return fail(ErrorKind::corrupt, "state '{}' is malformed", name);
    }
    Symbol& symbol = symbol_of(code, venue);
    // Any time of the bucket will do; of the first one, which may begin before the range of time, its last.
    Bucket* bucket = bucket_of(symbol, bucket_read >= 0 ? begin : begin - 1, true);
    Bucket forgotten;  // of the journal, but out of reach of the symbol's newest
    Bucket& to = bucket == nullptr ? forgotten : *bucket;
    if (whole) to.hashes = {};
    if (!to.ids.load(in, whole)) return fail(ErrorKind::corrupt, "state '{}' is malformed", name);
    const uint64_t hashes = in.get();
    for (uint64_t i = 0; i < hashes && in.ok(); ++i) {
      Hash128 hash;
      const std::string_view raw = in.get_raw(sizeof hash);
      if (raw.size() == sizeof hash) std::memcpy(&hash, raw.data(), sizeof hash);
      if (hash != Hash128{}) to.hashes.insert(hash);
    }
    if (whole || !to.segment) to.segment = number;
    symbol.id_last = std::max(symbol.id_last, to.ids.last());
  }
  PENSTOCK_TRY(in.finish(name));
  segments_.push_back({number, blob.size()});
  tail_number_ = number + 1;
  return {};
}

}  // namespace penstock::stream

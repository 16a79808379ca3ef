#include "stream/held_records.h"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace penstock::stream {

Hash128 HeldRecords::hash_of(std::string_view raw, uint64_t copy) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(raw.data(), raw.size(), copy);
  Hash128 out{hash.low64, hash.high64};
  // All zeros marks an empty slot in FlatSet.
  if (out == Hash128{}) out.low = 1;
  return out;
}

void HeldRecords::add(std::string_view raw) {
  if (members_.size() >= kRecordsMax) return;
  const Hash128 hash = hash_of(raw, copies(raw));
  members_.insert(hash);
  // One that was removed since the last commit stands in its chunk still.
  if (removed_.contains(hash)) {
    removed_.erase(hash);
    return;
  }
  if (chunks_.empty() || chunks_.back().records.size() >= kChunkRecords) chunks_.push_back({.number = next_number_++});
  chunks_.back().records.push_back(hash);
  chunks_.back().dirty = true;
}

uint64_t HeldRecords::copies(std::string_view raw) const {
  if (!contains(raw)) return 0;
  uint64_t there = 0;
  uint64_t free = 1;
  while (members_.contains(hash_of(raw, free))) {
    there = free;
    free *= 2;
  }
  while (free - there > 1) {
    const uint64_t middle = there + (free - there) / 2;
    (members_.contains(hash_of(raw, middle)) ? there : free) = middle;
  }
  return free;
}

bool HeldRecords::contains(std::string_view raw) const { return members_.contains(hash_of(raw, 0)); }

void HeldRecords::remove(std::string_view raw) {
  const Hash128 hash = hash_of(raw, copies(raw) - 1);
  members_.erase(hash);
  removed_.insert(hash);
}

void HeldRecords::take_state(const std::string& prefix, StateChanges& changes) {
  if (removed_.size() != 0) {
    for (Chunk& chunk : chunks_) {
      const size_t gone = std::erase_if(chunk.records, [this](const Hash128& hash) { return removed_.contains(hash); });
      chunk.dirty = chunk.dirty || gone != 0;
    }
    removed_ = {};
  }
  for (Chunk& chunk : chunks_) {
    if (!chunk.dirty) continue;
    chunk.dirty = false;
    const std::string name = prefix + std::to_string(chunk.number);
    if (chunk.records.empty()) {
      changes[name] = "";
      continue;
    }
    BlobWriter out;
    out.put(chunk.records.size());
    for (const Hash128& hash : chunk.records) out.put_raw({reinterpret_cast<const char*>(&hash), sizeof hash});
    changes[name] = out.sealed();
  }
  std::erase_if(chunks_, [](const Chunk& chunk) { return chunk.records.empty(); });
}

Status HeldRecords::restore(const std::string& name, uint64_t number, std::string_view blob) {
  PENSTOCK_TRY_ASSIGN(BlobReader in, BlobReader::open(name, blob));
  Chunk chunk{.number = number};
  for (uint64_t left = in.get(); left > 0 && in.ok(); --left) {
    const std::string_view raw = in.get_raw(sizeof(Hash128));
    Hash128 hash;
    if (raw.size() != sizeof hash) break;
    std::memcpy(&hash, raw.data(), sizeof hash);
    if (hash == Hash128{}) return fail(ErrorKind::corrupt, "state '{}' is malformed", name);
    members_.insert(hash);
    chunk.records.push_back(hash);
  }
  PENSTOCK_TRY(in.finish(name));
  chunks_.push_back(std::move(chunk));
  next_number_ = number + 1;
  return {};
}

}  // namespace penstock::stream

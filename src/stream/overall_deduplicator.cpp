#include "stream/overall_deduplicator.h"

#include "stream/blob.h"

namespace penstock::stream {

size_t OverallDeduplicator::process(const Flow& flow, std::vector<uint32_t>& kept) {
  const size_t count = flow.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t row = flow.row(i);
    Hash128 key;
    if (row_key_.hash(*flow.batch, row, key)) {
      if (!keys_.insert(key)) continue;
      if (chunks_.empty() || chunks_.back().keys.size() == kChunkKeys) {
        chunks_.push_back({.number = chunks_.empty() ? 0 : chunks_.back().number + 1});
      }
      chunks_.back().keys.push_back(key);
      chunks_.back().dirty = true;
      if (keys_.size() >= kKeysMax + kChunkKeys) {
        for (const Hash128& old : chunks_.front().keys) keys_.erase(old);
        forgotten_.push_back(chunks_.front().number);
        chunks_.pop_front();
      }
    }
    kept.push_back(static_cast<uint32_t>(row));
  }
  return count - kept.size();
}

bool OverallDeduplicator::knows(const market::Batch& batch, size_t row) {
  Hash128 key;
  return row_key_.hash(batch, row, key) && keys_.contains(key);
}

void OverallDeduplicator::take_state(const std::string& prefix, StateChanges& changes) {
  for (const uint64_t number : forgotten_) changes[prefix + std::to_string(number)] = "";
  forgotten_.clear();
  for (Chunk& chunk : chunks_) {
    if (!chunk.dirty) continue;
    chunk.dirty = false;
    BlobWriter out;
    out.put(chunk.keys.size());
    for (const Hash128& key : chunk.keys) out.put_raw({reinterpret_cast<const char*>(&key), sizeof key});
    changes[prefix + std::to_string(chunk.number)] = out.sealed();
  }
}

Status OverallDeduplicator::restore(const std::string& name, uint64_t number, std::string_view blob) {
  PENSTOCK_TRY_ASSIGN(BlobReader in, BlobReader::open(name, blob));
  const uint64_t count = in.get();
  if (count > kChunkKeys) return fail(ErrorKind::corrupt, "state '{}' is malformed", name);
  Chunk& chunk = chunks_.emplace_back(Chunk{.number = number});
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    Hash128 key;
    const std::string_view raw = in.get_raw(sizeof key);
    if (raw.size() != sizeof key) break;
    std::memcpy(&key, raw.data(), sizeof key);
    if (key == Hash128{} || !keys_.insert(key)) return fail(ErrorKind::corrupt, "state '{}' is malformed", name);
    chunk.keys.push_back(key);
  }
  return in.finish(name);
}

}  // namespace penstock::stream

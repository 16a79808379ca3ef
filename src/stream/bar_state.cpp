// The open bars as blobs: one a shard of symbols, written when any symbol of it changed. See docs/formats/state.md.
#include <algorithm>

#include "stream/bar_builder.h"
#include "stream/blob.h"

namespace penstock::stream {
namespace {

void put_id(BlobWriter& out, int64_t id, const TextPool& pool) {
  out.put_signed(std::max(id, kTextId0));
  if (id <= kTextId0) out.put_text(pool.text(id));
}

int64_t get_id(BlobReader& in, TextPool& pool) {
  const int64_t id = in.get_signed();
  return id <= kTextId0 ? pool.add(in.get_text()) : id;
}

void put_bar(BlobWriter& out, const OpenBar& bar, const TextPool& pool) {
  out.put_signed(bar.start);
  out.put_signed(bar.open_ts - bar.start);
  put_id(out, bar.open_id, pool);
  out.put_signed(bar.close_ts - bar.start);
  put_id(out, bar.close_id, pool);
  for (const int64_t price : {bar.open, bar.high, bar.low, bar.close}) out.put_signed(price);
  out.put_int128(bar.volume);
  out.put_int128(bar.notional);
  out.put_signed(bar.trades);
}

OpenBar get_bar(BlobReader& in, TextPool& pool) {
  OpenBar bar;
  bar.start = in.get_signed();
  bar.open_ts = (Timestamp{bar.start} + Duration{in.get_signed()}).ns;
  bar.open_id = get_id(in, pool);
  bar.close_ts = (Timestamp{bar.start} + Duration{in.get_signed()}).ns;
  bar.close_id = get_id(in, pool);
  for (int64_t* price : {&bar.open, &bar.high, &bar.low, &bar.close}) *price = in.get_signed();
  bar.volume = in.get_int128();
  bar.notional = in.get_int128();
  bar.trades = in.get_signed();
  return bar;
}

}  // namespace

void BarBuilder::take_state(const std::string& prefix, StateChanges& changes) {
  for (size_t shard = 0; shard < kShards; ++shard) {
    auto& slots = shards_[shard];
    if (std::none_of(slots.begin(), slots.end(), [this](uint32_t slot) { return hot_[slot].dirty != 0; })) continue;
    BlobWriter out;
    out.put(everys_.size());
    for (const int64_t every : everys_) out.put_signed(every);
    out.put_signed(lateness_);
    out.put(slots.size());
    for (const uint32_t slot : slots) {
      hot_[slot].dirty = 0;
      const Cold& cold = cold_[slot];
      out.put_text(symbols_.text(cold.code));
      out.put_signed(newest_of(slot));
      for (size_t base = 0; base < bases_.size(); ++base) {
        const bool newest = base == 0 && hot_[slot].bar.trades != 0;
        out.put(cold.open(base).size() + (newest ? 1 : 0));
        for (const OpenBar& bar : cold.open(base)) put_bar(out, bar, pool_);
        if (newest) put_bar(out, hot_[slot].bar, pool_);
      }
      for (const Base& base : bases_) {
        for (const size_t derived : base.derived) put_bar(out, cold.more->merged[derived], pool_);
      }
    }
    changes[prefix + std::to_string(shard)] = out.sealed();
  }
}

Status BarBuilder::restore(const std::string& name, std::string_view blob) {
  PENSTOCK_TRY_ASSIGN(BlobReader in, BlobReader::open(name, blob));
  bool same = in.get() == everys_.size();
  for (size_t i = 0; same && i < everys_.size(); ++i) same = in.get_signed() == everys_[i];
  same = same && in.get_signed() == lateness_;
  if (!same && in.ok()) {
    return fail(
        ErrorKind::invalid,
        "stream '{}': its open bars were made with other intervals or another lateness: put those back, or give "
        "the stream another name",
        stream_);
  }
  const uint64_t count = in.get();
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const market::SymbolCode code = symbols_.intern(in.get_text());
    if (code == market::kNoSymbol) {
      return fail(ErrorKind::full, "state '{}' names more than {} symbols", name, market::SymbolTable::kSymbolsMax);
    }
    const uint32_t slot = slot_of(code);
    Cold& cold = cold_[slot];
    cold.newest = in.get_signed();
    for (size_t base = 0; base < bases_.size(); ++base) {
      const uint64_t windows = in.get();
      for (uint64_t w = 0; w < windows && in.ok(); ++w) {
        const OpenBar bar = get_bar(in, pool_);
        if (bar.trades <= 0 || (!cold.open(base).empty() && cold.open(base).back().start >= bar.start)) {
          return fail(ErrorKind::corrupt, "state '{}' is malformed", name);
        }
        cold.open(base).push_back(bar);
      }
      // The newest window of the first base goes back to its hot place.
      if (base == 0 && !cold.open(0).empty()) {
        hot_[slot].bar = cold.open(0).back();
        cold.open(0).pop_back();
      }
    }
    for (const Base& base : bases_) {
      for (const size_t derived : base.derived) cold.more->merged[derived] = get_bar(in, pool_);
    }
    refresh_close_at(slot);
  }
  return in.finish(name);
}

}  // namespace penstock::stream

// Something of each venue of a symbol: a symbol is traded at a few, which are searched one by one.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "market/symbol_table.h"
#include "stream/blob.h"

namespace penstock::stream {

// 24 bytes, and one Entry a venue. The venue kNoSymbol is that of records without one.
template <typename T>
class ByVenue {
 public:
  // A feed of broken venues cannot make it grow: those beyond are not remembered.
  static constexpr size_t kVenuesMax = 256;
  struct Entry {
    market::SymbolCode venue = market::kNoSymbol;
    T value{};
  };

  [[nodiscard]] T* find(market::SymbolCode venue) {
    for (Entry& entry : entries_) {
      if (entry.venue == venue) return &entry.value;
    }
    return nullptr;
  }
  void add(market::SymbolCode venue, const T& value) {
    if (entries_.size() < kVenuesMax) entries_.push_back({venue, value});
  }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

  // `put(value)` and `get(value)` write and read a value.
  template <typename Put>
  void save(BlobWriter& out, const market::SymbolTable& symbols, Put put) const {
    out.put(entries_.size());
    for (const Entry& entry : entries_) {
      out.put(entry.venue == market::kNoSymbol ? 0 : 1);
      if (entry.venue != market::kNoSymbol) out.put_text(symbols.text(entry.venue));
      put(entry.value);
    }
  }
  template <typename Get>
  bool load(BlobReader& in, market::SymbolTable& symbols, Get get) {
    entries_.clear();
    const uint64_t count = in.get();
    if (count > kVenuesMax) return false;
    for (uint64_t i = 0; i < count && in.ok(); ++i) {
      Entry entry;
      if (in.get() != 0) {
        entry.venue = symbols.intern(in.get_text());
        if (entry.venue == market::kNoSymbol) return false;
      }
      get(entry.value);
      entries_.push_back(entry);
    }
    return in.ok();
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace penstock::stream

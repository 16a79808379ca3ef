#include "runtime/scatter.h"

#include <cstring>
#include <ranges>

#include "market/schema.h"

namespace penstock::runtime {
namespace {

// MurmurHash2 (32 bits) with the seed of Kafka's clients.
uint32_t murmur2(std::string_view key) {
  constexpr uint32_t kSeed = 0x9747'b28c;
  constexpr uint32_t kMultiplier = 0x5bd1'e995;
  constexpr int kShift = 24;
  uint32_t hash = kSeed ^ static_cast<uint32_t>(key.size());
  size_t at = 0;
  for (; at + 4 <= key.size(); at += 4) {
    uint32_t word = 0;
    std::memcpy(&word, key.data() + at, 4);
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash *= kMultiplier;
    hash ^= word;
  }
  const size_t rest = key.size() - at;
  if (rest >= 3) hash ^= static_cast<uint32_t>(static_cast<uint8_t>(key[at + 2])) << 16;
  if (rest >= 2) hash ^= static_cast<uint32_t>(static_cast<uint8_t>(key[at + 1])) << 8;
  if (rest >= 1) {
    hash ^= static_cast<uint8_t>(key[at]);
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

template <typename T>
void gather(const std::vector<T>& from, const std::vector<uint32_t>& rows, std::vector<T>& to) {
  if (from.empty()) return;
  // A view that knows its size: the values are made where they stay, without a zero before each.
  const auto picked = rows | std::views::transform([&](uint32_t row) { return from[row]; });
  to.assign(picked.begin(), picked.end());
}

void gather_column(const market::Column& from, const std::vector<uint32_t>& rows, market::Column& to) {
  to.all_null = from.all_null;
  if (from.all_null) return;
  gather(from.valid, rows, to.valid);
  gather(from.u8, rows, to.u8);
  gather(from.i64, rows, to.i64);
  gather(from.i128, rows, to.i128);
  gather(from.f64, rows, to.f64);
  gather(from.codes, rows, to.codes);
  if (from.ids.size() > 0) {
    if (from.ids.all_numbers()) {
      gather(from.ids.numbers(), rows, to.ids.numbers());
    } else {
      for (const uint32_t row : rows) to.ids.append(from.ids[row]);
    }
  }
  if (from.text.size() > 0) {
    for (const uint32_t row : rows) to.text.append(from.text[row]);
  }
}

}  // namespace

int32_t partition_for(std::string_view key, int32_t partitions) {
  return static_cast<int32_t>(murmur2(key) & 0x7fff'ffff) % partitions;
}

int32_t Scatter::partition_of(const market::Batch& rows, size_t row) {
  if (kind_ == plan::RecordKind::json) {
    const market::Column& key = rows.columns[market::JsonColumn::key];
    return key.is_null(row) ? 0 : partition_for(key.text[row], partitions_);
  }
  static_assert(size_t{market::TradeColumn::symbol} == size_t{market::QuoteColumn::symbol});
  const market::SymbolCode code = rows.columns[market::TradeColumn::symbol].codes[row];
  if (code < by_symbol_.size() && by_symbol_[code] >= 0) [[likely]]
    return by_symbol_[code];
  if (code >= by_symbol_.size()) by_symbol_.resize(std::max(symbols_.size(), code + 1), -1);
  return by_symbol_[code] = partition_for(symbols_.text(code), partitions_);
}

std::vector<market::Batch> Scatter::split(market::Batch rows) {
  std::vector<market::Batch> parts;
  parts.reserve(static_cast<size_t>(partitions_));
  if (partitions_ == 1) {
    parts.push_back(std::move(rows));
    return parts;
  }
  rows_of_.resize(static_cast<size_t>(partitions_));
  ends_.clear();
  for (auto& list : rows_of_) {
    list.resize(rows.rows);
    ends_.push_back(list.data());
  }
  for (size_t row = 0; row < rows.rows; ++row) {
    *ends_[static_cast<size_t>(partition_of(rows, row))]++ = static_cast<uint32_t>(row);
  }
  for (size_t p = 0; p < rows_of_.size(); ++p) rows_of_[p].resize(static_cast<size_t>(ends_[p] - rows_of_[p].data()));
  for (const std::vector<uint32_t>& list : rows_of_) {
    market::Batch part = market::make_batch(rows.schema);
    part.rows = list.size();
    if (!list.empty()) {
      for (size_t c = 0; c < rows.columns.size(); ++c) gather_column(rows.columns[c], list, part.columns[c]);
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace penstock::runtime

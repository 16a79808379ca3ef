// The trades of a symbol that can still be taken back or corrected, in the order in which they came. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "stream/open_bar.h"

namespace penstock::stream {

struct KeptTrade {
  static constexpr uint8_t kDead = 0x80;       // cancelled; beside the bits of market::Update
  static constexpr uint8_t kCorrected = 0x40;

  int64_t ts = 0;
  int64_t id = kNullId;  // as in OpenBar
  int64_t price = 0;
  int64_t size = 0;
  uint32_t blob = 0;     // the piece of the state that holds it, or will
  uint8_t flags = 0;
  uint16_t venue = 0;    // as TapeBars numbers venues; 0: not known
  [[nodiscard]] bool alive() const { return (flags & kDead) == 0; }
};
static_assert(sizeof(KeptTrade) == 40, "what a trade costs while it can be revised");

// In blocks, which go as a whole once time has passed the last of their trades, and come back for others: nothing is
// moved, and nothing is looked at to be forgotten.
class KeptTrades {
 public:
  static constexpr size_t kBlockTrades = 32;
  struct Block {
    int64_t newest = INT64_MIN;  // beside the first trades: one line of the cache less to fetch
    std::array<KeptTrade, kBlockTrades> trades;
  };
  // The blocks that no symbol holds.
  using Spare = std::vector<std::unique_ptr<Block>>;

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] KeptTrade& operator[](size_t i) { return blocks_[i / kBlockTrades]->trades[i % kBlockTrades]; }
  [[nodiscard]] const KeptTrade& operator[](size_t i) const {
    return blocks_[i / kBlockTrades]->trades[i % kBlockTrades];
  }
  KeptTrade& push_back(const KeptTrade& trade, Spare& spare) {
    const size_t at = size_++ % kBlockTrades;
    if (at == 0) add_block(spare);
    // The next trade of the symbol will find its place in the cache.
    __builtin_prefetch(&last_->trades[std::min(at + 2, kBlockTrades - 1)], 1);
    last_->newest = std::max(last_->newest, trade.ts);
    return last_->trades[at] = trade;
  }
  // How many trades the first block has, and the newest time among them.
  [[nodiscard]] size_t front_size() const { return std::min(size_, kBlockTrades); }
  [[nodiscard]] int64_t front_newest() const { return blocks_.front()->newest; }
  void pop_block(Spare& spare) {
    size_ -= front_size();
    spare.push_back(std::move(blocks_.front()));
    blocks_.pop_front();
  }

 private:
  void add_block(Spare& spare) {
    if (spare.empty()) spare.push_back(std::make_unique<Block>());
    blocks_.push_back(std::move(spare.back()));
    spare.pop_back();
    last_ = blocks_.back().get();
    last_->newest = INT64_MIN;
  }
  std::deque<std::unique_ptr<Block>> blocks_;  // all full but the last
  Block* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace penstock::stream

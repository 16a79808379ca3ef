// The trades of a symbol that can still be taken back or corrected, in the order in which they came. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
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
  uint32_t blob = 0;     // which piece of the state holds it
  uint8_t flags = 0;
  [[nodiscard]] bool alive() const { return (flags & kDead) == 0; }
};
static_assert(sizeof(KeptTrade) == 40, "what a trade costs while it can be revised");

class KeptTrades {
 public:
  [[nodiscard]] bool empty() const { return head_ == trades_.size(); }
  [[nodiscard]] size_t size() const { return trades_.size() - head_; }
  [[nodiscard]] KeptTrade* begin() { return trades_.data() + head_; }
  [[nodiscard]] KeptTrade* end() { return trades_.data() + trades_.size(); }
  [[nodiscard]] const KeptTrade& front() const { return trades_[head_]; }
  void push_back(const KeptTrade& trade) { trades_.push_back(trade); }
  // The room of what was taken out is used again once it is half of all.
  void pop_front() {
    ++head_;
    if (head_ >= kCompactFrom && head_ * 2 >= trades_.size()) {
      trades_.erase(trades_.begin(), trades_.begin() + static_cast<ptrdiff_t>(head_));
      head_ = 0;
    }
  }

 private:
  static constexpr size_t kCompactFrom = 64;
  std::vector<KeptTrade> trades_;
  size_t head_ = 0;
};

}  // namespace penstock::stream

// `mad:`: a price far from the median of the prices before it, measured by how far those are from it themselves.
#include <algorithm>
#include <cstring>

#include "stream/checks/median_window.h"
#include "stream/checks/stateful.h"
#include "stream/checks/texts.h"

namespace penstock::stream {
namespace {

// A symbol costs 16 bytes a price of its window, and 8: 808 with a window of 50.
class OutlierJudge final : public SymbolJudge {
 public:
  OutlierJudge(const plan::OutlierCheck& check, int scale)
      : check_(check), window_(static_cast<size_t>(check.window)), scale_(scale) {}

  void judge(const Flow& rows, const std::vector<uint32_t>& slots, std::vector<Failure>& out) override {
    const market::Column& prices = rows.batch->columns[check_.price];
    if (prices.all_null) return;
    const size_t count = rows.size();
    const bool far = places_.size() > kPrefetchSymbols;
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.row(i);
      if (far && i + kPrefetchRows < count) prefetch(slots[rows.row(i + kPrefetchRows)]);
      if (slots[row] == kNoSlot || prices.is_null(row)) continue;
      const int64_t price = prices.i64[row];
      Place& place = places_[slots[row]];
      int64_t* ring = &numbers_[size_t{slots[row]} * 2 * window_];
      int64_t* sorted = ring + window_;
      if (place.count < window_) {
        insert_sorted(sorted, place.count, price);
        ring[place.count++] = price;
        continue;
      }
      Range range;
      if (!within(sorted, price, range)) {
        out.push_back({static_cast<uint32_t>(row), market::format_decimal(price, scale_),
                       range_text(range.least, range.greatest, scale_)});
      }
      // Every price counts from now on, this one too: where the market has moved, half a window later it is usual.
      replace_sorted(sorted, window_, ring[place.next], price);
      ring[place.next] = price;
      place.next = place.next + 1 == window_ ? 0 : place.next + 1;
    }
  }

  bool judges_trades_only() const override { return true; }
  void resize(size_t count) override {
    places_.resize(count);
    numbers_.resize(count * 2 * window_);
  }
  std::string layout() const override { return "mad 1 " + std::to_string(window_); }
  // The prices from the oldest to the newest, each as its difference from the one before.
  void save(uint32_t slot, BlobWriter& out) const override {
    const Place& place = places_[slot];
    const int64_t* ring = &numbers_[size_t{slot} * 2 * window_];
    out.put(place.count);
    uint64_t before = 0;
    for (size_t i = 0; i < place.count; ++i) {
      const auto price = static_cast<uint64_t>(ring[(place.next + i) % window_]);
      out.put_signed(static_cast<int64_t>(price - before));
      before = price;
    }
  }
  bool load(uint32_t slot, BlobReader& in) override {
    Place& place = places_[slot];
    int64_t* ring = &numbers_[size_t{slot} * 2 * window_];
    place = {};
    const uint64_t count = in.get();
    if (count > window_) return false;
    uint64_t price = 0;
    for (; place.count < count; ++place.count) {
      price += static_cast<uint64_t>(in.get_signed());
      ring[place.count] = static_cast<int64_t>(price);
      insert_sorted(ring + window_, place.count, ring[place.count]);
    }
    return in.ok();
  }

 private:
  struct Place {
    uint32_t count = 0;
    uint32_t next = 0;  // in the ring: the oldest, once it is full
  };
  struct Range {
    Int128 least = 0;
    Int128 greatest = 0;
  };
  // Beyond so many symbols their prices are not in the nearest cache: they are asked for so many rows ahead.
  static constexpr size_t kPrefetchSymbols = 32;
  static constexpr size_t kPrefetchRows = 4;
  static constexpr size_t kLine = 64 / sizeof(int64_t);

  void prefetch(uint32_t slot) const {
    if (slot == kNoSlot) return;
    __builtin_prefetch(&places_[slot], 1);
    const int64_t* ring = &numbers_[size_t{slot} * 2 * window_];
    for (size_t i = 0; i < 2 * window_ && i < 16 * kLine; i += kLine) __builtin_prefetch(ring + i, 1);
  }
  // Doubled and subtracted, numbers up to it stay within 64 bits.
  static constexpr int64_t kNarrowMax = int64_t{1} << 59;

  [[nodiscard]] bool within(const int64_t* sorted, int64_t price, Range& range) const {
    const bool narrow = sorted[0] >= -kNarrowMax && sorted[window_ - 1] <= kNarrowMax;
    if (narrow && price >= -kNarrowMax && price <= kNarrowMax) [[likely]] {
      const int64_t off = 2 * price - sorted[(window_ - 1) / 2] - sorted[window_ / 2];
      const Int128 doubled = 2 * Int128{off < 0 ? -off : off};
      if (doubled * plan::Ratio::kOne <= Int128{least_deviation4<int64_t>(sorted, window_)} * check_.factor.millionths)
          [[likely]]
        return true;
    }
    MedianOf<Int128> median;
    if (narrow) {
      const MedianOf<int64_t> found = median_of<int64_t>(sorted, window_);
      median = {found.median2, found.deviation4};
    } else {
      median = median_of<Int128>(sorted, window_);
    }
    // All that is doubled: |2 price - 2 median| <= 2 factor * deviation, or where that is 0, 2 floor * |median|.
    const bool flat = median.deviation4 == 0;
    const Int128 times = flat ? (median.median2 < 0 ? -median.median2 : median.median2) * check_.floor.millionths
                              : median.deviation4 * check_.factor.millionths;
    const int64_t per = flat ? plan::Ratio::kOne : 2 * plan::Ratio::kOne;
    const Int128 off = 2 * Int128{price} - median.median2;
    if ((off < 0 ? -off : off) * per <= times) [[likely]]
      return true;
    const Int128 bound = times / per;
    // The whole numbers between: twice the least is at least median - bound.
    range.least = ceil_half(median.median2 - bound);
    range.greatest = floor_half(median.median2 + bound);
    return false;
  }
  static Int128 floor_half(Int128 value) { return value >= 0 ? value / 2 : -((1 - value) / 2); }
  static Int128 ceil_half(Int128 value) { return -floor_half(-value); }

  const plan::OutlierCheck& check_;
  const size_t window_;
  const int scale_;
  std::vector<Place> places_;
  std::vector<int64_t> numbers_;  // of a slot: the ring, then the same sorted
};

}  // namespace

std::unique_ptr<SymbolJudge> make_outlier_judge(const plan::OutlierCheck& check, int scale) {
  return std::make_unique<OutlierJudge>(check, scale);
}

}  // namespace penstock::stream

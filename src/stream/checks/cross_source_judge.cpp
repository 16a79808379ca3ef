// `cross_source:`: a price that no other venue of the symbol agrees with.
#include "stream/checks/by_venue.h"
#include "stream/checks/price_band.h"
#include "stream/checks/stateful.h"

namespace penstock::stream {
namespace {

// A symbol costs 24 bytes, and 24 a venue.
class CrossSourceJudge final : public SymbolJudge {
 public:
  CrossSourceJudge(const plan::CrossSourceCheck& check, int scale, market::SymbolTable& symbols)
      : check_(check), scale_(scale), symbols_(symbols) {}

  void judge(const Flow& rows, const std::vector<uint32_t>& slots, std::vector<Failure>& out) override {
    const market::Column& prices = rows.batch->columns[check_.price];
    const market::Column& times = rows.batch->columns[check_.ts_event];
    const market::Column& venues = rows.batch->columns[check_.venue];
    if (prices.all_null || times.all_null || venues.all_null) return;
    const size_t count = rows.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.row(i);
      if (slots[row] == kNoSlot || prices.is_null(row) || times.is_null(row) || venues.is_null(row)) continue;
      const int64_t price = prices.i64[row];
      const int64_t ts = times.i64[row];
      ByVenue<Last>& symbol = by_venue_[slots[row]];
      if (const auto other = nearest_of_those_that_disagree(symbol, venues.codes[row], price, ts)) {
        out.push_back({static_cast<uint32_t>(row), market::format_decimal(price, scale_),
                       band_text(*other, check_.deviation, scale_)});
      }
      // What it says counts for the others, whatever they say of it.
      if (Last* own = symbol.find(venues.codes[row]); own == nullptr) {
        symbol.add(venues.codes[row], {price, ts});
      } else if (ts >= own->ts) {
        *own = {price, ts};
      }
    }
  }

  bool judges_trades_only() const override { return true; }
  void resize(size_t count) override { by_venue_.resize(count); }
  std::string layout() const override { return "cross_source 1 " + std::to_string(scale_); }
  void save(uint32_t slot, BlobWriter& out) const override {
    by_venue_[slot].save(out, symbols_, [&](const Last& last) {
      out.put_signed(last.price);
      out.put_signed(last.ts);
    });
  }
  bool load(uint32_t slot, BlobReader& in) override {
    return by_venue_[slot].load(in, symbols_, [&](Last& last) {
      last.price = in.get_signed();
      last.ts = in.get_signed();
    });
  }

 private:
  struct Last {
    int64_t price = 0;
    int64_t ts = 0;
  };

  // The nearest price of the venues that were heard within the time; nothing when there is none, or one agrees.
  [[nodiscard]] std::optional<int64_t> nearest_of_those_that_disagree(const ByVenue<Last>& symbol,
                                                                      market::SymbolCode venue, int64_t price,
                                                                      int64_t ts) const {
    const auto distance = [](int64_t a, int64_t b) {
      return a > b ? static_cast<uint64_t>(a) - static_cast<uint64_t>(b)
                   : static_cast<uint64_t>(b) - static_cast<uint64_t>(a);
    };
    std::optional<int64_t> nearest;
    for (const auto& [other, last] : symbol.entries()) {
      if (other == venue || last.price <= 0 || distance(ts, last.ts) > static_cast<uint64_t>(check_.within.ns))
        continue;
      if (within_band(price, last.price, check_.deviation)) return std::nullopt;
      if (!nearest || distance(price, last.price) < distance(price, *nearest)) nearest = last.price;
    }
    return nearest;
  }

  const plan::CrossSourceCheck& check_;
  const int scale_;
  market::SymbolTable& symbols_;
  std::vector<ByVenue<Last>> by_venue_;
};

}  // namespace

std::unique_ptr<SymbolJudge> make_cross_source_judge(const plan::CrossSourceCheck& check, int scale,
                                                     market::SymbolTable& symbols) {
  return std::make_unique<CrossSourceJudge>(check, scale, symbols);
}

}  // namespace penstock::stream

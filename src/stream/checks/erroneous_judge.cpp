// `erroneous:`: a price too far from the last sale, in bands as exchanges have them for clearly erroneous trades.
//
// A price that fails is no last sale: one bad print must not make the good one behind it fail. So that a market that
// has moved is followed, `confirm` failing prices in a row of which each lies in the band of the one before are
// believed.
#include "stream/checks/price_band.h"
#include "stream/checks/stateful.h"

namespace penstock::stream {
namespace {

// A symbol costs 24 bytes.
class ErroneousJudge final : public SymbolJudge {
 public:
  ErroneousJudge(const plan::ErroneousCheck& check, int scale) : check_(check), scale_(scale) {}

  void judge(const Flow& rows, const std::vector<uint32_t>& slots, std::vector<Failure>& out) override {
    const market::Column& prices = rows.batch->columns[check_.price];
    if (prices.all_null) return;
    const size_t count = rows.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.row(i);
      if (slots[row] == kNoSlot || prices.is_null(row)) continue;
      const int64_t price = prices.i64[row];
      State& state = states_[slots[row]];
      // Bands are fractions: there are none of a price of 0 or below.
      if (state.last <= 0) {
        if (price > 0) state.last = price;
        continue;
      }
      if (within_band(price, state.last, band_of(state.last))) [[likely]] {
        state.last = price;
        state.failed = 0;
        continue;
      }
      out.push_back({static_cast<uint32_t>(row), market::format_decimal(price, scale_),
                     band_text(state.last, band_of(state.last), scale_)});
      const bool agrees =
          state.failed > 0 && state.candidate > 0 && within_band(price, state.candidate, band_of(state.candidate));
      state.failed = agrees ? state.failed + 1 : 1;
      state.candidate = price;
      if (state.failed >= check_.confirm && price > 0) {
        state.last = price;
        state.failed = 0;
      }
    }
  }

  bool judges_trades_only() const override { return true; }
  void resize(size_t count) override { states_.resize(count); }
  std::string layout() const override { return "erroneous 1 " + std::to_string(scale_); }
  void save(uint32_t slot, BlobWriter& out) const override {
    const State& state = states_[slot];
    out.put_signed(state.last);
    out.put_signed(state.failed);
    out.put_signed(state.failed > 0 ? state.candidate : 0);
  }
  bool load(uint32_t slot, BlobReader& in) override {
    State& state = states_[slot];
    state.last = in.get_signed();
    state.failed = in.get_signed();
    state.candidate = in.get_signed();
    return in.ok() && state.failed >= 0;
  }

 private:
  struct State {
    int64_t last = 0;       // the last sale; 0: none yet
    int64_t candidate = 0;  // the last price that failed
    int64_t failed = 0;     // how many in a row, each in the band of the one before
  };
  static_assert(sizeof(State) == 24, "what a symbol costs");

  [[nodiscard]] plan::Ratio band_of(int64_t reference) const {
    for (const plan::ErroneousCheck::Band& band : check_.bands) {
      if (!band.up_to || reference <= *band.up_to) return band.width;
    }
    return check_.bands.back().width;
  }

  const plan::ErroneousCheck& check_;
  const int scale_;
  std::vector<State> states_;
};

}  // namespace

std::unique_ptr<SymbolJudge> make_erroneous_judge(const plan::ErroneousCheck& check, int scale) {
  return std::make_unique<ErroneousJudge>(check, scale);
}

}  // namespace penstock::stream

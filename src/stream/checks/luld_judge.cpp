// `luld:`: a price too far from the mean price of the last minutes, as the bands of limit up and limit down are.
//
// Time is cut into pieces of a thirtieth of `reference`, counted from 1970; the mean is over the prices of the last
// thirty of them that the symbol's newest event time is in, and is compared as a fraction: nothing is rounded. A price
// that fails is not in the mean, so that after a jump, when the pieces before it are left behind, the mean begins anew.
#include <algorithm>

#include "stream/checks/stateful.h"
#include "stream/checks/texts.h"

namespace penstock::stream {
namespace {

constexpr int64_t kPieces = 30;
constexpr int64_t kPricesMax = int64_t{1} << 31;  // in a mean: keeps every product within 128 bits

// A symbol costs 64 bytes, and 32 for each piece with a price, of which there are at most 30.
class LuldJudge final : public SymbolJudge {
 public:
  LuldJudge(const plan::LuldCheck& check, int scale)
      : check_(check), scale_(scale), width_(std::max<int64_t>(1, check.reference.ns / kPieces)) {}

  void judge(const Flow& rows, const std::vector<uint32_t>& slots, std::vector<Failure>& out) override {
    const market::Column& prices = rows.batch->columns[check_.price];
    const market::Column& times = rows.batch->columns[check_.ts_event];
    if (prices.all_null || times.all_null) return;
    const size_t count = rows.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.row(i);
      if (slots[row] == kNoSlot || prices.is_null(row) || times.is_null(row)) continue;
      const int64_t price = prices.i64[row];
      State& state = states_[slots[row]];
      const int64_t number = piece_of(times.i64[row]);
      if (number > state.newest) advance(state, number);
      if (state.count > 0 && !within(state, price)) {
        out.push_back({static_cast<uint32_t>(row), market::format_decimal(price, scale_), bound(state)});
      } else if (price > 0 && state.count < kPricesMax) {
        add(state, number, price);
      }
    }
  }

  bool judges_trades_only() const override { return true; }
  void resize(size_t count) override { states_.resize(count); }
  std::string layout() const override { return "luld 1 " + std::to_string(width_); }
  void save(uint32_t slot, BlobWriter& out) const override {
    const State& state = states_[slot];
    out.put_signed(state.newest);
    out.put(state.pieces.size());
    for (const Piece& piece : state.pieces) {
      out.put_signed(piece.number);
      out.put_signed(piece.count);
      out.put_int128(piece.sum);
    }
  }
  bool load(uint32_t slot, BlobReader& in) override {
    State& state = states_[slot];
    state = {};
    state.newest = in.get_signed();
    const uint64_t pieces = in.get();
    if (pieces > static_cast<uint64_t>(kPieces)) return false;
    for (uint64_t i = 0; i < pieces && in.ok(); ++i) {
      Piece piece;
      piece.number = in.get_signed();
      piece.count = in.get_signed();
      piece.sum = in.get_int128();
      if (piece.count <= 0 || piece.sum <= 0) return false;
      state.count += piece.count;
      state.sum += piece.sum;
      state.pieces.push_back(piece);
    }
    return in.ok() && state.count <= kPricesMax;
  }

 private:
  struct Piece {
    Int128 sum = 0;  // of the prices
    int64_t number = 0;
    int64_t count = 0;
  };
  static_assert(sizeof(Piece) == 32, "what a piece costs");
  struct State {
    Int128 sum = 0;  // of all pieces
    int64_t count = 0;
    int64_t newest = INT64_MIN;  // the piece of the newest event time
    std::vector<Piece> pieces;  // ascending, none empty
  };
  static_assert(sizeof(State) == 64, "what a symbol costs");

  [[nodiscard]] int64_t piece_of(int64_t ts) const { return ts / width_ - (ts % width_ < 0 ? 1 : 0); }

  void advance(State& state, int64_t number) const {
    state.newest = number;
    size_t gone = 0;
    for (; gone < state.pieces.size() && state.pieces[gone].number <= number - kPieces; ++gone) {
      state.sum -= state.pieces[gone].sum;
      state.count -= state.pieces[gone].count;
    }
    if (gone > 0) state.pieces.erase(state.pieces.begin(), state.pieces.begin() + static_cast<std::ptrdiff_t>(gone));
  }

  static void add(State& state, int64_t number, int64_t price) {
    if (number <= state.newest - kPieces) return;  // older than the mean
    auto at = state.pieces.end();
    while (at != state.pieces.begin() && std::prev(at)->number > number) --at;
    if (at == state.pieces.begin() || std::prev(at)->number != number) {
      at = state.pieces.insert(at, Piece{.number = number});
    } else {
      --at;
    }
    at->sum += price;
    ++at->count;
    state.sum += price;
    ++state.count;
  }

  // |price - sum / count| <= band * sum / count
  [[nodiscard]] bool within(const State& state, int64_t price) const {
    const Int128 off = Int128{price} * state.count - state.sum;
    return (off < 0 ? -off : off) * plan::Ratio::kOne <= state.sum * check_.band.millionths;
  }
  [[nodiscard]] std::string bound(const State& state) const {
    const Int128 width = state.sum * check_.band.millionths / plan::Ratio::kOne;
    const Int128 least = state.sum - width;
    // Rounded up, also below 0.
    const Int128 least_price = least > 0 ? (least + state.count - 1) / state.count : least / state.count;
    return range_text(least_price, (state.sum + width) / state.count, scale_);
  }

  const plan::LuldCheck& check_;
  const int scale_;
  const int64_t width_;  // of a piece, ns
  std::vector<State> states_;
};

}  // namespace

std::unique_ptr<SymbolJudge> make_luld_judge(const plan::LuldCheck& check, int scale) {
  return std::make_unique<LuldJudge>(check, scale);
}

}  // namespace penstock::stream

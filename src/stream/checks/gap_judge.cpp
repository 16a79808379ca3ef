// `gap:`: ids that count on within (symbol, venue), and a record that comes behind a hole.
#include "stream/checks/by_venue.h"
#include "stream/checks/stateful.h"

namespace penstock::stream {
namespace {

// A symbol costs 24 bytes, and 16 a venue.
class GapJudge final : public SymbolJudge {
 public:
  GapJudge(const plan::GapCheck& check, market::SymbolTable& symbols) : check_(check), symbols_(symbols) {}

  void judge(const Flow& rows, const std::vector<uint32_t>& slots, std::vector<Failure>& out) override {
    const market::Column& ids = rows.batch->columns[check_.id];
    const market::Column* venues = check_.venue ? &rows.batch->columns[*check_.venue] : nullptr;
    if (ids.all_null) return;
    const bool plain = ids.type.kind == market::Kind::int64;
    const int64_t* numbers = plain ? ids.i64.data() : ids.ids.numbers().data();
    const size_t count = rows.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.row(i);
      // An id that is a text (a negative number stands for it) has no next one.
      if (slots[row] == kNoSlot || ids.is_null(row) || (!plain && numbers[row] < 0)) continue;
      const int64_t id = numbers[row];
      const market::SymbolCode venue =
          venues == nullptr || venues->is_null(row) ? market::kNoSymbol : venues->codes[row];
      ByVenue<int64_t>& series = series_[slots[row]];
      int64_t* last = series.find(venue);
      if (last == nullptr) {
        series.add(venue, id);
      } else if (id > *last) {
        const int64_t expected = *last + 1;
        if (id != expected) {
          out.push_back({static_cast<uint32_t>(row), std::to_string(id), std::to_string(expected)});
        }
        *last = id;
      }
    }
  }

  void resize(size_t count) override { series_.resize(count); }
  std::string layout() const override { return "gap 1"; }
  void save(uint32_t slot, BlobWriter& out) const override {
    series_[slot].save(out, symbols_, [&](int64_t last) { out.put_signed(last); });
  }
  bool load(uint32_t slot, BlobReader& in) override {
    return series_[slot].load(in, symbols_, [&](int64_t& last) { last = in.get_signed(); });
  }

 private:
  const plan::GapCheck& check_;
  market::SymbolTable& symbols_;
  std::vector<ByVenue<int64_t>> series_;
};

}  // namespace

std::unique_ptr<SymbolJudge> make_gap_judge(const plan::GapCheck& check, market::SymbolTable& symbols) {
  return std::make_unique<GapJudge>(check, symbols);
}

}  // namespace penstock::stream

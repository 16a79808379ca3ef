// `out_of_order:`: an event time too far behind the newest of the symbol.
#include <algorithm>

#include "stream/checks/stateful.h"
#include "stream/checks/texts.h"

namespace penstock::stream {
namespace {

// A symbol costs 8 bytes.
class OrderJudge final : public SymbolJudge {
 public:
  explicit OrderJudge(const plan::OutOfOrderCheck& check) : check_(check) {}

  void judge(const Flow& rows, const std::vector<uint32_t>& slots, std::vector<Failure>& out) override {
    const market::Column& times = rows.batch->columns[check_.ts_event];
    if (times.all_null) return;
    const auto behind = static_cast<uint64_t>(check_.behind.ns);
    const size_t count = rows.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.row(i);
      if (slots[row] == kNoSlot || times.is_null(row)) continue;
      const int64_t ts = times.i64[row];
      int64_t& newest = newest_[slots[row]];
      if (ts >= newest) [[likely]] {
        newest = ts;
      } else if (static_cast<uint64_t>(newest) - static_cast<uint64_t>(ts) > behind) {
        out.push_back({static_cast<uint32_t>(row), seconds_text(Int128{newest} - ts), seconds_text(check_.behind.ns)});
      }
    }
  }

  void resize(size_t count) override { newest_.resize(count, INT64_MIN); }
  std::string layout() const override { return "out_of_order 1"; }
  void save(uint32_t slot, BlobWriter& out) const override { out.put_signed(newest_[slot]); }
  bool load(uint32_t slot, BlobReader& in) override {
    newest_[slot] = in.get_signed();
    return in.ok();
  }

 private:
  const plan::OutOfOrderCheck& check_;
  std::vector<int64_t> newest_;  // INT64_MIN: none yet
};

}  // namespace

std::unique_ptr<SymbolJudge> make_order_judge(const plan::OutOfOrderCheck& check) {
  return std::make_unique<OrderJudge>(check);
}

}  // namespace penstock::stream

// `stale:`: a symbol that is silent for longer than it ever is, while its venue trades.
//
// The usual gap is the length of the gap in which a moment picked at random lies: the sum of the squares of the gaps
// over their sum. A burst of trades does not make it short, as a mean of gaps would. What was longer than the bound of
// its time counts as that bound, so that an outage does not become usual; both sums are halved after eight hours of
// trading.
#include <algorithm>

#include "stream/checks/session_clock.h"
#include "stream/checks/stateful.h"
#include "stream/checks/texts.h"
#include "stream/row_json.h"

namespace penstock::stream {
namespace {

constexpr int64_t kRemembered = 8 * kHour.ns;

class StaleJudge final : public SymbolJudge {
 public:
  StaleJudge(const plan::StaleCheck& check, const market::Calendar* calendar, const SymbolSlots& slots,
             const market::SymbolTable& symbols)
      : check_(check), slots_(slots), symbols_(symbols), clock_(calendar) {
    const Int128 usual_max =
        check.factor.millionths == 0
            ? Int128{INT64_MAX} - 1
            : std::min(Int128{check.silence.ns} * plan::Ratio::kOne / check.factor.millionths, Int128{INT64_MAX} - 1);
    usual_of_silence_ = static_cast<int64_t>(usual_max);
  }

  void judge(const Flow& rows, const std::vector<uint32_t>& slots, std::vector<Failure>& out) override {
    const market::Column& times = rows.batch->columns[check_.ts_event];
    if (times.all_null) return;
    const size_t count = rows.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.row(i);
      if (slots[row] == kNoSlot || times.is_null(row)) continue;
      const int64_t ts = times.i64[row];
      State& state = states_[slots[row]];
      if (ts <= state.newest) continue;
      if (state.newest != INT64_MIN) {
        const int64_t bound = bound_of(state);
        const bool silent = ts > state.due;
        if (silent && state.reported == 0) {
          out.push_back(
              {static_cast<uint32_t>(row), seconds_text(clock_.elapsed(state.newest, ts)), seconds_text(bound)});
        }
        observe(state, silent ? bound : clock_.elapsed(state.newest, ts));
      }
      state.newest = ts;
      state.due = clock_.latest(ts, bound_of(state));
      state.reported = 0;
      earliest_due_ = std::min(earliest_due_, state.due);
    }
  }

  void mark(Timestamp mark, std::vector<TimedFailure>& out, std::vector<uint32_t>& touched) override {
    // The end of a bounded source is no silence.
    if (mark == Timestamp::max() || mark.ns <= earliest_due_) return;
    earliest_due_ = INT64_MAX;
    for (uint32_t slot = 0; slot < states_.size(); ++slot) {
      State& state = states_[slot];
      if (state.newest == INT64_MIN || state.reported != 0) continue;
      if (mark.ns <= state.due) {
        earliest_due_ = std::min(earliest_due_, state.due);
        continue;
      }
      state.reported = 1;
      touched.push_back(slot);
      const market::SymbolCode code = slots_.code(slot);
      std::string record = "{\"symbol\": ";
      append_json_string(record, symbols_.text(code));
      record += ", \"silent_at\": \"" + format_rfc3339(mark) + "\"}";
      out.push_back({code, state.newest, seconds_text(clock_.elapsed(state.newest, mark.ns)),
                     seconds_text(bound_of(state)), std::move(record)});
    }
  }

  void resize(size_t count) override { states_.resize(count); }
  std::string layout() const override { return "stale 1 " + check_.session; }
  void save(uint32_t slot, BlobWriter& out) const override {
    const State& state = states_[slot];
    out.put_signed(state.newest);
    out.put_signed(state.observed);
    out.put_int128(state.squares);
    out.put(state.reported != 0 ? 1 : 0);
  }
  bool load(uint32_t slot, BlobReader& in) override {
    State& state = states_[slot];
    state.newest = in.get_signed();
    state.observed = in.get_signed();
    state.squares = in.get_int128();
    state.reported = in.get() != 0 ? 1 : 0;
    if (!in.ok() || state.observed < 0 || state.squares < 0) return false;
    // By the settings of now, which may be others than then.
    state.due = state.newest == INT64_MIN ? INT64_MAX : clock_.latest(state.newest, bound_of(state));
    earliest_due_ = INT64_MIN;
    return true;
  }

 private:
  struct State {
    int64_t newest = INT64_MIN;  // INT64_MIN: no record yet
    int64_t due = INT64_MAX;     // the silence after `newest` is too long behind it
    Int128 squares = 0;          // of the gaps, ns^2
    int64_t observed = 0;        // sum of the gaps, ns
    int64_t reported = 0;        // 1: the silence since `newest` was found already
  };
  static_assert(sizeof(State) == 48, "what a symbol costs");

  [[nodiscard]] int64_t bound_of(const State& state) const {
    // Nearly every symbol that trades at all: its usual gaps are too short to count. Spares a division of 128 bits.
    if (state.squares < (Int128{usual_of_silence_} + 1) * std::max<int64_t>(state.observed, 1)) [[likely]]
      return check_.silence.ns;
    const Int128 bound = state.squares / state.observed * check_.factor.millionths / plan::Ratio::kOne;
    return static_cast<int64_t>(std::clamp(bound, Int128{check_.silence.ns}, Int128{INT64_MAX}));
  }

  static void observe(State& state, int64_t gap) {
    // A gap beyond some centuries has no square to add.
    if (gap > 3650 * kDay.ns) gap = 3650 * kDay.ns;
    state.observed += gap;
    state.squares += Int128{gap} * gap;
    while (state.observed > kRemembered) {
      state.observed /= 2;
      state.squares /= 2;
    }
  }

  const plan::StaleCheck& check_;
  const SymbolSlots& slots_;
  const market::SymbolTable& symbols_;
  SessionClock clock_;
  int64_t usual_of_silence_ = 0;  // the greatest usual gap with which `silence` is the bound
  std::vector<State> states_;
  int64_t earliest_due_ = INT64_MAX;  // no silence that is not reported is due before it
};

}  // namespace

Result<std::unique_ptr<SymbolJudge>> make_stale_judge(const plan::StaleCheck& check, const SymbolSlots& slots,
                                                      const market::SymbolTable& symbols) {
  const market::Calendar* calendar = nullptr;
  if (!check.session.empty()) {
    PENSTOCK_TRY_ASSIGN(calendar, market::Calendar::find(check.session));
  }
  return std::make_unique<StaleJudge>(check, calendar, slots, symbols);
}

}  // namespace penstock::stream

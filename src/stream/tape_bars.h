// The `bars:` step by the tape's rules: sale conditions, sessions, provisional bars, and bars that are revised by late
// trades, cancels and corrections. Where none of this is asked for, BarBuilder makes the same bars in half the time.
//
// Memory: a symbol costs some 200 bytes, and 208 for each window that can still change: of each interval at most
// (lateness + revise_for) / every + 2. With `revise_for` each trade that can still be taken back costs 40 bytes, at
// most kKeptMax of them in a partition; beyond, the oldest of the symbol is forgotten and its window takes no cancel
// any more. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "market/sale_conditions.h"
#include "plan/plan.h"
#include "stream/bar_builder.h"
#include "stream/bar_maker.h"
#include "stream/blob.h"
#include "stream/kept_trades.h"
#include "stream/open_bar.h"
#include "stream/window_clock.h"

namespace penstock::stream {

class TapeBars final : public BarMaker {
 public:
  // Borrows the symbol table and, through `bars`, the calendar and the table of conditions.
  [[nodiscard]] static Result<std::unique_ptr<TapeBars>> create(const plan::Bars& bars, const market::Schema& input,
                                                                const std::string& stream,
                                                                market::SymbolTable& symbols);
  // Whether `bars` asks for anything that BarBuilder does not do.
  [[nodiscard]] static bool needed(const plan::Bars& bars);

  void process(const Flow& flow, BarOutput& out) override;
  void mark(Timestamp mark, uint64_t origin, BarOutput& out) override;
  [[nodiscard]] Timestamp settled_before() const override;
  [[nodiscard]] Timestamp closed_mark() const override;
  void take_state(const std::string& prefix, StateChanges& changes) override;
  [[nodiscard]] Status restore(const std::string& name, std::string_view blob) override;
  void restore_mark(Timestamp mark) override { mark_ = mark.ns; }
  [[nodiscard]] const std::map<std::string, uint64_t>& unknown_conditions() const override { return unknown_; }

 private:
  static constexpr uint32_t kNoSlot = UINT32_MAX;
  static constexpr size_t kShards = 256;
  static constexpr int kNoChild = -1;

  struct Interval {
    int64_t every = 0;
    bool daily = false;
    int child = kNoChild;  // the interval whose windows make up this one's; none: trades update it
    market::SymbolCode code = market::kNoSymbol;
  };
  // What a window holds. Of an interval with a child: what its forgotten windows held; the rest is put together when it
  // is wanted.
  struct Sums {
    Int128 notional = 0;  // of the trades that vwap takes, price times size in 1e-17
    Int128 weight = 0;  // their sizes, in 1e-8
    Int128 volume = 0;  // in 1e-8
    int64_t open_ts = 0;
    int64_t open_id = kNullId;
    int64_t close_ts = 0;
    int64_t close_id = kNullId;
    int64_t open = 0;
    int64_t high = 0;
    int64_t low = 0;
    int64_t close = 0;
    int64_t trades = 0;
    bool has_open = false;  // and close
    bool has_high = false;  // and low
    [[nodiscard]] bool is_bar() const { return has_open && has_high; }
    // What a bar shows of it is the same.
    [[nodiscard]] bool shows_same(const Sums& other) const;
  };
  struct Window {
    Sums sums;
    int64_t start = 0;
    int64_t end = 0;
    int64_t early_due = INT64_MAX;  // a provisional bar is due when time reaches it
    int32_t revision = -1;  // of the last bar that was emitted of the closed window
    Edge edge = Edge::none;
    bool closed = false;
    bool changed = false;  // since the last provisional bar
    bool sealed = false;  // some of its trades are forgotten
  };
  // A correction's own id, by which the trade is known too from then on.
  struct Renamed {
    int64_t own = kNullId;
    int64_t id = kNullId;  // of the trade
    uint16_t venue = 0;  // of the trade
  };
  struct Symbol {
    market::SymbolCode code = market::kNoSymbol;
    int64_t newest = INT64_MIN;
    int64_t next_at = INT64_MIN;  // a trade at or after it closes or shows something; INT64_MIN: look
    Window* hot = nullptr;  // the newest window of the one root, open: there while next_at is not INT64_MIN
    std::vector<std::vector<Window>> windows;  // by interval, by start
    KeptTrades kept;
    size_t fresh = 0;  // of kept, from its end: not in the state yet
    std::vector<Renamed> renamed;
    bool dirty = false;
  };
  struct Trade {
    size_t row = 0;
    int64_t ts = 0;
    int64_t price = 0;
    int64_t size = 0;
    RecordId id;
    uint8_t updates = market::kUpdatesAll;
    uint16_t venue = 0;
  };
  struct Made {  // a bar to be emitted
    int64_t end = 0;
    size_t interval = 0;
    market::SymbolCode code = market::kNoSymbol;
    Sums sums;
    int64_t start = 0;
    int32_t revision = 0;
    Edge edge = Edge::none;
    bool closed = true;
  };
  // What conditions mean, remembered for texts of up to eight bytes.
  struct JudgedConditions {
    uint64_t text = 0;
    uint32_t length = UINT32_MAX;
    market::SymbolCode tape = market::kNoSymbol;
    uint8_t updates = 0;
  };

  TapeBars(std::string stream, TradeFields fields, market::SymbolTable& symbols, const plan::Bars& bars);
  void set_intervals(const plan::Bars& bars);

  uint32_t slot_of(market::SymbolCode code);
  uint32_t add_symbol(market::SymbolCode code);
  [[nodiscard]] uint8_t judge(const market::Batch& batch, size_t row);
  [[nodiscard]] std::optional<std::string> reason_to_refuse(const market::Batch& batch, size_t row) const;
  [[nodiscard]] RecordId id_at(const market::Column* ids, size_t row) const;
  // The number of a venue, from 1 on; 0 beyond the greatest, as where it is not known.
  [[nodiscard]] uint16_t venue_number(market::SymbolCode code);

  void take_trade(const Flow& flow, Symbol& symbol, const Trade& trade, BarOutput& out);
  void take_back(const Flow& flow, Symbol& symbol, const Trade& event, bool correct, BarOutput& out);
  void keep(Symbol& symbol, const Trade& trade);
  // The trade is known by a correction's `own` id too.
  void rename(Symbol& symbol, const KeptTrade& trade, const RecordId& own);
  [[nodiscard]] bool drop_oldest(Symbol& symbol);
  void pop_kept(Symbol& symbol);
  [[nodiscard]] int64_t oldest_start(const Symbol& symbol) const;
  void recompute(Symbol& symbol, size_t interval, Window& window);
  // Whether some window of a trade at `ts` (in a session) ends at or before `horizon`.
  [[nodiscard]] bool past_revising(int64_t ts, int64_t horizon);

  [[nodiscard]] Window* find_window(Symbol& symbol, size_t interval, int64_t start) const;
  Window& open_window(Symbol& symbol, size_t interval, const WindowBounds& bounds, int64_t ts);
  [[nodiscard]] Sums sums_of(const Symbol& symbol, size_t interval, const Window& window) const;
  void add(Sums& sums, int64_t ts, const RecordId& id, int64_t price, int64_t size, uint8_t updates);
  [[nodiscard]] bool within_limit(Int128 notional) const;

  [[nodiscard]] int64_t mark_watermark() const;
  [[nodiscard]] int64_t watermark(const Symbol& symbol) const;
  [[nodiscard]] int64_t horizon(int64_t watermark) const;
  // Shows, closes and forgets what time has passed: `seen` is the symbol's own time.
  void advance(Symbol& symbol, int64_t seen, int64_t watermark);
  void forget(Symbol& symbol, int64_t horizon);
  void refresh_next(Symbol& symbol);
  void make(const Symbol& symbol, size_t interval, const Window& window, const Sums& sums, bool closed);
  void emit_made(uint64_t origin, BarOutput& out);
  void emit_late(const Flow& flow, const Trade& trade, int64_t watermark, BarOutput& out);
  // The windows that hold `ts`, by interval, opened where they are not; and of those that are closed what they hold.
  struct Touched {
    std::vector<Window*> windows;
    std::vector<Sums> before;
  };
  [[nodiscard]] Touched touch(Symbol& symbol, int64_t ts);
  // Emits again the closed ones that have changed since.
  void reissue(const Symbol& symbol, const Touched& touched);
  // The trade of that id, by its own or by that of a correction. Ids are a venue's own: where both venues are known
  // they must be the same.
  struct Found {
    KeptTrade* trade = nullptr;
    bool at_other_venue = false;  // there is another one at another venue, and nothing said which is meant
  };
  [[nodiscard]] Found find_kept(Symbol& symbol, const RecordId& id, uint16_t venue, int64_t horizon);
  // The newest trade of that very id at that very venue.
  [[nodiscard]] KeptTrade* find_exactly(Symbol& symbol, const RecordId& id, uint16_t venue) const;
  [[nodiscard]] static bool merges(const Interval& interval) { return interval.child != kNoChild; }
  static void merge(Sums& whole, const Sums& part);

  // In tape_bars_state.cpp.
  [[nodiscard]] Status restore_windows(const std::string& name, BlobReader& in);
  [[nodiscard]] Status restore_trades(const std::string& name, uint32_t number, BlobReader& in);
  void write_windows(const std::string& prefix, StateChanges& changes);
  void write_trades(const std::string& prefix, StateChanges& changes);
  void note_event(const Symbol& symbol, const KeptTrade& trade, const RecordId& own);
  [[nodiscard]] std::string settings() const;

  // Constant after creation.
  std::string stream_;
  TradeFields fields_;
  std::optional<size_t> conditions_field_;
  std::optional<size_t> tape_field_;
  std::optional<size_t> ref_field_;
  market::SymbolTable& symbols_;
  int64_t lateness_ = 0;
  int64_t revise_for_ = 0;
  int64_t early_ = 0;
  size_t kept_max_ = 0;
  const market::Calendar* calendar_ = nullptr;
  const market::SaleConditions* conditions_ = nullptr;
  market::FormT form_t_ = market::FormT::table;
  market::VwapRule vwap_rule_ = market::VwapRule::high_low;
  std::vector<Interval> intervals_;  // ascending, the session's day last
  std::vector<size_t> roots_;  // those without a child
  std::array<market::SymbolCode, 4> edge_codes_{};
  market::SymbolCode cancel_code_ = market::kNoSymbol;
  market::SymbolCode correct_code_ = market::kNoSymbol;
  int64_t limit_high_ = 0;

  WindowClock clock_;
  std::vector<uint32_t> slots_;  // by symbol code
  std::deque<Symbol> states_;  // by slot; where they are they stay, as `hot` points into them
  std::vector<std::vector<uint32_t>> shards_;
  TextPool pool_;
  int64_t mark_ = INT64_MIN;
  std::vector<Made> made_;  // being emitted
  KeptTrades::Spare spare_;
  bool text_ids_ = false;  // some kept trade has had an id that is a text
  size_t kept_ = 0;  // over all symbols
  uint32_t blob_ = 0;  // number of the next piece of kept trades
  std::set<uint32_t> blobs_;  // the pieces that are in the state
  struct Event {
    uint32_t slot = 0;
    bool of_written = false;  // the trade is in an earlier piece; else it is written as it is by then
    KeptTrade trade;  // as it is from then on
    std::string id;  // its id, where that is a text
    int64_t own = kNullId;  // a correction's own id, by which the trade is known too; kTextId0: own_text
    std::string own_text;
  };
  std::vector<Event> events_;  // cancels and corrections since the last piece
  std::vector<JudgedConditions> judged_;
  std::map<std::string, uint64_t> unknown_;
  std::vector<market::SymbolCode> venues_;  // by number less one
  std::vector<uint16_t> venue_numbers_;  // by symbol code; 0: none yet
};

}  // namespace penstock::stream

// The `bars:` step: trades in, bars out as their windows close, late trades aside.
//
// Per symbol: the open windows of each interval that is no multiple of a smaller one are updated by each trade; other
// intervals are merged from closed windows. A symbol costs 128 bytes, 112 for each open window beyond its newest, and
// about 200 for the rest; at most lateness / every + 2 windows of an interval are open at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "market/symbol_table.h"
#include "plan/plan.h"
#include "stream/bar_maker.h"
#include "stream/engine.h"
#include "stream/flow.h"
#include "stream/open_bar.h"
#include "stream/trade_fields.h"

namespace penstock::stream {

// One thread. Borrows the symbol table.
class BarBuilder final : public BarMaker {
 public:
  [[nodiscard]] static Result<std::unique_ptr<BarBuilder>> create(const plan::Bars& bars, const market::Schema& input,
                                                                  const std::string& stream,
                                                                  market::SymbolTable& symbols);

  void process(const Flow& flow, BarOutput& out) override;
  void mark(Timestamp mark, uint64_t origin, BarOutput& out) override;
  [[nodiscard]] Timestamp settled_before() const override;
  [[nodiscard]] Timestamp closed_mark() const override;
  // Blobs by shard.
  void take_state(const std::string& prefix, StateChanges& changes) override;
  [[nodiscard]] Status restore(const std::string& name, std::string_view blob) override;
  void restore_mark(Timestamp mark) override { mark_ = mark.ns; }

 private:
  static constexpr uint32_t kNoSlot = UINT32_MAX;
  static constexpr size_t kShards = 256;
  // Beyond so many symbols their state is not in the nearest cache: it is asked for so many rows ahead.
  static constexpr size_t kPrefetchSymbols = 2048;
  static constexpr size_t kPrefetchRows = 12;

  // An interval whose windows each trade updates, and those merged from it: indexes into everys_.
  struct Base {
    size_t every = 0;
    std::vector<size_t> derived;
  };
  // What each trade touches: the newest window of the first base.
  struct alignas(64) Hot {
    OpenBar bar;                  // trades == 0: none
    int64_t close_at = INT64_MIN;  // a trade at or after it closes some window; INT64_MIN while there is no bar
    uint32_t dirty = 0;
    uint32_t reserved = 0;
  };
  static_assert(sizeof(Hot) == 128);
  // One cache line; what only several intervals need lies behind `more`.
  struct Cold {
    market::SymbolCode code = market::kNoSymbol;
    int64_t newest = INT64_MIN;            // of all trades but hot.bar's; see newest_of
    std::vector<OpenBar> older;            // open windows of the first base but the newest, by start
    struct More {
      std::vector<std::vector<OpenBar>> open;  // of the other bases, by base less one, by start
      std::vector<OpenBar> merged;             // by interval; trades == 0: none
    };
    std::unique_ptr<More> more;            // null with a single interval
    [[nodiscard]] std::vector<OpenBar>& open(size_t base) { return base == 0 ? older : more->open[base - 1]; }
    [[nodiscard]] const std::vector<OpenBar>& open(size_t base) const {
      return base == 0 ? older : more->open[base - 1];
    }
  };
  static_assert(sizeof(Cold) <= 64);
  struct Closed {
    int64_t end = 0;
    size_t every = 0;
    market::SymbolCode code = market::kNoSymbol;
    OpenBar bar;
  };
  struct Trade {
    size_t row = 0;
    int64_t ts = 0;
    int64_t price = 0;
    int64_t size = 0;
    RecordId id;
  };

  BarBuilder(std::string stream, TradeFields fields, market::SymbolTable& symbols);
  void set_intervals(const plan::Bars& bars);

  uint32_t slot_of(market::SymbolCode code);
  uint32_t add_symbol(market::SymbolCode code);
  template <bool kPlainIds, bool kSelected>
  void process_rows(const Flow& flow, BarOutput& out);
  void take_slowly(const Flow& flow, uint32_t slot, const Trade& trade, BarOutput& out);
  [[nodiscard]] std::optional<std::string> reason_to_refuse(const market::Batch& batch, size_t row) const;
  [[nodiscard]] OpenBar* find_window(uint32_t slot, size_t base, int64_t start);
  void open_window(uint32_t slot, size_t base, int64_t start, const Trade& trade);
  [[nodiscard]] bool within_limit(Int128 notional) const;
  [[nodiscard]] int64_t newest_of(uint32_t slot) const;
  [[nodiscard]] int64_t watermark(int64_t newest) const;
  [[nodiscard]] int64_t mark_watermark() const;
  // Closes what ends at or below `watermark`, in the order of (end, interval), into closed_.
  void close_windows(uint32_t slot, int64_t watermark);
  // The least end among a symbol's open windows; INT64_MAX and false: none.
  bool next_end(uint32_t slot, int64_t& end, bool& merged, size_t& which) const;
  void refresh_close_at(uint32_t slot);
  void prefetch(market::SymbolCode code) const;
  void emit_closed(uint64_t origin, BarOutput& out);
  void emit_late(const Flow& flow, const Trade& trade, int64_t watermark, BarOutput& out);

  // Constant after creation.
  std::string stream_;
  TradeFields fields_;
  market::SymbolTable& symbols_;
  int64_t lateness_ = 0;
  std::vector<int64_t> everys_;                 // ascending
  std::vector<market::SymbolCode> every_codes_;
  std::vector<Base> bases_;
  int64_t limit_high_ = 0;                      // of the high half of a window's notional; see within_limit

  std::vector<uint32_t> slots_;                 // by symbol code
  std::vector<Hot> hot_;                        // by slot
  std::vector<Cold> cold_;
  TextPool pool_;
  int64_t mark_ = INT64_MIN;
  int64_t earliest_end_ = INT64_MAX;            // no open window ends before it
  std::vector<Closed> closed_;                  // being emitted
  std::vector<std::vector<uint32_t>> shards_;   // slots by hash of the symbol's text
};

}  // namespace penstock::stream

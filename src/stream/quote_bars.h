// The `bars:` step over quotes: for each window the bid's and the ask's open, high, low and close.
//
// First and last are decided by (event time, arrival); a quote without a bid does not touch the bid, likewise the ask.
// Watermarks, lateness and late rows are those of bars of trades. A symbol costs some 100 bytes, and 200 for each open
// window, of which an interval has at most lateness / every + 2. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "market/symbol_table.h"
#include "plan/plan.h"
#include "stream/bar_maker.h"
#include "stream/flow.h"
#include "stream/window_clock.h"

namespace penstock::stream {

// Where a quote's fields stand in a schema.
struct QuoteFields {
  size_t symbol = 0;
  size_t ts_event = 0;
  size_t bid = 0;
  size_t ask = 0;
  std::optional<size_t> bid_size;
  std::optional<size_t> ask_size;
  std::optional<size_t> venue;
  // `invalid` with what is missing, when rows of `schema` cannot become bars of quotes.
  [[nodiscard]] static Result<QuoteFields> of(const market::Schema& schema, const std::string& stream);
};

class QuoteBars final : public BarMaker {
 public:
  // Borrows the symbol table and, through `bars`, the calendar.
  [[nodiscard]] static Result<std::unique_ptr<QuoteBars>> create(const plan::Bars& bars, const market::Schema& input,
                                                                 const std::string& stream,
                                                                 market::SymbolTable& symbols);

  void process(const Flow& flow, BarOutput& out) override;
  void mark(Timestamp mark, uint64_t origin, BarOutput& out) override;
  [[nodiscard]] Timestamp settled_before() const override;
  [[nodiscard]] Timestamp closed_mark() const override;
  void take_state(const std::string& prefix, StateChanges& changes) override;
  [[nodiscard]] Status restore(const std::string& name, std::string_view blob) override;
  void restore_mark(Timestamp mark) override { mark_ = mark.ns; }

 private:
  static constexpr uint32_t kNoSlot = UINT32_MAX;
  static constexpr size_t kShards = 256;

  struct Interval {
    int64_t every = 0;
    bool daily = false;  // the session's day
    market::SymbolCode code = market::kNoSymbol;
  };
  // The bids, or the asks, of a window.
  struct Side {
    int64_t open_ts = 0;
    int64_t close_ts = 0;
    int64_t open = 0;
    int64_t high = 0;
    int64_t low = 0;
    int64_t close = 0;
    int64_t size = 0;  // of the close
    bool any = false;
    bool has_size = false;
    void add(int64_t ts, int64_t price, const std::optional<int64_t>& its_size);
  };
  struct Window {
    int64_t start = 0;
    int64_t end = 0;
    Side bid;
    Side ask;
    int64_t quotes = 0;
    Edge edge = Edge::none;
  };
  struct Symbol {
    market::SymbolCode code = market::kNoSymbol;
    int64_t newest = INT64_MIN;
    int64_t close_at = INT64_MIN;              // a quote at or after it closes some window
    std::vector<std::vector<Window>> windows;  // open ones by interval, by start
    bool dirty = false;
  };
  struct Quote {
    size_t row = 0;
    int64_t ts = 0;
    std::optional<int64_t> bid;
    std::optional<int64_t> ask;
    std::optional<int64_t> bid_size;
    std::optional<int64_t> ask_size;
  };
  struct Closed {
    size_t interval = 0;
    market::SymbolCode code = market::kNoSymbol;
    Window window;
  };

  QuoteBars(std::string stream, QuoteFields fields, market::SymbolTable& symbols, const plan::Bars& bars);
  [[nodiscard]] bool set_intervals(const plan::Bars& bars);

  Symbol& symbol_of(market::SymbolCode code);
  [[nodiscard]] Quote read(const market::Batch& batch, size_t row) const;
  [[nodiscard]] std::optional<std::string> reason_to_refuse(const market::Batch& batch, size_t row);
  void take(const Flow& flow, Symbol& symbol, const Quote& quote, BarOutput& out);
  static void add(Window& window, const Quote& quote);
  [[nodiscard]] int64_t mark_watermark() const;
  [[nodiscard]] int64_t watermark(const Symbol& symbol) const;
  // Moves what ends at or before `watermark` into closed_.
  void close_windows(Symbol& symbol, int64_t watermark);
  void refresh_close_at(Symbol& symbol);
  void emit_closed(uint64_t origin, BarOutput& out);
  void emit_late(const Flow& flow, const Quote& quote, int64_t watermark, BarOutput& out) const;
  // What open windows in the state were made with.
  [[nodiscard]] std::string settings() const;

  // Constant after creation.
  std::string stream_;
  QuoteFields fields_;
  market::SymbolTable& symbols_;
  int64_t lateness_ = 0;
  const market::Calendar* calendar_ = nullptr;
  std::vector<Interval> intervals_;  // ascending, the session's day last
  std::array<market::SymbolCode, 4> edge_codes_{};

  WindowClock clock_;
  std::vector<uint32_t> slots_;  // by symbol code
  std::vector<Symbol> states_;   // by slot
  std::vector<std::vector<uint32_t>> shards_;  // slots by hash of the symbol's text
  int64_t mark_ = INT64_MIN;
  int64_t earliest_end_ = INT64_MAX;  // no open window ends before it
  std::vector<Closed> closed_;        // being emitted
};

}  // namespace penstock::stream

#include "feed/simulated/simulated_source.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "feed/simulated/delivery.h"
#include "feed/simulated/market_model.h"
#include "market/decimal.h"
#include "market/schema.h"

namespace penstock::feed {
namespace {

using market::Batch;
using market::Column;
using market::QuoteColumn;
using market::SymbolCode;
using market::TradeColumn;

constexpr double kTradesPerSecondMin = 0.001;
constexpr double kTradesPerSecondMax = 10'000'000;
// Of a live market, on the clock: more might need more ids than lie between two starts; see market_options.
constexpr double kLiveTradesPerSecondMax = 1'000'000;
constexpr double kPaceMin = 0.001;
constexpr double kPaceMax = 1'000'000;
// 2200-01-01: short of where int64 nanoseconds end. A market that gets there has ended.
constexpr Timestamp kTimeMax{7'258'118'400 * kSecond.ns};
constexpr int64_t kShare = market::kPow10[market::kSizeScale];

uint64_t per_2_32(double fraction) { return static_cast<uint64_t>(std::llround(fraction * 4'294'967'296.0)); }

Batch empty_batch(const market::SchemaPtr& schema, std::initializer_list<size_t> without_values) {
  Batch batch = market::make_batch(schema);
  for (const size_t column : without_values) batch.columns[column].all_null = true;
  return batch;
}
Batch empty_trades() {
  return empty_batch(market::trade_schema(),
                     {TradeColumn::ts_recv, TradeColumn::tape, TradeColumn::action, TradeColumn::ref_id});
}
Batch empty_quotes() { return empty_batch(market::quote_schema(), {QuoteColumn::ts_recv}); }

class SimulatedSource final : public Source {
 public:
  SimulatedSource(SimulatedOptions options, Clock& clock) : options_(std::move(options)), clock_(clock) {}

  [[nodiscard]] Status intern(market::SymbolTable& table) {
    const auto code_of = [&table](std::string_view text, SymbolCode& code) -> Status {
      code = table.intern(text);
      if (code == market::kNoSymbol) return fail(ErrorKind::full, "no room for another symbol: `{}`", text);
      return {};
    };
    symbol_codes_.resize(options_.symbols.size());
    for (size_t i = 0; i < symbol_codes_.size(); ++i) {
      PENSTOCK_TRY(code_of(options_.symbols[i], symbol_codes_[i]));
    }
    for (size_t i = 0; i < std::size(kVenues); ++i) PENSTOCK_TRY(code_of(kVenues[i], venue_codes_[i]));
    PENSTOCK_TRY(code_of("buy", buy_));
    PENSTOCK_TRY(code_of("sell", sell_));
    PENSTOCK_TRY(code_of(market::kCancel, cancel_));
    return code_of(market::kCorrect, correct_);
  }

  [[nodiscard]] std::vector<market::SchemaPtr> outputs() const override {
    if (options_.quotes) return {market::trade_schema(), market::quote_schema()};
    return {market::trade_schema()};
  }
  [[nodiscard]] bool deterministic() const override { return options_.start.has_value(); }
  [[nodiscard]] bool simulated() const override { return true; }
  [[nodiscard]] const SourceStats& stats() const override { return stats_; }
  [[nodiscard]] Status run(uint64_t position, Emitter& emitter, std::stop_token stop) override;

 private:
  class Run;

  // Constant after construction and `intern`.
  const SimulatedOptions options_;
  Clock& clock_;
  std::vector<SymbolCode> symbol_codes_;
  std::array<SymbolCode, std::size(kVenues)> venue_codes_{};
  SymbolCode buy_ = market::kNoSymbol;
  SymbolCode sell_ = market::kNoSymbol;
  SymbolCode cancel_ = market::kNoSymbol;
  SymbolCode correct_ = market::kNoSymbol;

  SourceStats stats_;
};

// One call of `run`. Chunk borders depend on simulated time and row counts alone, never on how fast we are: a chunk
// that is made again must be the same chunk.
class SimulatedSource::Run {
 public:
  Run(SimulatedSource& source, uint64_t position, Emitter& emitter, std::stop_token stop)
      : source_(source),
        options_(source.options_),
        emitter_(emitter),
        stop_(std::move(stop)),
        live_(!options_.start),
        chunks_skipped_(live_ ? 0 : position),
        chunks_(live_ ? position : 0),
        start_(live_ ? source.clock_.now() : *options_.start),
        end_(std::min(options_.duration ? start_ + *options_.duration : kTimeMax, kTimeMax)),
        slice_(options_.pace
                   ? std::max<int64_t>(1, std::llround(*options_.pace * static_cast<double>(kSimulatedSlice.ns)))
                   : 0),
        slice_end_(options_.pace ? start_ + slice_ : Timestamp::max()),
        frontier_(start_),
        model_(market_options()),
        delivery_(options_.seed, {.late = per_2_32(options_.late_fraction),
                                  .duplicate = per_2_32(options_.duplicate_fraction),
                                  .cancel = per_2_32(options_.cancel_fraction),
                                  .correct = per_2_32(options_.correct_fraction)}) {}

  [[nodiscard]] Status run() {
    const MarketEvent* event = &model_.next();
    for (; event->time < end_; event = &model_.next()) {
      PENSTOCK_TRY(advance(event->time));
      if (event->quote) append(*event->quote);
      if (event->trade && delivery_.send(*event->trade)) append(*event->trade);
      if (trades_.rows + quotes_.rows >= kSimulatedChunkRowsMax) PENSTOCK_TRY(emit(event->time));
      if (stop_.stop_requested()) return {};
    }
    PENSTOCK_TRY(advance(end_));
    wait_for(end_);
    // The last of those under way do not keep a bounded market waiting.
    PENSTOCK_TRY(take_arrivals(Timestamp::max()));
    if (stop_.stop_requested()) return {};
    return emit(Timestamp::max());
  }

 private:
  [[nodiscard]] MarketOptions market_options() const {
    MarketOptions market{.seed = options_.seed,
                         .symbols = static_cast<uint32_t>(options_.symbols.size()),
                         .trades_per_million_seconds = std::llround(options_.trades_per_second * 1e6),
                         .start = start_,
                         .session = live_ ? kSimulatedLiveSession : kSimulatedSession,
                         .quotes = options_.quotes};
    if (live_) {
      // Whoever restarts a live market finds it where the clock says, and with ids above those of any earlier run, so
      // that they are not taken for duplicates: a symbol has no million trades a second, nor ten where there is no
      // pace.
      market.session_begun = Duration{start_.ns % market.session.ns};
      market.first_id = start_.ns / (options_.pace ? 1'000 : 100);
    }
    for (const SimulatedOptions::Halt& halt : options_.halts) {
      const auto at = std::find(options_.symbols.begin(), options_.symbols.end(), halt.symbol);
      const Timestamp begin = start_ + halt.after;
      market.halts.push_back({static_cast<uint32_t>(at - options_.symbols.begin()), begin, begin + halt.length});
    }
    return market;
  }

  // To `time`, when something will happen: what arrives until then, and the chunks whose slices end by then.
  [[nodiscard]] Status advance(Timestamp time) {
    while (time >= slice_end_ && !stop_.stop_requested()) {
      PENSTOCK_TRY(take_arrivals(slice_end_));
      PENSTOCK_TRY(emit(slice_end_));
      slice_end_ = slice_end_ + slice_;
    }
    return take_arrivals(time);
  }

  // Everything that arrives before `time`, or at it.
  [[nodiscard]] Status take_arrivals(Timestamp time) {
    for (Timestamp arrival = delivery_.next_arrival(); arrival <= time && arrival < Timestamp::max();
         arrival = delivery_.next_arrival()) {
      append(delivery_.pop());
      if (trades_.rows + quotes_.rows >= kSimulatedChunkRowsMax) PENSTOCK_TRY(emit(std::min(arrival, end_)));
    }
    return {};
  }

  void append(const SimulatedTrade& trade) {
    std::vector<Column>& columns = trades_.columns;
    columns[TradeColumn::symbol].codes.push_back(source_.symbol_codes_[trade.symbol]);
    columns[TradeColumn::venue].codes.push_back(source_.venue_codes_[trade.venue]);
    columns[TradeColumn::ts_event].i64.push_back(trade.ts_event);
    columns[TradeColumn::price].i64.push_back(trade.price_ticks * kTickUnits);
    columns[TradeColumn::size].i64.push_back(trade.shares * kShare);
    columns[TradeColumn::id].ids.append({trade.action == Action::none ? trade.id : 0, {}});
    columns[TradeColumn::side].codes.push_back(trade.side == Side::buy ? source_.buy_ : source_.sell_);
    columns[TradeColumn::side].valid.push_back(trade.side == Side::unknown ? 0 : 1);
    // The codes of the consolidated tape: an odd lot, an intermarket sweep.
    columns[TradeColumn::conditions].text.append(trade.condition == Condition::odd_lot ? "I"
                                                 : trade.condition == Condition::sweep ? "F"
                                                                                       : "");
    columns[TradeColumn::conditions].valid.push_back(trade.condition == Condition::none ? 0 : 1);
    ++trades_.rows;
    if (trade.action != Action::none || !columns[TradeColumn::action].all_null) append_action(trade);
  }

  // The columns that only cancels and corrections fill begin with the first of them in a batch. These have no id of
  // their own.
  void append_action(const SimulatedTrade& trade) {
    Column& id = trades_.columns[TradeColumn::id];
    Column& action = trades_.columns[TradeColumn::action];
    Column& ref = trades_.columns[TradeColumn::ref_id];
    if (action.all_null) {
      const size_t before = trades_.rows - 1;
      action.all_null = ref.all_null = false;
      id.valid.assign(before, 1);
      action.valid.assign(before, 0);
      action.codes.assign(before, market::kNoSymbol);
      ref.valid.assign(before, 0);
      ref.ids.numbers().assign(before, 0);
    }
    const bool is_trade = trade.action == Action::none;
    id.valid.push_back(is_trade ? 1 : 0);
    action.valid.push_back(is_trade ? 0 : 1);
    action.codes.push_back(is_trade                         ? market::kNoSymbol
                           : trade.action == Action::cancel ? source_.cancel_
                                                            : source_.correct_);
    ref.valid.push_back(is_trade ? 0 : 1);
    ref.ids.append({is_trade ? 0 : trade.id, {}});
  }

  void append(const SimulatedQuote& quote) {
    std::vector<Column>& columns = quotes_.columns;
    columns[QuoteColumn::symbol].codes.push_back(source_.symbol_codes_[quote.symbol]);
    columns[QuoteColumn::venue].codes.push_back(source_.venue_codes_[quote.venue]);
    columns[QuoteColumn::ts_event].i64.push_back(quote.ts_event);
    columns[QuoteColumn::bid].i64.push_back(quote.bid_ticks * kTickUnits);
    columns[QuoteColumn::bid_size].i64.push_back(quote.bid_shares * kShare);
    columns[QuoteColumn::ask].i64.push_back(quote.ask_ticks * kTickUnits);
    columns[QuoteColumn::ask_size].i64.push_back(quote.ask_shares * kShare);
    ++quotes_.rows;
  }

  // Until the clock reaches simulated time `time`, or a stop. A run that resumes is anchored where it goes on.
  void wait_for(Timestamp time) {
    if (!options_.pace || chunks_ < chunks_skipped_) return;
    if (!anchored_) {
      anchored_ = true;
      clock_anchor_ = live_ ? start_ : source_.clock_.now();
      market_anchor_ = frontier_;
    }
    const double real_ns = static_cast<double>((time - market_anchor_).ns) / *options_.pace;
    const Timestamp deadline = real_ns < 9e18 ? clock_anchor_ + Duration{std::llround(real_ns)} : Timestamp::max();
    if (deadline > source_.clock_.now()) source_.clock_.wait_until(deadline, stop_);
  }

  // Hands on what has been made, with a mark at `frontier`: one chunk an output. Nothing when stopped.
  [[nodiscard]] Status emit(Timestamp frontier) {
    if (frontier != Timestamp::max()) wait_for(frontier);
    if (stop_.stop_requested()) return {};
    frontier_ = frontier;
    PENSTOCK_TRY(emit_output(0, std::exchange(trades_, empty_trades()), TradeColumn::ts_recv));
    if (!options_.quotes) return {};
    return emit_output(1, std::exchange(quotes_, empty_quotes()), QuoteColumn::ts_recv);
  }

  [[nodiscard]] Status emit_output(size_t output, Batch&& rows, size_t ts_recv) {
    ++chunks_;
    if (chunks_ <= chunks_skipped_) return {};
    if (live_) {
      rows.columns[ts_recv].all_null = false;
      rows.columns[ts_recv].i64.assign(rows.rows, source_.clock_.now().ns);
    }
    source_.stats_.records.fetch_add(rows.rows, std::memory_order_relaxed);
    return emitter_.emit(
        Chunk{.output = output, .rows = std::move(rows), .marks = {TimeMark{frontier_}}, .position_end = chunks_});
  }

  SimulatedSource& source_;
  const SimulatedOptions& options_;
  Emitter& emitter_;
  const std::stop_token stop_;
  const bool live_;
  const uint64_t chunks_skipped_;
  uint64_t chunks_;  // made so far
  const Timestamp start_;
  const Timestamp end_;
  const Duration slice_;
  Timestamp slice_end_;  // never reached where there is no pace: then row counts alone make chunks
  Timestamp frontier_;  // of the newest chunks
  bool anchored_ = false;
  Timestamp clock_anchor_;
  Timestamp market_anchor_;
  MarketModel model_;
  Delivery delivery_;
  Batch trades_ = empty_trades();
  Batch quotes_ = empty_quotes();
};

Status SimulatedSource::run(uint64_t position, Emitter& emitter, std::stop_token stop) {
  return Run(*this, position, emitter, std::move(stop)).run();
}

// True also of NaN, which no comparison holds for.
bool outside(double value, double least, double greatest) { return !(value >= least && value <= greatest); }

Status check(const SimulatedOptions& options) {
  if (options.symbols.empty() || options.symbols.size() > kSimulatedSymbolsMax) {
    return fail(ErrorKind::invalid, "a simulated market has 1 to {} symbols, not {}", kSimulatedSymbolsMax,
                options.symbols.size());
  }
  std::set<std::string_view> known;
  for (const std::string& symbol : options.symbols) {
    if (symbol.empty()) return fail(ErrorKind::invalid, "a simulated market's symbol is empty: give it a name");
    if (!known.insert(symbol).second) {
      return fail(ErrorKind::invalid, "the simulated market's symbol `{}` is stated twice: leave one out", symbol);
    }
  }
  if (outside(options.trades_per_second, kTradesPerSecondMin, kTradesPerSecondMax)) {
    return fail(ErrorKind::invalid, "trades_per_second of a simulated market is {} to {}, not {}", kTradesPerSecondMin,
                kTradesPerSecondMax, options.trades_per_second);
  }
  if (options.pace && outside(*options.pace, kPaceMin, kPaceMax)) {
    return fail(ErrorKind::invalid, "the pace of a simulated market is {} to {}, not {}", kPaceMin, kPaceMax,
                *options.pace);
  }
  if (!options.start && options.pace && options.trades_per_second * *options.pace > kLiveTradesPerSecondMax) {
    return fail(ErrorKind::invalid,
                "a live simulated market has at most {} trades a second on the clock: lower "
                "trades_per_second or pace, or state a start",
                kLiveTradesPerSecondMax);
  }
  if (outside(options.late_fraction, 0, 1) || outside(options.duplicate_fraction, 0, 1)) {
    return fail(ErrorKind::invalid, "late_fraction and duplicate_fraction are 0 to 1, not {} and {}",
                options.late_fraction, options.duplicate_fraction);
  }
  if (outside(options.cancel_fraction, 0, 1) || outside(options.correct_fraction, 0, 1)) {
    return fail(ErrorKind::invalid, "cancel_fraction and correct_fraction are 0 to 1, not {} and {}",
                options.cancel_fraction, options.correct_fraction);
  }
  if (options.start && (*options.start < Timestamp{0} || *options.start >= kTimeMax)) {
    return fail(ErrorKind::invalid, "a simulated market starts between 1970 and {}, not at {}",
                format_rfc3339(kTimeMax), format_rfc3339(*options.start));
  }
  if (options.duration && options.duration->ns <= 0) {
    return fail(ErrorKind::invalid,
                "the duration of a simulated market is above zero; leave it out for one without end");
  }
  for (const SimulatedOptions::Halt& halt : options.halts) {
    if (!known.contains(halt.symbol)) {
      return fail(ErrorKind::invalid, "a halt of `{}`, which is no symbol of the simulated market", halt.symbol);
    }
    if (halt.after.ns < 0 || halt.length.ns < 0) {
      return fail(ErrorKind::invalid, "the halt of `{}` has a negative time", halt.symbol);
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Source>> make_simulated_source(SimulatedOptions options, market::SymbolTable& symbols,
                                                      Clock& clock) {
  if (options.symbols.empty()) {
    if (options.symbol_count < 1 || options.symbol_count > static_cast<int32_t>(kSimulatedSymbolsMax)) {
      return fail(ErrorKind::invalid, "a simulated market has 1 to {} symbols, not {}", kSimulatedSymbolsMax,
                  options.symbol_count);
    }
    for (uint32_t i = 0; i < static_cast<uint32_t>(options.symbol_count); ++i) {
      options.symbols.push_back(simulated_symbol(i));
    }
  }
  PENSTOCK_TRY(check(options));
  auto source = std::make_unique<SimulatedSource>(std::move(options), clock);
  PENSTOCK_TRY(source->intern(symbols));
  return source;
}

}  // namespace penstock::feed

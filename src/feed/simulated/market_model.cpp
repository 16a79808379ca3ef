#include "feed/simulated/market_model.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/int128.h"

namespace penstock::feed {
namespace {

constexpr int64_t kOneQ16 = int64_t{1} << 16;
constexpr uint64_t per_2_32(double fraction) { return static_cast<uint64_t>(fraction * 4'294'967'296.0); }

// A sweep takes several orders in one moment: the next trade is of the same symbol at the same time.
constexpr uint64_t kSweepContinues = per_2_32(1.0 / 16);
constexpr int64_t kQuotesPerTrade = 2;  // of the quotes' own process, beside the one that each trade leaves

constexpr int64_t kMidMin = 1'000'000'000;              // 1.00: below it a tick is a coarse step
constexpr int64_t kMidMax = 1'000'000 * kMidMin;
constexpr int64_t kVolatilityMinQ16 = kOneQ16 / 4;
constexpr int64_t kVolatilityMaxQ16 = kOneQ16 * 4;

// The rate over its average, in thousandths, at `x` of the session: 0.6 + 1.2 (2x - 1)^2, whose average is 1.
int64_t session_rate_milli(int64_t into_session, int64_t session) {
  const auto x = static_cast<int64_t>((Int128{2 * into_session - session} * 1'000) / session);
  return 600 + 1'200 * x * x / 1'000'000;
}

}  // namespace

MarketModel::MarketModel(const MarketOptions& options)
    : options_(options),
      trade_random_(Random::mix(options.seed ^ 0x7472'6164'6573u)),
      quote_random_(Random::mix(options.seed ^ 0x7175'6f74'6573u)),
      trade_time_(options.start.ns),
      quote_time_(options.start.ns) {
  PENSTOCK_ASSERT(options.symbols >= 1 && options.symbols <= kSimulatedSymbolsMax);
  PENSTOCK_ASSERT(options.trades_per_million_seconds >= 1 && options.trades_per_million_seconds <= 10'000'000'000'000);
  PENSTOCK_ASSERT(options.session.ns > 0);
  gap_until_ = trade_time_;
  make_symbols();
  trade_symbol_ = pick_symbol(trade_random_);
}

void MarketModel::make_symbols() {
  std::vector<uint64_t> weights(options_.symbols);
  for (uint32_t i = 0; i < options_.symbols; ++i) weights[i] = (uint64_t{1} << 32) / (i + 1);
  const uint64_t total = std::accumulate(weights.begin(), weights.end(), uint64_t{0});
  make_alias_table(weights, total);

  symbols_.resize(options_.symbols);
  for (uint32_t i = 0; i < options_.symbols; ++i) {
    Symbol& symbol = symbols_[i];
    Random random(Random::mix(options_.seed ^ (uint64_t{i} << 32) ^ 0x73'796d'626fu));
    // 5 to 640, each octave as likely as the next.
    const int64_t octave = int64_t{5'000'000'000} << random.below(7);
    symbol.mid = octave + static_cast<int64_t>(random.below(static_cast<uint64_t>(octave)));
    // A session's return has a deviation of 1 to 3 %: shared out over the trades that the symbol will have, since it
    // moves with them. So a busy symbol is not wilder than a quiet one, and volatility is U-shaped as volume is.
    const int64_t session_deviation_q32 = random.between(42'949'673, 128'849'019);
    const Int128 session_trades = Int128{options_.trades_per_million_seconds} * (options_.session.ns / 1'000'000) *
                                  weights[i] / total / 1'000'000'000;
    const auto trades = static_cast<uint64_t>(std::clamp<Int128>(session_trades, 1, Int128{1} << 44));
    symbol.deviation_q32 = (session_deviation_q32 << 8) / static_cast<int64_t>(integer_sqrt(trades << 16));
    symbol.volatility_q16 = kOneQ16;
    // 1 to 3 basis points of the price for the busiest symbols, up to 20 for the quiet.
    const int64_t basis_points_q10 = random.between(1'024, 3'072) + std::min<int64_t>(int64_t{i} * 256, 17 * 1'024);
    symbol.spread_q32 = (basis_points_q10 << 22) / 10'000;
    symbol.next_id = options_.first_id;
    symbol.buying = (random.next() & 1) != 0;
  }
  for (const MarketOptions::Halt& halt : options_.halts) {
    PENSTOCK_ASSERT(halt.symbol < options_.symbols);
    symbols_[halt.symbol].has_halts = true;
  }
}

// Vose's alias method: each of n slots stands for 1/n of the probability and holds at most two symbols.
void MarketModel::make_alias_table(const std::vector<uint64_t>& weights, uint64_t total) {
  const uint64_t n = weights.size();
  alias_.resize(n);
  std::vector<Uint128> left(n);  // times n, so that a full slot holds `total`
  std::vector<uint32_t> under;
  std::vector<uint32_t> over;
  for (uint32_t i = 0; i < n; ++i) {
    left[i] = Uint128{weights[i]} * n;
    (left[i] < total ? under : over).push_back(i);
  }
  while (!under.empty() && !over.empty()) {
    const uint32_t small = under.back();
    const uint32_t large = over.back();
    under.pop_back();
    alias_[small] = {static_cast<uint64_t>((left[small] << 32) / total), large};
    left[large] -= total - left[small];
    if (left[large] < total) {
      over.pop_back();
      under.push_back(large);
    }
  }
  for (const uint32_t i : under) alias_[i] = {uint64_t{1} << 32, i};
  for (const uint32_t i : over) alias_[i] = {uint64_t{1} << 32, i};
}

uint32_t MarketModel::pick_symbol(Random& random) const {
  const auto slot = static_cast<uint32_t>(random.below(alias_.size()));
  return random.chance(alias_[slot].keep_per_2_32) ? slot : alias_[slot].other;
}

int64_t MarketModel::mean_gap_ns(int64_t time) {
  if (time >= gap_until_) {
    const int64_t into = (time - options_.start.ns + options_.session_begun.ns) % options_.session.ns;
    const Int128 rate = Int128{options_.trades_per_million_seconds} * session_rate_milli(into, options_.session.ns);
    gap_ns_ = static_cast<int64_t>(Int128{1'000'000'000'000'000'000} / rate);
    // The rate is taken anew a thousand times a session: often enough for a smooth curve.
    gap_until_ = time + std::max<int64_t>(options_.session.ns / 1'024, 1);
  }
  return gap_ns_;
}

bool MarketModel::halted(uint32_t symbol, int64_t time) const {
  return symbols_[symbol].has_halts &&
         std::any_of(options_.halts.begin(), options_.halts.end(), [&](const MarketOptions::Halt& halt) {
           return halt.symbol == symbol && halt.begin.ns <= time && time < halt.end.ns;
         });
}

MarketModel::Best MarketModel::best(const Symbol& symbol) {
  const int64_t mid_ticks = symbol.mid / kTickUnits;
  const auto spread = static_cast<int64_t>((Int128{mid_ticks} * symbol.spread_q32 * symbol.volatility_q16) >> 48);
  const int64_t spread_ticks = std::clamp<int64_t>(spread, 1, 1 + mid_ticks / 50);
  const int64_t bid = mid_ticks - (spread_ticks - 1) / 2;
  return {bid, bid + spread_ticks};
}

void MarketModel::move(Symbol& symbol, Random& random) {
  const int64_t deviation = (symbol.deviation_q32 * symbol.volatility_q16) >> 16;
  const int64_t return_q32 = (deviation * random.normal_q16()) >> 16;
  symbol.mid += static_cast<int64_t>((Int128{symbol.mid} * return_q32) >> 32);
  symbol.mid = std::clamp(symbol.mid, kMidMin, kMidMax);
  const int64_t shock = (symbol.volatility_q16 * random.normal_q16()) >> 21;  // a 32nd
  symbol.volatility_q16 += ((kOneQ16 - symbol.volatility_q16) >> 8) + shock;
  symbol.volatility_q16 = std::clamp(symbol.volatility_q16, kVolatilityMinQ16, kVolatilityMaxQ16);
}

int32_t MarketModel::draw_shares() {
  const uint64_t kind = trade_random_.below(100);
  if (kind < 50) return 100;
  if (kind < 67) return static_cast<int32_t>(trade_random_.between(2, 5)) * 100;
  if (kind < 74) return static_cast<int32_t>(trade_random_.between(6, 50)) * 100;
  if (kind < 75) return static_cast<int32_t>(trade_random_.between(10, 200)) * 1'000;
  return static_cast<int32_t>(trade_random_.between(1, 99));
}

void MarketModel::trade(uint32_t index, int64_t time) {
  Symbol& symbol = symbols_[index];
  const Best now = best(symbol);
  SimulatedTrade& trade = event_.trade.emplace();
  trade.ts_event = time;
  trade.symbol = index;
  trade.id = symbol.next_id++;
  trade.shares = draw_shares();
  if (trade_random_.below(10) < 3) symbol.buying = !symbol.buying;
  trade.side = symbol.buying ? Side::buy : Side::sell;
  trade.price_ticks = symbol.buying ? now.ask_ticks : now.bid_ticks;
  trade.venue = static_cast<uint8_t>(trade_random_.below(std::size(kVenues)));
  if (trade.venue == kOffExchange) {
    trade.side = Side::unknown;
    trade.price_ticks = trade_random_.between(now.bid_ticks, now.ask_ticks);
  }
  if (trade.shares < 100) {
    trade.condition = Condition::odd_lot;
  } else if (trade_random_.below(25) == 0) {
    trade.condition = Condition::sweep;
  }
  move(symbol, trade_random_);
}

void MarketModel::quote(uint32_t index, int64_t time, bool at_best) {
  const Best now = best(symbols_[index]);
  SimulatedQuote& quote = event_.quote.emplace();
  quote.ts_event = time;
  quote.symbol = index;
  quote.venue = static_cast<uint8_t>(quote_random_.below(kOffExchange));
  // A venue that is not at the best price stands a tick or two behind it.
  const uint64_t behind = at_best ? 0 : quote_random_.below(16);
  quote.bid_ticks = std::max<int64_t>(1, now.bid_ticks - (behind == 1 || behind == 3 ? 1 : behind == 5 ? 2 : 0));
  quote.ask_ticks = now.ask_ticks + (behind == 2 || behind == 3 ? 1 : behind == 6 ? 2 : 0);
  quote.bid_shares = static_cast<int32_t>(quote_random_.between(1, 20)) * 100;
  quote.ask_shares = static_cast<int32_t>(quote_random_.between(1, 20)) * 100;
}

const MarketEvent& MarketModel::next() {
  event_.trade.reset();
  event_.quote.reset();
  if (options_.quotes && quote_time_ < trade_time_) {
    event_.time = Timestamp{quote_time_};
    const uint32_t index = pick_symbol(quote_random_);
    if (!halted(index, quote_time_)) quote(index, quote_time_, false);
    const Uint128 gap = (Uint128{quote_random_.exponential_q32()} * static_cast<uint64_t>(gap_ns_)) >> 32;
    quote_time_ += 1 + static_cast<int64_t>(gap) / kQuotesPerTrade;
    return event_;
  }

  const uint32_t index = trade_symbol_;
  event_.time = Timestamp{trade_time_};
  if (!halted(index, trade_time_)) {
    trade(index, trade_time_);
    if (options_.quotes) quote(index, trade_time_, true);
  }
  if (!trade_random_.chance(kSweepContinues)) {
    // The sweeps' trades cost no time: the others' gaps are longer by as much, so that the rate stays what was asked.
    const auto mean = static_cast<uint64_t>(mean_gap_ns(trade_time_));
    const Uint128 gap = (Uint128{trade_random_.exponential_q32()} * mean) >> 32;
    trade_time_ += 1 + static_cast<int64_t>(gap * 16 / 15);
    trade_symbol_ = pick_symbol(trade_random_);
  }
  return event_;
}

std::string simulated_symbol(uint32_t index) {
  PENSTOCK_ASSERT(index < kSimulatedSymbolsMax);
  constexpr char kVowels[] = "AEIOU";
  // Consonant, vowel, consonant, vowel, consonant. The last is none of the letters that mark funds, foreign shares,
  // warrants, rights or preferred shares, which are what real five-letter symbols are.
  constexpr char kFirst[] = "BDHKLMRTVZ";
  constexpr char kMiddle[] = "BDKLMRSTVZ";
  constexpr char kLast[] = "BDHKLMNTVZ";
  constexpr uint32_t kNames = 10 * 5 * 10 * 5 * 10;
  uint32_t code = (index % kNames * 7'919 + 11'243) % kNames;  // coprime: each index has its own name
  std::string name(5, ' ');
  name[4] = kLast[code % 10];
  code /= 10;
  name[3] = kVowels[code % 5];
  code /= 5;
  name[2] = kMiddle[code % 10];
  code /= 10;
  name[1] = kVowels[code % 5];
  code /= 5;
  name[0] = kFirst[code % 10];
  if (index >= kNames) name += kVowels[index / kNames - 1];
  return name;
}

}  // namespace penstock::feed

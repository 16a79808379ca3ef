#include "feed/simulated/simulated_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <thread>

#include "feed/simulated/market_model.h"
#include "market/schema.h"

namespace penstock::feed {
namespace {

using market::QuoteColumn;
using market::TradeColumn;

constexpr Timestamp kStart{1'710'509'400 * kSecond.ns};  // 2024-03-15T13:30:00Z

class Prepared final : public PreparedChunk {
 public:
  explicit Prepared(Chunk&& c) : chunk(std::move(c)) {}
  Chunk chunk;
};

// Keeps every chunk; asks for a stop after `stop_after`.
class Collector final : public Emitter {
 public:
  Result<std::unique_ptr<PreparedChunk>> prepare(Chunk&& chunk) override {
    return std::make_unique<Prepared>(std::move(chunk));
  }
  Status publish(std::unique_ptr<PreparedChunk> chunk) override {
    std::lock_guard lock(mutex_);
    chunks.push_back(std::move(dynamic_cast<Prepared&>(*chunk).chunk));
    changed_.notify_all();
    if (chunks.size() == stop_after) stop.request_stop();
    return {};
  }
  // Waits for chunk `index` and gives its mark.
  Timestamp await_mark(size_t index) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return chunks.size() > index; });
    return chunks[index].marks[0].time;
  }

  std::vector<Chunk> chunks;  // read by the test when no one writes
  size_t stop_after = 0;
  std::stop_source stop;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

struct Trade {
  std::string symbol;
  int64_t ts_event = 0;
  int64_t id = 0;
  int64_t arrival = 0;  // its place among all trades
  auto operator<=>(const Trade&) const = default;
};

class SimulatedSourceTest : public testing::Test {
 protected:
  // A quick market of an hour, bounded and seeded.
  static SimulatedOptions hour() {
    SimulatedOptions options;
    options.pace.reset();
    options.start = kStart;
    options.duration = kHour;
    options.trades_per_second = 20;
    options.late_fraction = 0.01;
    options.duplicate_fraction = 0.005;
    return options;
  }

  std::vector<Chunk> run(const SimulatedOptions& options, uint64_t position = 0) {
    auto source = make_simulated_source(options, symbols_, clock_);
    EXPECT_TRUE(source.has_value()) << source.error().message;
    Collector collector;
    const Status status = (*source)->run(position, collector, collector.stop.get_token());
    EXPECT_TRUE(status.has_value()) << status.error().message;
    return std::move(collector.chunks);
  }

  std::string print(const Chunk& chunk) const {
    std::string out = fmt::format("output {} to {}", chunk.output, chunk.position_end);
    for (const TimeMark& mark : chunk.marks) out += fmt::format(" mark {}", mark.time.ns);
    for (size_t row = 0; row < chunk.rows.rows; ++row) {
      out += '\n';
      for (size_t c = 0; c < chunk.rows.columns.size(); ++c) {
        const auto value = market::value_text(chunk.rows.columns[c], row, symbols_);
        // What takes a trade back is printed where there is any.
        if (value || c < TradeColumn::tape) out += value.value_or("null") + ' ';
      }
    }
    return out;
  }
  std::string print(const std::vector<Chunk>& chunks) const {
    std::string out;
    for (const Chunk& chunk : chunks) out += print(chunk) + '\n';
    return out;
  }

  std::vector<Trade> trades(const std::vector<Chunk>& chunks) const {
    std::vector<Trade> out;
    for (const Chunk& chunk : chunks) {
      if (chunk.output != 0) continue;
      const auto& columns = chunk.rows.columns;
      for (size_t row = 0; row < chunk.rows.rows; ++row) {
        out.push_back({std::string(symbols_.text(columns[TradeColumn::symbol].codes[row])),
                       columns[TradeColumn::ts_event].i64[row], columns[TradeColumn::id].ids[row].number,
                       static_cast<int64_t>(out.size())});
      }
    }
    return out;
  }

  std::string error_of(const SimulatedOptions& options) {
    const auto source = make_simulated_source(options, symbols_, clock_);
    return source ? "no error" : source.error().message;
  }

  market::SymbolTable symbols_;
  ManualClock clock_{Timestamp{1'800'000'000 * kSecond.ns}};
};

TEST_F(SimulatedSourceTest, TheSameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  SimulatedOptions options = hour();
  options.quotes = true;
  const std::string first = print(run(options));
  EXPECT_EQ(first, print(run(options)));
  options.seed = 2;
  EXPECT_NE(first, print(run(options)));
}

// What a seed gives may never change between machines, compilers or versions: golden files rest on it.
TEST_F(SimulatedSourceTest, TheStreamOfASeedIsPinned) {
  SimulatedOptions options = hour();
  options.quotes = true;
  uint64_t hash = 0xcbf2'9ce4'8422'2325u;  // FNV-1a
  for (const char c : print(run(options))) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3u;
  EXPECT_EQ(fmt::format("{:016x}", hash), "0bf255c22a99498e");
}

TEST_F(SimulatedSourceTest, TradesAreTheSameWithAndWithoutQuotes) {
  SimulatedOptions options = hour();
  const std::vector<Trade> without = trades(run(options));
  options.quotes = true;
  EXPECT_EQ(without, trades(run(options)));
}

TEST_F(SimulatedSourceTest, ResumingAtAnyPositionGivesTheRestOfTheSameStream) {
  SimulatedOptions options = hour();
  options.quotes = true;
  options.duration = Duration{20 * kMinute.ns};
  const std::vector<Chunk> whole = run(options);
  ASSERT_GT(whole.size(), 10u);
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(whole[i].position_end, i + 1);
    const std::vector<Chunk> rest = run(options, whole[i].position_end);
    ASSERT_EQ(rest.size(), whole.size() - i - 1);
    if (!rest.empty()) {
      EXPECT_EQ(print(rest.front()), print(whole[i + 1]));
      EXPECT_EQ(print(rest.back()), print(whole.back()));
    }
  }
}

TEST_F(SimulatedSourceTest, ChunksAreBoundedAndTheLastEndsTheSource) {
  SimulatedOptions options = hour();
  options.quotes = true;
  const std::vector<Chunk> chunks = run(options);
  for (size_t i = 0; i + 1 < chunks.size(); i += 2) {
    EXPECT_EQ(chunks[i].output, 0u);
    EXPECT_EQ(chunks[i + 1].output, 1u);
    EXPECT_LE(chunks[i].rows.rows + chunks[i + 1].rows.rows, kSimulatedChunkRowsMax + 1);
    EXPECT_EQ(chunks[i].marks[0].time == Timestamp::max(), i + 2 == chunks.size());
  }
  EXPECT_EQ(chunks.back().marks[0].time, Timestamp::max());
}

TEST_F(SimulatedSourceTest, NothingButLateTradesComesBehindAMark) {
  SimulatedOptions options = hour();
  options.quotes = true;
  size_t late = 0;
  std::array<Timestamp, 2> mark{Timestamp::min(), Timestamp::min()};
  for (const Chunk& chunk : run(options)) {
    const auto& times = chunk.rows.columns[chunk.output == 0 ? +TradeColumn::ts_event : +QuoteColumn::ts_event].i64;
    for (const int64_t time : times) late += time < mark[chunk.output].ns ? 1u : 0u;
    if (chunk.output == 1) {
      EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
    }
    ASSERT_EQ(chunk.marks.size(), 1u);
    EXPECT_LE(mark[chunk.output], chunk.marks[0].time);
    mark[chunk.output] = chunk.marks[0].time;
  }
  EXPECT_GT(late, 0u);  // some, since chunks are cut between a late trade and where it belonged
  options.late_fraction = 0;
  options.duplicate_fraction = 0;
  mark.fill(Timestamp::min());
  for (const Chunk& chunk : run(options)) {
    for (const int64_t time :
         chunk.rows.columns[chunk.output == 0 ? +TradeColumn::ts_event : +QuoteColumn::ts_event].i64) {
      EXPECT_GE(time, mark[chunk.output].ns);
    }
    mark[chunk.output] = chunk.marks[0].time;
  }
}

TEST_F(SimulatedSourceTest, LateTradesAndDuplicatesComeAsOftenAsAsked) {
  const std::vector<Trade> all = trades(run(hour()));
  std::set<std::pair<std::string, int64_t>> seen;
  double duplicates = 0;
  double behind = 0;
  double far_behind = 0;
  int64_t newest = 0;
  for (const Trade& trade : all) {
    if (!seen.insert({trade.symbol, trade.id}).second) {
      ++duplicates;
      continue;
    }
    if (trade.ts_event < newest) ++behind;
    if (trade.ts_event < newest - 2 * kSecond.ns) ++far_behind;
    newest = std::max(newest, trade.ts_event);
  }
  const auto count = static_cast<double>(seen.size());
  EXPECT_NEAR(count, 72'000 * 1.4, 72'000 * 0.1);  // the first hour of a session is busier than its average
  EXPECT_NEAR(duplicates / count, 0.005, 0.0015);
  EXPECT_NEAR(behind / count, 0.01, 0.002);
  EXPECT_NEAR(far_behind / count, 0.0025, 0.001);
}

// Each cancel and correction as text, in the order of their trades' ids.
std::multiset<std::string> taken_back(const std::vector<Chunk>& chunks, const market::SymbolTable& symbols) {
  std::multiset<std::string> events;
  for (const Chunk& chunk : chunks) {
    const auto& columns = chunk.rows.columns;
    for (size_t row = 0; row < chunk.rows.rows; ++row) {
      if (columns[TradeColumn::action].is_null(row)) continue;
      EXPECT_TRUE(columns[TradeColumn::id].is_null(row));
      std::string text;
      for (const size_t column :
           {TradeColumn::symbol, TradeColumn::action, TradeColumn::ref_id, TradeColumn::price, TradeColumn::size}) {
        text += market::value_text(columns[column], row, symbols).value_or("null") + ' ';
      }
      events.insert(text);
    }
  }
  return events;
}

TEST_F(SimulatedSourceTest, CancelsAndCorrectionsFollowTheirTradesWhateverElseGoesWrong) {
  SimulatedOptions options = hour();
  options.late_fraction = options.duplicate_fraction = 0;
  options.cancel_fraction = 0.01;
  options.correct_fraction = 0.02;
  const auto in_order = run(options);
  options.late_fraction = 0.1;
  options.duplicate_fraction = 0.1;
  const auto disturbed = run(options);
  const auto events = taken_back(in_order, symbols_);
  EXPECT_EQ(events, taken_back(disturbed, symbols_));
  size_t records = 0;
  std::set<std::pair<std::string, int64_t>> seen;
  for (const Chunk& chunk : disturbed) {
    const auto& columns = chunk.rows.columns;
    records += chunk.rows.rows;
    for (size_t row = 0; row < chunk.rows.rows; ++row) {
      const std::string symbol(symbols_.text(columns[TradeColumn::symbol].codes[row]));
      if (columns[TradeColumn::action].is_null(row)) {
        seen.emplace(symbol, columns[TradeColumn::id].ids[row].number);
      } else {
        EXPECT_TRUE(seen.contains({symbol, columns[TradeColumn::ref_id].ids[row].number})) << "before its trade";
      }
    }
  }
  EXPECT_NEAR(static_cast<double>(events.size()) / static_cast<double>(records), 0.03, 0.01);
}

TEST_F(SimulatedSourceTest, IdsOfASymbolAreContiguousInEventTime) {
  std::map<std::string, std::vector<Trade>> by_symbol;
  for (const Trade& trade : trades(run(hour()))) by_symbol[trade.symbol].push_back(trade);
  EXPECT_EQ(by_symbol.size(), 20u);
  for (auto& [symbol, of_symbol] : by_symbol) {
    std::stable_sort(of_symbol.begin(), of_symbol.end(), [](const Trade& a, const Trade& b) { return a.id < b.id; });
    int64_t id = 0;
    int64_t time = 0;
    for (const Trade& trade : of_symbol) {
      EXPECT_TRUE(trade.id == id || trade.id == id + 1) << symbol << " " << trade.id;
      EXPECT_GE(trade.ts_event, time);
      id = trade.id;
      time = trade.ts_event;
    }
  }
}

TEST_F(SimulatedSourceTest, VolumeIsUShapedOverASession) {
  SimulatedOptions options = hour();
  options.duration = kSimulatedSession;
  options.trades_per_second = 5;
  std::array<double, 13> half_hours{};
  for (const Trade& trade : trades(run(options))) {
    const int64_t half_hour = (trade.ts_event - kStart.ns) / (30 * kMinute.ns);
    ASSERT_LT(half_hour, 13);
    ++half_hours[static_cast<size_t>(half_hour)];
  }
  EXPECT_GT(half_hours[0], 2 * half_hours[6]);
  EXPECT_GT(half_hours[12], 2 * half_hours[6]);
  for (size_t i = 1; i + 1 < half_hours.size(); ++i) EXPECT_LT(half_hours[i], half_hours[0]);
  double total = 0;
  for (const double count : half_hours) total += count;
  EXPECT_NEAR(total / (5.0 * 23'400), 1.0, 0.03);
}

TEST_F(SimulatedSourceTest, ABusySymbolTradesMoreThanAQuietOne) {
  std::map<std::string, int> count;
  for (const Trade& trade : trades(run(hour()))) ++count[trade.symbol];
  EXPECT_NEAR(static_cast<double>(count[simulated_symbol(0)]) / count[simulated_symbol(1)], 2.0, 0.2);
  EXPECT_NEAR(static_cast<double>(count[simulated_symbol(0)]) / count[simulated_symbol(9)], 10.0, 1.5);
}

TEST_F(SimulatedSourceTest, PricesAreOnTheTickGridAndPlausibleAndBidIsBelowAsk) {
  SimulatedOptions options = hour();
  options.duration = Duration{10 * kSimulatedSession.ns};
  options.trades_per_second = 3;
  options.quotes = true;
  std::map<uint32_t, std::pair<int64_t, int64_t>> range;
  for (const Chunk& chunk : run(options)) {
    const auto& columns = chunk.rows.columns;
    for (size_t row = 0; row < chunk.rows.rows; ++row) {
      if (chunk.output == 0) {
        const int64_t price = columns[TradeColumn::price].i64[row];
        EXPECT_GT(price, 0);
        EXPECT_EQ(price % kTickUnits, 0);
        EXPECT_GT(columns[TradeColumn::size].i64[row], 0);
        auto& [low, high] = range.try_emplace(columns[TradeColumn::symbol].codes[row], price, price).first->second;
        low = std::min(low, price);
        high = std::max(high, price);
      } else {
        const int64_t bid = columns[QuoteColumn::bid].i64[row];
        const int64_t ask = columns[QuoteColumn::ask].i64[row];
        EXPECT_GT(bid, 0);
        EXPECT_LT(bid, ask);
        EXPECT_EQ(bid % kTickUnits, 0);
        EXPECT_EQ(ask % kTickUnits, 0);
      }
    }
  }
  ASSERT_EQ(range.size(), 20u);
  for (const auto& [symbol, low_high] : range) {
    // Ten sessions of 1 to 3 % each: they move, and do not run away.
    EXPECT_GT(low_high.second, low_high.first + low_high.first / 100) << symbols_.text(symbol);
    EXPECT_LT(low_high.second, 2 * low_high.first) << symbols_.text(symbol);
  }
}

TEST_F(SimulatedSourceTest, TradesTakeThePricesThatWereQuoted) {
  MarketOptions options{.trades_per_million_seconds = 20'000'000, .start = kStart, .quotes = true};
  MarketModel model(options);
  std::map<uint32_t, SimulatedQuote> left_behind;  // by each symbol's last trade
  for (int i = 0; i < 20'000;) {
    const MarketEvent& event = model.next();
    if (!event.trade) continue;
    ++i;
    ASSERT_TRUE(event.quote);
    const auto before = left_behind.find(event.trade->symbol);
    if (before != left_behind.end()) {
      EXPECT_GE(event.trade->price_ticks, before->second.bid_ticks);
      EXPECT_LE(event.trade->price_ticks, before->second.ask_ticks);
      if (event.trade->side == Side::buy) {
        EXPECT_EQ(event.trade->price_ticks, before->second.ask_ticks);
      }
      if (event.trade->side == Side::sell) {
        EXPECT_EQ(event.trade->price_ticks, before->second.bid_ticks);
      }
    }
    left_behind[event.trade->symbol] = *event.quote;
  }
}

TEST_F(SimulatedSourceTest, MostSizesAreRoundLotsAndOddLotsAreMarked) {
  double round = 0;
  double odd = 0;
  for (const Chunk& chunk : run(hour())) {
    const auto& columns = chunk.rows.columns;
    for (size_t row = 0; row < chunk.rows.rows; ++row) {
      const int64_t shares = columns[TradeColumn::size].i64[row] / 100'000'000;
      const bool marked =
          !columns[TradeColumn::conditions].is_null(row) && columns[TradeColumn::conditions].text[row] == "I";
      EXPECT_EQ(shares < 100, marked);
      ++(shares % 100 == 0 ? round : odd);
    }
  }
  EXPECT_NEAR(odd / (odd + round), 0.25, 0.01);
}

TEST_F(SimulatedSourceTest, AHaltedSymbolNeitherTradesNorQuotesAndTheOthersGoOn) {
  SimulatedOptions options = hour();
  options.symbols = {"AAA", "BBB"};
  options.quotes = true;
  options.halts = {{"AAA", Duration{10 * kMinute.ns}, Duration{5 * kMinute.ns}}};
  const int64_t begin = kStart.ns + 10 * kMinute.ns;
  const int64_t end = begin + 5 * kMinute.ns;
  std::map<std::string_view, int> in_halt;
  int after = 0;
  for (const Chunk& chunk : run(options)) {
    const auto& columns = chunk.rows.columns;
    const auto& times = columns[chunk.output == 0 ? +TradeColumn::ts_event : +QuoteColumn::ts_event].i64;
    for (size_t row = 0; row < chunk.rows.rows; ++row) {
      const std::string_view symbol = symbols_.text(columns[TradeColumn::symbol].codes[row]);
      if (begin <= times[row] && times[row] < end) ++in_halt[symbol];
      if (times[row] >= end && symbol == "AAA") ++after;
    }
  }
  EXPECT_EQ(in_halt["AAA"], 0);
  EXPECT_GT(in_halt["BBB"], 1'000);
  EXPECT_GT(after, 1'000);
}

TEST_F(SimulatedSourceTest, APacedMarketFollowsTheClockInTheSameChunks) {
  SimulatedOptions options = hour();
  options.duration = kSecond;
  options.pace = 2;
  auto source = make_simulated_source(options, symbols_, clock_);
  ASSERT_TRUE(source);
  Collector collector;
  std::jthread thread([&] { EXPECT_TRUE((*source)->run(0, collector, collector.stop.get_token())); });
  for (size_t i = 1; i <= 10; ++i) {  // a second at twice the pace is ten slices of 50 ms on the clock
    clock_.await_waiter();
    EXPECT_EQ(collector.chunks.size(), i - 1);
    clock_.advance(kSimulatedSlice);
    EXPECT_EQ(collector.await_mark(i - 1), kStart + Duration{static_cast<int64_t>(i) * 100 * kMillisecond.ns});
  }
  thread.join();
  ASSERT_EQ(collector.chunks.size(), 11u);
  EXPECT_EQ(collector.chunks.back().marks[0].time, Timestamp::max());

  // Resumed on a clock that stands elsewhere, the rest is the same and needs only its own time.
  Collector rest;
  std::jthread resumed([&] { EXPECT_TRUE((*source)->run(8, rest, rest.stop.get_token())); });
  for (size_t i = 1; i <= 2; ++i) {
    clock_.await_waiter();
    clock_.advance(kSimulatedSlice);
    rest.await_mark(i - 1);
  }
  resumed.join();
  ASSERT_EQ(rest.chunks.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(print(rest.chunks[i]), print(collector.chunks[8 + i]));
}

TEST_F(SimulatedSourceTest, ALiveMarketIsAnchoredAtTheClockAndRestartsThereWithNewIds) {
  SimulatedOptions options = hour();
  options.start.reset();
  options.duration = Duration{100 * kMillisecond.ns};
  options.pace = 1;
  options.trades_per_second = 1'000;
  options.late_fraction = 0;
  options.duplicate_fraction = 0;
  auto source = make_simulated_source(options, symbols_, clock_);
  ASSERT_TRUE(source);
  EXPECT_FALSE((*source)->deterministic());
  EXPECT_TRUE((*source)->simulated());
  std::set<std::pair<std::string, int64_t>> ids;
  size_t count = 0;
  uint64_t position = 0;
  for (int life = 0; life < 2; ++life) {
    const Timestamp begin = clock_.now();
    Collector collector;
    std::jthread thread([&] { EXPECT_TRUE((*source)->run(position, collector, collector.stop.get_token())); });
    for (size_t i = 1; i <= 2; ++i) {
      clock_.await_waiter();
      clock_.advance(kSimulatedSlice);
      collector.await_mark(i - 1);
    }
    thread.join();
    for (const Chunk& chunk : collector.chunks) {
      EXPECT_EQ(chunk.position_end, ++position);
      const auto& columns = chunk.rows.columns;
      for (size_t row = 0; row < chunk.rows.rows; ++row) {
        EXPECT_GE(columns[TradeColumn::ts_event].i64[row], begin.ns);
        EXPECT_LE(columns[TradeColumn::ts_event].i64[row], columns[TradeColumn::ts_recv].i64[row]);
        EXPECT_LE(columns[TradeColumn::ts_recv].i64[row] - columns[TradeColumn::ts_event].i64[row], kSimulatedSlice.ns);
      }
    }
    for (const Trade& trade : trades(collector.chunks)) ids.insert({trade.symbol, trade.id});
    count += trades(collector.chunks).size();
  }
  EXPECT_GT(count, 50u);
  EXPECT_EQ(ids.size(), count);
}

TEST_F(SimulatedSourceTest, AStopEndsAMarketWithoutEndAndWithoutAnEndMark) {
  SimulatedOptions options = hour();
  options.duration.reset();
  auto source = make_simulated_source(options, symbols_, clock_);
  ASSERT_TRUE(source);
  Collector collector;
  collector.stop_after = 3;
  EXPECT_TRUE((*source)->run(0, collector, collector.stop.get_token()));
  ASSERT_EQ(collector.chunks.size(), 3u);
  EXPECT_LT(collector.chunks.back().marks[0].time, Timestamp::max());
}

TEST_F(SimulatedSourceTest, AStopWakesAPacedMarketThatWaits) {
  SimulatedOptions options = hour();
  options.pace = 1;
  auto source = make_simulated_source(options, symbols_, clock_);
  ASSERT_TRUE(source);
  Collector collector;
  std::jthread thread([&] { EXPECT_TRUE((*source)->run(0, collector, collector.stop.get_token())); });
  clock_.await_waiter();
  collector.stop.request_stop();
  thread.join();
  EXPECT_TRUE(collector.chunks.empty());
}

TEST_F(SimulatedSourceTest, AVeryQuietMarketThatNoOneStopsEndsWithTime) {
  SimulatedOptions options = hour();
  options.duration.reset();
  options.trades_per_second = 0.001;
  options.start = Timestamp{7'258'000'000 * kSecond.ns};  // the last days of 2199
  const std::vector<Chunk> chunks = run(options);
  EXPECT_EQ(chunks.back().marks[0].time, Timestamp::max());
  EXPECT_GT(trades(chunks).size(), 50u);
}

TEST_F(SimulatedSourceTest, OptionsOutOfRangeAreNamed) {
  SimulatedOptions options = hour();
  options.symbol_count = 0;
  EXPECT_THAT(error_of(options), testing::HasSubstr("1 to 100000 symbols, not 0"));
  options = hour();
  options.symbol_count = 100'001;
  EXPECT_THAT(error_of(options), testing::HasSubstr("not 100001"));
  options = hour();
  options.symbols = {"A", "B", "A"};
  EXPECT_THAT(error_of(options), testing::HasSubstr("`A` is stated twice"));
  options = hour();
  options.symbols = {""};
  EXPECT_THAT(error_of(options), testing::HasSubstr("symbol is empty"));
  options = hour();
  options.trades_per_second = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(error_of(options), testing::HasSubstr("trades_per_second"));
  options = hour();
  options.pace = 0;
  EXPECT_THAT(error_of(options), testing::HasSubstr("pace"));
  options = hour();
  options.start.reset();
  options.pace = 1'000;
  options.trades_per_second = 2'000;
  EXPECT_THAT(error_of(options), testing::HasSubstr("or state a start"));
  options = hour();
  options.late_fraction = 1.5;
  EXPECT_THAT(error_of(options), testing::HasSubstr("late_fraction"));
  options = hour();
  options.duration = Duration{0};
  EXPECT_THAT(error_of(options), testing::HasSubstr("duration"));
  options = hour();
  options.start = Timestamp::max();
  EXPECT_THAT(error_of(options), testing::HasSubstr("starts between 1970 and 2200"));
  options = hour();
  options.halts = {{"NONE", kMinute, kMinute}};
  EXPECT_THAT(error_of(options), testing::HasSubstr("`NONE`"));
}

TEST(SimulatedSymbol, NamesAreDistinct) {
  std::set<std::string> names;
  for (uint32_t i = 0; i < kSimulatedSymbolsMax; ++i) names.insert(simulated_symbol(i));
  EXPECT_EQ(names.size(), kSimulatedSymbolsMax);
}

TEST(Random, TheDistributionsHaveTheMomentsTheyClaim) {
  Random random(7);
  constexpr int kDraws = 1'000'000;
  double exponential = 0;
  double exponential_square = 0;
  double normal = 0;
  double normal_square = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double e = static_cast<double>(random.exponential_q32()) / 4'294'967'296.0;
    exponential += e;
    exponential_square += e * e;
    const double n = static_cast<double>(random.normal_q16()) / 65'536.0;
    normal += n;
    normal_square += n * n;
  }
  EXPECT_NEAR(exponential / kDraws, 1.0, 0.005);
  EXPECT_NEAR(exponential_square / kDraws, 2.0, 0.03);
  EXPECT_NEAR(normal / kDraws, 0.0, 0.005);
  EXPECT_NEAR(normal_square / kDraws, 1.0, 0.01);
  EXPECT_EQ(integer_sqrt(99), 9u);
  EXPECT_EQ(integer_sqrt(100), 10u);
  EXPECT_EQ(integer_sqrt(std::numeric_limits<uint64_t>::max()), 0xffff'ffffu);
}

}  // namespace
}  // namespace penstock::feed

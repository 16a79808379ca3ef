// Each rule against its definition written out over the whole history, on random trades, in one call, in single rows,
// and over restarts.
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "stream/checks/checks_testing.h"

namespace penstock::stream::testing {
namespace {

struct Trade {
  std::string symbol;
  std::optional<std::string> venue;
  std::optional<std::string> id;
  int64_t ts = 0;
  int64_t price = 0;
};

constexpr int64_t kStart = 1'704'205'800'000'000'000;

std::vector<Trade> random_trades(std::mt19937_64& random, size_t count) {
  std::vector<Trade> trades;
  std::map<std::string, int64_t> prices;
  std::map<std::string, int64_t> ids;
  int64_t now = kStart;
  for (size_t i = 0; i < count; ++i) {
    Trade trade;
    trade.symbol = std::string(1, static_cast<char>('A' + random() % 3));
    if (random() % 10 != 0) trade.venue = std::string(1, static_cast<char>('X' + random() % 3));
    // Mostly steps below a second, now and then a pause; times that repeat and go back.
    now += random() % 40 == 0 ? static_cast<int64_t>(random() % 90) * kSecond.ns
                              : static_cast<int64_t>(random() % 900) * kMillisecond.ns;
    trade.ts = now - (random() % 12 == 0 ? static_cast<int64_t>(random() % 5000) * kMillisecond.ns : 0);
    int64_t& price = prices[trade.symbol];
    if (price == 0 || random() % 60 == 0) price = static_cast<int64_t>(1 + random() % 80) * 1'000'000'000;
    price += (static_cast<int64_t>(random() % 5) - 2) * 10'000'000;
    if (price <= 0) price = 10'000'000;
    trade.price = price;
    if (random() % 15 == 0) trade.price = price * static_cast<int64_t>(90 + random() % 21) / 100;
    if (random() % 90 == 0) trade.price = static_cast<int64_t>(random() % 3) - 1;
    int64_t& id = ids[trade.symbol + trade.venue.value_or("-")];
    id += random() % 9 == 0 ? static_cast<int64_t>(random() % 4) : 1;
    if (random() % 15 != 0) trade.id = random() % 30 == 0 ? "t" + std::to_string(random() % 9) : std::to_string(id);
    trades.push_back(trade);
  }
  return trades;
}

TextRow row_of(const Trade& trade, size_t number) {
  return {{"symbol", trade.symbol},
          {"venue", trade.venue},
          {"id", trade.id},
          {"ts_event", format_rfc3339(Timestamp{trade.ts})},
          {"price", market::format_decimal(trade.price, market::kPriceScale)},
          {"size", "1"},
          {"conditions", std::to_string(number)}};
}

Int128 magnitude(Int128 value) { return value < 0 ? -value : value; }

// Each definition: which trades fail. `before` has what came before of the symbol, in order.
using Found = std::set<std::pair<std::string, size_t>>;

class Naive {
 public:
  explicit Naive(const std::vector<Trade>& trades) : trades_(trades) {
    for (size_t i = 0; i < trades.size(); ++i) {
      judge(i);
      by_symbol_[trades[i].symbol].push_back(i);
    }
  }
  Found found;

 private:
  void note(const char* rule, size_t i) { found.emplace(rule, i); }

  void judge(size_t i) {
    const Trade& trade = trades_[i];
    const std::vector<size_t>& before = by_symbol_[trade.symbol];
    gap_and_duplicate(trade, before, i);
    int64_t newest = INT64_MIN;
    for (const size_t j : before) newest = std::max(newest, trades_[j].ts);
    if (newest != INT64_MIN && newest - trade.ts > kSecond.ns) note("order", i);
    stale(trade, before, newest, i);
    outlier(trade, before, i);
    erroneous(trade, i);
    luld(trade, std::max(newest, trade.ts), i);
    cross_source(trade, before, i);
  }

  void gap_and_duplicate(const Trade& trade, const std::vector<size_t>& before, size_t i) {
    if (!trade.id) return;
    bool seen = false;
    int64_t greatest = -1;
    for (const size_t j : before) {
      const Trade& other = trades_[j];
      if (other.venue != trade.venue || !other.id) continue;
      seen = seen || *other.id == *trade.id;
      if (other.id->front() != 't') greatest = std::max<int64_t>(greatest, std::stoll(*other.id));
    }
    if (seen) note("dup", i);
    if (trade.id->front() == 't' || greatest < 0) return;
    if (std::stoll(*trade.id) > greatest + 1) note("gap", i);
  }

  void stale(const Trade& trade, const std::vector<size_t>& before, int64_t newest, size_t i) {
    // The gaps of the symbol so far, each cut at the bound of its time. All in all less than eight hours.
    Int128 squares = 0;
    Int128 sum = 0;
    const auto bound = [&] {
      const Int128 usual = sum == 0 ? Int128{0} : squares / sum;
      return std::max(Int128{5 * kSecond.ns}, usual * 3'000'000 / 1'000'000);
    };
    int64_t last = INT64_MIN;
    for (const size_t j : before) {
      const int64_t ts = trades_[j].ts;
      if (ts <= last) continue;
      if (last != INT64_MIN) {
        const Int128 gap = std::min(Int128{ts} - last, bound());
        squares += gap * gap;
        sum += gap;
      }
      last = ts;
    }
    if (newest != INT64_MIN && trade.ts > newest && Int128{trade.ts} - newest > bound()) note("stale", i);
  }

  void outlier(const Trade& trade, const std::vector<size_t>& before, size_t i) {
    constexpr size_t kWindow = 8;
    if (before.size() < kWindow) return;
    std::vector<Int128> prices;
    for (size_t k = before.size() - kWindow; k < before.size(); ++k) prices.push_back(2 * trades_[before[k]].price);
    const auto median = [](std::vector<Int128> values) {
      std::ranges::sort(values);
      return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;  // all are even
    };
    // Everything times 4, so that halves of halves are whole.
    for (Int128& price : prices) price *= 2;
    const Int128 middle = median(prices);
    std::vector<Int128> distances;
    for (const Int128 price : prices) distances.push_back(magnitude(price - middle));
    const Int128 deviation = median(distances);
    const Int128 off = magnitude(4 * Int128{trade.price} - middle);
    if (deviation != 0 ? 2 * off > 7 * deviation : 1000 * off > 5 * magnitude(middle)) note("mad", i);
  }

  void erroneous(const Trade& trade, size_t i) {
    auto& [last, row] = sales_[trade.symbol];
    const auto width = [](Int128 price) {
      return price <= 25'000'000'000 ? Int128{10} : price <= 50'000'000'000 ? Int128{5} : Int128{3};
    };
    const auto near = [&](Int128 price, Int128 reference) {
      return reference > 0 && 100 * magnitude(price - reference) <= width(reference) * reference;
    };
    if (last <= 0) {
      if (trade.price > 0) last = trade.price;
      return;
    }
    if (near(trade.price, last)) {
      last = trade.price;
      row.clear();
      return;
    }
    note("erroneous", i);
    if (!row.empty() && !near(trade.price, row.back())) row.clear();
    row.push_back(trade.price);
    if (row.size() >= 3 && trade.price > 0) {
      last = trade.price;
      row.clear();
    }
  }

  void luld(const Trade& trade, int64_t newest, size_t i) {
    constexpr int64_t kPiece = 60 * kSecond.ns / 30;
    std::vector<std::pair<int64_t, int64_t>>& passed = passed_[trade.symbol];
    Int128 sum = 0;
    Int128 count = 0;
    for (const auto& [ts, price] : passed) {
      if (ts / kPiece <= newest / kPiece - 30) continue;
      sum += price;
      ++count;
    }
    if (count != 0 && 100 * magnitude(trade.price * count - sum) > 2 * sum) {
      note("luld", i);
    } else if (trade.price > 0) {
      passed.emplace_back(trade.ts, trade.price);
    }
  }

  void cross_source(const Trade& trade, const std::vector<size_t>& before, size_t i) {
    if (!trade.venue) return;
    std::map<std::string, std::pair<int64_t, int64_t>> last;  // ts, price
    for (const size_t j : before) {
      const Trade& other = trades_[j];
      if (!other.venue) continue;
      const auto [at, added] = last.try_emplace(*other.venue, other.ts, other.price);
      if (!added && other.ts >= at->second.first) at->second = {other.ts, other.price};
    }
    bool heard = false;
    bool agrees = false;
    for (const auto& [venue, said] : last) {
      const auto& [ts, price] = said;
      if (venue == *trade.venue || price <= 0 || magnitude(Int128{ts} - trade.ts) > kSecond.ns) continue;
      heard = true;
      agrees = agrees || 100 * magnitude(Int128{trade.price} - price) <= price;
    }
    if (heard && !agrees) note("cross", i);
  }

  const std::vector<Trade>& trades_;
  std::map<std::string, std::vector<size_t>> by_symbol_;
  std::map<std::string, std::pair<Int128, std::vector<Int128>>> sales_;  // the last sale, and what failed since
  std::map<std::string, std::vector<std::pair<int64_t, int64_t>>> passed_;
};

Found found_in(const std::string& everything) {
  Found found;
  const size_t begin = everything.find("quality:\n");
  std::istringstream lines(begin == std::string::npos ? "" : everything.substr(begin + 9));
  for (std::string line; std::getline(lines, line) && line.starts_with("s|");) {
    const std::string key = "\"conditions\": \"";
    const size_t at = line.find(key) + key.size();
    found.emplace(line.substr(2, line.find('|', 2) - 2), std::stoull(line.substr(at)));
  }
  return found;
}

TEST(ChecksProperty, EachRuleFindsWhatItsDefinitionFinds) {
  std::mt19937_64 random(test_seed());
  const plan::Plan plan = checks_plan(
      "gap: {gap: id}, dup: {duplicate: id, action: flag}, order: {out_of_order: 1s}, stale: {stale: 5s, factor: 3}, "
      "mad: "
      "{mad: 3.5, window: 8, floor: 0.5%}, erroneous: {erroneous: true}, luld: {luld: {band: 2%, reference: 1m}}, "
      "cross: "
      "{cross_source: 1%, within: 1s}");
  std::map<std::string, size_t> times;
  for (int round = 0; round < 25; ++round) {
    const std::vector<Trade> trades = random_trades(random, 300);
    const Naive naive(trades);
    std::vector<TextRow> rows;
    for (size_t i = 0; i < trades.size(); ++i) rows.push_back(row_of(trades[i], i));
    const std::string whole = run_in_pieces(plan, rows, rows.size(), 0);
    const Found found = found_in(whole);
    for (const auto& each : naive.found)
      EXPECT_TRUE(found.contains(each)) << round << ": " << each.first << " misses " << each.second;
    for (const auto& each : found)
      EXPECT_TRUE(naive.found.contains(each)) << round << ": " << each.first << " makes up " << each.second;
    for (const auto& each : found) ++times[each.first];
    ASSERT_EQ(run_in_pieces(plan, rows, 1, 0), whole);
    ASSERT_EQ(run_in_pieces(plan, rows, 1 + random() % 40, 1 + random() % 90, {"Z", "B"}), whole);
  }
  // A comparison of nothing with nothing would always hold.
  for (const char* rule : {"gap", "dup", "order", "stale", "mad", "erroneous", "luld", "cross"}) {
    EXPECT_GT(times[rule], 20u) << rule;
  }
}

}  // namespace
}  // namespace penstock::stream::testing

#include "market/reference.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "base/error.h"

namespace penstock::market {
namespace {

constexpr Int128 kInt128Max = static_cast<Int128>(~Uint128{0} >> 1);

Int128 power_of_ten(int exponent) {
  Int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// A ticker's time with one security.
struct Holding {
  int32_t first = kFirstDay;
  int32_t last = kLastDay;
  std::string ticker;
  std::string security;
};

// What is shown of a ticker that is known, on a day on which nobody known had it. No ticker has a question mark.
std::string unknown_name(const std::string& ticker) { return ticker + "?"; }

// The holdings of one security, ascending. A first row whose ticker the second repeats says since when it is there;
// any other row says until when, as LEAN writes both.
std::vector<Holding> holdings_of(const std::string& name, const Security& security) {
  std::vector<Holding> holdings;
  const std::vector<TickerRow>& rows = security.tickers;
  const bool has_start = rows.size() > 1 && rows[0].ticker == rows[1].ticker;
  int32_t next = has_start ? rows[0].day : kFirstDay;
  for (size_t i = has_start ? 1 : 0; i < rows.size(); ++i) {
    if (!holdings.empty() && holdings.back().ticker == rows[i].ticker) {
      holdings.back().last = rows[i].day;
    } else {
      holdings.push_back({next, rows[i].day, rows[i].ticker, name});
    }
    next = rows[i].day + 1;
  }
  return holdings;
}

class Resolver {
 public:
  explicit Resolver(const std::map<std::string, Security, std::less<>>& securities) : securities_(securities) {}

  Result<Adjustments> resolve() {
    PENSTOCK_TRY(collect());
    PENSTOCK_TRY(name_all());
    for (const auto& [ticker, holdings] : by_ticker_) add_spans(ticker, holdings);
    return std::move(out_);
  }

 private:
  // Who had each ticker when, without a gap: by_ticker_.
  Status collect() {
    for (const auto& [name, security] : securities_) {
      for (Holding& holding : holdings_of(name, security)) by_ticker_[holding.ticker].push_back(std::move(holding));
    }
    for (auto& [ticker, holdings] : by_ticker_) {
      std::ranges::sort(holdings, {}, &Holding::first);
      for (size_t i = 1; i < holdings.size(); ++i) {
        const Holding& before = holdings[i - 1];
        const Holding& after = holdings[i];
        if (after.first > before.last) continue;
        const std::string day = after.first == kFirstDay ? "before " + format_day(std::min(before.last, after.last) + 1)
                                                         : "on " + format_day(after.first);
        return fail(ErrorKind::invalid,
                    "{}: the ticker {} belongs to {} and, by {}, to {} {}: where one of them had it later, begin its "
                    "rows with the first day and the same ticker",
                    of(after).tickers_from, ticker, after.security, of(before).tickers_from, before.security, day);
      }
    }
    // A security of which only factors are known has the ticker that is its name, whenever nobody else has. The name of
    // one with tickers is known too: what was traded under it is not taken for another security without factors.
    for (const auto& [name, security] : securities_) by_ticker_[name];
    for (auto& [ticker, holdings] : by_ticker_) fill_gaps(ticker, holdings);
    return {};
  }

  void fill_gaps(const std::string& ticker, std::vector<Holding>& holdings) const {
    const auto of_name = securities_.find(ticker);
    const bool by_factors = of_name != securities_.end() && of_name->second.tickers.empty();
    std::vector<Holding> whole;
    int32_t next = kFirstDay;
    bool done = false;
    for (Holding& holding : holdings) {
      if (holding.first > next) whole.push_back({next, holding.first - 1, ticker, by_factors ? ticker : ""});
      done = holding.last == kLastDay;
      next = done ? kLastDay : holding.last + 1;
      whole.push_back(std::move(holding));
    }
    if (!done) whole.push_back({next, kLastDay, ticker, by_factors ? ticker : ""});
    holdings = std::move(whole);
  }

  // What each security is called as of each day: out_.names and last_name_.
  Status name_all() {
    for (const auto& [name, security] : securities_) {
      const size_t begin = out_.names.size();
      if (security.tickers.empty()) {
        for (const Holding& holding : by_ticker_.at(name)) {
          out_.names.push_back(
              {name, holding.first, holding.last, holding.security == name ? name : unknown_name(name)});
        }
      } else {
        for (const Holding& holding : holdings_of(name, security)) {
          out_.names.push_back({name, holding.first, holding.last, holding.ticker});
        }
        PENSTOCK_TRY(name_the_gone(name, security));
      }
      last_name_[name] = out_.names.back().symbol;
      PENSTOCK_ASSERT(out_.names.size() > begin);
    }
    return {};
  }

  // After its last row a security keeps its ticker, until another takes it; then it goes by its own name.
  Status name_the_gone(const std::string& name, const Security& security) {
    SecurityName& last = out_.names.back();
    const int32_t gone = last.last;
    last.last = kLastDay;
    for (const Holding& holding : by_ticker_.at(last.symbol)) {
      if (holding.first <= gone || holding.security.empty()) continue;
      last.last = holding.first - 1;
      const auto other = by_ticker_.find(name);
      if (other != by_ticker_.end()) {
        for (const Holding& used : other->second) {
          if (used.last <= gone || used.security.empty() || used.security == name) continue;
          return fail(ErrorKind::invalid,
                      "{}: the security {} is gone after {}, and {} has its ticker now, so that it goes by its own "
                      "name; but that is a ticker of {}: give it another name, like {}.1",
                      security.tickers_from, name, format_day(gone), holding.security, used.security, name);
        }
      }
      out_.names.push_back({name, holding.first, kLastDay, name});
      break;
    }
    return {};
  }

  void add_spans(const std::string& ticker, const std::vector<Holding>& holdings) {
    for (const Holding& holding : holdings) {
      Adjustment span{.ticker = ticker,
                      .first = holding.first,
                      .last = holding.last,
                      .security = holding.security,
                      .symbol = holding.security.empty() ? unknown_name(ticker) : last_name_.at(holding.security)};
      static const std::vector<FactorRow> none;
      bool complete = false;
      for (const FactorRow& row : holding.security.empty() ? none : of(holding).factors) {
        if (row.day < span.first) continue;
        span.last = std::min(row.day, holding.last);
        add_span(span, row.price, row.split);
        complete = span.last == holding.last;
        if (complete) break;
        span.first = span.last + 1;
      }
      if (complete) continue;
      span.last = holding.last;
      add_span(span, {}, {});
    }
  }

  // Joins the span to the one before where nothing changes.
  void add_span(Adjustment span, const Factor& price, const Factor& split) {
    span.factor = product_units(price, split);
    span.split = split.units(kSplitDigits);
    if (!out_.spans.empty()) {
      Adjustment& before = out_.spans.back();
      if (before.ticker == span.ticker && before.security == span.security && before.factor == span.factor &&
          before.split == span.split) {
        before.last = span.last;
        return;
      }
    }
    out_.spans.push_back(std::move(span));
  }

  [[nodiscard]] const Security& of(const Holding& holding) const { return securities_.find(holding.security)->second; }

  const std::map<std::string, Security, std::less<>>& securities_;
  std::map<std::string, std::vector<Holding>> by_ticker_;
  std::map<std::string, std::string> last_name_;
  Adjustments out_;
};

}  // namespace

Int128 Factor::units(int digits) const { return mantissa * power_of_ten(digits - scale); }

Int128 product_units(const Factor& a, const Factor& b) {
  Int128 product = static_cast<Int128>(a.mantissa) * b.mantissa;
  const int scale = a.scale + b.scale;
  if (scale > kFactorDigits) {
    const Int128 divisor = power_of_ten(scale - kFactorDigits);
    return product / divisor + (product % divisor * 2 >= divisor ? 1 : 0);
  }
  for (int i = scale; i < kFactorDigits; ++i) {
    if (product > kInt128Max / 10) return kInt128Max;
    product *= 10;
  }
  return product;
}

Result<Adjustments> Reference::resolve() const { return Resolver(securities_).resolve(); }

}  // namespace penstock::market

// Reference data: the splits and dividends of securities, and the tickers they traded under. Read from text, checked,
// and worked out into what holds for a ticker on a day. The files and what they mean: docs/formats/reference.md.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/int128.h"

namespace penstock::market {

// Local dates, in days since 1970-01-01; these two stand for "always was" and "for good".
inline constexpr int32_t kFirstDay = std::numeric_limits<int32_t>::min();
inline constexpr int32_t kLastDay = std::numeric_limits<int32_t>::max();

// Of dates in the files: what every Timestamp of them, and a day more, has room for.
inline constexpr int kReferenceYearMin = 1900;
inline constexpr int kReferenceYearMax = 2261;

// An exact number above 0: `mantissa` times 10^-scale, in the fewest digits. Both are at most 18.
struct Factor {
  int64_t mantissa = 1;
  int scale = 0;
  friend bool operator==(const Factor&, const Factor&) = default;
  // As a count of 10^-digits. `digits` is at least the scale, and the factor less than kFactorMax.
  [[nodiscard]] Int128 units(int digits) const;
};
// The product of both, rounded half up to 10^-kFactorDigits.
inline constexpr int kFactorDigits = 19;
inline constexpr int kSplitDigits = 18;
[[nodiscard]] Int128 product_units(const Factor& a, const Factor& b);
// Bounds of each factor, and of their product. A price in 10^-9 times the greatest, over the least, stays a number of
// 38 digits.
inline constexpr int kFactorPowerMin = -9;
inline constexpr int kFactorPowerMax = 12;

// Holds up to its day, from the day after the row before.
struct FactorRow {
  int32_t day = 0;
  Factor price;  // of dividends
  Factor split;
};
struct TickerRow {
  int32_t day = 0;
  std::string ticker;
};

struct Security {
  std::vector<FactorRow> factors;  // ascending; after the last one both are 1
  std::vector<TickerRow> tickers;  // ascending
  // Where they are from, for messages: `path:line`.
  std::string factors_from;
  std::string tickers_from;
};

// What holds for a ticker on the days of [first, last]. The spans of one ticker follow each other without a gap, from
// kFirstDay to kLastDay.
struct Adjustment {
  std::string ticker;
  int32_t first = kFirstDay;
  int32_t last = kLastDay;
  std::string security;  // empty: the files know the ticker, but nobody who had it then
  std::string symbol;    // what the security is called in the end, as of kLastDay
  Int128 factor = 0;     // price times split, in 10^-kFactorDigits
  Int128 split = 0;      // in 10^-kSplitDigits
};
// What a security is called as of a day of [first, last].
struct SecurityName {
  std::string security;
  int32_t first = kFirstDay;
  int32_t last = kLastDay;
  std::string symbol;
};
struct Adjustments {
  std::vector<Adjustment> spans;    // by ticker, then ascending
  std::vector<SecurityName> names;  // by security, then ascending
};

// Collects the files of one pipeline. Errors are `invalid`, `file:line:column: what is wrong and what to write`.
class Reference {
 public:
  // LEAN's files of one security, whose name is that of the file:
  // `yyyymmdd,price_factor,split_factor[,reference_price]` and `yyyymmdd,ticker[,exchange]`.
  [[nodiscard]] Status add_factor_file(std::string_view text, const std::string& file, std::string_view security);
  [[nodiscard]] Status add_ticker_file(std::string_view text, const std::string& file, std::string_view security);
  // Files of all securities, with a header: `symbol,date,price_factor,split_factor` and `symbol,date,ticker`.
  [[nodiscard]] Status add_factor_table(std::string_view text, const std::string& file);
  [[nodiscard]] Status add_ticker_table(std::string_view text, const std::string& file);

  [[nodiscard]] const std::map<std::string, Security, std::less<>>& securities() const { return securities_; }
  // Errors: two securities had one ticker on the same day; a name that would stand for two.
  [[nodiscard]] Result<Adjustments> resolve() const;

 private:
  [[nodiscard]] Status add_factors(std::string_view name, std::vector<FactorRow> rows, const std::string& from);
  [[nodiscard]] Status add_tickers(std::string_view name, std::vector<TickerRow> rows, const std::string& from);

  std::map<std::string, Security, std::less<>> securities_;  // by name
};

// How tickers and names of securities are compared: one all in lower case counts as its upper case (LEAN writes `ibm`);
// in others the case may mean something (`BRKpA`).
[[nodiscard]] std::string ticker_of(std::string_view text);
// `2020-08-28`.
[[nodiscard]] std::string format_day(int32_t day);

}  // namespace penstock::market

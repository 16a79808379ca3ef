// What a trade's sale conditions let it update: a bar's high and low, open and close, volume, vwap. The table of US
// equities is built in; others are read from CSV. Formats, tables and sources: docs/formats/conditions.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace penstock::market {

// What a trade may update, as bits.
enum Update : uint8_t { kUpdatesHighLow = 1, kUpdatesOpenClose = 2, kUpdatesVolume = 4, kUpdatesVwap = 8 };
inline constexpr uint8_t kUpdatesAll = 15;

struct Verdict {
  uint8_t updates = kUpdatesAll;  // bits of Update
  bool unknown = false;           // some code is in no row: it counted as regular
  std::string_view unknown_code;  // the first such code; borrowed from the conditions that were judged
};

// What trades of extended hours (Form T) update.
enum class FormT : uint8_t {
  table,    // what the table says of them
  include,  // what a trade of the regular session does
  exclude,  // nothing
};

// What decides on vwap where the table has no word of its own on it.
enum class VwapRule : uint8_t {
  high_low,  // as high and low: vwap stays inside [low, high]
  volume,    // as volume
};

// Immutable, shared by threads.
class SaleConditions {
 public:
  // US equities: CTA (tapes A and B) and UTP (tape C).
  [[nodiscard]] static const SaleConditions& us_equity();

  // The table that `csv` writes. `file` names it in messages, `file:line: what is wrong and what to write`.
  // Errors: invalid.
  [[nodiscard]] static Result<std::unique_ptr<const SaleConditions>> parse(std::string_view csv,
                                                                           const std::string& file);

  // The most restrictive of what the rows of `conditions` allow. `conditions` is as the venue writes it: single letters
  // back to back (`@FTI`), or codes separated by blanks, commas or semicolons; for a table of numbers, one number of
  // flag bits, hex or decimal. Empty: regular. `tape` is A, B or C (or CTA or UTP); anything else is an unknown tape,
  // for which the rows of every tape count.
  [[nodiscard]] Verdict judge(std::string_view conditions, std::string_view tape, FormT form_t, VwapRule vwap) const;
};

}  // namespace penstock::market

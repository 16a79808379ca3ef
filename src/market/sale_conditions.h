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
  uint8_t updates = kUpdatesAll;  // bits of Update; never vwap without volume
  bool unknown = false;           // some code is in no row: it counted as regular
  std::string_view unknown_code;  // the first such code; borrowed from the conditions that were judged
};

// What trades of extended hours (Form T) update.
enum class FormT : uint8_t {
  table,    // what the table says of them
  include,  // what a trade of the regular session does
  exclude,  // nothing
};

// What decides on vwap where the table has no word of its own on it. A trade that no volume counts is in no vwap.
enum class VwapRule : uint8_t {
  high_low,  // as high and low: vwap stays inside [low, high]
  volume,    // as volume
};

// Immutable, shared by threads.
class SaleConditions {
 public:
  static constexpr size_t kRowsMax = 4096;

  // US equities: CTA (tapes A and B) and UTP (tape C).
  [[nodiscard]] static const SaleConditions& us_equity();
  // The same, as `parse` reads it: to begin a table of one's own with.
  [[nodiscard]] static std::string_view us_equity_csv();

  // The table that `csv` writes. `file` names it in messages, `file:line: what is wrong and what to write`.
  // Errors: invalid.
  [[nodiscard]] static Result<std::unique_ptr<const SaleConditions>> parse(std::string_view csv,
                                                                           const std::string& file);

  // The most restrictive of what the rows of `conditions` allow. `conditions` is as the venue writes it: single letters
  // back to back (`@FTI`), or codes separated by blanks, commas or semicolons; for a table of numbers, flag bits as hex
  // (`0x2020`) or decimal number. Empty: regular. `tape` is A, B or C (or CTA or UTP); anything else is an unknown
  // tape, for which the rows of every tape count. Does not allocate.
  [[nodiscard]] Verdict judge(std::string_view conditions, std::string_view tape, FormT form_t, VwapRule vwap) const;

  // Tells tables of other rows apart: bars made by one are not gone on with by another.
  [[nodiscard]] uint32_t fingerprint() const;

 private:
  class Reader;

  static constexpr size_t kSettings = 6;  // each FormT with each VwapRule

  struct Row {
    std::string code;
    uint64_t flag = 0;  // of a table of numbers: its one bit
    uint8_t tapes = 0;  // 1 tape A, 2 tape B, 4 tape C
    std::array<uint8_t, kSettings> updates{};  // bits of Update, by setting
    std::vector<std::string> unless;  // it does not hold for a trade with one of these codes
    uint64_t unless_flags = 0;
  };
  struct Range {
    uint16_t begin = 0;
    uint16_t end = 0;
  };

  SaleConditions() = default;
  [[nodiscard]] Range find(std::string_view code) const;
  [[nodiscard]] bool has(std::string_view conditions, std::string_view code) const;
  template <typename Visit>
  void for_each_code(std::string_view conditions, Visit visit) const;
  [[nodiscard]] Verdict judge_flags(std::string_view conditions, uint8_t tapes, size_t setting) const;

  // Constant after construction.
  std::vector<Row> rows_;  // by code
  bool flags_ = false;  // a table of numbers
  bool words_ = false;  // some code has more than one letter
  std::array<Range, 256> letters_{};  // rows of each code of one letter
};

}  // namespace penstock::market

// The rules of a `check:` step, typed and checked. What each kind judges: docs/formats/checks.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "market/batch.h"
#include "plan/expression.h"

namespace penstock::plan {

// What becomes of a row that fails a rule. Each failure is a row of the stream's port `quality`.
enum class CheckAction : uint8_t {
  flag,        // it goes on
  quarantine,  // it goes to the stream's quarantine
  fail,        // the pipeline stops
};
[[nodiscard]] std::string_view to_string(CheckAction action);

// An exact fraction or factor, in millionths: `5%`, `0.05` and `10` are 50,000, 50,000 and 10,000,000.
struct Ratio {
  static constexpr int kDigits = 6;
  static constexpr int64_t kOne = 1'000'000;
  int64_t millionths = 0;
  friend auto operator<=>(Ratio, Ratio) = default;
};
[[nodiscard]] std::string to_string(Ratio ratio);       // `0.05`
[[nodiscard]] std::string percent_text(Ratio ratio);    // `5%`

// Columns are numbers in the schema of the step's rows. A value that a rule needs and that is null is not judged,
// except by an expression, which must be true.

struct SqlCheck {
  Expression condition;          // boolean; false and null fail
  std::vector<size_t> columns;   // that it reads, ascending
};
struct PositiveCheck {  // value > 0
  std::vector<size_t> columns;   // numbers
};
struct FutureCheck {  // ts_event <= ts_recv + ahead
  size_t ts_event = 0;
  size_t ts_recv = 0;
  Duration ahead{5 * kSecond.ns};
};
struct CrossedCheck {  // not bid > ask; with `locked`: not bid == ask
  size_t bid = 0;
  size_t ask = 0;
  bool locked = false;
};
struct BarInvariantsCheck {  // high >= open, low, close; low <= open, close; volume >= 0
  size_t open = 0;
  size_t high = 0;
  size_t low = 0;
  size_t close = 0;
  std::optional<size_t> volume;
};

// Those below judge a record by what came before it, symbol by symbol.

struct DuplicateCheck {  // not seen before with the same symbol, venue and id
  std::vector<size_t> columns;   // venue (where there is one) and id
  Duration within = kDay;        // as of Dedup
};
struct GapCheck {  // id == the greatest of (symbol, venue) + 1, where it is greater
  size_t symbol = 0;
  std::optional<size_t> venue;
  size_t id = 0;                 // of kind id or int64
};
struct OutOfOrderCheck {  // ts_event >= the symbol's newest - behind
  size_t symbol = 0;
  size_t ts_event = 0;
  Duration behind;
};
struct StaleCheck {  // silence <= max(silence, factor * the symbol's usual gap), in time of the session
  size_t symbol = 0;
  size_t ts_event = 0;
  Duration silence{120 * kSecond.ns};
  Ratio factor{5 * Ratio::kOne};
  std::string session;           // a calendar; empty: all time counts
};
struct OutlierCheck {  // |price - median| <= factor * median absolute deviation of the last `window` prices
  size_t symbol = 0;
  size_t price = 0;
  Ratio factor{10 * Ratio::kOne};
  int64_t window = 50;
  Ratio floor{5'000};            // of the median, where the deviation is 0
};
struct ErroneousCheck {  // |price - last sale| <= band * last sale
  struct Band {
    std::optional<int64_t> up_to;  // of the last sale, in the price's units, inclusive; none: all above
    Ratio width;
  };
  size_t symbol = 0;
  size_t price = 0;
  std::vector<Band> bands;       // ascending, the last without `up_to`
  int64_t confirm = 3;           // failing prices in a row that agree, of which the last becomes the last sale
};
struct LuldCheck {  // |price - mean| <= band * mean, of the prices of the last `reference` of event time
  size_t symbol = 0;
  size_t ts_event = 0;
  size_t price = 0;
  Ratio band{50'000};
  Duration reference{5 * kMinute.ns};
};
struct CrossSourceCheck {  // |price - p| <= deviation * p, p the nearest last price of another venue
  size_t symbol = 0;
  size_t venue = 0;
  size_t ts_event = 0;
  size_t price = 0;
  Ratio deviation{10'000};
  Duration within = kSecond;     // of event time between the two
};
struct CompletenessCheck {  // of bars: those that the session has are there
  size_t symbol = 0;
  size_t every = 0;
  size_t start = 0;
  std::optional<size_t> trades;  // 0: the bar is not there
  std::string session;
};

using CheckKind = std::variant<SqlCheck, PositiveCheck, FutureCheck, CrossedCheck, BarInvariantsCheck, DuplicateCheck,
                               GapCheck, OutOfOrderCheck, StaleCheck, OutlierCheck, ErroneousCheck, LuldCheck,
                               CrossSourceCheck, CompletenessCheck>;

// As the file writes it: `sql`, `positive`, `mad`, ...
[[nodiscard]] std::string_view kind_name(const CheckKind& kind);
// The columns that an expression names, ascending (a path into JSON names none).
[[nodiscard]] std::vector<size_t> columns_of(const Expression& expression);
// Looks at a record alone: it can be judged again at any time.
[[nodiscard]] bool looks_at_the_record_alone(const CheckKind& kind);
[[nodiscard]] bool kind_looks_at_the_record_alone(std::string_view kind_name);
// The kind and its settings, for `explain`: `mad factor 10, window 50, floor 0.5%`.
[[nodiscard]] std::string describe(const CheckKind& kind, const market::Schema& schema);

// `check:`: rules are judged in three groups, those that look at the record alone, duplicates, the others, and in each
// group in the order of the file. A row that a rule puts into quarantine is not seen by the rules after it.
struct CheckRule {
  std::string name;
  CheckKind kind;
  CheckAction action = CheckAction::quarantine;
};
struct Check {
  std::vector<CheckRule> rules;
};

}  // namespace penstock::plan

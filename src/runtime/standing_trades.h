// What stands of a symbol's trades when every cancel and correction in its log is applied, however late it came.
//
// One that takes a trade back means the nearest trade of that id before it in the log, as venues begin their ids anew;
// where there is none before, it has overtaken its trade, and means the first one behind it. Ids are a venue's own:
// where both venues are known they must be the same, and where the venue is not said and trades of several venues have
// the id within a day, it applies to none of them. A correction keeps the trade's time and id, and names it from then
// on by its own id too; one whose own id is known already came before.
//
// Memory: 24 bytes for each trade that has an id, 48 more for each in the range. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "market/batch.h"
#include "stream/trade_fields.h"

namespace penstock::runtime {

class StandingTrades {
 public:
  // For rows of `schema`, which a stream's `bars:` step would read; trades of [from, to) are kept. Borrows the symbols.
  // `invalid` where such rows cannot become bars.
  [[nodiscard]] static Result<StandingTrades> create(const market::SchemaPtr& schema, const std::string& stream,
                                                     market::SymbolTable& symbols, Timestamp from, Timestamp to);

  // Rows of one symbol in the order of the log. Those without a time, price or size are passed over, as bars refuse
  // them.
  void take(const market::Batch& rows);
  // Applies what takes trades back. Once, after the last take().
  void apply();

  // Gives the trades that stand, by time and among equals in the order of the log, in batches of at most kRows; stops
  // at an error of the taker's.
  [[nodiscard]] Status give_to(const std::function<Status(const market::Batch&)>& taker) const;
  // Of those batches: symbol, ts_event, price, size, id, conditions, tape.
  [[nodiscard]] static const market::SchemaPtr& schema();
  // Cancels and corrections that applied to no trade: there is none of the id, or several venues have it.
  [[nodiscard]] uint64_t unmatched() const { return unmatched_; }

 private:
  static constexpr size_t kRows = 65'536;
  static constexpr int64_t kNoId = -1;
  static constexpr uint32_t kOutside = UINT32_MAX;  // in place of an index into prints_: not in the range

  struct Print {
    int64_t ts = 0;
    int64_t price = 0;
    int64_t size = 0;
    int64_t id = kNoId;
    uint32_t conditions = 0;  // into condition_texts_
    market::SymbolCode tape = market::kNoSymbol;
    market::SymbolCode symbol = market::kNoSymbol;
    bool stands = true;
  };
  struct Named {  // a trade that has an id
    int64_t id = kNoId;
    int64_t ts = 0;
    market::SymbolCode venue = market::kNoSymbol;
    uint32_t print = kOutside;
  };
  struct Event {
    size_t at = 0;  // how many trades with an id came before
    int64_t target = kNoId;
    market::SymbolCode venue = market::kNoSymbol;
    bool corrects = false;
    Print print;  // its own id, and what a correction says
  };
  struct Columns {
    stream::TradeFields trade;
    std::optional<size_t> conditions;
    std::optional<size_t> tape;
    std::optional<size_t> ref_id;
  };

  StandingTrades(Columns columns, market::SymbolTable& symbols, Timestamp from, Timestamp to);
  [[nodiscard]] int64_t id_of(const market::Column& column, size_t row);
  [[nodiscard]] uint32_t conditions_of(const market::Batch& rows, size_t row);
  void append_print(const Print& print, market::Batch& batch) const;
  [[nodiscard]] Print print_of(const market::Batch& rows, size_t row);
  // The trade is known by `id` from now on; applies what waits for that.
  void know(int64_t id, uint32_t named);
  // False: there is no trade of that id yet. What is known anew by it is added to `known`.
  [[nodiscard]] bool apply_event(const Event& event, std::vector<std::pair<int64_t, uint32_t>>& known);
  [[nodiscard]] bool fits(market::SymbolCode venue, const Named& trade) const;

  Columns columns_;
  market::SymbolTable* symbols_;
  market::SymbolCode cancel_;
  market::SymbolCode correct_;
  int64_t from_;
  int64_t to_;
  std::unordered_map<std::string, int64_t> text_ids_;  // ids that are texts: -2 and down
  std::vector<const std::string*> id_texts_;  // by -2 - id; keys of text_ids_
  std::unordered_map<std::string, uint32_t> conditions_;
  std::vector<const std::string*> condition_texts_;  // keys of conditions_
  std::vector<Print> prints_;
  std::vector<Named> named_;
  std::vector<Event> events_;
  // While applying, for ids that an event has.
  std::unordered_map<int64_t, std::vector<uint32_t>> by_id_;  // into named_, the newest last
  std::unordered_map<int64_t, std::vector<size_t>> waiting_;  // into events_
  uint64_t unmatched_ = 0;
};

}  // namespace penstock::runtime

// The `dedup:` step: drops rows whose key was seen before. See docs/decisions/stream-dedup.md.
//
// With a symbol and an event time among the columns (trades, quotes) keys are kept per symbol, for at least `within`
// and at most 9/8 of it behind the symbol's newest event time. Otherwise (JSON) the last kKeysMax keys are kept.
// A row whose key columns are all null is never a duplicate.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "market/symbol_table.h"
#include "plan/plan.h"
#include "stream/engine.h"
#include "stream/flow.h"

namespace penstock::stream {

// One thread.
class Deduplicator {
 public:
  // Keys kept where there is no event time to forget by; up to a chunk more, see overall_deduplicator.
  static constexpr size_t kKeysMax = 1'000'000;

  [[nodiscard]] static Result<std::unique_ptr<Deduplicator>> create(const plan::Dedup& dedup,
                                                                    const market::Schema& input,
                                                                    const std::string& stream,
                                                                    market::SymbolTable& symbols);
  virtual ~Deduplicator() = default;
  // Appends the rows that are new to `kept`. Gives how many are not.
  virtual size_t process(const Flow& flow, std::vector<uint32_t>& kept) = 0;
  // True when process() would say that the row is not new; remembers nothing.
  [[nodiscard]] virtual bool knows(const market::Batch& batch, size_t row) = 0;
  // Blobs `prefix` + number.
  virtual void take_state(const std::string& prefix, StateChanges& changes) = 0;
  // In ascending order of `number`.
  [[nodiscard]] virtual Status restore(const std::string& name, uint64_t number, std::string_view blob) = 0;
};

}  // namespace penstock::stream

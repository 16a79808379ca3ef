// `duplicate:`: a record of a symbol, venue and id that was seen before. Remembers as `dedup:` does: 16 bytes a record
// for at least `within` of the symbol's event time, two bytes where ids are whole numbers and there is no venue.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "stream/checks/judge.h"
#include "stream/deduplicator.h"

namespace penstock::stream {

// One thread. Borrows the check and the symbols.
class DuplicateJudge {
 public:
  [[nodiscard]] static Result<std::unique_ptr<DuplicateJudge>> create(const plan::CheckRule& rule,
                                                                      const market::Schema& input,
                                                                      const std::string& stream,
                                                                      market::SymbolTable& symbols);
  void judge(const Flow& rows, std::vector<Failure>& out);
  // True when judge() would find the row; remembers nothing.
  [[nodiscard]] bool knows(const market::Batch& batch, size_t row) const {
    return !batch.columns[check_.columns.back()].is_null(row) && memory_->knows(batch, row);
  }
  // How its blobs are called: the rule with what its memory hangs on, so that another key or length begins anew.
  [[nodiscard]] const std::string& journal() const { return journal_; }
  void take_state(const std::string& prefix, StateChanges& changes) {
    memory_->take_state(prefix + journal_ + "/", changes);
  }
  [[nodiscard]] Status restore(const std::string& name, uint64_t number, std::string_view blob) {
    return memory_->restore(name, number, blob);
  }

 private:
  DuplicateJudge(const plan::DuplicateCheck& check, const market::SymbolTable& symbols)
      : check_(check), symbols_(symbols) {}

  const plan::DuplicateCheck& check_;
  const market::SymbolTable& symbols_;
  std::string journal_;
  std::unique_ptr<Deduplicator> memory_;
  std::vector<uint32_t> with_id_;
  std::vector<uint32_t> new_;
};

}  // namespace penstock::stream

// The rules that keep something of each symbol: what each costs a symbol stands at its class.
#pragma once

#include <memory>

#include "stream/checks/judge.h"
#include "stream/checks/symbol_slots.h"

namespace penstock::stream {

// `kind` must be one that judges a record by those before it, and no duplicate. Borrows the kind, the symbols, and the
// slots, which are those of the calls.
[[nodiscard]] Result<std::unique_ptr<SymbolJudge>> make_symbol_judge(const plan::CheckKind& kind,
                                                                     const market::Schema& input,
                                                                     const SymbolSlots& slots,
                                                                     market::SymbolTable& symbols);

// By kind.
[[nodiscard]] std::unique_ptr<SymbolJudge> make_gap_judge(const plan::GapCheck& check, market::SymbolTable& symbols);
[[nodiscard]] std::unique_ptr<SymbolJudge> make_order_judge(const plan::OutOfOrderCheck& check);
[[nodiscard]] Result<std::unique_ptr<SymbolJudge>> make_stale_judge(const plan::StaleCheck& check,
                                                                    const SymbolSlots& slots,
                                                                    const market::SymbolTable& symbols);
[[nodiscard]] std::unique_ptr<SymbolJudge> make_outlier_judge(const plan::OutlierCheck& check, int scale);
[[nodiscard]] std::unique_ptr<SymbolJudge> make_erroneous_judge(const plan::ErroneousCheck& check, int scale);
[[nodiscard]] std::unique_ptr<SymbolJudge> make_luld_judge(const plan::LuldCheck& check, int scale);
[[nodiscard]] std::unique_ptr<SymbolJudge> make_cross_source_judge(const plan::CrossSourceCheck& check, int scale,
                                                                   market::SymbolTable& symbols);
[[nodiscard]] Result<std::unique_ptr<SymbolJudge>> make_completeness_judge(const plan::CompletenessCheck& check,
                                                                           const SymbolSlots& slots,
                                                                           const market::SymbolTable& symbols);

}  // namespace penstock::stream

#include "stream/checks/stateful.h"

namespace penstock::stream {

Result<std::unique_ptr<SymbolJudge>> make_symbol_judge(const plan::CheckKind& kind, const market::Schema&,
                                                       const SymbolSlots&, market::SymbolTable&) {
  return fail(ErrorKind::invalid, "rules of the kind {} cannot run yet", plan::kind_name(kind));
}

}  // namespace penstock::stream

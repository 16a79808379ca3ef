#include "stream/checks/stateful.h"

namespace penstock::stream {

Result<std::unique_ptr<SymbolJudge>> make_symbol_judge(const plan::CheckKind& kind, const market::Schema& input,
                                                       const SymbolSlots& slots, market::SymbolTable& symbols) {
  const auto scale = [&](size_t column) { return static_cast<int>(input.fields[column].type.scale); };
  if (const auto* gap = std::get_if<plan::GapCheck>(&kind)) return make_gap_judge(*gap, symbols);
  if (const auto* order = std::get_if<plan::OutOfOrderCheck>(&kind)) return make_order_judge(*order);
  if (const auto* stale = std::get_if<plan::StaleCheck>(&kind)) return make_stale_judge(*stale, slots, symbols);
  if (const auto* outlier = std::get_if<plan::OutlierCheck>(&kind)) {
    return make_outlier_judge(*outlier, scale(outlier->price));
  }
  if (const auto* erroneous = std::get_if<plan::ErroneousCheck>(&kind)) {
    return make_erroneous_judge(*erroneous, scale(erroneous->price));
  }
  if (const auto* luld = std::get_if<plan::LuldCheck>(&kind)) return make_luld_judge(*luld, scale(luld->price));
  if (const auto* cross = std::get_if<plan::CrossSourceCheck>(&kind)) {
    return make_cross_source_judge(*cross, scale(cross->price), symbols);
  }
  if (const auto* complete = std::get_if<plan::CompletenessCheck>(&kind)) {
    return make_completeness_judge(*complete, slots, symbols);
  }
  return fail(ErrorKind::invalid, "a {} rule keeps nothing of symbols", plan::kind_name(kind));
}

}  // namespace penstock::stream

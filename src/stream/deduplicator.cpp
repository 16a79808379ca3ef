#include "stream/deduplicator.h"

#include "stream/overall_deduplicator.h"
#include "stream/symbol_deduplicator.h"

namespace penstock::stream {

using market::Kind;

Result<std::unique_ptr<Deduplicator>> Deduplicator::create(const plan::Dedup& dedup, const market::Schema& input,
                                                           const std::string& stream, market::SymbolTable& symbols) {
  if (dedup.columns.empty()) return fail(ErrorKind::invalid, "stream '{}': dedup names no column", stream);
  for (const size_t column : dedup.columns) {
    if (column >= input.fields.size()) return fail(ErrorKind::invalid, "stream '{}': dedup of no such column", stream);
  }
  const auto symbol = input.find("symbol");
  const auto ts_event = input.find("ts_event");
  if (!symbol || !ts_event || input.fields[*symbol].type.kind != Kind::symbol ||
      input.fields[*ts_event].type.kind != Kind::timestamp) {
    return std::make_unique<OverallDeduplicator>(dedup.columns, symbols);
  }
  SymbolDeduplicator::Columns columns{.symbol = *symbol, .ts_event = *ts_event, .key = dedup.columns};
  columns.numeric = dedup.columns.size() == 1 && input.fields[dedup.columns.front()].type.kind == Kind::id;
  columns.action = input.find("action");
  if (columns.action && input.fields[*columns.action].type.kind != Kind::symbol) columns.action.reset();
  return std::make_unique<SymbolDeduplicator>(std::move(columns), dedup.within, stream, symbols);
}

}  // namespace penstock::stream

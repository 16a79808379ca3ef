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
  const auto symbol = input.find("symbol", Kind::symbol);
  const auto ts_event = input.find("ts_event", Kind::timestamp);
  if (!symbol || !ts_event) return std::make_unique<OverallDeduplicator>(dedup.columns, symbols);
  SymbolDeduplicator::Columns columns{.symbol = *symbol, .ts_event = *ts_event, .key = dedup.columns};
  std::vector<size_t> named;
  for (const size_t column : dedup.columns) {
    const Kind kind = input.fields[column].type.kind;
    if (kind == Kind::id) columns.ids.push_back(column);
    if (kind == Kind::symbol && column != *symbol) named.push_back(column);
  }
  if (columns.ids.size() == 1 && columns.ids.size() + named.size() == dedup.columns.size() && named.size() <= 1) {
    columns.id = columns.ids.front();
    if (!named.empty()) columns.venue = named.front();
  }
  columns.action = input.find("action", Kind::symbol);
  return std::make_unique<SymbolDeduplicator>(std::move(columns), dedup.within, stream, symbols);
}

}  // namespace penstock::stream

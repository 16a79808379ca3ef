#include "stream/flow.h"

#include <algorithm>

namespace penstock::stream {
namespace {

using market::Column;
using market::Kind;
using market::TextColumn;

template <typename T>
void append_values(std::vector<T>& to, const std::vector<T>& from, const Flow& flow) {
  if (flow.selection == nullptr) {
    to.insert(to.end(), from.begin(), from.end());
    return;
  }
  const size_t begin = to.size();
  to.resize(begin + flow.selection->size());
  T* out = to.data() + begin;
  for (const uint32_t row : *flow.selection) *out++ = from[row];
}

void append_texts(TextColumn& to, const TextColumn& from, const Flow& flow) {
  const size_t count = flow.size();
  for (size_t i = 0; i < count; ++i) to.append(from[flow.row(i)]);
}

void append_ids(market::IdColumn& to, const market::IdColumn& from, const Flow& flow) {
  if (from.all_numbers()) return append_values(to.numbers(), from.numbers(), flow);
  const size_t count = flow.size();
  for (size_t i = 0; i < count; ++i) to.append(from[flow.row(i)]);
}

// Values that stand where a row is null.
void append_blanks(Column& to, size_t count) {
  switch (to.type.kind) {
    case Kind::boolean: to.u8.resize(to.u8.size() + count); break;
    case Kind::int64:
    case Kind::decimal:
    case Kind::timestamp: to.i64.resize(to.i64.size() + count); break;
    case Kind::decimal128: to.i128.resize(to.i128.size() + count); break;
    case Kind::float64: to.f64.resize(to.f64.size() + count); break;
    case Kind::symbol: to.codes.resize(to.codes.size() + count, market::kNoSymbol); break;
    case Kind::id: to.ids.numbers().resize(to.ids.numbers().size() + count); break;
    case Kind::text:
    case Kind::json:
    case Kind::bytes:
      for (size_t i = 0; i < count; ++i) to.text.append({});
      break;
  }
}

void append_column(Column& to, size_t to_rows, const Column& from, const Flow& flow) {
  const size_t count = flow.size();
  if (from.all_null) {
    if (to_rows == 0) to.all_null = true;
    if (to.all_null) return;
    if (to.valid.empty()) to.valid.assign(to_rows, 1);
    to.valid.resize(to_rows + count, 0);
    append_blanks(to, count);
    return;
  }
  if (to.all_null) {
    to.all_null = false;
    to.valid.assign(to_rows, 0);
    append_blanks(to, to_rows);
  }
  if (!from.valid.empty()) {
    if (to.valid.empty()) to.valid.assign(to_rows, 1);
    append_values(to.valid, from.valid, flow);
  } else if (!to.valid.empty()) {
    to.valid.resize(to_rows + count, 1);
  }
  switch (to.type.kind) {
    case Kind::boolean: append_values(to.u8, from.u8, flow); break;
    case Kind::int64:
    case Kind::decimal:
    case Kind::timestamp: append_values(to.i64, from.i64, flow); break;
    case Kind::decimal128: append_values(to.i128, from.i128, flow); break;
    case Kind::float64: append_values(to.f64, from.f64, flow); break;
    case Kind::symbol: append_values(to.codes, from.codes, flow); break;
    case Kind::id: append_ids(to.ids, from.ids, flow); break;
    case Kind::text:
    case Kind::json:
    case Kind::bytes: append_texts(to.text, from.text, flow); break;
  }
}

}  // namespace

void append_flow(market::Batch& to, const Flow& flow) {
  if (flow.size() == 0) return;
  for (size_t c = 0; c < to.columns.size(); ++c) append_column(to.columns[c], to.rows, flow.batch->columns[c], flow);
  to.rows += flow.size();
}

market::Batch gather_rows(const market::Batch& from, const std::vector<uint32_t>& rows) {
  market::Batch to = market::make_batch(from.schema);
  append_flow(to, {.batch = &from, .selection = &rows});
  return to;
}

}  // namespace penstock::stream

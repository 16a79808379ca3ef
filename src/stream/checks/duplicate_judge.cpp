#include "stream/checks/duplicate_judge.h"

#include <fmt/core.h>

namespace penstock::stream {

Result<std::unique_ptr<DuplicateJudge>> DuplicateJudge::create(const plan::CheckRule& rule, const market::Schema& input,
                                                               const std::string& stream,
                                                               market::SymbolTable& symbols) {
  const auto& check = std::get<plan::DuplicateCheck>(rule.kind);
  std::unique_ptr<DuplicateJudge> made(new DuplicateJudge(check, symbols));
  std::string columns;
  for (const size_t column : check.columns) columns += (columns.empty() ? "" : ",") + input.fields[column].name;
  made->journal_ = fmt::format("{}:{}:{}", rule.name, columns, check.within.ns);
  PENSTOCK_TRY_ASSIGN(made->memory_, Deduplicator::create({check.columns, check.within}, input, stream, symbols));
  return made;
}

void DuplicateJudge::judge(const Flow& rows, std::vector<Failure>& out) {
  const size_t key = check_.columns.back();
  const market::Column& ids = rows.batch->columns[key];
  if (ids.all_null) return;
  Flow judged = rows;
  // A venue without an id is no key.
  if (!ids.valid.empty()) {
    with_id_.clear();
    const size_t count = rows.size();
    for (size_t i = 0; i < count; ++i) {
      if (!ids.is_null(rows.row(i))) with_id_.push_back(static_cast<uint32_t>(rows.row(i)));
    }
    judged.selection = &with_id_;
  }
  new_.clear();
  if (memory_->process(judged, new_) == 0) return;
  size_t next = 0;
  const size_t count = judged.size();
  for (size_t i = 0; i < count; ++i) {
    const auto row = static_cast<uint32_t>(judged.row(i));
    if (next < new_.size() && new_[next] == row) {
      ++next;
      continue;
    }
    out.push_back({row, market::value_text(ids, row, symbols_).value_or("null"),
                   "once within " + format_duration(check_.within)});
  }
}

}  // namespace penstock::stream

#include "stream/checks/check_step.h"

#include <algorithm>

#include "market/batch.h"
#include "stream/checks/duplicate_judge.h"
#include "stream/checks/stateful.h"

namespace penstock::stream {

using market::Kind;

CheckStep::CheckStep(const market::Schema& input, market::SymbolTable& symbols) : symbols_(symbols), slots_(symbols) {
  symbol_ = input.find("symbol", Kind::symbol);
  time_ = input.find("ts_event", Kind::timestamp);
  if (!time_) time_ = input.find("start", Kind::timestamp);
  trade_action_ = input.find("action", Kind::symbol);
}

CheckStep::~CheckStep() = default;

Result<std::unique_ptr<CheckStep>> CheckStep::create(const plan::Check& check, const market::Schema& input,
                                                     const std::string& stream, market::SymbolTable& symbols) {
  std::unique_ptr<CheckStep> step(new CheckStep(input, symbols));
  for (int group = 0; group < 3; ++group) {
    for (const plan::CheckRule& rule : check.rules) {
      const bool duplicate = std::holds_alternative<plan::DuplicateCheck>(rule.kind);
      const int belongs = plan::looks_at_the_record_alone(rule.kind) ? 0 : duplicate ? 1 : 2;
      if (belongs == group) PENSTOCK_TRY(step->add(rule, input, stream));
    }
  }
  return step;
}

Status CheckStep::add(const plan::CheckRule& rule, const market::Schema& input, const std::string& stream) {
  Rule& added = rules_.emplace_back();
  added.rule = &rule;
  if (plan::looks_at_the_record_alone(rule.kind)) {
    added.alone = make_judge(rule.kind, input, symbols_);
    return {};
  }
  if (!symbol_) {
    return fail(ErrorKind::invalid, "stream '{}': the rule '{}' needs a column 'symbol'", stream, rule.name);
  }
  if (std::holds_alternative<plan::DuplicateCheck>(rule.kind)) {
    PENSTOCK_TRY_ASSIGN(added.duplicate, DuplicateJudge::create(rule, input, stream, symbols_));
    return {};
  }
  auto judge = make_symbol_judge(rule.kind, input, slots_, symbols_);
  if (!judge) return with_context(std::move(judge).error(), fmt::format("stream '{}': rule '{}'", stream, rule.name));
  added.by_symbol = *std::move(judge);
  keeps_symbols_ = true;
  return {};
}

void CheckStep::resize_rules() {
  for (const Rule& rule : rules_) {
    if (rule.by_symbol != nullptr) rule.by_symbol->resize(slots_.size());
  }
}

Status CheckStep::judge(size_t index, const Flow& rows, std::vector<Failure>& out) {
  const Rule& rule = rules_[index];
  if (rule.alone != nullptr) return rule.alone->judge(rows, out);
  if (rule.duplicate != nullptr) {
    rule.duplicate->judge(rows, out);
    return {};
  }
  // Once a call: the rules after this one see the same batch, of which some rows may be gone.
  if (numbered_ != rows.batch) {
    slots_.number(rows, *symbol_, row_slots_);
    resize_rules();
    numbered_ = rows.batch;
    trade_slots_.clear();
    if (trade_action_ && !rows.batch->columns[*trade_action_].all_null) {
      const market::Column& action = rows.batch->columns[*trade_action_];
      trade_slots_ = row_slots_;
      for (size_t row = 0; row < trade_slots_.size(); ++row) {
        if (!action.is_null(row)) trade_slots_[row] = kNoSlot;
      }
    }
  }
  const bool trades_only = rule.by_symbol->judges_trades_only() && !trade_slots_.empty();
  rule.by_symbol->judge(rows, trades_only ? trade_slots_ : row_slots_, out);
  return {};
}

Result<Verdict> CheckStep::judge_again(const Flow& row, const RefusedBy& refused, bool dry,
                                       std::vector<std::pair<size_t, Failure>>& flagged) {
  const bool was_alone = plan::kind_looks_at_the_record_alone(refused.kind);
  for (size_t index = 0; index < rules_.size(); ++index) {
    const Rule& each = rules_[index];
    const plan::CheckRule& rule = *each.rule;
    std::vector<Failure> failures;
    if (each.alone != nullptr) {
      PENSTOCK_TRY(each.alone->judge(row, failures));
    } else if (rule.name == refused.rule && plan::kind_name(rule.kind) == refused.kind) {
      // It judged the record at its place among others, where it cannot be put back.
      if (rule.action == plan::CheckAction::flag) continue;
      return Verdict{false, fmt::format("was refused by the rule '{}' ({}), which judges a record by those before it: "
                                        "remove the rule, or set its action to flag",
                                        rule.name, refused.kind)};
    } else if (each.duplicate != nullptr && was_alone) {
      // It had not come to this rule. What an earlier record of its id did, it has not undone.
      if (dry && each.duplicate->knows(*row.batch, row.row(0))) failures.emplace_back();
      if (!dry) each.duplicate->judge(row, failures);
    }
    if (failures.empty()) continue;
    if (rule.action != plan::CheckAction::flag) {
      return Verdict{false, fmt::format("fails the rule '{}' ({})", rule.name, plan::kind_name(rule.kind))};
    }
    flagged.emplace_back(index, std::move(failures.front()));
  }
  return Verdict{true, {}};
}

void CheckStep::mark(size_t index, Timestamp mark, std::vector<TimedFailure>& out) {
  if (rules_[index].by_symbol == nullptr) return;
  touched_.clear();
  rules_[index].by_symbol->mark(mark, out, touched_);
  for (const uint32_t slot : touched_) slots_.touch(slot);
}

void CheckStep::restore_mark(Timestamp mark) {
  for (const Rule& rule : rules_) {
    if (rule.by_symbol != nullptr) rule.by_symbol->restore_mark(mark);
  }
}

void CheckStep::take_state(const std::string& prefix, StateChanges& changes) {
  for (const std::string& name : obsolete_) changes[name] = "";
  obsolete_.clear();
  for (const Rule& rule : rules_) {
    if (rule.duplicate != nullptr) rule.duplicate->take_state(prefix, changes);
  }
  if (!keeps_symbols_) return;
  for (size_t shard = 0; shard < SymbolSlots::kShards; ++shard) {
    if (!slots_.take_touched(shard)) continue;
    const std::vector<uint32_t>& slots = slots_.shard(shard);
    BlobWriter out;
    out.put(slots.size());
    for (const uint32_t slot : slots) out.put_text(symbols_.text(slots_.code(slot)));
    out.put(static_cast<uint64_t>(std::ranges::count_if(rules_, [](const Rule& r) { return r.by_symbol != nullptr; })));
    for (const Rule& rule : rules_) {
      if (rule.by_symbol == nullptr) continue;
      BlobWriter body;
      for (const uint32_t slot : slots) rule.by_symbol->save(slot, body);
      out.put_text(rule.rule->name);
      out.put_text(rule.by_symbol->layout());
      out.put_text(body.body());
    }
    changes[prefix + std::to_string(shard)] = out.sealed();
  }
}

Status CheckStep::restore(const std::string& name, std::string_view journal, uint64_t number, std::string_view blob) {
  if (journal.empty()) {
    if (keeps_symbols_) return restore_shard(name, blob);
    obsolete_.insert(name);
    return {};
  }
  for (const Rule& rule : rules_) {
    if (rule.duplicate != nullptr && rule.duplicate->journal() == journal) {
      return rule.duplicate->restore(name, number, blob);
    }
  }
  obsolete_.insert(name);
  return {};
}

Status CheckStep::restore_shard(const std::string& name, std::string_view blob) {
  PENSTOCK_TRY_ASSIGN(BlobReader in, BlobReader::open(name, blob));
  std::vector<uint32_t> slots;
  for (uint64_t left = in.get(); left > 0 && in.ok(); --left) {
    const market::SymbolCode code = symbols_.intern(in.get_text());
    if (code == market::kNoSymbol) {
      return fail(ErrorKind::full, "state '{}' names more than {} symbols", name, market::SymbolTable::kSymbolsMax);
    }
    slots.push_back(slots_.slot_of(code));
  }
  resize_rules();
  bool all_known = true;
  for (uint64_t left = in.get(); left > 0 && in.ok(); --left) {
    const std::string_view rule_name = in.get_text();
    const std::string_view layout = in.get_text();
    BlobReader body = BlobReader::of_body(in.get_text());
    const auto known = std::ranges::find_if(rules_, [&](const Rule& rule) {
      return rule.by_symbol != nullptr && rule.rule->name == rule_name && rule.by_symbol->layout() == layout;
    });
    if (known == rules_.end()) {
      all_known = false;
      continue;
    }
    for (const uint32_t slot : slots) {
      if (!known->by_symbol->load(slot, body)) return fail(ErrorKind::corrupt, "state '{}' is malformed", name);
    }
    PENSTOCK_TRY(body.finish(name));
  }
  PENSTOCK_TRY(in.finish(name));
  // What a rule kept that is gone must not come back with it, old as it would be by then.
  if (!all_known) {
    for (const uint32_t slot : slots) slots_.touch(slot);
  }
  return {};
}

}  // namespace penstock::stream

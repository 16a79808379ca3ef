#include "plan/checks.h"

#include <fmt/core.h>

#include <algorithm>

#include "market/decimal.h"
#include "plan/expression_node.h"

namespace penstock::plan {
namespace {

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

std::string names(const std::vector<size_t>& columns, const market::Schema& schema) {
  std::string text;
  for (const size_t column : columns) text += (text.empty() ? "" : ", ") + schema.fields[column].name;
  return text;
}

void collect_columns(const ExpressionNode& node, std::vector<size_t>& columns) {
  if (node.op == ExpressionNode::Op::column) columns.push_back(node.column);
  for (const NodePtr& arg : node.args) collect_columns(*arg, columns);
}

std::string bands_text(const ErroneousCheck& check, const market::Schema& schema) {
  std::string text;
  for (const ErroneousCheck::Band& band : check.bands) {
    if (!text.empty()) text += ", ";
    text += percent_text(band.width);
    text += band.up_to ? " up to " + market::format_decimal(*band.up_to, schema.fields[check.price].type.scale)
                       : std::string(" above");
  }
  return text;
}

}  // namespace

std::string_view to_string(CheckAction action) {
  switch (action) {
    case CheckAction::flag: return "flag";
    case CheckAction::quarantine: return "quarantine";
    case CheckAction::fail: return "fail";
  }
  return "";
}

std::string to_string(Ratio ratio) { return market::format_decimal(ratio.millionths, Ratio::kDigits); }
std::string percent_text(Ratio ratio) { return market::format_decimal(ratio.millionths, Ratio::kDigits - 2) + "%"; }

std::string_view kind_name(const CheckKind& kind) {
  return std::visit(
      Overloaded{[](const SqlCheck&) { return "sql"; }, [](const PositiveCheck&) { return "positive"; },
                 [](const FutureCheck&) { return "future"; },
                 [](const CrossedCheck& check) { return check.locked ? "locked" : "crossed"; },
                 [](const BarInvariantsCheck&) { return "bar_invariants"; },
                 [](const DuplicateCheck&) { return "duplicate"; }, [](const GapCheck&) { return "gap"; },
                 [](const OutOfOrderCheck&) { return "out_of_order"; }, [](const StaleCheck&) { return "stale"; },
                 [](const OutlierCheck&) { return "mad"; }, [](const ErroneousCheck&) { return "erroneous"; },
                 [](const LuldCheck&) { return "luld"; }, [](const CrossSourceCheck&) { return "cross_source"; },
                 [](const CompletenessCheck&) { return "completeness"; }},
      kind);
}

std::vector<size_t> columns_of(const Expression& expression) {
  std::vector<size_t> columns;
  collect_columns(*expression.root, columns);
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return columns;
}

bool looks_at_the_record_alone(const CheckKind& kind) {
  return std::holds_alternative<SqlCheck>(kind) || std::holds_alternative<PositiveCheck>(kind) ||
         std::holds_alternative<FutureCheck>(kind) || std::holds_alternative<CrossedCheck>(kind) ||
         std::holds_alternative<BarInvariantsCheck>(kind);
}

bool kind_looks_at_the_record_alone(std::string_view kind_name) {
  return kind_name == "sql" || kind_name == "positive" || kind_name == "future" || kind_name == "crossed" ||
         kind_name == "locked" || kind_name == "bar_invariants";
}

std::string describe(const CheckKind& kind, const market::Schema& schema) {
  const std::string text = std::visit(
      Overloaded{
          [](const SqlCheck& check) { return check.condition.text; },
          [&](const PositiveCheck& check) { return "of " + names(check.columns, schema); },
          [](const FutureCheck& check) { return "by more than " + format_duration(check.ahead); },
          [](const CrossedCheck&) { return std::string(); }, [](const BarInvariantsCheck&) { return std::string(); },
          [&](const DuplicateCheck& check) {
            return fmt::format("by symbol, {} within {}", names(check.columns, schema), format_duration(check.within));
          },
          [&](const GapCheck& check) {
            return fmt::format("of {} by symbol{}", schema.fields[check.id].name, check.venue ? " and venue" : "");
          },
          [](const OutOfOrderCheck& check) { return "by more than " + format_duration(check.behind); },
          [](const StaleCheck& check) {
            return fmt::format("after {} and {} usual gaps{}", format_duration(check.silence), to_string(check.factor),
                               check.session.empty() ? "" : " in the sessions of " + check.session);
          },
          [&](const OutlierCheck& check) {
            return fmt::format("of {}: factor {}, window {}, floor {}", schema.fields[check.price].name,
                               to_string(check.factor), check.window, percent_text(check.floor));
          },
          [&](const ErroneousCheck& check) {
            return fmt::format("of {}: {}, confirmed by {}", schema.fields[check.price].name, bands_text(check, schema),
                               check.confirm);
          },
          [&](const LuldCheck& check) {
            return fmt::format("of {}: band {}, reference {}", schema.fields[check.price].name,
                               percent_text(check.band), format_duration(check.reference));
          },
          [&](const CrossSourceCheck& check) {
            return fmt::format("of {}: {} within {}", schema.fields[check.price].name, percent_text(check.deviation),
                               format_duration(check.within));
          },
          [](const CompletenessCheck& check) { return "in the sessions of " + check.session; }},
      kind);
  if (std::holds_alternative<SqlCheck>(kind)) return text;
  return std::string(kind_name(kind)) + (text.empty() ? "" : " ") + text;
}

}  // namespace penstock::plan

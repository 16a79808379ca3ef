// The rules that look at a record alone: one pass over the columns, without branches, says whether any row fails; only
// then are the rows looked at one by one.
#include <cstring>

#include "market/batch.h"
#include "market/schema.h"
#include "plan/evaluate.h"
#include "stream/checks/judge.h"
#include "stream/checks/texts.h"

namespace penstock::stream {
namespace {

using market::Batch;
using market::Column;
using market::Kind;

std::string text_of(const Column& column, size_t row, const market::SymbolTable& symbols) {
  return market::value_text(column, row, symbols).value_or("null");
}

// Whether `fails(row)` holds for any row of the batch, whether or not it is still in the flow. A null row holds some
// value, so that it may be said to fail here: who looks closer sees that it is null.
template <typename Fails>
bool any_row(size_t rows, Fails fails) {
  uint8_t any = 0;
  for (size_t row = 0; row < rows; ++row) any |= static_cast<uint8_t>(fails(row));
  return any != 0;
}

// Calls `note(row)` for each row of the flow that fails and has both values.
template <typename Fails, typename Note>
void each_failing(const Flow& rows, const Column& a, const Column& b, Fails fails, Note note) {
  const size_t count = rows.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t row = rows.row(i);
    if (!a.is_null(row) && !b.is_null(row) && fails(row)) note(row);
  }
}

class SqlJudge final : public Judge {
 public:
  SqlJudge(const plan::SqlCheck& check, const market::Schema& input, market::SymbolTable& symbols)
      : check_(check), symbols_(symbols) {
    for (const size_t column : check.columns) names_.push_back(input.fields[column].name);
  }

  Status judge(const Flow& rows, std::vector<Failure>& out) override {
    plan::RowErrors errors;
    PENSTOCK_TRY_ASSIGN(const auto keep, plan::evaluate_condition(check_.condition, *rows.batch, symbols_, &errors));
    if (std::memchr(keep.data(), 0, keep.size()) == nullptr) return {};
    const size_t count = rows.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.row(i);
      if (keep[row] == 0) out.push_back({static_cast<uint32_t>(row), value(*rows.batch, row), bound(errors, row)});
    }
    return {};
  }

 private:
  // The columns that the expression names: a single one alone, several with their names.
  [[nodiscard]] std::string value(const Batch& batch, size_t row) const {
    if (names_.size() == 1) return text_of(batch.columns[check_.columns.front()], row, symbols_);
    std::string text;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (!text.empty()) text += ", ";
      text += names_[i] + " " + text_of(batch.columns[check_.columns[i]], row, symbols_);
    }
    return text;
  }
  [[nodiscard]] std::string bound(const plan::RowErrors& errors, size_t row) const {
    if (!errors.failed.empty() && errors.failed[row] != 0) {
      for (const auto& item : errors.items) {
        if (item.row == row) return check_.condition.text + ": " + item.reason;
      }
    }
    return check_.condition.text;
  }

  const plan::SqlCheck& check_;
  market::SymbolTable& symbols_;
  std::vector<std::string> names_;
};

class PositiveJudge final : public Judge {
 public:
  PositiveJudge(const plan::PositiveCheck& check, const market::Schema& input, const market::SymbolTable& symbols)
      : check_(check), input_(input), symbols_(symbols), action_(input.find("action", Kind::symbol)) {}

  Status judge(const Flow& rows, std::vector<Failure>& out) override {
    bool any = false;
    // A message that cancels a trade may have no price.
    const Column* actions = action_ ? &rows.batch->columns[*action_] : nullptr;
    for (const size_t index : check_.columns) any = any || any_fails(rows.batch->columns[index], rows.batch->rows);
    if (!any) return {};
    const size_t count = rows.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.row(i);
      for (const size_t index : check_.columns) {
        const Column& column = rows.batch->columns[index];
        if (column.is_null(row) || !fails(column, row)) continue;
        if (actions != nullptr && !actions->is_null(row) && symbols_.text(actions->codes[row]) == market::kCancel)
          break;
        out.push_back({static_cast<uint32_t>(row), text_of(column, row, symbols_), input_.fields[index].name + " > 0"});
        break;
      }
    }
    return {};
  }

 private:
  static bool fails(const Column& column, size_t row) {
    switch (column.type.kind) {
      case Kind::decimal128: return column.i128[row] <= 0;
      case Kind::float64: return !(column.f64[row] > 0);  // no number is not positive either
      default: return column.i64[row] <= 0;
    }
  }
  static bool any_fails(const Column& column, size_t rows) {
    if (column.all_null) return false;
    switch (column.type.kind) {
      case Kind::decimal128: return any_row(rows, [v = column.i128.data()](size_t row) { return v[row] <= 0; });
      case Kind::float64: return any_row(rows, [v = column.f64.data()](size_t row) { return !(v[row] > 0); });
      default: return any_row(rows, [v = column.i64.data()](size_t row) { return v[row] <= 0; });
    }
  }

  const plan::PositiveCheck& check_;
  const market::Schema& input_;
  const market::SymbolTable& symbols_;
  std::optional<size_t> action_;
};

class FutureJudge final : public Judge {
 public:
  explicit FutureJudge(const plan::FutureCheck& check) : check_(check) {}

  Status judge(const Flow& rows, std::vector<Failure>& out) override {
    const Column& event = rows.batch->columns[check_.ts_event];
    const Column& received = rows.batch->columns[check_.ts_recv];
    if (event.all_null || received.all_null) return {};
    const auto fails = [e = event.i64.data(), r = received.i64.data(),
                        ahead = static_cast<uint64_t>(check_.ahead.ns)](size_t row) {
      return e[row] > r[row] && static_cast<uint64_t>(e[row]) - static_cast<uint64_t>(r[row]) > ahead;
    };
    if (!any_row(rows.batch->rows, fails)) return {};
    each_failing(rows, event, received, fails, [&](size_t row) {
      out.push_back({static_cast<uint32_t>(row), seconds_text(Int128{event.i64[row]} - received.i64[row]),
                     seconds_text(check_.ahead.ns)});
    });
    return {};
  }

 private:
  const plan::FutureCheck& check_;
};

class CrossedJudge final : public Judge {
 public:
  CrossedJudge(const plan::CrossedCheck& check, const market::SymbolTable& symbols)
      : check_(check), symbols_(symbols) {}

  Status judge(const Flow& rows, std::vector<Failure>& out) override {
    const Column& bid = rows.batch->columns[check_.bid];
    const Column& ask = rows.batch->columns[check_.ask];
    if (bid.all_null || ask.all_null) return {};
    const int64_t* b = bid.i64.data();
    const int64_t* a = ask.i64.data();
    const auto find = [&](auto fails) {
      if (!any_row(rows.batch->rows, fails)) return;
      each_failing(rows, bid, ask, fails, [&](size_t row) {
        out.push_back({static_cast<uint32_t>(row), text_of(bid, row, symbols_), text_of(ask, row, symbols_)});
      });
    };
    if (check_.locked) {
      find([b, a](size_t row) { return b[row] == a[row]; });
    } else {
      find([b, a](size_t row) { return b[row] > a[row]; });
    }
    return {};
  }

 private:
  const plan::CrossedCheck& check_;
  const market::SymbolTable& symbols_;
};

class BarInvariantsJudge final : public Judge {
 public:
  BarInvariantsJudge(const plan::BarInvariantsCheck& check, const market::SymbolTable& symbols)
      : check_(check), symbols_(symbols) {}

  // Bars are few: each is looked at.
  Status judge(const Flow& rows, std::vector<Failure>& out) override {
    const auto& columns = rows.batch->columns;
    struct Order {
      size_t least;
      size_t greatest;
      bool high;  // the greatest is the one to blame, else the least
      std::string_view bound;
    };
    const Order orders[] = {{check_.open, check_.high, true, "high >= open "},
                            {check_.low, check_.high, true, "high >= low "},
                            {check_.close, check_.high, true, "high >= close "},
                            {check_.low, check_.open, false, "low <= open "},
                            {check_.low, check_.close, false, "low <= close "}};
    const size_t count = rows.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.row(i);
      const auto noted = out.size();
      for (const Order& order : orders) {
        const Column& least = columns[order.least];
        const Column& greatest = columns[order.greatest];
        if (least.is_null(row) || greatest.is_null(row) || least.i64[row] <= greatest.i64[row]) continue;
        const Column& blamed = order.high ? greatest : least;
        const Column& other = order.high ? least : greatest;
        out.push_back({static_cast<uint32_t>(row), text_of(blamed, row, symbols_),
                       std::string(order.bound) + text_of(other, row, symbols_)});
        break;
      }
      if (out.size() == noted && check_.volume && negative(columns[*check_.volume], row)) {
        out.push_back({static_cast<uint32_t>(row), text_of(columns[*check_.volume], row, symbols_), "volume >= 0"});
      }
    }
    return {};
  }

 private:
  static bool negative(const Column& column, size_t row) {
    if (column.is_null(row)) return false;
    switch (column.type.kind) {
      case Kind::decimal128: return column.i128[row] < 0;
      case Kind::float64: return !(column.f64[row] >= 0);
      default: return column.i64[row] < 0;
    }
  }

  const plan::BarInvariantsCheck& check_;
  const market::SymbolTable& symbols_;
};

}  // namespace

std::unique_ptr<Judge> make_judge(const plan::CheckKind& kind, const market::Schema& input,
                                  market::SymbolTable& symbols) {
  if (const auto* sql = std::get_if<plan::SqlCheck>(&kind)) return std::make_unique<SqlJudge>(*sql, input, symbols);
  if (const auto* positive = std::get_if<plan::PositiveCheck>(&kind)) {
    return std::make_unique<PositiveJudge>(*positive, input, symbols);
  }
  if (const auto* future = std::get_if<plan::FutureCheck>(&kind)) return std::make_unique<FutureJudge>(*future);
  if (const auto* crossed = std::get_if<plan::CrossedCheck>(&kind)) {
    return std::make_unique<CrossedJudge>(*crossed, symbols);
  }
  return std::make_unique<BarInvariantsJudge>(std::get<plan::BarInvariantsCheck>(kind), symbols);
}

}  // namespace penstock::stream

#include "plan/test_case.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "base/time.h"
#include "market/schema.h"
#include "plan/evaluation.h"
#include "plan/value_text.h"

namespace penstock::plan {

using market::Column;
using market::Kind;

namespace {

constexpr size_t kDifferencesMax = 50;

std::string row_json(const TestCase::Row& row) {
  std::string out = "{";
  for (const auto& [name, value] : row) {
    if (out.size() > 1) out += ',';
    out += fmt::format("\"{}\":", name);
    if (!value) {
      out += "null";
      continue;
    }
    out += '"';
    for (const char c : *value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

// The row's value of a column, or nullptr where it is null or not named.
const std::string* stated(const TestCase::Row& row, const std::string& name) {
  const auto found = row.find(name);
  return found == row.end() || !found->second ? nullptr : &*found->second;
}

// Columns that a trade, quote or record cannot be without.
bool is_required(const market::Schema& schema, size_t column) {
  const std::string& name = schema.fields[column].name;
  return name == "symbol" || name == "ts_event" || name == "price" || name == "size" || name == "value";
}

// True when both are the same value of the column's type, however they are written.
bool same_value(const Column& column, size_t row, const std::string& expected) {
  switch (column.type.kind) {
    case Kind::int64: {
      Int128 units = 0;
      return parse_wide_decimal(expected, 0, units) == market::DecimalError::ok && units == column.i64[row];
    }
    case Kind::decimal:
    case Kind::decimal128: {
      Int128 units = 0;
      const Int128 actual = column.type.kind == Kind::decimal ? Int128{column.i64[row]} : column.i128[row];
      return parse_wide_decimal(expected, column.type.scale, units) == market::DecimalError::ok && units == actual;
    }
    case Kind::float64: {
      double value = 0;
      const auto [end, error] = std::from_chars(expected.data(), expected.data() + expected.size(), value);
      // A double is not written out in a test: nine digits of it are.
      const double actual = column.f64[row];
      return error == std::errc{} && end == expected.data() + expected.size() &&
             std::abs(value - actual) <= 1e-9 * std::max(1.0, std::abs(actual));
    }
    case Kind::timestamp: {
      Timestamp time;
      return parse_time(expected, TimeUnit::detect, time) == TimeError::ok && time.ns == column.i64[row];
    }
    default: return false;
  }
}

}  // namespace

Result<GivenRows> build_rows(const Plan& plan, const TestCase::Given& given, market::SymbolTable& symbols) {
  if (given.topic >= plan.topics.size())
    return fail(ErrorKind::invalid, "the test gives rows to a topic that the plan has not");
  const Topic& topic = plan.topics[given.topic];
  const market::Schema& schema = *topic.schema;
  GivenRows out{market::make_batch(topic.schema), {}};
  const std::string epoch = "0";  // when a JSON record without a stated time was received
  for (size_t i = 0; i < given.rows.size(); ++i) {
    const TestCase::Row& row = given.rows[i];
    market::Batch one = market::make_batch(topic.schema);
    std::string reason;
    for (size_t c = 0; c < schema.fields.size() && reason.empty(); ++c) {
      const std::string& name = schema.fields[c].name;
      const std::string* text = stated(row, name);
      if (text == nullptr && is_required(schema, c)) {
        reason = fmt::format("{} is missing", name);
        break;
      }
      if (text == nullptr && name == "ts_recv") {
        text = stated(row, "ts_event");
        if (text == nullptr) text = &epoch;
      }
      if (const auto why = append_value_text(one.columns[c], 0, text, symbols))
        reason = fmt::format("{}: {}", name, *why);
    }
    if (!reason.empty()) {
      out.rejects.push_back({fmt::format("given {} row {}", topic.name, i + 1), std::move(reason), row_json(row)});
      continue;
    }
    one.rows = 1;
    market::append_row(out.rows, one, 0);
  }
  return out;
}

std::vector<std::string> differences(const TestCase::Expected& expected, const market::Batch& actual,
                                     const market::SymbolTable& symbols) {
  std::vector<std::string> out;
  if (expected.rows.size() != actual.rows) {
    out.push_back(fmt::format("{}: {} rows expected, {} came out", expected.name, expected.rows.size(), actual.rows));
  }
  const size_t both = std::min(expected.rows.size(), actual.rows);
  for (size_t r = 0; r < both; ++r) {
    for (const auto& [name, wanted] : expected.rows[r]) {
      const auto column = actual.schema->find(name);
      if (!column) {
        out.push_back(fmt::format("{} row {}: there is no column {}", expected.name, r + 1, name));
        continue;
      }
      const auto found = market::value_text(actual.columns[*column], r, symbols);
      if (wanted == found || (wanted && found && same_value(actual.columns[*column], r, *wanted))) continue;
      out.push_back(fmt::format("{} row {}: {} is {}, {} expected", expected.name, r + 1, name, found.value_or("null"),
                                wanted.value_or("null")));
    }
  }
  // The rows that one side has and the other has not, as they are.
  for (size_t r = both; r < expected.rows.size(); ++r) {
    out.push_back(fmt::format("{} row {}: missing {}", expected.name, r + 1, row_json(expected.rows[r])));
  }
  for (size_t r = both; r < actual.rows; ++r) {
    TestCase::Row row;
    for (size_t c = 0; c < actual.columns.size(); ++c)
      row[actual.schema->fields[c].name] = market::value_text(actual.columns[c], r, symbols);
    out.push_back(fmt::format("{} row {}: not expected {}", expected.name, r + 1, row_json(row)));
  }
  if (out.size() > kDifferencesMax) {
    const size_t more = out.size() - kDifferencesMax;
    out.resize(kDifferencesMax);
    out.push_back(fmt::format("{}: and {} more differences", expected.name, more));
  }
  return out;
}

}  // namespace penstock::plan

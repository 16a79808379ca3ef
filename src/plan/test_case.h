// The rows of the tests written in a pipeline file, turned into batches and compared with what came out.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "market/batch.h"
#include "market/symbol_table.h"
#include "plan/plan.h"

namespace penstock::plan {

// A given row that a feed could not decode: what the runner hands to the engine as a reject.
struct GivenReject {
  std::string position;  // `given trades row 2`
  std::string reason;
  std::string raw;       // the row as JSON
};

struct GivenRows {
  market::Batch rows;    // of the topic's schema, in the order of the file
  std::vector<GivenReject> rejects;
};
// Columns that a row does not name are null, but for ts_recv, which is then ts_event.
[[nodiscard]] Result<GivenRows> build_rows(const Plan& plan, const TestCase::Given& given,
                                           market::SymbolTable& symbols);

// What differs between the expected rows and `actual`, in order: one line a difference, none when all is as expected.
// Values are compared by the column's type (`1.50` is the price `1.5`); columns that a row does not name are not
// compared.
[[nodiscard]] std::vector<std::string> differences(const TestCase::Expected& expected, const market::Batch& actual,
                                                   const market::SymbolTable& symbols);

}  // namespace penstock::plan

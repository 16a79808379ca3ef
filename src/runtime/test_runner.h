// Runs the tests written in a pipeline file: given rows through the engines, in memory, against expected rows.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "plan/plan.h"

namespace penstock::runtime {

struct TestResult {
  std::string name;
  std::string where;                     // file:line:column
  std::vector<std::string> differences;  // none: passed
};

// One result a test, in the order of the file. An error only when a test cannot be run at all.
[[nodiscard]] Result<std::vector<TestResult>> run_tests(const plan::Plan& plan);

}  // namespace penstock::runtime

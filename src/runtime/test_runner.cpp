#include "runtime/test_runner.h"

#include "market/schema.h"
#include "plan/test_case.h"
#include "stream/engine.h"

namespace penstock::runtime {
namespace {

// The plan with one table for each expectation of `test` instead of its own, so that the engines give what is asked
// for.
plan::Plan with_expected_tables(plan::Plan plan, const plan::TestCase& test) {
  std::vector<plan::Table> tables;
  for (const plan::TestCase::Expected& expected : test.expect) {
    if (expected.table) {
      tables.push_back(plan.tables[*expected.table]);
      continue;
    }
    plan::Table& table = tables.emplace_back();
    table.name = expected.name;
    table.inputs = {expected.from};
    table.schema = plan.schema_of(expected.from);
  }
  plan.tables = std::move(tables);
  return plan;
}

Result<TestResult> run_test(const plan::Plan& file_plan, const plan::TestCase& test) {
  const plan::Plan plan = with_expected_tables(file_plan, test);
  TestResult result{test.name, test.location.to_string(), {}};
  market::SymbolTable symbols;
  std::vector<market::Batch> actual;
  for (const plan::Table& table : plan.tables) actual.push_back(market::make_batch(table.schema));

  for (size_t topic = 0; topic < plan.topics.size(); ++topic) {
    PENSTOCK_TRY_ASSIGN(const auto engine, stream::Engine::create(plan, topic, symbols));
    for (const plan::TestCase::Given& given : test.given) {
      if (given.topic != topic) continue;
      PENSTOCK_TRY_ASSIGN(plan::GivenRows rows, plan::build_rows(plan, given, symbols));
      PENSTOCK_TRY(engine->process(rows.rows));
      for (plan::GivenReject& reject : rows.rejects) {
        engine->reject({"test", std::move(reject.position), std::move(reject.reason), std::move(reject.raw)});
      }
    }
    // The given rows are all there is: every window closes.
    for (const size_t source : plan.topics[topic].sources) PENSTOCK_TRY(engine->mark(source, Timestamp::max()));
    for (const stream::TableRows& made : engine->take_rows()) {
      for (size_t row = 0; row < made.rows.rows; ++row) market::append_row(actual[made.table], made.rows, row);
    }
  }
  for (size_t i = 0; i < test.expect.size(); ++i) {
    for (std::string& difference : plan::differences(test.expect[i], actual[i], symbols)) {
      result.differences.push_back(std::move(difference));
    }
  }
  return result;
}

}  // namespace

Result<std::vector<TestResult>> run_tests(const plan::Plan& plan) {
  std::vector<TestResult> results;
  for (const plan::TestCase& test : plan.tests) {
    auto result = run_test(plan, test);
    if (!result) return with_context(std::move(result).error(), test.location.to_string() + ": " + test.name);
    results.push_back(std::move(*result));
  }
  return results;
}

}  // namespace penstock::runtime

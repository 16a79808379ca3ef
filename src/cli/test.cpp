#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "runtime/test_runner.h"

namespace penstock::cli {
namespace {

int run(const PipelineArguments& arguments) {
  const auto plan = load_or_print(arguments, Unset::ignored);
  if (!plan) return kWrongUsage;
  const auto results = runtime::run_tests(*plan);
  if (!results) return print_error(results.error());
  size_t failed = 0;
  for (const runtime::TestResult& result : *results) {
    if (result.differences.empty()) {
      print("ok    {}\n", result.name);
      continue;
    }
    ++failed;
    print("FAIL  {} ({})\n", result.name, result.where);
    for (const std::string& difference : result.differences) print("      {}\n", difference);
  }
  if (results->empty()) print("{} has no tests: add some under `tests:`\n", arguments.file);
  print("{} passed, {} failed\n", results->size() - failed, failed);
  return failed == 0 ? kDone : kFailed;
}

}  // namespace

Command add_test(CLI::App& program) {
  CLI::App* app = program.add_subcommand("test", "Run the tests written in a pipeline file");
  auto arguments = std::make_shared<PipelineArguments>();
  arguments->add_to(*app);
  return {app, [arguments] { return run(*arguments); }};
}

}  // namespace penstock::cli

#include "plan/explain.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"

namespace penstock::cli {

Command add_explain(CLI::App& program) {
  CLI::App* app = program.add_subcommand("explain", "Show what a pipeline file does, step by step, with types");
  auto arguments = std::make_shared<PipelineArguments>();
  arguments->add_to(*app);
  return {app, [arguments] {
            const auto plan = load_or_print(*arguments, Unset::told);
            if (!plan) return kWrongUsage;
            print("{}", plan::explain(*plan));
            return kDone;
          }};
}

}  // namespace penstock::cli

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"

namespace penstock::cli {

Command add_check(CLI::App& program) {
  CLI::App* app = program.add_subcommand("check", "Say whether a pipeline file is valid, and if not, where and why");
  auto arguments = std::make_shared<PipelineArguments>();
  arguments->add_to(*app);
  return {app, [arguments] {
            const auto plan = load_or_print(*arguments, Unset::told);
            if (!plan) return kWrongUsage;
            print("{}: valid: {} sources, {} topics, {} streams, {} tables, {} tests\n", arguments->file,
                  plan->sources.size(), plan->topics.size(), plan->streams.size(), plan->tables.size(),
                  plan->tests.size());
            return kDone;
          }};
}

}  // namespace penstock::cli

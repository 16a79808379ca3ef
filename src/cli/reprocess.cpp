#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/clock.h"
#include "cli/command.h"
#include "runtime/reprocess.h"

namespace penstock::cli {
namespace {

struct Arguments {
  PipelineArguments pipeline;
  runtime::ReprocessOptions options;
  std::string stream;
};

int run(const Arguments& arguments) {
  const auto plan = load_or_print(arguments.pipeline);
  if (!plan) return kWrongUsage;
  runtime::ReprocessOptions options = arguments.options;
  if (!arguments.stream.empty()) options.stream = arguments.stream;
  const auto report = runtime::reprocess(*plan, options, system_clock(), io::posix_file_system());
  if (!report) return print_error(report.error());
  print("{}", runtime::summary(*report));
  return std::fflush(stdout) == 0 ? kDone : kFailed;
}

}  // namespace

Command add_reprocess(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "reprocess", "Send records that a rule put into quarantine through their stream again, after the rule changed");
  auto arguments = std::make_shared<Arguments>();
  arguments->pipeline.add_to(*app);
  app->add_option("--data", arguments->options.data_dir, "The pipeline's data folder")->capture_default_str();
  app->add_option("--stream", arguments->stream, "Only the records of this stream");
  return {app, [arguments] { return run(*arguments); }};
}

}  // namespace penstock::cli

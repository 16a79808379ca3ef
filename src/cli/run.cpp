#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>

#include "base/logging.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "runtime/pipeline.h"

namespace penstock::cli {
namespace {

struct Arguments {
  PipelineArguments pipeline;
  runtime::RunOptions options;
  bool until_end = false;
  bool quiet = false;
};

// What is wrong with an address as it is written, before anything is opened; empty: nothing.
std::string wrong_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(colon == std::string::npos ? end : text.data() + colon + 1, end, port);
  if (error == std::errc{} && at == end && colon > 0) return "";
  return "'" + text + "' is no address: write host:port, such as 127.0.0.1:8080";
}

int run(const Arguments& arguments, bool listen_given) {
  const auto plan = load_or_print(arguments.pipeline);
  if (!plan) return kWrongUsage;
  const std::stop_token stop = stop_on_signals();
  if (arguments.quiet) set_log_level(LogLevel::warning);

  runtime::RunOptions options = arguments.options;
  // A run that ends by itself must not fail because another one holds the usual port.
  if (arguments.until_end && !listen_given) options.listen = "127.0.0.1:0";
  auto pipeline = runtime::Pipeline::start(*plan, options, system_clock(), io::posix_file_system());
  if (!pipeline) {
    print_error(pipeline.error());
    return kFailed;
  }
  if (!arguments.quiet) {
    print("penstock: pipeline {} runs on {}, data in {}\n", plan->name, (*pipeline)->address(), options.data_dir);
    print("penstock: http://{}/{}\n", (*pipeline)->address(),
          (*pipeline)->simulated() ? "  (the market is SIMULATED)" : "");
    std::fflush(stdout);
  }
  {
    const Progress progress(**pipeline, arguments.quiet);
    (*pipeline)->wait(stop, arguments.until_end);
  }
  const Status status = (*pipeline)->finish();
  const runtime::RunReport report = (*pipeline)->report();
  if (!arguments.quiet) {
    if (stop.stop_requested() && status) print("penstock: stopped; everything read so far is committed\n");
    print("{}", runtime::summary(*plan, report));
    std::fflush(stdout);
  }
  if (!status) {
    print_error(status.error());
    return kFailed;
  }
  if (const Status balanced = runtime::check_balance(runtime::balance(*plan, report)); !balanced) {
    print_error(balanced.error());
    return kFailed;
  }
  return kDone;
}

}  // namespace

Command add_run(CLI::App& program) {
  CLI::App* app = program.add_subcommand("run", "Run a pipeline");
  auto arguments = std::make_shared<Arguments>();
  arguments->pipeline.add_to(*app);
  app->add_option("--data", arguments->options.data_dir, "The folder that keeps everything")->capture_default_str();
  const CLI::Option* listen = app->add_option("--listen", arguments->options.listen,
                                              "host:port of the page and the API; port 0 takes a free one")
                                  ->check(&wrong_address)
                                  ->capture_default_str();
  app->add_flag("--until-end", arguments->until_end, "End when every source has ended");
  app->add_flag("--quiet", arguments->quiet, "Print warnings and errors only");
  return {app, [arguments, listen] { return run(*arguments, listen->count() > 0); }};
}

}  // namespace penstock::cli

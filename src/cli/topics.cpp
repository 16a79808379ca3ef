#include <CLI/CLI.hpp>
#include <memory>

#include "base/clock.h"
#include "cli/command.h"
#include "runtime/inspect.h"

namespace penstock::cli {
namespace {

struct TailArguments {
  std::string topic;
  std::string data_dir = "data";
  std::string since;
  int64_t from = 0;
  int32_t partition = 0;
  uint64_t count = 0;
  runtime::TailOptions options;
};

int run_tail(TailArguments& arguments, const CLI::App& app) {
  if (app.count("--from") > 0) arguments.options.from = Offset{arguments.from};
  if (app.count("--partition") > 0) arguments.options.partition = arguments.partition;
  if (app.count("--count") > 0) arguments.options.count = arguments.count;
  if (!arguments.since.empty()) {
    Timestamp since;
    if (const TimeError error = parse_time(arguments.since, TimeUnit::detect, since); error != TimeError::ok) {
      return print_error({ErrorKind::invalid, fmt::format("--since '{}': {}", arguments.since, to_string(error))});
    }
    arguments.options.since = since;
  }
  const Status status = runtime::tail(io::posix_file_system(), arguments.data_dir, arguments.topic, arguments.options,
                                      system_clock(), stop_on_signals(), write_stdout);
  if (!status) return print_error(status.error());
  return kDone;
}

}  // namespace

Command add_topics(CLI::App& program) {
  CLI::App* app = program.add_subcommand("topics", "List the log's topics, partitions and offsets");
  auto data_dir = std::make_shared<std::string>("data");
  app->add_option("--data", *data_dir, "The pipeline's data folder")->capture_default_str();
  return {app, [data_dir] {
            const auto text = runtime::describe_topics(io::posix_file_system(), *data_dir);
            if (!text) return print_error(text.error());
            print("{}", *text);
            return kDone;
          }};
}

Command add_tail(CLI::App& program) {
  CLI::App* app = program.add_subcommand("tail", "Print a topic's records as JSON, one a line");
  auto arguments = std::make_shared<TailArguments>();
  app->add_option("topic", arguments->topic, "The topic")->required();
  app->add_option("--data", arguments->data_dir, "The pipeline's data folder")->capture_default_str();
  app->add_option("--partition", arguments->partition, "Only this partition");
  app->add_option("--from", arguments->from, "Begin at this offset of each partition");
  app->add_option("--since", arguments->since, "Begin at this time (RFC 3339 or epoch)");
  app->add_option("--last", arguments->options.last, "Begin so many records before the end of each partition")
      ->capture_default_str();
  app->add_option("--count", arguments->count, "Stop after so many records");
  app->add_flag("-f,--follow", arguments->options.follow, "Wait for more records");
  return {app, [arguments, app] { return run_tail(*arguments, *app); }};
}

}  // namespace penstock::cli

#include "runtime/repair.h"

#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <memory>

#include "cli/command.h"

namespace penstock::cli {
namespace {

struct Arguments {
  PipelineArguments pipeline;
  runtime::RepairOptions options;
  std::string from;
  std::string to;
};

std::string joined(const auto& names) { return fmt::format("{}", fmt::join(names, ", ")); }

int run_repair(Arguments& arguments) {
  for (const auto& [option, text, time] : {std::tuple{"--from", &arguments.from, &arguments.options.from},
                                           std::tuple{"--to", &arguments.to, &arguments.options.to}}) {
    if (const TimeError error = parse_time(*text, TimeUnit::detect, *time); error != TimeError::ok) {
      print_error({ErrorKind::invalid, fmt::format("{} '{}': {}", option, *text, to_string(error))});
      return kWrongUsage;
    }
  }
  const auto plan = load_or_print(arguments.pipeline);
  if (!plan) return kWrongUsage;
  const auto done = runtime::repair(*plan, arguments.options, io::posix_file_system());
  if (!done) return print_error(done.error());
  for (const runtime::RepairedTable& table : done->tables) {
    print("table {}: {} bars of {} records: {} as stored, {} changed, {} added, {} removed\n", table.table, table.bars,
          table.records, table.same, table.changed, table.added, table.removed);
    if (table.open.bars > 0) {
      print("table {}: left alone ({}), as the pipeline has not closed them yet: {}. Repair them when it has\n",
            table.table, joined(table.open.intervals), table.open.bars);
    }
    if (table.revisable.bars > 0) {
      print("table {}: left alone ({}), as the pipeline itself may still revise them: {}\n", table.table,
            joined(table.revisable.intervals), table.revisable.bars);
    }
    if (table.unmatched > 0) {
      print("table {}: {} cancels or corrections apply to no trade of the log\n", table.table, table.unmatched);
    }
  }
  for (const auto& [partition, start] : done->cut_logs) {
    print("{}-{}: the log begins at offset {}: checks and dedup know nothing of what was before\n", partition.topic,
          partition.partition, start.value);
  }
  if (!done->not_rebuilt.empty()) {
    print("made of the repaired bars, and as before: {}\n", joined(done->not_rebuilt));
  }
  return kDone;
}

}  // namespace

Command add_repair(CLI::App& program) {
  CLI::App* app = program.add_subcommand("repair", "Make a symbol's bars again from the log, with what came too late");
  auto arguments = std::make_shared<Arguments>();
  arguments->options.data_dir = "data";
  arguments->pipeline.add_to(*app);
  app->add_option("--data", arguments->options.data_dir, "The pipeline's data folder")->capture_default_str();
  app->add_option("--symbol", arguments->options.symbol, "The symbol")->required();
  app->add_option("--from", arguments->from, "The first start of a bar (RFC 3339 or epoch)")->required();
  app->add_option("--to", arguments->to, "Behind the last")->required();
  app->add_option("--stream", arguments->options.stream, "Only the bars of this stream");
  return {app, [arguments] { return run_repair(*arguments); }};
}

}  // namespace penstock::cli

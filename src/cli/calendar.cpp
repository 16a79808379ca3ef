#include "runtime/calendars.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"

namespace penstock::cli {
namespace {

struct Arguments {
  std::string name;
  runtime::CalendarRange range;
  std::string format = "table";
};

int run_calendar(const Arguments& arguments) {
  const auto format = store::parse_format(arguments.format);
  if (!format) return print_error(format.error());
  const auto text = arguments.name.empty()
                        ? runtime::list_calendars()
                        : runtime::describe_calendar(arguments.name, arguments.range, *format, system_clock());
  if (!text) return print_error(text.error());
  print("{}", *text);
  return kDone;
}

}  // namespace

Command add_calendar(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("calendar", "Print a venue's trading sessions; without a name, list the calendars");
  auto arguments = std::make_shared<Arguments>();
  CLI::Option* name = app->add_option("name", arguments->name, "The calendar: XNYS, XLON, 24/7, ...");
  app->add_option("--from", arguments->range.from, "The first day, YYYY-MM-DD (default: today)")->needs(name);
  app->add_option("--to", arguments->range.to, "The last day (default: 30 days later)")->needs(name);
  app->add_option("--format", arguments->format, "table, csv or json")->capture_default_str()->needs(name);
  return {app, [arguments] { return run_calendar(*arguments); }};
}

}  // namespace penstock::cli

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "runtime/inspect.h"

namespace penstock::cli {
namespace {

struct Arguments {
  std::string sql;
  std::string data_dir = "data";
  std::string format = "table";
  std::string path;
};

int run_query(const Arguments& arguments) {
  const auto format = store::parse_format(arguments.format);
  if (!format) return print_error(format.error());
  const Status status =
      runtime::query(io::posix_file_system(), arguments.data_dir, arguments.sql, *format, write_stdout, system_clock());
  if (!status) return print_error(status.error());
  return std::fflush(stdout) == 0 ? kDone : kFailed;
}

// What the end of a file's name says; parquet where it says nothing.
std::string format_by_name(const std::string& path) {
  for (const std::string format : {"csv", "json", "jsonl"}) {
    if (path.ends_with("." + format)) return format;
  }
  return path.ends_with(".ndjson") ? "jsonl" : "parquet";
}

int run_export(const Arguments& arguments) {
  const auto format = store::parse_format(arguments.format.empty() ? format_by_name(arguments.path) : arguments.format);
  if (!format) return print_error(format.error());
  // A bare name is a table.
  const bool is_query = arguments.sql.find_first_of(" \t\n") != std::string::npos;
  const auto bytes = runtime::export_query(io::posix_file_system(), arguments.data_dir,
                                           is_query ? arguments.sql : "SELECT * FROM " + arguments.sql, *format,
                                           arguments.path, system_clock());
  if (!bytes) return print_error(bytes.error());
  print("{}: {} bytes\n", arguments.path, *bytes);
  return kDone;
}

}  // namespace

Command add_query(CLI::App& program) {
  CLI::App* app = program.add_subcommand("query", "Run read-only SQL over the tables, whether a pipeline runs or not");
  auto arguments = std::make_shared<Arguments>();
  app->add_option("sql", arguments->sql, "One SELECT statement")->required();
  app->add_option("--data", arguments->data_dir, "The pipeline's data folder")->capture_default_str();
  app->add_option("--format", arguments->format, "table, csv, json (an array), jsonl (a line each) or parquet")
      ->capture_default_str();
  return {app, [arguments] { return run_query(*arguments); }};
}

Command add_export(CLI::App& program) {
  CLI::App* app = program.add_subcommand("export", "Write a table, or the result of a SELECT, to a file");
  auto arguments = std::make_shared<Arguments>();
  arguments->format.clear();
  app->add_option("what", arguments->sql, "A table's name or a SELECT statement")->required();
  app->add_option("path", arguments->path, "The file to write")->required();
  app->add_option("--data", arguments->data_dir, "The pipeline's data folder")->capture_default_str();
  app->add_option("--format", arguments->format,
                  "csv, json (an array), jsonl (a line each) or parquet; without it the end of the file's name tells, "
                  "and parquet is the rest");
  return {app, [arguments] { return run_export(*arguments); }};
}

}  // namespace penstock::cli

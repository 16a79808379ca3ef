#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "cli/command.h"
#include "runtime/inspect.h"

namespace penstock::cli {
namespace {

struct Arguments {
  std::string data_dir = "data";
  std::string format = "table";
  uint64_t symbols = 20;
};

struct Section {
  const char* title;
  const char* sql;  // `{}`: how many rows
};
constexpr Section kSections[] = {
    {"What the rules found",
     "SELECT stream, rule, kind, action, count(*) AS records, count(DISTINCT symbol) AS symbols, min(ts_event) AS "
     "first, "
     "max(ts_event) AS last FROM quality GROUP BY stream, rule, kind, action ORDER BY stream, records DESC, rule, "
     "action"},
    {"By symbol, the most first",
     "SELECT stream, rule, action, symbol, count(*) AS records, min(ts_event) AS first, max(ts_event) AS last FROM "
     "quality "
     "GROUP BY stream, rule, action, symbol ORDER BY records DESC, stream, rule, symbol, action LIMIT {}"},
    {"Gaps, by the ids that were missing when a record came",
     "SELECT stream, rule, symbol, count(*) AS gaps, sum(value::HUGEINT - bound::HUGEINT)::VARCHAR AS missing, "
     "min(ts_event) AS first, max(ts_event) AS last FROM quality WHERE kind = 'gap' GROUP BY stream, rule, symbol "
     "ORDER BY "
     "sum(value::HUGEINT - bound::HUGEINT) DESC, stream, rule, symbol LIMIT {}"},
    {"In quarantine now",
     // Reasons of other steps name records; without their numbers they are few.
     "SELECT stream, rule, CASE WHEN rule IS NULL THEN regexp_replace(reason, '[0-9][0-9.]*', '#', 'g')[:100] END AS "
     "reason, count(*) AS records FROM (SELECT stream, reason, nullif(trim(regexp_extract(reason, '^rule ([^:(]+)', "
     "1)), '') AS rule FROM quarantine) GROUP BY ALL ORDER BY stream, records DESC, rule, reason LIMIT {}"},
    {"Late",
     "SELECT stream, count(*) AS records, count(DISTINCT symbol) AS symbols, max(lateness_ns) FILTER "
     "(isfinite(watermark::TIMESTAMP)) / 1e9 AS seconds_max, min(ts_event) AS first, max(ts_event) AS last FROM late "
     "GROUP BY stream ORDER BY stream"}};

// The same as one relation, for programs.
constexpr const char* kAll =
    "SELECT 'check' AS section, stream, rule, kind, action, symbol, count(*) AS records, CASE WHEN kind = 'gap' THEN "
    "sum(CASE WHEN kind = 'gap' THEN value::HUGEINT - bound::HUGEINT END)::VARCHAR END AS missing, min(ts_event) AS "
    "first, "
    "max(ts_event) AS last FROM quality GROUP BY stream, rule, kind, action, symbol "
    "UNION ALL BY NAME SELECT 'quarantine' AS section, stream, nullif(trim(regexp_extract(reason, '^rule ([^:(]+)', "
    "1)), "
    "'') AS rule, count(*) AS records FROM quarantine GROUP BY ALL "
    "UNION ALL BY NAME SELECT 'late' AS section, stream, symbol, count(*) AS records, min(ts_event) AS first, "
    "max(ts_event) AS last FROM late GROUP BY stream, symbol "
    "ORDER BY section, stream, rule, action, symbol";

Status report(const Arguments& arguments, store::Format format) {
  io::FileSystem& files = io::posix_file_system();
  if (format != store::Format::table)
    return runtime::query(files, arguments.data_dir, kAll, format, write_stdout, system_clock());
  bool first = true;
  for (const Section& section : kSections) {
    // With the first of its table: an error stands alone.
    std::string title = fmt::format("{}{}\n", first ? "" : "\n", section.title);
    first = false;
    const auto write = [&title](std::string_view text) -> Status {
      if (!title.empty()) PENSTOCK_TRY(write_stdout(std::exchange(title, {})));
      return write_stdout(text);
    };
    PENSTOCK_TRY(runtime::query(files, arguments.data_dir, fmt::format(fmt::runtime(section.sql), arguments.symbols),
                                store::Format::table, write, system_clock()));
  }
  return {};
}

int run(const Arguments& arguments) {
  const auto format = store::parse_format(arguments.format);
  if (!format) return print_error(format.error());
  if (*format == store::Format::parquet) {
    return print_error({ErrorKind::invalid,
                        "--format parquet: a report is table, csv, json or jsonl; `penstock export "
                        "quality FILE` writes the rows themselves"});
  }
  if (const Status status = report(arguments, *format); !status) return print_error(status.error());
  return std::fflush(stdout) == 0 ? kDone : kFailed;
}

}  // namespace

Command add_quality(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "quality",
      "Report what the checks found, what is in quarantine and what was late, whether a pipeline runs or not");
  auto arguments = std::make_shared<Arguments>();
  app->add_option("--data", arguments->data_dir, "The pipeline's data folder")->capture_default_str();
  app->add_option("--format", arguments->format, "table, csv, json or jsonl")->capture_default_str();
  app->add_option("--symbols", arguments->symbols, "How many symbols a table shows")->capture_default_str();
  return {app, [arguments] { return run(*arguments); }};
}

}  // namespace penstock::cli

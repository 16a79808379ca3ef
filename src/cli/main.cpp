// The program: `penstock COMMAND ...`, one file a command.
#include <malloc.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "cli/command.h"
#include "runtime/version.h"

int main(int argc, char** argv) {
  using namespace penstock::cli;
  // A peer or a pager that goes away is an error of that write, not the end of the process.
  signal(SIGPIPE, SIG_IGN);
  // Large buffers go back to the system when they are freed. Left to itself the C library raises this bound as far as
  // 32 MB, and what each thread needed once stays with it: a fifth more memory in a run that stores much.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);

  CLI::App program{"Penstock: a real-time market-data pipeline in one program"};
  program.set_version_flag("--version", "penstock " + std::string(penstock::runtime::kVersion));
  program.require_subcommand(1);
  const std::vector<Command> commands{add_run(program),     add_check(program),     add_explain(program),
                                      add_test(program),    add_query(program),     add_export(program),
                                      add_topics(program),  add_tail(program),      add_calendar(program),
                                      add_quality(program), add_reprocess(program), add_repair(program)};
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and the version come here too, with exit code 0.
    return program.exit(error) == 0 ? kDone : kWrongUsage;
  }
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    const int code = command.run();
    if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && errno != EPIPE && code == kDone) {
      return print_error({penstock::ErrorKind::io, "standard output cannot be written"});
    }
    return code;
  }
  return kWrongUsage;
}

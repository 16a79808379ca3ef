#include "cli/command.h"

#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

namespace penstock::cli {

void PipelineArguments::add_to(CLI::App& app) {
  app.add_option("file", file, "The pipeline file")->required();
  app.add_option("--set", assignments, "A value for ${NAME} in the file, as NAME=VALUE; may be given several times")
      ->type_name("NAME=VALUE")
      ->take_all();
}

Result<plan::Variables> PipelineArguments::variables() const {
  plan::Variables variables;
  for (const std::string& assignment : assignments) {
    const size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorKind::invalid, "--set '{}': write NAME=VALUE", assignment);
    }
    variables.set[assignment.substr(0, equals)] = assignment.substr(equals + 1);
  }
  return variables;
}

std::optional<plan::Plan> load_or_print(const PipelineArguments& arguments, Unset unset) {
  auto variables = arguments.variables();
  if (!variables) {
    print_error(variables.error());
    return std::nullopt;
  }
  variables->allow_unset = unset != Unset::refused;
  auto plan = plan::load_plan(arguments.file, *variables);
  if (!plan) {
    // One diagnostic a line, each with its own place: no prefix of ours.
    std::fprintf(stderr, "%s\n", plan.error().message.c_str());
    return std::nullopt;
  }
  for (const plan::Plan::Unset& missing : plan->unset) {
    if (unset != Unset::told) break;
    std::fprintf(stderr, "%s: note: %s has no value; to run it, add --set %s=... or set it in the environment\n",
                 missing.location.to_string().c_str(), missing.name.c_str(), missing.name.c_str());
  }
  return std::move(*plan);
}

int print_error(const Error& error) {
  if (error.kind == ErrorKind::cancelled) return kDone;
  std::fprintf(stderr, "penstock: %s\n", error.message.c_str());
  return error.kind == ErrorKind::invalid ? kWrongUsage : kFailed;
}

Status write_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
    return fail(errno == EPIPE ? ErrorKind::cancelled : ErrorKind::io, "standard output cannot be written: {}",
                strerrordesc_np(errno));
  }
  return {};
}

std::stop_token stop_on_signals() {
  // Blocked in every thread made from here on, and taken by one that waits for them: no code runs inside a handler.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  static std::stop_source source;
  // Detached: it waits for signals until the process ends, and touches only `source`, which outlives it.
  std::thread([signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    source.request_stop();
    sigwait(&signals, &signal);
    _exit(128 + signal);
  }).detach();
  return source.get_token();
}

}  // namespace penstock::cli

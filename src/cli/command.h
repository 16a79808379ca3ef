// What every command of `penstock` is: options it reads, and a function that runs it.
#pragma once

#include <cstdio>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "plan/load.h"

namespace CLI {
class App;
}

namespace penstock::cli {

// Exit codes of the program.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;        // at run time
inline constexpr int kWrongUsage = 2;    // a wrong flag, or a file that is not valid

// A command is added to the program by a function in its own file; `run` is called when it was the one given.
struct Command {
  CLI::App* app = nullptr;
  std::function<int()> run;
};
[[nodiscard]] Command add_run(CLI::App& program);
[[nodiscard]] Command add_check(CLI::App& program);
[[nodiscard]] Command add_explain(CLI::App& program);
[[nodiscard]] Command add_test(CLI::App& program);
[[nodiscard]] Command add_query(CLI::App& program);
[[nodiscard]] Command add_export(CLI::App& program);
[[nodiscard]] Command add_topics(CLI::App& program);
[[nodiscard]] Command add_tail(CLI::App& program);
[[nodiscard]] Command add_calendar(CLI::App& program);
[[nodiscard]] Command add_quality(CLI::App& program);
[[nodiscard]] Command add_reprocess(CLI::App& program);
[[nodiscard]] Command add_repair(CLI::App& program);

// The pipeline file and its variables, as `run`, `check`, `explain` and `test` take them.
struct PipelineArguments {
  std::string file;
  std::vector<std::string> assignments;  // name=value
  void add_to(CLI::App& app);
  [[nodiscard]] Result<plan::Variables> variables() const;
};
// What a command makes of `${NAME}` that nothing gives a value: it is needed to run a file; who looks at one is told of
// it; its tests need none.
enum class Unset : uint8_t { refused, told, ignored };
// Loads it; prints what is wrong with it on stderr and gives nothing.
[[nodiscard]] std::optional<plan::Plan> load_or_print(const PipelineArguments& arguments, Unset unset = Unset::refused);

// Prints `penstock: message` on stderr; gives the exit code of the error's kind. A reader who has seen enough is none.
int print_error(const Error& error);

// Writes to stdout; `cancelled` when nobody reads it any more (a closed pipe), `io` when it cannot be written.
[[nodiscard]] Status write_stdout(std::string_view text);
// What a command says to a person. A stdout that cannot be written ends nothing: main() looks at it at the end.
template <typename... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  const std::string text = fmt::format(format, std::forward<Args>(args)...);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

// Asked to stop by the first SIGINT or SIGTERM; a second one ends the process at once.
[[nodiscard]] std::stop_token stop_on_signals();

}  // namespace penstock::cli

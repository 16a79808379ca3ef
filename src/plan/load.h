// From a pipeline file to a Plan. The file's shape is docs/formats/pipeline.md. All errors of a file are found in one
// pass (up to kDiagnosticsMax), each with its line and column and what to write instead.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "plan/plan.h"

namespace penstock::plan {

// What `${NAME}` in a file may stand for. `set` (from --set) comes before the environment.
struct Variables {
  std::map<std::string, std::string> set;
  bool use_environment = true;
  // A `${NAME}` that has no value is an error; or it stands for itself, as far as a text will do there, and numbers
  // keep their default: Plan::unset tells of it then. For looking at a file, not for running it.
  bool allow_unset = false;
};

struct Diagnostic {
  Location location;
  std::string message;
  [[nodiscard]] std::string to_string() const;  // `file:line:column: message`
};
inline constexpr size_t kDiagnosticsMax = 50;
inline constexpr size_t kFileBytesMax = size_t{1} << 20;

// The plan, or what is wrong with the file, in the order of the file.
struct Loaded {
  std::optional<Plan> plan;
  std::vector<Diagnostic> diagnostics;
};
[[nodiscard]] Loaded load_text(std::string_view text, const std::string& file, const Variables& variables);

// The same with the diagnostics as one error, one a line.
[[nodiscard]] Result<Plan> parse_plan(std::string_view text, const std::string& file, const Variables& variables);
[[nodiscard]] Result<Plan> load_plan(const std::string& path, const Variables& variables);

}  // namespace penstock::plan

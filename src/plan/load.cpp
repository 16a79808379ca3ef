#include "plan/load.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "plan/diagnostics.h"
#include "plan/loader.h"
#include "plan/substitution.h"
#include "plan/yaml_document.h"

namespace penstock::plan {

Loaded load_text(std::string_view text, const std::string& file, const Variables& variables) {
  Diagnostics diagnostics(file);
  Loaded loaded;
  auto document = YamlDocument::parse(text, diagnostics);
  if (!document) {
    loaded.diagnostics = diagnostics.take({});
    return loaded;
  }
  Substitution substitution(variables, *document, diagnostics);
  substitution.apply(document->root());
  substitution.report_unused();
  Plan plan = Loader(*document, diagnostics).load();
  if (!diagnostics.empty()) {
    loaded.diagnostics = diagnostics.take(substitution.secrets());
    return loaded;
  }
  plan.file = file;
  plan.secrets = substitution.secrets();
  plan.unset = substitution.unset();
  loaded.plan = std::move(plan);
  return loaded;
}

Result<Plan> parse_plan(std::string_view text, const std::string& file, const Variables& variables) {
  Loaded loaded = load_text(text, file, variables);
  if (loaded.plan) return *std::move(loaded.plan);
  std::string message;
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    if (!message.empty()) message += '\n';
    message += diagnostic.to_string();
  }
  return std::unexpected(Error{ErrorKind::invalid, std::move(message)});
}

Result<Plan> load_plan(const std::string& path, const Variables& variables) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int reason = errno;
    return fail(reason == ENOENT ? ErrorKind::not_found : ErrorKind::io, "{}: the pipeline file cannot be opened: {}",
                path, std::strerror(reason));
  }
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail(ErrorKind::io, "{}: the pipeline file cannot be read (is it a folder?)", path);
  text.resize(static_cast<size_t>(file.gcount()));
  return parse_plan(text, path, variables);
}

}  // namespace penstock::plan

// Collects what is wrong with a pipeline file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/suggestion.h"
#include "plan/load.h"

namespace penstock::plan {

// Where something stands in the file, both from 1; the column counts characters.
struct Position {
  int line = 1;
  int column = 1;
};

class Diagnostics {
 public:
  explicit Diagnostics(std::string file) : file_(std::move(file)) {}

  // Beyond kDiagnosticsMax they are only counted.
  void add(Position at, std::string message);
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] size_t count() const { return items_.size() + dropped_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] Location location(Position at) const { return {file_, at.line, at.column}; }
  // In the order of the file, with the secrets in the messages replaced.
  [[nodiscard]] std::vector<Diagnostic> take(const std::vector<Secret>& secrets);

 private:
  std::string file_;
  std::vector<Diagnostic> items_;
  size_t dropped_ = 0;
};

}  // namespace penstock::plan

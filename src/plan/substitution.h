// Puts the values of `${NAME}` and `${NAME:-default}` into the scalars of a document. `$${` stands for `${` itself.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "plan/diagnostics.h"
#include "plan/load.h"
#include "plan/yaml_document.h"

namespace penstock::plan {

class Substitution {
 public:
  // Borrows all three.
  Substitution(const Variables& variables, const YamlDocument& document, Diagnostics& diagnostics)
      : variables_(variables), document_(document), diagnostics_(diagnostics) {}

  // Every scalar below `node`, but for keys. A missing value is a diagnostic and makes the scalar `broken`, or where
  // that is allowed makes it `unset`.
  void apply(YamlNode& node);
  // What of --set the file never asked for is most likely misspelt.
  void report_unused();
  [[nodiscard]] const std::vector<Secret>& secrets() const { return secrets_; }
  [[nodiscard]] const std::vector<Plan::Unset>& unset() const { return unset_; }

 private:
  void apply_scalar(YamlNode& node);
  void keep_secret(const std::string& name, const std::string& value);

  const Variables& variables_;
  const YamlDocument& document_;
  Diagnostics& diagnostics_;
  std::set<std::string> asked_;
  std::vector<Secret> secrets_;
  std::vector<Plan::Unset> unset_;
};

}  // namespace penstock::plan

// What `penstock explain` shows: a plan as a tree, from sources to tables, with the types of its columns.
#pragma once

#include <string>

#include "plan/plan.h"

namespace penstock::plan {

// Plain text of several lines. Secrets are shown as `${NAME}`.
[[nodiscard]] std::string explain(const Plan& plan);

}  // namespace penstock::plan

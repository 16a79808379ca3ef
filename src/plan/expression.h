// A typed SQL expression over the columns of one schema.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "market/batch.h"

namespace penstock::plan {

struct ExpressionNode;  // see plan/expression_node.h

// Immutable. Cheap to copy: the tree is shared (many streams may hold one expression), hence the shared_ptr.
struct Expression {
  std::string text;   // as written in the file
  market::Type type;  // of its value
  std::shared_ptr<const ExpressionNode> root;
};

}  // namespace penstock::plan

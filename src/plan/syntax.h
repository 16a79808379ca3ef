// The syntax tree of an SQL expression, before names and types are looked up.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plan/compile.h"
#include "plan/json_path.h"

namespace penstock::plan {

// Deeper trees are refused, so that neither this parser nor what walks its trees can run out of stack.
inline constexpr int kExpressionDepthMax = 200;

struct Syntax;
using SyntaxPtr = std::unique_ptr<Syntax>;

struct Syntax {
  enum class Kind : uint8_t {
    integer,    // text: digits
    decimal,    // text: digits with a point
    real,       // text: with an exponent
    text,       // text: its contents
    boolean,    // text: true or false
    null,
    timestamp,  // text: as written between the quotes
    name,       // text: a bare name in lower or upper case as written; path: what follows it
    unary,      // text: `-`, `not`
    binary,     // text: the operator, a word in lower case
    between,    // value, least, greatest
    in,         // value, items...
    is_null,    // value
    like,       // value, pattern
    choice,     // case: condition, value, ... and at the end the else value, where has_else
    cast,       // value; text: the type's name; numbers: its parameters
    call,       // text: the function's name in lower case
    extract,    // text: the field; value
  } kind = Kind::null;
  size_t offset = 0;            // in the expression's text
  std::string text;
  JsonPath path;                // of a name: what follows its first part
  std::vector<SyntaxPtr> children;
  std::vector<int> numbers;
  bool negated = false;         // `not between`, `not in`, `is not null`, `not like`
  bool has_else = false;
  bool quoted = false;          // a name in double quotes
  bool tolerant = false;        // try_cast
  int depth = 1;
};

[[nodiscard]] std::expected<SyntaxPtr, ExpressionError> parse_expression(std::string_view text);

}  // namespace penstock::plan

// Calls: functions of a table (functions.h), and those that the compiler types itself.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "plan/compiler.h"
#include "plan/diagnostics.h"
#include "plan/nodes.h"

namespace penstock::plan {

using market::Kind;
using market::Type;
using Op = ExpressionNode::Op;

namespace {

// The functions that the compiler types itself.
constexpr std::string_view kSpecial[] = {"concat",
                                         "coalesce",
                                         "ifnull",
                                         "nvl",
                                         "nullif",
                                         "if",
                                         "abs",
                                         "round",
                                         "floor",
                                         "ceil",
                                         "ceiling",
                                         "least",
                                         "greatest",
                                         "date_trunc",
                                         "time_bucket",
                                         "to_timestamp",
                                         "timestamp_seconds",
                                         "timestamp_millis",
                                         "timestamp_micros",
                                         "timestamp_nanos",
                                         "cast",
                                         "try_cast",
                                         "extract"};

}  // namespace

void Compiler::need_arguments(const Syntax& at, size_t least, size_t most) {
  const size_t count = at.children.size();
  if (count >= least && count <= most) return;
  const std::string wanted = least == most ? fmt::format("{}", least)
                             : most > 100  ? fmt::format("at least {}", least)
                                           : fmt::format("{} to {}", least, most);
  refuse(at, fmt::format("{} takes {} argument{}, and here are {}", at.text, wanted, least == 1 && most == 1 ? "" : "s",
                         count));
}

NodePtr Compiler::function(const Syntax& at) {
  const std::string& name = at.text;
  if (name == "to_timestamp") return to_timestamp(at);
  if (const Function* known = find_function(name)) {
    need_arguments(at, known->least, known->most);
    std::vector<NodePtr> args;
    for (size_t i = 0; i < at.children.size(); ++i) {
      const Syntax& child = *at.children[i];
      switch (known->args[std::min(i, known->args.size() - 1)]) {
        case 't': args.push_back(text(child, name)); break;
        case 's': args.push_back(shown(child, name)); break;
        case 'i': args.push_back(integer_of(child, name)); break;
        default: args.push_back(time_of(child, name));
      }
    }
    return call(known->kernel, known->type, std::move(args), known->can_fail);
  }
  if (name == "concat") {
    need_arguments(at, 1, 1'000);
    std::vector<NodePtr> args;
    for (const SyntaxPtr& child : at.children) args.push_back(shown(*child, name));
    return call(concat_kernel, kText, std::move(args));
  }
  if (name == "coalesce" || name == "ifnull" || name == "nvl") {
    need_arguments(at, name == "coalesce" ? 1 : 2, name == "coalesce" ? 1'000 : 2);
    std::vector<NodePtr> args = all(at);
    const Type type = unify(at, args, name);
    return make(Op::coalesce, type, std::move(args));
  }
  if (name == "nullif") {
    need_arguments(at, 2, 2);
    NodePtr a = compile(*at.children[0]);
    NodePtr b = compile(*at.children[1]);
    if (a->type.kind == Kind::json) a = cast(std::move(a), kText);
    if (b->type.kind == Kind::json) b = cast(std::move(b), kText);
    make_comparable(at, a, b);
    const Type type = a->type;
    return call(nullif_kernel, type, {std::move(a), std::move(b)});
  }
  if (name == "if") {
    need_arguments(at, 3, 3);
    return choose(at, {condition(*at.children[0], name)}, {compile(*at.children[1]), compile(*at.children[2])});
  }
  if (name == "abs") {
    need_arguments(at, 1, 1);
    NodePtr value = number_of(*at.children[0], name);
    const Type type = value->type;
    return call(abs_kernel, type, {std::move(value)}, type.kind != Kind::float64);
  }
  if (name == "floor" || name == "ceil" || name == "ceiling") {
    need_arguments(at, 1, 1);
    return call(name == "floor" ? floor_kernel : ceil_kernel, kInteger, {number_of(*at.children[0], name)}, true);
  }
  if (name == "round") return round(at);
  if (name == "least" || name == "greatest") {
    need_arguments(at, 2, 1'000);
    std::vector<NodePtr> args = all(at);
    for (size_t i = 0; i < args.size(); ++i) {
      if (args[i]->type.kind == Kind::json)
        refuse(*at.children[i], name + " cannot order JSON values; write cast(...)");
    }
    const Type type = unify(at, args, name);
    return call(name == "least" ? least_kernel : greatest_kernel, type, std::move(args));
  }
  if (name == "date_trunc") {
    need_arguments(at, 2, 2);
    return call(date_trunc_kernel, kTime, {time_of(*at.children[1], name)}, false,
                static_cast<int64_t>(time_field(*at.children[0], name)));
  }
  if (name == "time_bucket") {
    need_arguments(at, 2, 2);
    const Syntax& length = *at.children[0];
    const auto parsed = length.kind == Syntax::Kind::text ? parse_duration(length.text)
                                                          : Result<Duration>(fail(ErrorKind::invalid, ""));
    if (!parsed || parsed->ns == 0) refuse(length, "time_bucket takes a length such as '5m' first, then a timestamp");
    return call(time_bucket_kernel, kTime, {time_of(*at.children[1], name)}, false, parsed->ns);
  }
  for (const auto& [epoch, unit] :
       {std::pair{"timestamp_seconds", TimeUnit::s}, std::pair{"timestamp_millis", TimeUnit::ms},
        std::pair{"timestamp_micros", TimeUnit::us}, std::pair{"timestamp_nanos", TimeUnit::ns}}) {
    if (name != epoch) continue;
    need_arguments(at, 1, 1);
    return call(from_epoch_kernel, kTime, {integer_of(*at.children[0], name)}, true, static_cast<int64_t>(unit));
  }
  refuse(at, fmt::format("there is no function '{}'{}", name, suggestion(name, function_names())));
}

NodePtr Compiler::to_timestamp(const Syntax& at) {
  need_arguments(at, 1, 1);
  NodePtr value = compile(*at.children[0]);
  if (value->is_null_literal()) return null_literal(kTime);
  if (value->type.kind == Kind::timestamp) return value;
  if (value->type.kind == Kind::int64) {
    return call(from_epoch_kernel, kTime, {std::move(value)}, true, static_cast<int64_t>(TimeUnit::detect));
  }
  if (is_textual(value->type) || value->type.kind == Kind::json) {
    return call(find_function("to_timestamp")->kernel, kTime, {std::move(value)}, true);
  }
  refuse(at, fmt::format("to_timestamp takes a text or a whole number, and this is of type {}",
                         market::to_string(value->type)));
}

NodePtr Compiler::round(const Syntax& at) {
  need_arguments(at, 1, 2);
  NodePtr value = number_of(*at.children[0], "round");
  int digits = 0;
  if (at.children.size() == 2) {
    const Syntax& stated = *at.children[1];
    const auto [end, failure] = std::from_chars(stated.text.data(), stated.text.data() + stated.text.size(), digits);
    if (stated.kind != Syntax::Kind::integer || failure != std::errc{} || digits > kScaleMax) {
      refuse(stated, "round takes a written number of digits from 0 to 38");
    }
  }
  Type type = value->type;
  if (type.kind == Kind::int64) return value;
  if (type.kind != Kind::float64) type.scale = static_cast<uint8_t>(std::min<int>(type.scale, digits));
  return call(round_kernel, type, {std::move(value)}, true, digits);
}

TimeField Compiler::time_field(const Syntax& at, std::string_view who) {
  std::string name = at.text;
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto field = parse_time_field(name);
  if ((at.kind != Syntax::Kind::text && at.kind != Syntax::Kind::extract) || !field) {
    const std::vector<std::string> known{"year", "quarter", "month",  "week",   "day",         "dow",
                                         "doy",  "hour",    "minute", "second", "millisecond", "microsecond"};
    refuse(at, fmt::format("{} takes a unit such as {}{}; there are {}", who, who == "extract" ? "minute" : "'minute'",
                           suggestion(name, known), list_names(known)));
  }
  if (who == "date_trunc" && (*field == TimeField::weekday || *field == TimeField::day_of_year)) {
    refuse(at, fmt::format("date_trunc cannot cut to '{}'", name));
  }
  return *field;
}

NodePtr Compiler::extract(const Syntax& at) {
  const TimeField field = time_field(at, "extract");
  const Type type = field == TimeField::second ? Type{Kind::decimal, 9} : kInteger;
  return call(extract_kernel, type, {time_of(*at.children[0], "extract")}, false, static_cast<int64_t>(field));
}

std::vector<NodePtr> Compiler::all(const Syntax& at) {
  std::vector<NodePtr> args;
  for (const SyntaxPtr& child : at.children) args.push_back(compile(*child));
  return args;
}
const Function* find_function(std::string_view name) {
  for (const std::span<const Function> group : {text_functions(), time_functions()}) {
    for (const Function& function : group) {
      if (function.name == name) return &function;
    }
  }
  return nullptr;
}

const std::vector<std::string>& function_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all(std::begin(kSpecial), std::end(kSpecial));
    for (const std::span<const Function> group : {text_functions(), time_functions()}) {
      for (const Function& function : group) all.emplace_back(function.name);
    }
    return all;
  }();
  return names;
}

}  // namespace penstock::plan

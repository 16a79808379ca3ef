// The `check:` step of a stream: rules as SQL and of built-in kinds. docs/formats/checks.md describes them.
#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "market/calendar.h"
#include "market/decimal.h"
#include "market/schema.h"
#include "plan/loader.h"

namespace penstock::plan {
namespace {

using market::Kind;

constexpr size_t kRulesMax = 256;
constexpr int64_t kWindowMin = 3;
constexpr int64_t kWindowMax = 1'000;
constexpr int64_t kConfirmMax = 1'000;
constexpr size_t kBandsMax = 16;
constexpr Duration kLongest{3650 * kDay.ns};
constexpr Ratio kRatioMax{1'000 * Ratio::kOne};

struct Known {
  std::string_view name;
  CheckAction action;                       // where the file states none
  std::vector<std::string_view> settings;   // keys beside it
};
const std::vector<Known>& known_kinds() {
  using enum CheckAction;
  static const std::vector<Known> kinds{{"sql", quarantine, {}},
                                        {"positive", quarantine, {}},
                                        {"gap", flag, {}},
                                        {"duplicate", quarantine, {"within"}},
                                        {"out_of_order", flag, {}},
                                        {"future", quarantine, {}},
                                        {"stale", flag, {"factor", "session"}},
                                        {"mad", flag, {"window", "floor", "of"}},
                                        {"erroneous", flag, {"of"}},
                                        {"luld", flag, {"of"}},
                                        {"crossed", flag, {}},
                                        {"locked", flag, {}},
                                        {"bar_invariants", fail, {}},
                                        {"completeness", flag, {}},
                                        {"cross_source", flag, {"within", "of"}}};
  return kinds;
}

bool is_number(market::Type type) {
  return type.kind == Kind::int64 || type.kind == Kind::float64 || type.kind == Kind::decimal ||
         type.kind == Kind::decimal128;
}

// How a `select` makes a column of this type.
std::string cast_to(market::Type type) {
  if (type.kind == Kind::timestamp) return "to_timestamp(...)";
  if (type.kind == Kind::symbol || type.kind == Kind::id) return "cast(... as text)";
  return fmt::format("cast(... as {})", market::to_string(type));
}

}  // namespace

// Reads the rules of one `check:`. Every reader gives nullopt after a diagnostic.
class CheckLoader {
 public:
  CheckLoader(ValueReader& reader, const market::Schema& schema) : reader_(reader), schema_(schema) {}

  // The settings of one rule, a map.
  [[nodiscard]] std::optional<CheckRule> rule(const YamlEntry& entry,
                                              const std::function<std::optional<Expression>(const YamlNode&)>& sql);

 private:
  [[nodiscard]] std::optional<CheckKind> kind(const Known& known, const YamlNode& value, Fields& fields);
  [[nodiscard]] std::optional<CheckKind> positive(const YamlNode& value);
  [[nodiscard]] std::optional<CheckKind> gap(const YamlNode& value);
  [[nodiscard]] std::optional<CheckKind> duplicate(const YamlNode& value, Fields& fields);
  [[nodiscard]] std::optional<CheckKind> future(const YamlNode& value);
  [[nodiscard]] std::optional<CheckKind> out_of_order(const YamlNode& value);
  [[nodiscard]] std::optional<CheckKind> stale(const YamlNode& value, Fields& fields);
  [[nodiscard]] std::optional<CheckKind> outlier(const YamlNode& value, Fields& fields);
  [[nodiscard]] std::optional<CheckKind> erroneous(const YamlNode& value, Fields& fields);
  [[nodiscard]] std::optional<CheckKind> luld(const YamlNode& value, Fields& fields);
  [[nodiscard]] std::optional<CheckKind> crossed(const YamlNode& value, bool locked);
  [[nodiscard]] std::optional<CheckKind> bar_invariants(const YamlNode& value);
  [[nodiscard]] std::optional<CheckKind> completeness(const YamlNode& value);
  [[nodiscard]] std::optional<CheckKind> cross_source(const YamlNode& value, Fields& fields);
  void bands(const YamlNode& node, const std::string& what, ErroneousCheck& check);

  // `true`, `{}`, nothing: the defaults.
  static bool is_default(const YamlNode& value) {
    return value.is_null() || (value.is_map() && value.entries.empty()) ||
           (value.is_scalar() && value.plain && value.text == "true");
  }
  void only_default(const YamlNode& value) {
    if (!is_default(value)) error(value, fmt::format("{} takes no setting: write true", what_));
  }
  void error(const YamlNode& node, std::string message) {
    right_ = false;
    reader_.error(node, std::move(message));
  }
  template <typename T>
  T value_or(std::optional<T> value, T otherwise) {
    if (!value) right_ = false;
    return value.value_or(std::move(otherwise));
  }
  Duration duration(const YamlNode& node, const std::string& what, Duration least, Duration otherwise) {
    return value_or(reader_.duration(node, what, least, kLongest), otherwise);
  }
  Ratio ratio(const YamlNode& node, const std::string& what, Ratio least, Ratio otherwise);
  std::string session(const YamlNode& node, const std::string& what);
  // Where the column `name` stands; the error is at `node`.
  size_t column(const YamlNode& node, std::string_view name, market::Type type);
  size_t price_column(const YamlNode& value, Fields& fields);
  std::optional<size_t> venue_column() const;
  template <typename Made>
  [[nodiscard]] std::optional<CheckKind> made(Made check) const {
    if (!right_) return std::nullopt;
    return CheckKind(std::move(check));
  }

  ValueReader& reader_;
  const market::Schema& schema_;
  // Of the rule that is being read.
  std::string what_;  // `'mad' of rule 'outlier'`
  bool right_ = true;
  bool lacks_column_ = false;
};

std::optional<CheckRule> CheckLoader::rule(const YamlEntry& entry,
                                           const std::function<std::optional<Expression>(const YamlNode&)>& sql) {
  const std::string name = fmt::format("rule '{}'", entry.key.text);
  std::vector<std::string> names;
  for (const Known& known : known_kinds()) names.emplace_back(known.name);
  const Known* found = nullptr;
  const YamlEntry* value = nullptr;
  for (const YamlEntry& each : entry.value.entries) {
    const auto known = std::ranges::find(known_kinds(), std::string_view(each.key.text), &Known::name);
    if (known == known_kinds().end()) continue;
    if (found != nullptr) {
      reader_.error(each.key,
                    fmt::format("{} has both '{}' and '{}': write a rule for each", name, found->name, known->name));
      return std::nullopt;
    }
    found = &*known;
    value = &each;
  }
  if (found == nullptr) {
    const bool any = !entry.value.entries.empty();
    const YamlNode& at = any ? entry.value.entries.front().key : entry.value;
    reader_.error(at, fmt::format("{} names no kind of check{}; there are {}", name,
                                  any ? suggestion(at.text, names) : "", list_names(names)));
    return std::nullopt;
  }

  right_ = true;
  lacks_column_ = false;
  what_ = fmt::format("'{}' of {}", found->name, name);
  std::vector<std::string> keys{std::string(found->name), "action"};
  keys.insert(keys.end(), found->settings.begin(), found->settings.end());
  Fields fields(reader_, entry.value, name, keys);
  // Fields reports what it does not know; the rule is still read, so that all its errors are found at once.
  CheckRule rule{.name = entry.key.text, .kind = SqlCheck{}, .action = found->action};
  bool right = true;
  if (const YamlNode* action = fields.find("action")) {
    const auto chosen = reader_.choice(*action, fields.name_of("action"), {"flag", "quarantine", "fail"});
    right = chosen.has_value();
    if (chosen == "flag") rule.action = CheckAction::flag;
    if (chosen == "quarantine") rule.action = CheckAction::quarantine;
    if (chosen == "fail") rule.action = CheckAction::fail;
    // What they find is an absence: there is no record that could be taken out.
    if (chosen == "quarantine" && (found->name == "stale" || found->name == "completeness")) {
      reader_.error(*action, fmt::format("{} must be flag or fail: '{}' finds that records are missing, and no record "
                                         "to put into quarantine",
                                         fields.name_of("action"), found->name));
      right = false;
    }
  }
  if (found->name == "sql") {
    auto condition = sql(value->value);
    if (!condition) return std::nullopt;
    SqlCheck check{*std::move(condition), {}};
    check.columns = columns_of(check.condition);
    rule.kind = std::move(check);
  } else {
    auto kind_read = kind(*found, value->value, fields);
    if (!kind_read) return std::nullopt;
    rule.kind = *std::move(kind_read);
  }
  if (!right) return std::nullopt;
  return rule;
}

std::optional<CheckKind> CheckLoader::kind(const Known& known, const YamlNode& value, Fields& fields) {
  if (known.name == "positive") return positive(value);
  if (known.name == "gap") return gap(value);
  if (known.name == "duplicate") return duplicate(value, fields);
  if (known.name == "out_of_order") return out_of_order(value);
  if (known.name == "future") return future(value);
  if (known.name == "stale") return stale(value, fields);
  if (known.name == "mad") return outlier(value, fields);
  if (known.name == "erroneous") return erroneous(value, fields);
  if (known.name == "luld") return luld(value, fields);
  if (known.name == "bar_invariants") return bar_invariants(value);
  if (known.name == "completeness") return completeness(value);
  if (known.name == "cross_source") return cross_source(value, fields);
  return crossed(value, known.name == "locked");
}

Ratio CheckLoader::ratio(const YamlNode& node, const std::string& what, Ratio least, Ratio otherwise) {
  if (node.broken) {
    right_ = false;
    return otherwise;
  }
  std::string_view text = node.text;
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  Ratio read;
  const auto failure = market::parse_decimal(text, percent ? Ratio::kDigits - 2 : Ratio::kDigits, read.millionths);
  if (!node.is_scalar() || failure != market::DecimalError::ok || read < least || read > kRatioMax) {
    error(node, fmt::format("{} must be a number from {} to {} of at most {} digits after the point, or a percentage "
                            "such as 5%",
                            what, to_string(least), to_string(kRatioMax), Ratio::kDigits));
    return otherwise;
  }
  return read;
}

std::string CheckLoader::session(const YamlNode& node, const std::string& what) {
  const auto name = reader_.text(node, what);
  if (!name) {
    right_ = false;
    return "";
  }
  const auto calendar = market::Calendar::find(*name);
  if (!calendar) {
    const bool unknown = calendar.error().kind == ErrorKind::not_found;
    error(node, fmt::format("{}: {}{}", what, calendar.error().message,
                            unknown ? suggestion(*name, market::Calendar::names()) : ""));
  }
  return *name;
}

size_t CheckLoader::column(const YamlNode& node, std::string_view name, market::Type type) {
  const auto found = schema_.find(name);
  if (found && schema_.fields[*found].type == type) return *found;
  // One is enough to say that the rule is not for these rows.
  if (std::exchange(lacks_column_, true)) return 0;
  std::vector<std::string> names;
  for (const market::Field& field : schema_.fields) names.push_back(field.name);
  if (!found) {
    error(node, fmt::format("{} needs a column '{}' of type {}, and there is none; there are {}", what_, name,
                            market::to_string(type), list_names(names)));
  } else {
    error(node,
          fmt::format("{} needs the column '{}' as {}, and it is of type {}: write `{}: {}` in a `select`", what_, name,
                      market::to_string(type), market::to_string(schema_.fields[*found].type), name, cast_to(type)));
  }
  return 0;
}

// Of any scale, so that rules hold for a column of a `select` as well.
size_t CheckLoader::price_column(const YamlNode& value, Fields& fields) {
  const YamlNode* of = fields.find("of");
  std::string name = "price";
  if (of != nullptr) {
    const auto text = reader_.text(*of, fields.name_of("of"));
    if (!text) {
      right_ = false;
      return 0;
    }
    name = *text;
  }
  const YamlNode& at = of != nullptr ? *of : value;
  const auto found = schema_.find(name);
  if (found && schema_.fields[*found].type.kind == Kind::decimal) return *found;
  if (found) return column(at, name, market::kPriceType);
  std::vector<std::string> names;
  for (const market::Field& field : schema_.fields) names.push_back(field.name);
  error(at, fmt::format("{} needs a column of prices, and there is no column '{}'{}; there are {}", what_, name,
                        suggestion(name, names), list_names(names)));
  return 0;
}

std::optional<size_t> CheckLoader::venue_column() const { return schema_.find("venue", Kind::symbol); }

std::optional<CheckKind> CheckLoader::positive(const YamlNode& value) {
  PositiveCheck check;
  std::vector<std::string> numbers;
  for (const market::Field& field : schema_.fields) {
    if (is_number(field.type)) numbers.push_back(field.name);
  }
  if (is_default(value)) {
    check.columns = {column(value, "price", market::kPriceType), column(value, "size", market::kSizeType)};
    return made(std::move(check));
  }
  for (const YamlNode* item : reader_.scalars(value, what_)) {
    const auto found = schema_.find(item->text);
    if (!found || !is_number(schema_.fields[*found].type)) {
      error(*item, fmt::format("{}: there is no column '{}' of numbers{}; there are {}", what_, item->shown,
                               suggestion(item->shown, numbers), list_names(numbers)));
    } else if (std::ranges::find(check.columns, *found) != check.columns.end()) {
      error(*item, fmt::format("{}: the column '{}' is named twice", what_, item->shown));
    } else {
      check.columns.push_back(*found);
    }
  }
  if (check.columns.empty()) right_ = false;
  return made(std::move(check));
}

std::optional<CheckKind> CheckLoader::gap(const YamlNode& value) {
  GapCheck check;
  check.symbol = column(value, "symbol", {Kind::symbol});
  check.venue = venue_column();
  std::vector<std::string> ids;
  for (const market::Field& field : schema_.fields) {
    if (field.type.kind == Kind::id || field.type.kind == Kind::int64) ids.push_back(field.name);
  }
  const std::string name = is_default(value) ? "id" : value_or(reader_.text(value, what_), std::string());
  if (name.empty()) return std::nullopt;
  const auto found = schema_.find(name);
  if (!found || std::ranges::find(ids, name) == ids.end()) {
    error(value, fmt::format("{}: there is no column '{}' of ids or whole numbers{}; there are {}", what_, name,
                             suggestion(name, ids), ids.empty() ? "none" : list_names(ids)));
  } else {
    check.id = *found;
  }
  return made(check);
}

std::optional<CheckKind> CheckLoader::duplicate(const YamlNode& value, Fields& fields) {
  DuplicateCheck check;
  (void)column(value, "symbol", {Kind::symbol});
  (void)column(value, "ts_event", {Kind::timestamp});
  if (const auto venue = venue_column()) check.columns.push_back(*venue);
  std::vector<std::string> names;
  for (const market::Field& field : schema_.fields) names.push_back(field.name);
  const std::string name = is_default(value) ? "id" : value_or(reader_.text(value, what_), std::string());
  if (name.empty()) return std::nullopt;
  const auto found = schema_.find(name);
  if (!found) {
    error(value, fmt::format("{}: there is no column '{}'{}; there are {}", what_, name, suggestion(name, names),
                             list_names(names)));
  } else if (std::ranges::find(check.columns, *found) == check.columns.end()) {
    check.columns.push_back(*found);
  }
  if (const YamlNode* within = fields.find("within")) {
    check.within = duration(*within, fields.name_of("within"), kSecond, check.within);
  }
  return made(std::move(check));
}

std::optional<CheckKind> CheckLoader::out_of_order(const YamlNode& value) {
  OutOfOrderCheck check;
  check.symbol = column(value, "symbol", {Kind::symbol});
  check.ts_event = column(value, "ts_event", {Kind::timestamp});
  if (!is_default(value)) check.behind = duration(value, what_, Duration{0}, check.behind);
  return made(check);
}

std::optional<CheckKind> CheckLoader::future(const YamlNode& value) {
  FutureCheck check;
  check.ts_event = column(value, "ts_event", {Kind::timestamp});
  check.ts_recv = column(value, "ts_recv", {Kind::timestamp});
  if (!is_default(value)) check.ahead = duration(value, what_, Duration{0}, check.ahead);
  return made(check);
}

std::optional<CheckKind> CheckLoader::stale(const YamlNode& value, Fields& fields) {
  StaleCheck check;
  check.symbol = column(value, "symbol", {Kind::symbol});
  check.ts_event = column(value, "ts_event", {Kind::timestamp});
  if (!is_default(value)) check.silence = duration(value, what_, kMillisecond, check.silence);
  if (const YamlNode* factor = fields.find("factor")) {
    check.factor = ratio(*factor, fields.name_of("factor"), Ratio{0}, check.factor);
  }
  if (const YamlNode* name = fields.find("session")) check.session = session(*name, fields.name_of("session"));
  return made(std::move(check));
}

std::optional<CheckKind> CheckLoader::outlier(const YamlNode& value, Fields& fields) {
  OutlierCheck check;
  check.symbol = column(value, "symbol", {Kind::symbol});
  check.price = price_column(value, fields);
  if (!is_default(value)) check.factor = ratio(value, what_, Ratio{0}, check.factor);
  if (const YamlNode* window = fields.find("window")) {
    check.window = value_or(reader_.integer(*window, fields.name_of("window"), kWindowMin, kWindowMax), check.window);
  }
  if (const YamlNode* floor = fields.find("floor")) {
    check.floor = ratio(*floor, fields.name_of("floor"), Ratio{0}, check.floor);
  }
  return made(check);
}

void CheckLoader::bands(const YamlNode& node, const std::string& what, ErroneousCheck& check) {
  check.bands.clear();
  if (!node.is_sequence() || node.items.empty() || node.items.size() > kBandsMax) {
    error(node, fmt::format("{} must be a list of 1 to {} bands such as [{{up_to: 25, band: 10%}}, {{band: 3%}}]", what,
                            kBandsMax));
    return;
  }
  const uint8_t scale = schema_.fields[check.price].type.scale;
  for (const YamlNode& item : node.items) {
    Fields band(reader_, item, "a band of " + what, {"up_to", "band"});
    if (!band.is_map()) {
      right_ = false;
      return;
    }
    ErroneousCheck::Band read;
    const YamlNode* width = band.require("band", "how far from the last sale a price may be, such as 5%");
    if (width == nullptr) {
      right_ = false;
      return;
    }
    read.width = ratio(*width, band.name_of("band"), Ratio{0}, Ratio{});
    const bool last = &item == &node.items.back();
    const YamlNode* up_to = band.find("up_to");
    if (last != (up_to == nullptr)) {
      error(up_to != nullptr ? *up_to : item,
            last ? fmt::format("the last band of {} holds for all prices above: leave out 'up_to'", what)
                 : fmt::format("a band of {} needs 'up_to', the greatest last sale that it holds for", what));
      return;
    }
    if (up_to != nullptr) {
      int64_t units = 0;
      if (!up_to->is_scalar() || market::parse_decimal(up_to->text, scale, units) != market::DecimalError::ok ||
          units <= 0 || (!check.bands.empty() && units <= *check.bands.back().up_to)) {
        error(*up_to,
              fmt::format("{} must be a price above 0 and above that of the band before it", band.name_of("up_to")));
        return;
      }
      read.up_to = units;
    }
    check.bands.push_back(read);
  }
}

std::optional<CheckKind> CheckLoader::erroneous(const YamlNode& value, Fields& fields) {
  ErroneousCheck check;
  check.symbol = column(value, "symbol", {Kind::symbol});
  check.price = price_column(value, fields);
  if (!right_) return std::nullopt;
  const uint8_t scale = schema_.fields[check.price].type.scale;
  check.bands = {{.up_to = 25 * market::kPow10[scale], .width = Ratio{100'000}},
                 {.up_to = 50 * market::kPow10[scale], .width = Ratio{50'000}},
                 {.up_to = std::nullopt, .width = Ratio{30'000}}};
  if (!is_default(value)) {
    Fields settings(reader_, value, what_, {"bands", "confirm"});
    if (!settings.is_map()) return std::nullopt;
    if (const YamlNode* node = settings.find("bands")) bands(*node, settings.name_of("bands"), check);
    if (const YamlNode* confirm = settings.find("confirm")) {
      check.confirm = value_or(reader_.integer(*confirm, settings.name_of("confirm"), 1, kConfirmMax), check.confirm);
    }
  }
  return made(std::move(check));
}

std::optional<CheckKind> CheckLoader::luld(const YamlNode& value, Fields& fields) {
  LuldCheck check;
  check.symbol = column(value, "symbol", {Kind::symbol});
  check.ts_event = column(value, "ts_event", {Kind::timestamp});
  check.price = price_column(value, fields);
  if (!is_default(value)) {
    Fields settings(reader_, value, what_, {"band", "reference"});
    if (!settings.is_map()) return std::nullopt;
    if (const YamlNode* band = settings.find("band")) {
      check.band = ratio(*band, settings.name_of("band"), Ratio{0}, check.band);
    }
    if (const YamlNode* reference = settings.find("reference")) {
      check.reference = duration(*reference, settings.name_of("reference"), kSecond, check.reference);
    }
  }
  return made(check);
}

std::optional<CheckKind> CheckLoader::crossed(const YamlNode& value, bool locked) {
  only_default(value);
  return made(CrossedCheck{column(value, "bid", market::kPriceType), column(value, "ask", market::kPriceType), locked});
}

std::optional<CheckKind> CheckLoader::bar_invariants(const YamlNode& value) {
  only_default(value);
  BarInvariantsCheck check;
  check.open = column(value, "open", market::kPriceType);
  check.high = column(value, "high", market::kPriceType);
  check.low = column(value, "low", market::kPriceType);
  check.close = column(value, "close", market::kPriceType);
  if (const auto volume = schema_.find("volume"); volume && is_number(schema_.fields[*volume].type)) {
    check.volume = volume;
  }
  return made(check);
}

std::optional<CheckKind> CheckLoader::completeness(const YamlNode& value) {
  CompletenessCheck check;
  if (is_default(value)) {
    error(value, fmt::format("{} needs the name of a calendar, such as XNYS; there are {}", what_,
                             list_names(market::Calendar::names())));
    return std::nullopt;
  }
  check.symbol = column(value, "symbol", {Kind::symbol});
  // The bars made here have it as a symbol, those of a `select` as a text.
  const auto every = schema_.find("every");
  const bool is_text = every && schema_.fields[*every].type.kind == Kind::text;
  check.every = column(value, "every", {is_text ? Kind::text : Kind::symbol});
  check.start = column(value, "start", {Kind::timestamp});
  if (const auto trades = schema_.find("trades"); trades && schema_.fields[*trades].type.kind == Kind::int64) {
    check.trades = trades;
  }
  check.session = session(value, what_);
  return made(std::move(check));
}

std::optional<CheckKind> CheckLoader::cross_source(const YamlNode& value, Fields& fields) {
  CrossSourceCheck check;
  check.symbol = column(value, "symbol", {Kind::symbol});
  check.venue = column(value, "venue", {Kind::symbol});
  check.ts_event = column(value, "ts_event", {Kind::timestamp});
  check.price = price_column(value, fields);
  if (!is_default(value)) check.deviation = ratio(value, what_, Ratio{0}, check.deviation);
  if (const YamlNode* within = fields.find("within")) {
    check.within = duration(*within, fields.name_of("within"), Duration{0}, check.within);
  }
  return made(check);
}

bool Loader::load_check(const YamlNode& node, Stream& stream, StreamFacts& facts) {
  const std::string what = fmt::format("'check' of stream '{}'", stream.name);
  const auto entries = named_entries(reader_, node, what);
  if (!node.is_map()) return false;
  if (entries.empty() || entries.size() > kRulesMax) {
    reader_.error(node, fmt::format("{} has {} rules; it may have 1 to {}", what, entries.size(), kRulesMax));
    return false;
  }
  bool right = entries.size() == node.entries.size();
  Check check;
  CheckLoader loader(reader_, *stream.output);
  for (const YamlEntry* entry : entries) {
    const std::string& name = entry->key.text;
    // They stand in the reasons of the quarantine, `rule NAME (KIND): ...`, which are read again by `reprocess`.
    if (name.find_first_of(":()") != std::string::npos) {
      reader_.error(entry->key, fmt::format("the rule name '{}' may not have ':' or parentheses", name));
      right = false;
      continue;
    }
    const auto sql = [&](const YamlNode& text) {
      return condition(text, fmt::format("rule '{}'", name), *stream.output);
    };
    std::optional<CheckRule> rule;
    if (entry->value.is_map()) {
      rule = loader.rule(*entry, sql);
    } else if (auto compiled = sql(entry->value)) {
      SqlCheck made{*std::move(compiled), {}};
      made.columns = columns_of(made.condition);
      rule = CheckRule{name, std::move(made), CheckAction::quarantine};
    }
    if (!rule) {
      right = false;
      continue;
    }
    const Topic& topic = plan_.topics[stream.topic];
    if (!looks_at_the_record_alone(rule->kind) && topic.partitions > 1 && !facts.keeps_symbol) {
      reader_.error(entry->value,
                    fmt::format("rule '{}': the records of one symbol may lie in different partitions of the topic "
                                "'{}', which has {}; write `topics: {{{}: {{partitions: 1}}}}`",
                                name, topic.name, topic.partitions, topic.name));
      right = false;
      continue;
    }
    check.rules.push_back(*std::move(rule));
  }
  if (!right) return false;
  facts.has_check = true;
  stream.steps.push_back({std::move(check), stream.output, reader_.location(node)});
  return true;
}

}  // namespace penstock::plan

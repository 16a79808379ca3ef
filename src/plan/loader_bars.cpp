// The rules of `bars:` beyond its intervals: revisions, sessions, sale conditions.
#include <fmt/core.h>

#include <filesystem>

#include "plan/diagnostics.h"
#include "plan/loader.h"
#include "plan/whole_file.h"

namespace penstock::plan {
namespace {

constexpr size_t kConditionsBytesMax = size_t{1} << 20;
constexpr Duration kReviseMax{7 * kDay.ns};
constexpr Duration kEarlyMin = kMillisecond;

}  // namespace

bool Loader::load_bar_rules(Fields& fields, Bars& bars) {
  bool right = true;
  if (const YamlNode* node = fields.find("revise_for")) {
    const auto value = reader_.duration(*node, fields.name_of("revise_for"), Duration{0}, kReviseMax);
    right = right && value.has_value();
    bars.revise_for = value.value_or(bars.revise_for);
  }
  if (const YamlNode* node = fields.find("early")) {
    bars.early = reader_.duration(*node, fields.name_of("early"), kEarlyMin, kDay);
    right = right && bars.early.has_value();
  }
  if (const YamlNode* node = fields.find("session")) {
    const auto name = reader_.choice(*node, fields.name_of("session"), market::Calendar::names());
    if (name) {
      auto calendar = market::Calendar::find(*name);
      if (calendar) {
        bars.calendar = *calendar;
        if (!bars.every.empty() && bars.every.back() > kDay) {
          reader_.error(*node,
                        fmt::format("bars of {} do not fit into a session: write lengths below a day, and 1d for "
                                    "the bar of each session",
                                    format_duration(bars.every.back())));
          right = false;
        }
      } else {
        reader_.error(*node, calendar.error().message);
      }
    }
    right = right && bars.calendar != nullptr;
  }
  if (const YamlNode* node = fields.find("conditions")) right = load_conditions(*node, fields, bars) && right;
  if (const YamlNode* node = fields.find("form_t")) {
    const auto choice = reader_.choice(*node, fields.name_of("form_t"), {"table", "include", "exclude"});
    if (choice) {
      bars.form_t = *choice == "table"     ? market::FormT::table
                    : *choice == "include" ? market::FormT::include
                                           : market::FormT::exclude;
    }
    right = right && choice.has_value();
  }
  if (const YamlNode* node = fields.find("vwap")) {
    const auto choice = reader_.choice(*node, fields.name_of("vwap"), {"high_low", "volume"});
    if (choice) bars.vwap = *choice == "volume" ? market::VwapRule::volume : market::VwapRule::high_low;
    right = right && choice.has_value();
  }
  for (const std::string_view key : {"form_t", "vwap"}) {
    const YamlNode* node = fields.find(key);
    if (node == nullptr || fields.find("conditions") != nullptr) continue;
    reader_.error(*node,
                  fmt::format("{} decides on sale conditions; write `conditions: us-equity` too", fields.name_of(key)));
    right = false;
  }
  return right;
}

bool Loader::load_conditions(const YamlNode& node, const Fields& fields, Bars& bars) {
  const auto name = reader_.text(node, fields.name_of("conditions"));
  if (!name) return false;
  bars.conditions_name = *name;
  if (*name == "us-equity") {
    // Built in: lives as long as the process.
    bars.conditions = {std::shared_ptr<void>(), &market::SaleConditions::us_equity()};
    return true;
  }
  // Beside the pipeline file, which names it.
  const std::filesystem::path path = std::filesystem::path(reader_.location(node).file).parent_path() / *name;
  std::string why;
  std::optional<std::string> text;
  if (std::error_code error; std::filesystem::is_regular_file(path, error)) {
    text = read_whole_file(path, kConditionsBytesMax, why);
  } else {
    why = error ? error.message() : "there is no such file";
  }
  if (!text) {
    reader_.error(node,
                  fmt::format("{}: {}: {}; write `us-equity`, or the path of a CSV file from this file's folder on",
                              fields.name_of("conditions"), path.string(), why));
    return false;
  }
  auto table = market::SaleConditions::parse(*text, path.string());
  if (!table) {
    reader_.error(node, table.error().message);
    return false;
  }
  bars.conditions = std::move(*table);
  return true;
}

}  // namespace penstock::plan

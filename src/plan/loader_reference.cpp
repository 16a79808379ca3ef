// `reference:`: factor and map files, read and checked when the pipeline file is.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "market/adjusted_columns.h"
#include "market/schema.h"
#include "plan/diagnostics.h"
#include "plan/loader.h"
#include "plan/whole_file.h"

namespace penstock::plan {
namespace {

constexpr size_t kReferenceFilesMax = 100'000;
constexpr size_t kSecurityFileBytesMax = size_t{1} << 20;   // of one security
constexpr size_t kSecuritiesFileBytesMax = size_t{1} << 28;  // of all of them

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// A path in a pipeline file is one from that file's folder on; one that is not there, as a shell completes it.
std::filesystem::path resolve(const std::string& pipeline_file, const std::string& path) {
  std::filesystem::path beside = std::filesystem::path(pipeline_file).parent_path() / path;
  std::error_code ignored;
  if (!std::filesystem::exists(beside, ignored) && std::filesystem::exists(path, ignored)) return path;
  return beside;
}

Status add_file(market::Reference& data, bool factors, std::string_view text, const std::string& path) {
  const std::string security = std::filesystem::path(path).stem().string();
  return factors ? data.add_factor_file(text, path, security) : data.add_ticker_file(text, path, security);
}

// True when a window of `every`, counted from 1970-01-01T00:00:00Z, can begin on one day of `zone` and end on the next.
bool crosses_midnight(Duration every, const market::TimeZone& zone) {
  if (kDay.ns % every.ns != 0) return true;
  const auto& periods = zone.periods();
  for (size_t i = 0; i < periods.size(); ++i) {
    const bool over = i + 1 < periods.size() && periods[i + 1].from < Timestamp{};
    if (!over && periods[i].offset.ns % every.ns != 0) return true;
  }
  return false;
}

}  // namespace

void Loader::load_reference(const YamlNode& node) {
  Fields fields(reader_, node, "reference", {"factors", "symbol_changes", "time_zone"});
  if (!fields.is_map()) return;
  const size_t errors = reader_.diagnostics().count();
  Reference reference;
  market::Reference data;
  const YamlNode* factors = fields.find("factors");
  const YamlNode* changes = fields.find("symbol_changes");
  if (factors == nullptr && changes == nullptr) {
    reader_.error(node, "reference needs factors or symbol_changes, like `factors: {path: factor_files}`");
    return;
  }
  if (factors != nullptr)
    reference.factors_path = load_reference_files(*factors, fields.name_of("factors"), true, data);
  if (changes != nullptr) {
    reference.symbol_changes_path = load_reference_files(*changes, fields.name_of("symbol_changes"), false, data);
  }
  if (reader_.diagnostics().count() != errors) return;
  if (reference.factors_path.empty() && reference.symbol_changes_path.empty()) return;
  auto resolved = data.resolve();
  if (!resolved) {
    reader_.error(changes != nullptr ? *changes : node, resolved.error().message);
    return;
  }
  if (!load_reference_zone(fields.find("time_zone"), node, reference)) return;
  reference.data = std::make_shared<const market::Reference>(std::move(data));
  reference.adjustments = std::make_shared<const market::Adjustments>(std::move(*resolved));
  check_adjusted_tables(node, reference);
  plan_.reference = std::move(reference);
}

std::string Loader::load_reference_files(const YamlNode& node, const std::string& what, bool factors,
                                         market::Reference& data) {
  Fields fields(reader_, node, what, {"path"});
  if (!fields.is_map()) return {};
  const YamlNode* path_node = fields.find("path");
  if (path_node == nullptr) {
    reader_.error(
        node, fmt::format("{} needs a path: that of a folder with a file of each security, or of one CSV file", what));
    return {};
  }
  const auto stated = reader_.stated_text(*path_node, fields.name_of("path"));
  if (!stated || stated->empty() || path_node->unset) return {};
  const std::string path = resolve(reader_.location(node).file, *stated).string();
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return load_reference_folder(*path_node, what, path, factors, data) ? path : std::string();
  }
  std::string why = "there is no such file or folder";
  std::optional<std::string> text;
  if (std::filesystem::exists(path, error)) text = read_whole_file(path, kSecuritiesFileBytesMax, why);
  if (!text) {
    reader_.error(*path_node,
                  fmt::format("{}: {}: {}; write the path of a folder or a CSV file from this file's folder "
                              "on, or from the one that penstock is started in",
                              what, path, why));
    return {};
  }
  const Status added = factors ? data.add_factor_table(*text, path) : data.add_ticker_table(*text, path);
  if (!added) {
    reader_.error(*path_node, added.error().message);
    return {};
  }
  return path;
}

bool Loader::load_reference_folder(const YamlNode& node, const std::string& what, const std::string& path, bool factors,
                                   market::Reference& data) {
  std::error_code error;
  std::set<std::string> files;  // in the same order everywhere
  for (std::filesystem::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    if (lower(at->path().extension().string()) == ".csv") files.insert(at->path().string());
  }
  if (error) {
    reader_.error(node, fmt::format("{}: {} cannot be read: {}", what, path, error.message()));
    return false;
  }
  if (files.empty()) {
    reader_.error(node,
                  fmt::format("{}: {} has no .csv file: it is to have one of each security, like ibm.csv", what, path));
    return false;
  }
  if (files.size() > kReferenceFilesMax) {
    reader_.error(
        node, fmt::format("{}: {} has {} files, at most {} are taken", what, path, files.size(), kReferenceFilesMax));
    return false;
  }
  bool right = true;
  for (const std::string& file : files) {
    std::string why;
    const auto text = read_whole_file(file, kSecurityFileBytesMax, why);
    if (!text) {
      reader_.error(node, fmt::format("{}: {}: {}", what, file, why));
      right = false;
    } else if (const Status added = add_file(data, factors, *text, file); !added) {
      reader_.error(node, added.error().message);
      right = false;
    }
  }
  return right;
}

bool Loader::load_reference_zone(const YamlNode* node, const YamlNode& section, Reference& reference) {
  if (node != nullptr && !(node->is_scalar() && node->text.empty())) {
    const auto stated = reader_.text(*node, "'time_zone' of reference");
    if (!stated || node->unset) return false;
    reference.time_zone_name = *stated;
  }
  if (reference.time_zone_name.empty()) {
    std::set<std::string> zones;
    for (const Table& table : plan_.tables) {
      if (market::adjusted_columns(*table.schema).empty()) continue;
      for (const Input& input : table.inputs) {
        const Bars* bars = bars_of(input);
        if (bars != nullptr && bars->calendar != nullptr) zones.insert(bars->calendar->time_zone());
      }
    }
    if (zones.size() != 1) {
      reader_.error(section, fmt::format("reference needs a time_zone, like `time_zone: America/New_York`: {}",
                                         zones.empty() ? "it is not told whose days the dates of its files are, as no "
                                                         "table of bars has a `session`"
                                                       : "the sessions of the tables of bars are in several, " +
                                                             list_names({zones.begin(), zones.end()})));
      return false;
    }
    reference.time_zone_name = *zones.begin();
  }
  const auto year = [](int number) {
    return Timestamp{std::chrono::sys_days{std::chrono::year{number} / 1 / 1}.time_since_epoch().count() * kDay.ns};
  };
  auto zone = market::TimeZone::load(reference.time_zone_name, year(market::kReferenceYearMin),
                                     year(market::kReferenceYearMax + 1));
  if (!zone) {
    reader_.error(node != nullptr ? *node : section, zone.error().message);
    return false;
  }
  reference.time_zone = std::make_shared<const market::TimeZone>(std::move(*zone));
  return true;
}

const Bars* Loader::bars_of(const Input& from) const {
  for (Input input = from; input.from == Input::From::stream && input.port == Port::rows;) {
    const Stream& stream = plan_.streams[input.index];
    for (const Step& step : stream.steps) {
      if (const Bars* bars = std::get_if<Bars>(&step.what)) return bars;
    }
    input = stream.input;
  }
  return nullptr;
}

void Loader::check_adjusted_tables(const YamlNode& node, const Reference& reference) {
  const auto taken = [&](std::string_view name) {
    return std::ranges::find_if(plan_.tables, [&](const Table& table) { return lower(table.name) == lower(name); }) !=
           plan_.tables.end();
  };
  for (const std::string_view name : {market::kFactorsTable, market::kSymbolChangesTable}) {
    if (!taken(name)) continue;
    reader_.error(node, fmt::format("a table of this file is called '{0}', and what `reference` reads is kept as the "
                                    "table '{0}'; call it otherwise",
                                    name));
  }
  for (const Table& table : plan_.tables) {
    if (market::adjusted_columns(*table.schema).empty()) continue;
    const std::string adjusted = table.name + std::string(market::kAdjusted);
    if (taken(adjusted)) {
      reader_.error(node,
                    fmt::format("a table of this file is called '{}', which is how the table '{}' is shown adjusted "
                                "by `reference`; call it otherwise",
                                adjusted, table.name));
    }
    for (const std::string_view column : market::kAdjustedColumns) {
      if (!table.schema->find(column)) continue;
      reader_.error(node, fmt::format("the table '{}' has a column '{}', which '{}' adds to it; call the column "
                                      "otherwise",
                                      table.name, column, adjusted));
    }
    for (const Input& input : table.inputs) {
      const Bars* bars = bars_of(input);
      if (bars == nullptr) continue;
      if (bars->calendar != nullptr) {
        if (bars->calendar->time_zone() == reference.time_zone_name) continue;
        reader_.error(node,
                      fmt::format("the bars of the table '{}' are of sessions in {}, and the dates of `reference` "
                                  "of days in {}: let both be the same",
                                  table.name, bars->calendar->time_zone(), reference.time_zone_name));
        continue;
      }
      for (const Duration every : bars->every) {
        if (!crosses_midnight(every, *reference.time_zone)) continue;
        reader_.error(node,
                      fmt::format("the table '{}' has bars of {} that begin on one day of {} and end on the next, "
                                  "so that no day's factors fit them: give their stream a `session`, or another "
                                  "`every`",
                                  table.name, format_duration(every), reference.time_zone_name));
        break;
      }
    }
  }
}

}  // namespace penstock::plan

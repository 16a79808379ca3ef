#include "plan/loader.h"

#include <fmt/core.h>

namespace penstock::plan {

Plan Loader::load() {
  const YamlNode& root = document_.root();
  Fields fields(reader_, root, "the pipeline",
                {"name", "log", "store", "engine", "sources", "topics", "streams", "tables", "reference", "tests"});
  if (!fields.is_map()) return {};
  if (const YamlNode* name = fields.require("name", "what this pipeline is called")) {
    if (const auto text = reader_.text(*name, fields.name_of("name"))) plan_.name = *text;
  }
  if (const YamlNode* log = fields.find("log")) load_log(*log);
  if (const YamlNode* store = fields.find("store")) load_store(*store);
  if (const YamlNode* engine = fields.find("engine")) load_engine(*engine);
  if (const YamlNode* sources = fields.require("sources", "where records come from, by name")) load_sources(*sources);
  const YamlNode* topics = fields.find("topics");
  load_topics(topics != nullptr ? *topics : YamlNode{.kind = YamlNode::Kind::map});
  if (const YamlNode* streams = fields.find("streams")) load_streams(*streams);
  if (const YamlNode* tables = fields.find("tables")) load_tables(*tables);
  add_built_in_tables();
  if (const YamlNode* reference = fields.find("reference")) load_reference(*reference);
  if (const YamlNode* tests = fields.find("tests")) load_tests(*tests);
  return std::move(plan_);
}

std::optional<size_t> Loader::find_topic(std::string_view name) const {
  for (size_t i = 0; i < plan_.topics.size(); ++i) {
    if (plan_.topics[i].name == name) return i;
  }
  return std::nullopt;
}

std::optional<size_t> Loader::find_stream(std::string_view name) const {
  for (size_t i = 0; i < plan_.streams.size(); ++i) {
    if (plan_.streams[i].name == name) return i;
  }
  return std::nullopt;
}

bool Loader::too_many(const YamlNode& node, size_t count, std::string_view what) {
  if (count <= kSectionEntriesMax) return false;
  reader_.error(node, fmt::format("{} {}, at most {} are taken", count, what, kSectionEntriesMax));
  return true;
}

}  // namespace penstock::plan

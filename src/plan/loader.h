// Makes the Plan from a document whose references are substituted. One object a file, one thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plan/fields.h"
#include "plan/plan.h"
#include "plan/yaml_document.h"

namespace penstock::plan {

inline constexpr size_t kSectionEntriesMax = 256;  // sources, topics, streams, tables
inline constexpr int64_t kPartitionsMax = 256;

class Loader {
 public:
  // Borrows both.
  Loader(const YamlDocument& document, Diagnostics& diagnostics)
      : document_(document), reader_(document, diagnostics) {}

  // Meaningful only if no diagnostic came out of it.
  [[nodiscard]] Plan load();

 private:
  // What is known of a stream beyond the plan.
  struct StreamFacts {
    bool broken = false;        // it has errors: what reads it is not checked
    bool has_bars = false;
    bool has_check = false;
    bool keeps_symbol = false;  // its column `symbol` is that of its topic, which the topic is partitioned by
  };

  // loader_sources.cpp
  void load_log(const YamlNode& node);
  void load_store(const YamlNode& node);
  void load_engine(const YamlNode& node);
  void load_sources(const YamlNode& node);
  void load_source(const YamlEntry& entry);
  [[nodiscard]] FileSource load_file(Fields& fields, RecordKind kind);
  [[nodiscard]] HttpSource load_http(Fields& fields);
  [[nodiscard]] SimulatedSource load_simulated(Fields& fields);
  void load_halts(const YamlNode& node, SimulatedSource& source);
  void load_pace(Fields& fields, std::optional<double>& pace);
  void add_topic(const YamlNode& name, std::string_view topic, RecordKind kind, size_t source);
  void load_topics(const YamlNode& node);

  // loader_streams.cpp
  void load_streams(const YamlNode& node);
  void load_stream(const YamlEntry& entry);
  [[nodiscard]] bool load_filter(const YamlNode& node, Stream& stream);
  [[nodiscard]] bool load_project(const YamlNode& node, Stream& stream, StreamFacts& facts);
  [[nodiscard]] bool load_dedup(const YamlNode& node, Stream& stream, const StreamFacts& facts);
  [[nodiscard]] bool load_bars(const YamlNode& node, Stream& stream, StreamFacts& facts);
  [[nodiscard]] bool check_bar_columns(const YamlNode& node, Fields& fields, const Stream& stream, Bars& bars);
  // loader_bars.cpp
  [[nodiscard]] bool load_bar_rules(Fields& fields, Bars& bars);
  [[nodiscard]] bool load_conditions(const YamlNode& node, const Fields& fields, Bars& bars);
  // loader_checks.cpp
  [[nodiscard]] bool load_check(const YamlNode& node, Stream& stream, StreamFacts& facts);
  // loader_indicators.cpp
  [[nodiscard]] bool load_indicators(const YamlNode& node, Stream& stream);
  [[nodiscard]] bool load_session(const YamlNode& node, const std::string& what, Indicators& indicators);
  [[nodiscard]] std::optional<Expression> expression(const YamlNode& node, const std::string& what,
                                                     const market::Schema& schema);
  [[nodiscard]] std::optional<Expression> condition(const YamlNode& node, const std::string& what,
                                                    const market::Schema& schema);

  // loader_tables.cpp
  void load_tables(const YamlNode& node);
  void load_table(const YamlEntry& entry);
  void add_built_in_tables();
  // What `name` reads, or nullopt after a diagnostic (or silently, where what it names is broken).
  [[nodiscard]] std::optional<Input> input(const YamlNode& name, const std::string& what);
  [[nodiscard]] std::optional<std::vector<size_t>> columns(const YamlNode& node, const std::string& what,
                                                           const market::Schema& schema);

  // loader_reference.cpp
  void load_reference(const YamlNode& node);
  // Adds what lies at `path`, a file or a folder of them, to `data`. Gives the path; empty: none is stated.
  [[nodiscard]] std::string load_reference_files(const YamlNode& node, const std::string& what, bool factors,
                                                 market::Reference& data);
  [[nodiscard]] bool load_reference_folder(const YamlNode& node, const std::string& what, const std::string& path,
                                           bool factors, market::Reference& data);
  [[nodiscard]] bool load_reference_zone(const YamlNode* node, const YamlNode& section, Reference& reference);
  void check_adjusted_tables(const YamlNode& node, const Reference& reference);
  [[nodiscard]] const Bars* bars_of(const Input& from) const;

  // loader_tests.cpp
  void load_tests(const YamlNode& node);
  void load_test(const YamlNode& node);
  [[nodiscard]] std::vector<TestCase::Row> rows(const YamlNode& node, const std::string& what,
                                                const market::Schema& schema);

  [[nodiscard]] std::optional<size_t> find_topic(std::string_view name) const;
  [[nodiscard]] std::optional<size_t> find_stream(std::string_view name) const;
  [[nodiscard]] bool too_many(const YamlNode& node, size_t count, std::string_view what);

  const YamlDocument& document_;
  ValueReader reader_;
  Plan plan_;
  std::vector<StreamFacts> facts_;            // one a stream
  std::set<std::string, std::less<>> broken_;  // sources' topics and streams that are not in the plan for their errors
};

}  // namespace penstock::plan

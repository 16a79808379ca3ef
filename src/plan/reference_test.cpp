// `reference:` reads factor and map files with the pipeline file, and finds what would make a wrong bar of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "plan/explain.h"
#include "plan/load.h"

namespace penstock::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ReferenceSection : public testing::Test {
 protected:
  ReferenceSection() {
    std::string pattern = (std::filesystem::temp_directory_path() / "penstock-plan-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    write("f/ibm.csv", "20200828,0.9,0.5,100\n20501231,1,1,0\n");
    write("f/README", "not a factor file");
    write("m/ibm.csv", "19980102,ibm,N\n20501231,ibm,N\n");
    write("f.csv", "symbol,date,price_factor,split_factor\nIBM,2020-08-28,0.9,0.5\n");
  }
  ~ReferenceSection() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  void write(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(folder + "/" + name).parent_path());
    std::ofstream(folder + "/" + name, std::ios::binary) << text;
  }
  // `bars` are the settings of the bars, `tables` more tables.
  [[nodiscard]] Loaded load(const std::string& section, const std::string& bars = "every: 1m, session: XNYS",
                            const std::string& tables = "", bool allow_unset = false) const {
    return load_text(
        "name: p\nsources:\n  s: {type: file, path: a.csv, topic: trades}\nstreams:\n  b: {from: trades, bars: {" +
            bars + "}}\ntables:\n  bars: {from: b}\n" + tables + section,
        folder + "/p.yaml", {.set = {}, .use_environment = false, .allow_unset = allow_unset});
  }
  [[nodiscard]] std::vector<std::string> errors(const std::string& section,
                                                const std::string& bars = "every: 1m, session: XNYS",
                                                const std::string& tables = "") const {
    std::vector<std::string> out;
    for (const Diagnostic& diagnostic : load(section, bars, tables).diagnostics) out.push_back(diagnostic.to_string());
    return out;
  }

  std::string folder;
};

TEST_F(ReferenceSection, FilesBesideThePipelineFileAreRead) {
  const Loaded loaded = load("reference: {factors: {path: f}, symbol_changes: {path: m/}}\n");
  ASSERT_TRUE(loaded.plan) << loaded.diagnostics.at(0).to_string();
  ASSERT_TRUE(loaded.plan->reference);
  EXPECT_EQ(loaded.plan->reference->time_zone_name, "America/New_York");  // of the session
  EXPECT_EQ(loaded.plan->reference->data->securities().size(), 1u);
  EXPECT_EQ(loaded.plan->reference->adjustments->spans.size(), 4u);
  const std::string text = explain(*loaded.plan);
  EXPECT_THAT(text, HasSubstr("reference: 1 securities, dates of America/New_York\n  factors from " + folder +
                              "/f: 2 rows -> table factors\n  symbol changes from " + folder +
                              "/m/: 2 rows -> table symbol_changes\n"));
  EXPECT_THAT(text, HasSubstr("adjusted: bars_adjusted, and bars_adjusted(as_of)"));
}

TEST_F(ReferenceSection, OneFileOfAllSecuritiesDoesToo) {
  EXPECT_THAT(errors("reference: {factors: {path: f.csv}}\n"), IsEmpty());
}

TEST_F(ReferenceSection, WithoutAPathThereIsNone) {
  for (const char* section : {"reference: {factors: {path: \"\"}, symbol_changes: {path: \"${m:-}\"}}\n",
                              "reference: {factors: {path: \"${f:-}\"}, time_zone: \"\"}\n"}) {
    const Loaded loaded = load(section, "every: 1d");
    ASSERT_TRUE(loaded.plan) << loaded.diagnostics.at(0).to_string();
    EXPECT_FALSE(loaded.plan->reference);
  }
  const Loaded unset = load("reference: {factors: {path: \"${f}\"}}\n", "every: 1m", "", true);
  EXPECT_TRUE(unset.plan.has_value());
}

TEST_F(ReferenceSection, WhatIsWrongInItIsTold) {
  EXPECT_THAT(errors("reference: {}\n"), ElementsAre(HasSubstr("reference needs factors or symbol_changes")));
  EXPECT_THAT(errors("reference: {factor: {path: f}}\n"), testing::Contains(HasSubstr("did you mean 'factors'")));
  EXPECT_THAT(errors("reference: {factors: f}\n"),
              ElementsAre(HasSubstr("p.yaml:8:22: 'factors' of reference must be a map")));
  EXPECT_THAT(errors("reference: {factors: {}}\n"), ElementsAre(HasSubstr("needs a path")));
  EXPECT_THAT(
      errors("reference: {factors: {path: none}}\n"),
      ElementsAre(testing::AllOf(HasSubstr("p.yaml:8:29: "), HasSubstr("/none: there is no such file or folder"))));
  write("empty/a.txt", "");
  EXPECT_THAT(errors("reference: {factors: {path: empty}}\n"), ElementsAre(HasSubstr("has no .csv file")));
  EXPECT_THAT(errors("reference: {factors: {path: f}, time_zone: Mars/Olympus}\n"),
              ElementsAre(HasSubstr("p.yaml:8:44: the time zone Mars/Olympus")));
}

TEST_F(ReferenceSection, EveryFileThatIsWrongIsTold) {
  write("f/a.csv", "20200828,1\n");
  write("f/b.csv", "20200828,1,1\n20200827,1,1\n");
  EXPECT_THAT(errors("reference: {factors: {path: f}}\n"),
              ElementsAre(HasSubstr("/f/a.csv:1:1: '20200828,1' has 2 fields"),
                          HasSubstr("/f/b.csv:2:1: the date 2020-08-27")));
  write("m/other.csv", "20100101,ibm\n");
  EXPECT_THAT(errors("reference: {symbol_changes: {path: m}}\n"), ElementsAre(HasSubstr("the ticker IBM belongs to")));
}

TEST_F(ReferenceSection, WithoutASessionTheTimeZoneIsAskedFor) {
  EXPECT_THAT(errors("reference: {factors: {path: f}}\n", "every: 1m"),
              ElementsAre(HasSubstr("reference needs a time_zone, like `time_zone: America/New_York`")));
  EXPECT_THAT(errors("reference: {factors: {path: f}, time_zone: America/New_York}\n", "every: [1m, 1h]"), IsEmpty());
}

TEST_F(ReferenceSection, BarsThatLieOnTwoDaysAreAnError) {
  for (const char* every : {"1d", "2h", "7m"}) {
    EXPECT_THAT(
        errors("reference: {factors: {path: f}, time_zone: America/New_York}\n", fmt::format("every: {}", every)),
        ElementsAre(HasSubstr(fmt::format("has bars of {} that begin on one day of America/New_York", every))));
  }
  EXPECT_THAT(errors("reference: {factors: {path: f}, time_zone: UTC}\n", "every: 1d"), IsEmpty());
  EXPECT_THAT(errors("reference: {factors: {path: f}, time_zone: Asia/Tokyo}\n"),
              ElementsAre(HasSubstr(
                  "are of sessions in America/New_York, and the dates of `reference` of days in Asia/Tokyo")));
}

TEST_F(ReferenceSection, NamesThatItMakesMayNotBeTaken) {
  const std::string section = "reference: {factors: {path: f}}\n";
  EXPECT_THAT(errors(section, "every: 1m, session: XNYS", "  FACTORS: {from: trades}\n"),
              ElementsAre(HasSubstr("a table of this file is called 'factors'")));
  EXPECT_THAT(errors(section, "every: 1m, session: XNYS", "  symbol_changes: {from: trades}\n"),
              ElementsAre(HasSubstr("a table of this file is called 'symbol_changes'")));
  EXPECT_THAT(errors(section, "every: 1m, session: XNYS", "  bars_adjusted: {from: trades}\n"),
              ElementsAre(HasSubstr("a table of this file is called 'bars_adjusted', which is how the table 'bars'")));
}

TEST_F(ReferenceSection, AColumnThatItAddsMayNotBeTaken) {
  const Loaded loaded = load_text(
      "name: p\nsources:\n  s: {type: file, path: a.csv, topic: trades}\nstreams:\n  b: {from: trades, bars: {every: "
      "1m}}\n"
      "  c: {from: b, select: {symbol: symbol, every: every, start: start, close: close, security: edge}}\n"
      "tables:\n  c: {from: c}\nreference: {factors: {path: f}, time_zone: America/New_York}\n",
      folder + "/p.yaml", {.set = {}, .use_environment = false});
  ASSERT_EQ(loaded.diagnostics.size(), 1u);
  EXPECT_THAT(loaded.diagnostics[0].message, HasSubstr("has a column 'security', which 'c_adjusted' adds"));
}

}  // namespace
}  // namespace penstock::plan

#include "serve/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::serve {
namespace {

using testing::HasSubstr;

TEST(Metrics, AreWrittenInPrometheusTextFormat) {
  Metrics metrics;
  metrics.counter("penstock_records_total", "Records read.", {{"source", "a\"b\\c\nd"}}).add(3);
  metrics.gauge("penstock_ready", "1 when ready.").set(1);
  auto histogram = metrics.histogram("penstock_commit_seconds", "Time of a commit.", {0.1, 1});
  histogram.observe(0.05);
  histogram.observe(0.5);
  histogram.observe(5);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# HELP penstock_records_total Records read.\n# TYPE penstock_records_total counter\n"
                              "penstock_records_total{source=\"a\\\"b\\\\c\\nd\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE penstock_ready gauge\npenstock_ready 1\n"));
  EXPECT_THAT(text, HasSubstr("penstock_commit_seconds_count 3\n"));
  EXPECT_THAT(text, HasSubstr("penstock_commit_seconds_bucket{le=\"0.1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("penstock_commit_seconds_bucket{le=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("penstock_commit_seconds_bucket{le=\"+Inf\"} 3\n"));
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameNumber) {
  Metrics metrics;
  metrics.counter("penstock_x_total", "X.", {{"a", "1"}}).add(1);
  metrics.counter("penstock_x_total", "X.", {{"a", "1"}}).add(1);
  metrics.counter("penstock_x_total", "X.", {{"a", "2"}}).add(5);
  EXPECT_THAT(metrics.text(), HasSubstr("penstock_x_total{a=\"1\"} 2\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("penstock_x_total{a=\"2\"} 5\n"));
}

TEST(Metrics, NumbersKeptElsewhereAreBroughtUpToDateAtEachScrape) {
  Metrics metrics;
  auto counter = metrics.counter("penstock_y_total", "Y.");
  double kept = 7;
  metrics.on_scrape([&] { counter.set_total(kept); });
  EXPECT_THAT(metrics.text(), HasSubstr("penstock_y_total 7\n"));
  kept = 9;
  EXPECT_THAT(metrics.text(), HasSubstr("penstock_y_total 9\n"));
  // A counter that went back would look like a restart to Prometheus.
  kept = 4;
  EXPECT_THAT(metrics.text(), HasSubstr("penstock_y_total 9\n"));
}

}  // namespace
}  // namespace penstock::serve

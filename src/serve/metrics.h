// Numbers for Prometheus. A thin front of prometheus-cpp, whose headers stay out of those who count.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace penstock::serve {

using Labels = std::map<std::string, std::string>;

// Handles: cheap to copy, valid as long as their Metrics. Thread-safe, but for set_total.
class Counter {
 public:
  void add(double count = 1);
  // For a number that is counted elsewhere: moves on to `total`; never back. One thread at a time.
  void set_total(double total);

 private:
  friend class Metrics;
  explicit Counter(prometheus::Counter& counter) : counter_(&counter) {}
  prometheus::Counter* counter_;
};

class Gauge {
 public:
  void set(double value);

 private:
  friend class Metrics;
  explicit Gauge(prometheus::Gauge& gauge) : gauge_(&gauge) {}
  prometheus::Gauge* gauge_;
};

class Histogram {
 public:
  void observe(double value);

 private:
  friend class Metrics;
  explicit Histogram(prometheus::Histogram& histogram) : histogram_(&histogram) {}
  prometheus::Histogram* histogram_;
};

// Thread-safe. Names are `penstock_<what>_<unit>`, counters end in `_total`. The same name and labels give the same
// number again. Names are the program's own: an impossible one is our bug and asserts. Label values may be any text.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  [[nodiscard]] Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  [[nodiscard]] Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // `bounds`: ascending upper bounds of the buckets; the one without bound is added.
  [[nodiscard]] Histogram histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                                    const Labels& labels = {});
  // Called before each text(), to bring numbers up to date that are kept elsewhere.
  void on_scrape(std::function<void()> update);
  // All of it in Prometheus' text format, version 0.0.4.
  [[nodiscard]] std::string text();

 private:
  std::unique_ptr<prometheus::Registry> registry_;
  std::mutex mutex_;                            // one scrape at a time, so that set_total has one caller
  std::vector<std::function<void()>> updates_;  // guarded by mutex_
};

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace penstock::serve

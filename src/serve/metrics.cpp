#include "serve/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/error.h"

namespace penstock::serve {
namespace {

// prometheus-cpp throws for names that cannot be: those are our bugs.
template <typename Make>
auto& made(Make make) {
  try {
    return make();
  } catch (const std::exception& e) {
    assert_failed(e.what(), __FILE__, __LINE__);
  }
}

}  // namespace

void Counter::add(double count) { counter_->Increment(count); }
void Counter::set_total(double total) {
  const double step = total - counter_->Value();
  if (step > 0) counter_->Increment(step);
}
void Gauge::set(double value) { gauge_->Set(value); }
void Histogram::observe(double value) { histogram_->Observe(value); }

Metrics::Metrics() : registry_(std::make_unique<prometheus::Registry>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return Counter(made(
      [&]() -> auto& { return prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add(labels); }));
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return Gauge(
      made([&]() -> auto& { return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add(labels); }));
}

Histogram Metrics::histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                             const Labels& labels) {
  return Histogram(made([&]() -> auto& {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(*registry_).Add(labels, bounds);
  }));
}

void Metrics::on_scrape(std::function<void()> update) {
  const std::lock_guard lock(mutex_);
  updates_.push_back(std::move(update));
}

std::string Metrics::text() {
  const std::lock_guard lock(mutex_);
  for (const auto& update : updates_) update();
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace penstock::serve

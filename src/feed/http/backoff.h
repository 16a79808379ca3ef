// How long to wait after a failure: exponential backoff with full jitter, so that many clients do not come back at
// once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>

#include "base/time.h"
#include "io/http_message.h"

namespace penstock::feed::http {

// One thread.
class Backoff {
 public:
  // 0 < min <= max.
  Backoff(Duration min, Duration max, uint64_t seed) : min_(min), max_(max), random_(seed) {}

  // After the n-th failure in a row: evenly spread over [min, min * 2^n], never more than max.
  [[nodiscard]] Duration next() {
    ++failures_;
    ceiling_ = Duration{ceiling_.ns > max_.ns / 2 ? max_.ns : std::max(ceiling_.ns * 2, min_.ns * 2)};
    ceiling_ = std::min(ceiling_, max_);
    return Duration{std::uniform_int_distribution<int64_t>(min_.ns, std::max(min_.ns, ceiling_.ns))(random_)};
  }
  void reset() {
    failures_ = 0;
    ceiling_ = Duration{};
  }
  [[nodiscard]] uint64_t failures() const { return failures_; }  // in a row

 private:
  const Duration min_;
  const Duration max_;
  std::mt19937_64 random_;
  Duration ceiling_;
  uint64_t failures_ = 0;
};

// `Retry-After`: seconds, or a date. Nothing for what is neither; zero for a date that has passed.
[[nodiscard]] inline std::optional<Duration> parse_retry_after(std::string_view text, Timestamp now) {
  // Ten digits are 300 years in ns, just short of too many.
  if (!text.empty() && text.size() <= 9 && text.find_first_not_of("0123456789") == std::string_view::npos) {
    int64_t seconds = 0;
    for (const char c : text) seconds = seconds * 10 + (c - '0');
    return Duration{seconds * kSecond.ns};
  }
  const auto date = io::parse_http_date(text);
  // Year 2262 is where ns end.
  if (!date || *date > Timestamp::max().ns / kSecond.ns) return std::nullopt;
  return Duration{std::max<int64_t>(0, *date * kSecond.ns - now.ns)};
}

}  // namespace penstock::feed::http

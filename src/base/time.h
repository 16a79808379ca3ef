// Time as int64 nanoseconds since 1970-01-01T00:00:00Z (range 1677-09-21 to 2262-04-11), its text forms and its units.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock {

struct Duration {
  int64_t ns = 0;
  constexpr Duration() = default;
  constexpr explicit Duration(int64_t nanoseconds) : ns(nanoseconds) {}
  friend constexpr auto operator<=>(Duration, Duration) = default;
};
inline constexpr Duration kMicrosecond{1'000};
inline constexpr Duration kMillisecond{1'000'000};
inline constexpr Duration kSecond{1'000'000'000};
inline constexpr Duration kMinute{60 * kSecond.ns};
inline constexpr Duration kHour{60 * kMinute.ns};
inline constexpr Duration kDay{24 * kHour.ns};

struct Timestamp {
  int64_t ns = 0;
  constexpr Timestamp() = default;
  constexpr explicit Timestamp(int64_t nanoseconds) : ns(nanoseconds) {}
  friend constexpr auto operator<=>(Timestamp, Timestamp) = default;
  static constexpr Timestamp min() { return Timestamp{std::numeric_limits<int64_t>::min()}; }
  static constexpr Timestamp max() { return Timestamp{std::numeric_limits<int64_t>::max()}; }
};
// Saturating, so that `Timestamp::max() + d` stays the greatest time.
[[nodiscard]] Timestamp operator+(Timestamp t, Duration d);
[[nodiscard]] Timestamp operator-(Timestamp t, Duration d);
[[nodiscard]] constexpr Duration operator-(Timestamp a, Timestamp b) { return Duration{a.ns - b.ns}; }

// The unit of an epoch number. `detect` takes it from the magnitude: up to 11 digits are s, 14 ms, 17 us, more ns
// (right for every time from 1973 to 2262 in ms, us and ns, and to 5138 in s).
enum class TimeUnit : uint8_t { detect, s, ms, us, ns };
[[nodiscard]] std::optional<TimeUnit> parse_time_unit(std::string_view text);

// Why a text is no time. The caller adds where it stood.
enum class TimeError : uint8_t { ok, malformed, out_of_range };
[[nodiscard]] std::string_view to_string(TimeError error);

// RFC 3339 (`2019-10-11T00:00:00.123456789Z`, `+02:00`; `T` may be a space; no offset means UTC; also a bare date).
// More than nine fraction digits are malformed unless the surplus is zeros: digits are never dropped.
// Does not allocate: the CSV and JSON decoders call it for each record.
[[nodiscard]] TimeError parse_rfc3339(std::string_view text, Timestamp& out);

// An epoch number, possibly with a decimal fraction (`1570752004.123`).
[[nodiscard]] TimeError parse_epoch(std::string_view text, TimeUnit unit, Timestamp& out);

// Either form, told apart by its shape: what a file's time column may hold.
[[nodiscard]] TimeError parse_time(std::string_view text, TimeUnit unit, Timestamp& out);

// An integer epoch in `unit`, checked for range.
[[nodiscard]] TimeError from_epoch(int64_t value, TimeUnit unit, Timestamp& out);

// `2019-10-11T00:00:00Z` with 0, 3, 6 or 9 fraction digits: the fewest that lose nothing.
[[nodiscard]] std::string format_rfc3339(Timestamp t);

// `250ms`, `2s`, `5m`, `1h`, `1d`: an integer and a unit of ns, us, ms, s, m, h, d. Never negative.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
// The shortest form of the above: 60 s gives `1m`. `parse_duration` reads it back.
[[nodiscard]] std::string format_duration(Duration d);

}  // namespace penstock

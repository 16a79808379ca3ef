#include "base/time.h"

#include <array>
#include <charconv>

#include "base/int128.h"

namespace penstock {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Days from 1970-01-01 to a date of the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date
// algorithms"): eras of 400 years that begin on 1 March, so that the leap day comes last.
constexpr int64_t days_from_civil(int64_t year, int month, int day) {
  year -= month <= 2;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

struct Civil {
  int64_t year;
  int month;
  int day;
};

constexpr Civil civil_from_days(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const int month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {year_of_era + era * 400 + (month <= 2), month, day};
}

constexpr int days_in_month(int64_t year, int month) {
  constexpr std::array<int, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[static_cast<size_t>(month - 1)];
}

// Reads exactly `count` digits at `at`; false when they are not there.
bool read_digits(std::string_view text, size_t at, size_t count, int& out) {
  if (at + count > text.size()) return false;
  int value = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (!is_digit(text[i])) return false;
    value = value * 10 + (text[i] - '0');
  }
  out = value;
  return true;
}

// Reads a fraction's digits (after the point) as `width` digits, so that `.5` with width 9 is 500'000'000.
// `at` ends behind the last digit. False when there is no digit or a non-zero digit is beyond the width.
bool read_fraction(std::string_view text, size_t& at, int width, int64_t& out) {
  int64_t value = 0;
  int digits = 0;
  const size_t begin = at;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    if (digits < width) {
      value = value * 10 + (text[at] - '0');
      ++digits;
    } else if (text[at] != '0') {
      return false;
    }
  }
  if (at == begin) return false;
  for (; digits < width; ++digits) value *= 10;
  out = value;
  return true;
}

TimeError combine(int64_t seconds, int64_t nanoseconds, Timestamp& out) {
  const Int128 total = Int128{seconds} * kSecond.ns + nanoseconds;
  if (total < Timestamp::min().ns || total > Timestamp::max().ns) return TimeError::out_of_range;
  out = Timestamp{static_cast<int64_t>(total)};
  return TimeError::ok;
}

int64_t ns_per(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::s: return kSecond.ns;
    case TimeUnit::ms: return kMillisecond.ns;
    case TimeUnit::us: return kMicrosecond.ns;
    case TimeUnit::ns:
    case TimeUnit::detect: return 1;
  }
  return 1;
}

TimeUnit detect_unit(uint64_t magnitude) {
  if (magnitude < 100'000'000'000) return TimeUnit::s;
  if (magnitude < 100'000'000'000'000) return TimeUnit::ms;
  if (magnitude < 100'000'000'000'000'000) return TimeUnit::us;
  return TimeUnit::ns;
}

}  // namespace

Timestamp operator+(Timestamp t, Duration d) {
  int64_t sum = 0;
  if (__builtin_add_overflow(t.ns, d.ns, &sum)) return d.ns > 0 ? Timestamp::max() : Timestamp::min();
  return Timestamp{sum};
}

Timestamp operator-(Timestamp t, Duration d) {
  int64_t difference = 0;
  if (__builtin_sub_overflow(t.ns, d.ns, &difference)) return d.ns > 0 ? Timestamp::min() : Timestamp::max();
  return Timestamp{difference};
}

std::optional<TimeUnit> parse_time_unit(std::string_view text) {
  if (text == "detect" || text == "auto") return TimeUnit::detect;
  if (text == "s") return TimeUnit::s;
  if (text == "ms") return TimeUnit::ms;
  if (text == "us") return TimeUnit::us;
  if (text == "ns") return TimeUnit::ns;
  return std::nullopt;
}

std::string_view to_string(TimeError error) {
  switch (error) {
    case TimeError::ok: return "ok";
    case TimeError::malformed: return "not a time (RFC 3339 such as 2019-10-11T00:00:00.123Z, or an epoch number)";
    case TimeError::out_of_range: return "time outside 1677-09-21 to 2262-04-11";
  }
  return "not a time";
}

TimeError parse_rfc3339(std::string_view text, Timestamp& out) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!read_digits(text, 0, 4, year) || text.size() < 10 || text[4] != '-' || !read_digits(text, 5, 2, month) ||
      text[7] != '-' || !read_digits(text, 8, 2, day)) {
    return TimeError::malformed;
  }
  if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return TimeError::malformed;
  int64_t seconds = days_from_civil(year, month, day) * 86'400;
  if (text.size() == 10) return combine(seconds, 0, out);

  int hour = 0;
  int minute = 0;
  int second = 0;
  if ((text[10] != 'T' && text[10] != 't' && text[10] != ' ') || !read_digits(text, 11, 2, hour) || text.size() < 19 ||
      text[13] != ':' || !read_digits(text, 14, 2, minute) || text[16] != ':' || !read_digits(text, 17, 2, second)) {
    return TimeError::malformed;
  }
  // A leap second (60) has no place in a count of nanoseconds since the epoch.
  if (hour > 23 || minute > 59 || second > 59) return TimeError::malformed;
  seconds += hour * 3600 + minute * 60 + second;

  size_t at = 19;
  int64_t nanoseconds = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!read_fraction(text, at, 9, nanoseconds)) return TimeError::malformed;
  }
  if (at == text.size()) return combine(seconds, nanoseconds, out);
  if ((text[at] == 'Z' || text[at] == 'z') && at + 1 == text.size()) return combine(seconds, nanoseconds, out);

  const char sign = text[at];
  int offset_hour = 0;
  int offset_minute = 0;
  if ((sign != '+' && sign != '-') || !read_digits(text, at + 1, 2, offset_hour)) return TimeError::malformed;
  at += 3;
  if (at < text.size() && text[at] == ':') ++at;
  if (at != text.size() && (!read_digits(text, at, 2, offset_minute) || at + 2 != text.size())) {
    return TimeError::malformed;
  }
  if (offset_hour > 23 || offset_minute > 59) return TimeError::malformed;
  const int64_t offset = offset_hour * 3600 + offset_minute * 60;
  return combine(sign == '+' ? seconds - offset : seconds + offset, nanoseconds, out);
}

TimeError from_epoch(int64_t value, TimeUnit unit, Timestamp& out) {
  const uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  if (unit == TimeUnit::detect) unit = detect_unit(magnitude);
  int64_t ns = 0;
  if (__builtin_mul_overflow(value, ns_per(unit), &ns)) return TimeError::out_of_range;
  out = Timestamp{ns};
  return TimeError::ok;
}

TimeError parse_epoch(std::string_view text, TimeUnit unit, Timestamp& out) {
  if (text.empty()) return TimeError::malformed;
  const bool negative = text[0] == '-';
  size_t at = negative ? 1 : 0;
  const size_t begin = at;
  uint64_t whole = 0;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    if (at - begin >= 19) return TimeError::out_of_range;
    whole = whole * 10 + static_cast<uint64_t>(text[at] - '0');
  }
  if (at == begin) return TimeError::malformed;
  if (unit == TimeUnit::detect) unit = detect_unit(whole);
  int64_t fraction = 0;
  if (at < text.size()) {
    if (text[at] != '.') return TimeError::malformed;
    ++at;
    const int width = unit == TimeUnit::s ? 9 : unit == TimeUnit::ms ? 6 : unit == TimeUnit::us ? 3 : 0;
    if (!read_fraction(text, at, width, fraction) || at != text.size()) return TimeError::malformed;
  }
  int64_t ns = 0;
  if (whole > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ||
      __builtin_mul_overflow(static_cast<int64_t>(whole), ns_per(unit), &ns) ||
      __builtin_add_overflow(ns, fraction, &ns)) {
    return TimeError::out_of_range;
  }
  out = Timestamp{negative ? -ns : ns};
  return TimeError::ok;
}

TimeError parse_time(std::string_view text, TimeUnit unit, Timestamp& out) {
  if (text.size() > 4 && text[4] == '-') return parse_rfc3339(text, out);
  return parse_epoch(text, unit, out);
}

std::string format_rfc3339(Timestamp t) {
  int64_t seconds = t.ns / kSecond.ns;
  int64_t nanoseconds = t.ns % kSecond.ns;
  if (nanoseconds < 0) {
    nanoseconds += kSecond.ns;
    --seconds;
  }
  int64_t days = seconds / 86'400;
  int64_t rest = seconds % 86'400;
  if (rest < 0) {
    rest += 86'400;
    --days;
  }
  const Civil date = civil_from_days(days);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", date.year, date.month, date.day, rest / 3600,
                                 rest / 60 % 60, rest % 60);
  if (nanoseconds != 0) {
    if (nanoseconds % 1'000'000 == 0) {
      text += fmt::format(".{:03}", nanoseconds / 1'000'000);
    } else if (nanoseconds % 1'000 == 0) {
      text += fmt::format(".{:06}", nanoseconds / 1'000);
    } else {
      text += fmt::format(".{:09}", nanoseconds);
    }
  }
  text += 'Z';
  return text;
}

namespace {

struct NamedDuration {
  std::string_view suffix;
  Duration duration;
};
// Largest first: format_duration takes the first that divides.
constexpr std::array<NamedDuration, 7> kDurationUnits{{{"d", kDay},
                                                       {"h", kHour},
                                                       {"m", kMinute},
                                                       {"s", kSecond},
                                                       {"ms", kMillisecond},
                                                       {"us", kMicrosecond},
                                                       {"ns", Duration{1}}}};

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  int64_t count = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view suffix(rest, static_cast<size_t>(text.data() + text.size() - rest));
  if (error == std::errc{} && count >= 0) {
    for (const NamedDuration& unit : kDurationUnits) {
      if (suffix != unit.suffix) continue;
      int64_t ns = 0;
      if (__builtin_mul_overflow(count, unit.duration.ns, &ns)) break;
      return Duration{ns};
    }
  }
  return fail(ErrorKind::invalid, "'{}' is not a duration: write a number and a unit, such as 250ms, 2s, 5m, 1h or 1d",
              text);
}

std::string format_duration(Duration d) {
  if (d.ns == 0) return "0s";
  for (const NamedDuration& unit : kDurationUnits) {
    if (d.ns % unit.duration.ns == 0) return fmt::format("{}{}", d.ns / unit.duration.ns, unit.suffix);
  }
  return fmt::format("{}ns", d.ns);
}

}  // namespace penstock

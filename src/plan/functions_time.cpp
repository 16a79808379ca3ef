// Functions of time, all in UTC.
#include <fmt/core.h>

#include <array>
#include <chrono>
#include <limits>
#include <utility>

#include "base/time.h"
#include "plan/functions.h"

namespace penstock::plan {

using market::Column;
using market::Kind;

namespace {

constexpr market::Type kInteger{Kind::int64};
constexpr market::Type kTime{Kind::timestamp};

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

struct Date {
  std::chrono::sys_days days;
  std::chrono::year_month_day civil;
};

Date date_of(int64_t ns) {
  const std::chrono::sys_days days{std::chrono::days{floor_div(ns, kDay.ns)}};
  return {days, std::chrono::year_month_day{days}};
}

std::chrono::sys_days first_of_year(std::chrono::year year) { return std::chrono::sys_days{year / 1 / 1}; }

// The Monday of the ISO week that holds the day.
std::chrono::sys_days monday_of(std::chrono::sys_days days) {
  const unsigned weekday = std::chrono::weekday{days}.iso_encoding();
  return days - std::chrono::days{static_cast<int>(weekday) - 1};
}

int64_t iso_week(std::chrono::sys_days days) {
  // The week belongs to the year of its Thursday.
  const std::chrono::sys_days thursday = monday_of(days) + std::chrono::days{3};
  const std::chrono::year year = std::chrono::year_month_day{thursday}.year();
  return (thursday - first_of_year(year)).count() / 7 + 1;
}

// Of one timestamp argument.
template <typename Body>
Column of_time(const ExpressionNode& node, std::span<const Value> args, size_t rows, Body body) {
  Column out = make_column(node.type, strict_validity(args.last(1), rows));
  if (out.all_null) return out;
  const Value& time = args.back();
  out.i64.resize(rows);
  for (size_t r = 0; r < rows; ++r) out.i64[r] = body(time.column().i64[time.row(r)]);
  return out;
}

template <int64_t kDivisor>
Column to_epoch(Evaluation&, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return of_time(node, args, rows, [](int64_t ns) { return floor_div(ns, kDivisor); });
}

template <TimeField kField>
Column field_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  ExpressionNode with_field;
  with_field.type = node.type;
  with_field.option = static_cast<int64_t>(kField);
  return extract_kernel(evaluation, with_field, args, rows);
}

Column text_to_timestamp(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  Column out = make_column(node.type, strict_validity(args, rows));
  if (out.all_null) return out;
  out.i64.resize(rows);
  TextArg text(args[0], evaluation.symbols());
  for (size_t r = 0; r < rows; ++r) {
    if (out.is_null(r)) continue;
    const std::string_view value = text[r];
    Timestamp time;
    if (const TimeError error = parse_time(value, TimeUnit::detect, time); error != TimeError::ok) {
      evaluation.fail_row(r, rows, fmt::format("to_timestamp: '{}': {}", shown_value(value), to_string(error)));
      set_null(out, r, rows);
    } else {
      out.i64[r] = time.ns;
    }
  }
  return out;
}

}  // namespace

std::optional<TimeField> parse_time_field(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, TimeField>, 16> kFields{
      {{"year", TimeField::year},
       {"quarter", TimeField::quarter},
       {"month", TimeField::month},
       {"week", TimeField::week},
       {"day", TimeField::day},
       {"dow", TimeField::weekday},
       {"dayofweek", TimeField::weekday},
       {"doy", TimeField::day_of_year},
       {"hour", TimeField::hour},
       {"minute", TimeField::minute},
       {"second", TimeField::second},
       {"millisecond", TimeField::millisecond},
       {"microsecond", TimeField::microsecond},
       {"hours", TimeField::hour},
       {"minutes", TimeField::minute},
       {"seconds", TimeField::second}}};
  for (const auto& [name, field] : kFields) {
    if (name == text) return field;
  }
  return std::nullopt;
}

Column date_trunc_kernel(Evaluation&, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  const auto field = static_cast<TimeField>(node.option);
  const auto trunc = [](int64_t ns, Duration unit) { return floor_div(ns, unit.ns) * unit.ns; };
  return of_time(node, args, rows, [&](int64_t ns) -> int64_t {
    // The first unit of all begins before the earliest time there is: it stays as it is.
    if (ns < std::numeric_limits<int64_t>::min() + 366 * kDay.ns) return ns;
    const auto start_of = [](std::chrono::sys_days days) { return days.time_since_epoch().count() * kDay.ns; };
    switch (field) {
      case TimeField::year: return start_of(first_of_year(date_of(ns).civil.year()));
      case TimeField::quarter: {
        const auto civil = date_of(ns).civil;
        const unsigned month = (static_cast<unsigned>(civil.month()) - 1) / 3 * 3 + 1;
        return start_of(std::chrono::sys_days{civil.year() / std::chrono::month{month} / 1});
      }
      case TimeField::month: {
        const auto civil = date_of(ns).civil;
        return start_of(std::chrono::sys_days{civil.year() / civil.month() / 1});
      }
      case TimeField::week: return start_of(monday_of(date_of(ns).days));
      case TimeField::hour: return trunc(ns, kHour);
      case TimeField::minute: return trunc(ns, kMinute);
      case TimeField::second: return trunc(ns, kSecond);
      case TimeField::millisecond: return trunc(ns, kMillisecond);
      case TimeField::microsecond: return trunc(ns, kMicrosecond);
      case TimeField::day:
      case TimeField::weekday:
      case TimeField::day_of_year: return trunc(ns, kDay);
    }
    return ns;
  });
}

Column extract_kernel(Evaluation&, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  const auto field = static_cast<TimeField>(node.option);
  return of_time(node, args, rows, [&](int64_t ns) -> int64_t {
    const auto within = [ns](Duration unit) { return ns % unit.ns < 0 ? ns % unit.ns + unit.ns : ns % unit.ns; };
    const Date date = date_of(ns);
    switch (field) {
      case TimeField::year: return static_cast<int>(date.civil.year());
      case TimeField::quarter: return (static_cast<unsigned>(date.civil.month()) - 1) / 3 + 1;
      case TimeField::month: return static_cast<unsigned>(date.civil.month());
      case TimeField::week: return iso_week(date.days);
      case TimeField::day: return static_cast<unsigned>(date.civil.day());
      case TimeField::weekday: return std::chrono::weekday{date.days}.c_encoding() + 1;
      case TimeField::day_of_year: return (date.days - first_of_year(date.civil.year())).count() + 1;
      case TimeField::hour: return within(kDay) / kHour.ns;
      case TimeField::minute: return within(kHour) / kMinute.ns;
      case TimeField::second: return within(kMinute);  // a decimal of 9 digits: the fraction belongs to it
      case TimeField::millisecond: return within(kSecond) / kMillisecond.ns;
      case TimeField::microsecond: return within(kSecond) / kMicrosecond.ns;
    }
    return 0;
  });
}

Column time_bucket_kernel(Evaluation&, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  const int64_t length = node.option;
  return of_time(node, args, rows, [length](int64_t ns) {
    int64_t start = 0;
    return __builtin_mul_overflow(floor_div(ns, length), length, &start) ? ns : start;
  });
}

Column from_epoch_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  Column out = make_column(node.type, strict_validity(args, rows));
  if (out.all_null) return out;
  out.i64.resize(rows);
  for (size_t r = 0; r < rows; ++r) {
    if (out.is_null(r)) continue;
    const int64_t value = args[0].column().i64[args[0].row(r)];
    Timestamp time;
    if (const TimeError error = from_epoch(value, static_cast<TimeUnit>(node.option), time); error != TimeError::ok) {
      evaluation.fail_row(r, rows, fmt::format("{} as a timestamp: {}", value, to_string(error)));
      set_null(out, r, rows);
    } else {
      out.i64[r] = time.ns;
    }
  }
  return out;
}

std::span<const Function> time_functions() {
  static const Function kFunctions[] = {
      {"epoch_ns", "T", 1, 1, kInteger, to_epoch<1>},
      {"epoch_ms", "T", 1, 1, kInteger, to_epoch<kMillisecond.ns>},
      {"unix_micros", "T", 1, 1, kInteger, to_epoch<kMicrosecond.ns>},
      {"unix_millis", "T", 1, 1, kInteger, to_epoch<kMillisecond.ns>},
      {"unix_seconds", "T", 1, 1, kInteger, to_epoch<kSecond.ns>},
      {"year", "T", 1, 1, kInteger, field_kernel<TimeField::year>},
      {"month", "T", 1, 1, kInteger, field_kernel<TimeField::month>},
      {"day", "T", 1, 1, kInteger, field_kernel<TimeField::day>},
      {"hour", "T", 1, 1, kInteger, field_kernel<TimeField::hour>},
      {"minute", "T", 1, 1, kInteger, field_kernel<TimeField::minute>},
      {"to_timestamp", "t", 1, 1, kTime, text_to_timestamp, true},
  };
  return kFunctions;
}

}  // namespace penstock::plan

#include "runtime/calendars.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "market/calendar.h"
#include "market/time_zone.h"

namespace penstock::runtime {
namespace {

using market::Calendar;
using market::Session;
using market::TimeZone;

constexpr int32_t kDaysShown = 30;
constexpr std::string_view kClosed = "-";

// Not by way of a Timestamp: the first day of `24/7` begins before what one can tell.
std::string date_text(int32_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string_view weekday_text(int32_t day) {
  constexpr std::array<std::string_view, 7> kNames{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  return kNames[std::chrono::weekday{std::chrono::sys_days{std::chrono::days{day}}}.c_encoding()];
}

bool is_weekend(int32_t day) {
  return std::chrono::weekday{std::chrono::sys_days{std::chrono::days{day}}}.iso_encoding() > 5;
}

int32_t day_of(Timestamp t) {
  return static_cast<int32_t>(std::chrono::floor<std::chrono::days>(std::chrono::nanoseconds(t.ns)).count());
}

Result<int32_t> parse_day(std::string_view option, std::string_view text) {
  Timestamp t;
  const TimeError error = parse_rfc3339(text, t);
  if (error == TimeError::out_of_range) return fail(ErrorKind::invalid, "{} '{}': {}", option, text, to_string(error));
  if (text.size() != 10 || error != TimeError::ok) {
    return fail(ErrorKind::invalid, "{} '{}' is not a date: write YYYY-MM-DD", option, text);
  }
  return day_of(t);
}

struct Days {
  int32_t from = 0;
  int32_t to = 0;  // inclusive
};

Result<Days> days_of(const Calendar& calendar, const CalendarRange& range, int32_t today) {
  std::optional<int32_t> from;
  std::optional<int32_t> to;
  if (!range.from.empty()) {
    PENSTOCK_TRY_ASSIGN(from, parse_day("--from", range.from));
  }
  if (!range.to.empty()) {
    PENSTOCK_TRY_ASSIGN(to, parse_day("--to", range.to));
  }
  Days days;
  days.from = from ? *from : to ? std::min(today, *to) : today;
  // What nobody asked for by date is cut off at the end; what was asked for is refused.
  days.to = to ? *to : std::max(days.from, std::min(days.from + kDaysShown, calendar.last_day()));
  if (days.to < days.from) return fail(ErrorKind::invalid, "--to '{}' is before --from '{}'", range.to, range.from);
  if (days.from < calendar.first_day() || days.to > calendar.last_day()) {
    return fail(ErrorKind::invalid, "{} is known from {} to {}, not from {} to {}", calendar.name(),
                date_text(calendar.first_day()), date_text(calendar.last_day()), date_text(days.from),
                date_text(days.to));
  }
  return days;
}

std::string clock_text(Timestamp t, Duration offset) { return format_rfc3339(t + offset).substr(11, 5); }

std::string note(const Session& session) {
  std::string text;
  if (session.late_open) text += "late open";
  if (session.early_close) text += text.empty() ? "early close" : ", early close";
  return text;
}

std::string as_table(const Calendar& calendar, const TimeZone& zone, Days days) {
  std::string text = fmt::format("{}, {}\n", calendar.name(), calendar.time_zone());
  const auto add = [&text](auto... columns) {
    std::string line = fmt::format("{:<10}  {:<3}  {:<5}  {:<11}  {:<5}  {:<20}  {:<20}  {}", columns...);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  add("date", "day", "open", "break", "close", "open (UTC)", "close (UTC)", "note");
  for (int32_t day = days.from; day <= days.to; ++day) {
    const auto session = calendar.on(day);
    if (!session) {
      if (!is_weekend(day))
        add(date_text(day), weekday_text(day), kClosed, kClosed, kClosed, kClosed, kClosed, "closed");
      continue;
    }
    // One offset for the day: a venue does not open over a change of its clocks.
    const Duration offset = zone.offset_at(session->open);
    const std::string pause =
        session->has_break() ? clock_text(session->break_start, offset) + "-" + clock_text(session->break_end, offset)
                             : std::string(kClosed);
    add(date_text(day), weekday_text(day), clock_text(session->open, offset), pause, clock_text(session->close, offset),
        format_rfc3339(session->open), format_rfc3339(session->close), note(*session));
  }
  return text;
}

std::string as_csv(const Calendar& calendar, Days days) {
  std::string text = "session,time_zone,open,break_start,break_end,close,early_close,late_open\n";
  for (const Session& session : calendar.sessions(days.from, days.to)) {
    const bool has_break = session.has_break();
    text += fmt::format("{},{},{},{},{},{},{},{}\n", date_text(session.day), calendar.time_zone(),
                        format_rfc3339(session.open), has_break ? format_rfc3339(session.break_start) : "",
                        has_break ? format_rfc3339(session.break_end) : "", format_rfc3339(session.close),
                        session.early_close, session.late_open);
  }
  return text;
}

// As `query` writes it: an array, a row a line. No text in it needs an escape.
std::string as_json(const Calendar& calendar, Days days) {
  const auto quoted = [](Timestamp t, bool there) {
    return there ? '"' + format_rfc3339(t) + '"' : std::string("null");
  };
  std::string text = "[";
  for (const Session& session : calendar.sessions(days.from, days.to)) {
    const bool has_break = session.has_break();
    text += fmt::format(
        R"({}{{"session":"{}","time_zone":"{}","open":{},"break_start":{},"break_end":{},"close":{},"early_close":{},"late_open":{}}})",
        text.size() == 1 ? "\n" : ",\n", date_text(session.day), calendar.time_zone(), quoted(session.open, true),
        quoted(session.break_start, has_break), quoted(session.break_end, has_break), quoted(session.close, true),
        session.early_close, session.late_open);
  }
  return text + "\n]\n";
}

}  // namespace

Result<std::string> describe_calendar(std::string_view name, const CalendarRange& range, store::Format format,
                                      Clock& clock) {
  if (format == store::Format::parquet) {
    return fail(ErrorKind::invalid, "a calendar is written as table, csv or json");
  }
  auto found = Calendar::find(name);
  if (!found) {
    // A name is an argument of the command: wrong usage.
    if (found.error().kind == ErrorKind::not_found) found.error().kind = ErrorKind::invalid;
    return std::unexpected(std::move(found).error());
  }
  const Calendar& calendar = **found;
  const Timestamp now = clock.now();
  PENSTOCK_TRY_ASSIGN(const TimeZone zone, TimeZone::load(calendar.time_zone(), std::min(now, calendar.covers_from()),
                                                          std::max(now, calendar.covers_to())));
  PENSTOCK_TRY_ASSIGN(const Days days, days_of(calendar, range, day_of(now + zone.offset_at(now))));
  if (format == store::Format::csv) return as_csv(calendar, days);
  if (format == store::Format::json) return as_json(calendar, days);
  return as_table(calendar, zone, days);
}

Result<std::string> list_calendars() {
  std::string text = fmt::format("{:<8}  {:<16}  {:<10}  {}\n", "calendar", "time zone", "from", "to");
  for (const std::string& name : Calendar::names()) {
    PENSTOCK_TRY_ASSIGN(const Calendar* calendar, Calendar::find(name));
    text += fmt::format("{:<8}  {:<16}  {:<10}  {}\n", name, calendar->time_zone(), date_text(calendar->first_day()),
                        date_text(calendar->last_day()));
  }
  return text;
}

}  // namespace penstock::runtime

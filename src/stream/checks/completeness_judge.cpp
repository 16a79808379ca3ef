// `completeness:`: the bars that a session has by its calendar, against those that came.
//
// A bar of a session is one whose window meets the session outside its break. Windows begin where the bars' do: at
// multiples of their length since 1970, or counted from the open where the first bar of a series is at no such
// multiple. A session is judged when the stream's mark has passed the start of its last window: none of its bars will
// come anew. A symbol is awaited in every session after its first bar, until it has none in one: that is said once.
#include <algorithm>
#include <cstring>
#include <map>

#include "market/calendar.h"
#include "stream/checks/stateful.h"
#include "stream/row_json.h"

namespace penstock::stream {
namespace {

using market::Session;

// Finer and coarser bars are not judged: of those finer a session would have too many to count one by one.
constexpr int64_t kEveryMin = kSecond.ns;
constexpr int64_t kEveryMax = kDay.ns;
constexpr size_t kLengthsMax = 1'000;

int64_t floor_to(int64_t ts, int64_t every) { return ts - (ts % every + every) % every; }

// The windows of one session, by number from the first on.
struct Windows {
  int64_t first = 0;  // the start of window 0
  int64_t every = 0;
  int64_t morning_end = 0;  // windows [0, morning_end) and [afternoon_begin, end) meet the session
  int64_t afternoon_begin = 0;
  int64_t end = 0;

  Windows(const Session& session, int64_t length, bool from_open) : every(length) {
    first = from_open ? session.open.ns : floor_to(session.open.ns, every);
    end = number(session.close.ns - 1) + 1;
    morning_end = session.has_break() ? number(session.break_start.ns - 1) + 1 : end;
    afternoon_begin = session.has_break() ? std::max(morning_end, number(session.break_end.ns)) : end;
  }
  [[nodiscard]] int64_t number(int64_t ts) const { return (ts - first) / every; }
  [[nodiscard]] bool meets(int64_t window) const {
    return (window >= 0 && window < morning_end) || (window >= afternoon_begin && window < end);
  }
  [[nodiscard]] int64_t expected() const { return morning_end + end - afternoon_begin; }
  [[nodiscard]] int64_t last_start() const { return first + (end - 1) * every; }
};

// A symbol costs 24 bytes; for each interval 56, and for each session that is not judged yet 32 and a bit a window,
// none where all its bars are there.
class CompletenessJudge final : public SymbolJudge {
 public:
  CompletenessJudge(const plan::CompletenessCheck& check, const market::Calendar& calendar, const SymbolSlots& slots,
                    const market::SymbolTable& symbols)
      : check_(check), calendar_(calendar), slots_(slots), symbols_(symbols) {}

  void judge(const Flow& rows, const std::vector<uint32_t>& slots, std::vector<Failure>& out) override {
    (void)out;  // a bar that is there fails nothing
    const auto& columns = rows.batch->columns;
    const market::Column& everys = columns[check_.every];
    const market::Column& starts = columns[check_.start];
    const market::Column* trades = check_.trades ? &columns[*check_.trades] : nullptr;
    const size_t count = rows.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = rows.row(i);
      if (slots[row] == kNoSlot || everys.is_null(row) || starts.is_null(row)) continue;
      const int64_t every = length_of(everys, row);
      if (every < kEveryMin || every > kEveryMax) continue;
      const bool there = trades == nullptr || trades->is_null(row) || trades->i64[row] != 0;
      take(slots[row], every, starts.i64[row], there);
    }
  }

  void mark(Timestamp mark, std::vector<TimedFailure>& out, std::vector<uint32_t>& touched) override {
    const bool end = mark == Timestamp::max();
    if (!end) settled_ = std::max(settled_, mark.ns);
    if (!end && settled_ <= earliest_due_) return;
    earliest_due_ = INT64_MAX;
    for (uint32_t slot = 0; slot < series_.size(); ++slot) {
      bool changed = false;
      for (Series& series : series_[slot]) {
        changed = settle(slot, series, end, out) || changed;
        if (series.every != 0) earliest_due_ = std::min(earliest_due_, series.due);
      }
      if (!changed) continue;
      touched.push_back(slot);
      std::erase_if(series_[slot], [](const Series& series) { return series.every == 0; });
    }
  }

  void restore_mark(Timestamp mark) override {
    if (mark != Timestamp::max()) settled_ = std::max(settled_, mark.ns);
  }
  void resize(size_t count) override { series_.resize(count); }
  std::string layout() const override { return "completeness 1 " + check_.session; }
  void save(uint32_t slot, BlobWriter& out) const override {
    out.put(series_[slot].size());
    for (const Series& series : series_[slot]) {
      out.put_signed(series.every);
      out.put(series.from_open ? 1 : 0);
      out.put_signed(series.next_day);
      out.put(series.days.size());
      for (const Day& day : series.days) {
        out.put_signed(day.day);
        out.put(static_cast<uint64_t>(day.missing));
        out.put(day.bits.size());
        for (const uint64_t bits : day.bits) out.put_raw({reinterpret_cast<const char*>(&bits), sizeof bits});
      }
    }
  }
  bool load(uint32_t slot, BlobReader& in) override {
    series_[slot].clear();
    for (uint64_t left = in.get(); left > 0 && in.ok(); --left) {
      Series series;
      series.every = in.get_signed();
      series.from_open = in.get() != 0;
      series.next_day = static_cast<int32_t>(in.get_signed());
      if (series.every < kEveryMin || series.every > kEveryMax) return false;
      for (uint64_t days = in.get(); days > 0 && in.ok(); --days) {
        Day day;
        day.day = static_cast<int32_t>(in.get_signed());
        day.missing = static_cast<int64_t>(in.get());
        for (uint64_t words = in.get(); words > 0 && in.ok(); --words) {
          const std::string_view raw = in.get_raw(sizeof(uint64_t));
          if (raw.size() == sizeof(uint64_t)) {
            std::memcpy(&day.bits.emplace_back(), raw.data(), sizeof(uint64_t));
          }
        }
        // What the calendar says now may differ from what it said then: such a session cannot be counted on.
        const auto session = calendar_.on(day.day);
        if (session && fits(day, Windows(*session, series.every, series.from_open))) {
          series.days.push_back(std::move(day));
        }
      }
      set_due(series);
      series_[slot].push_back(std::move(series));
    }
    earliest_due_ = INT64_MIN;
    return in.ok();
  }

 private:
  // The bars of one session: a bit a window, none at all when none is missing.
  struct Day {
    int32_t day = 0;
    int64_t missing = 0;
    std::vector<uint64_t> bits;
  };
  // The bars of one interval.
  struct Series {
    int64_t every = 0;          // ns; 0: it is over
    bool from_open = false;
    int32_t next_day = 0;       // the first session that is not judged yet
    int64_t due = INT64_MAX;    // the start of that session's last window
    std::vector<Day> days;      // with bars, not judged yet, ascending
  };

  static bool fits(const Day& day, const Windows& windows) {
    if (day.missing == 0) return day.bits.empty();
    return day.missing < windows.expected() && day.bits.size() == static_cast<size_t>((windows.end + 63) / 64);
  }

  int64_t length_of(const market::Column& everys, size_t row) {
    const bool is_text = everys.type.kind == market::Kind::text;
    const std::string_view text = is_text ? everys.text[row] : symbols_.text(everys.codes[row]);
    if (const auto known = lengths_.find(text); known != lengths_.end()) return known->second;
    const auto length = parse_duration(text);
    // A column of ever new texts must not make it grow.
    if (lengths_.size() < kLengthsMax) lengths_.emplace(text, length ? length->ns : 0);
    return length ? length->ns : 0;
  }

  void set_due(Series& series) const {
    const auto session = calendar_.on(series.next_day);
    series.due = session ? Windows(*session, series.every, series.from_open).last_start() : INT64_MAX;
  }

  // The session after the local date `day`; nothing beyond what the calendar knows.
  [[nodiscard]] std::optional<Session> session_after(int32_t day) const {
    const auto session = calendar_.on(day);
    return session ? calendar_.next(session->close) : std::nullopt;
  }

  void take(uint32_t slot, int64_t every, int64_t start, bool there) {
    int64_t end = 0;
    if (__builtin_add_overflow(start, every, &end)) return;
    auto session = calendar_.at(Timestamp{start});
    if (!session) session = calendar_.next(Timestamp{start});
    // As a rule one session: a window may end in the next where the night between is short.
    for (; session && session->open.ns < end; session = calendar_.next(session->close)) {
      take_into(slot, every, start, there, *session);
    }
  }

  void take_into(uint32_t slot, int64_t every, int64_t start, bool there, const Session& session) {
    auto& all = series_[slot];
    auto series = std::ranges::find(all, every, &Series::every);
    const bool from_open = series == all.end() ? start % every != 0 : series->from_open;
    const Windows windows(session, every, from_open);
    const int64_t window = start < windows.first ? -1 : windows.number(start);
    if (!windows.meets(window) || windows.first + window * every != start) return;
    if (series == all.end()) {
      // A bar that is made again long after its session begins nothing.
      if (!there || windows.last_start() < settled_) return;
      all.push_back({.every = every, .from_open = from_open, .next_day = session.day, .due = windows.last_start()});
      series = std::prev(all.end());
      earliest_due_ = std::min(earliest_due_, series->due);
    }
    if (session.day < series->next_day) return;
    auto day = std::ranges::lower_bound(series->days, session.day, {}, &Day::day);
    if (day == series->days.end() || day->day != session.day) {
      if (!there) return;
      day = series->days.insert(day, Day{.day = session.day, .missing = windows.expected()});
      day->bits.resize(static_cast<size_t>((windows.end + 63) / 64));
    } else if (day->bits.empty()) {
      if (there) return;
      fill(*day, windows);
    }
    uint64_t& word = day->bits[static_cast<size_t>(window / 64)];
    const uint64_t bit = uint64_t{1} << (window % 64);
    if (((word & bit) != 0) == there) return;
    word ^= bit;
    day->missing += there ? -1 : 1;
    if (day->missing == 0) day->bits = {};
  }

  static void fill(Day& day, const Windows& windows) {
    day.bits.assign(static_cast<size_t>((windows.end + 63) / 64), 0);
    for (int64_t window = 0; window < windows.end; ++window) {
      if (windows.meets(window)) day.bits[static_cast<size_t>(window / 64)] |= uint64_t{1} << (window % 64);
    }
  }

  // Judges the sessions of a series that are settled; at the end of a source all that have bars. True when any was.
  bool settle(uint32_t slot, Series& series, bool end, std::vector<TimedFailure>& out) {
    bool any = false;
    while (series.every != 0 && (end ? !series.days.empty() : series.due < settled_)) {
      const auto session = calendar_.on(series.next_day);
      if (!session) break;
      any = true;
      const Windows windows(*session, series.every, series.from_open);
      const bool has_bars = !series.days.empty() && series.days.front().day == series.next_day;
      const int64_t missing = has_bars ? series.days.front().missing : windows.expected();
      if (missing > 0) out.push_back(failure(slot, series, *session, windows, missing, has_bars));
      if (has_bars) series.days.erase(series.days.begin());
      const auto next = session_after(series.next_day);
      // Without a bar in all of a session, it is awaited no longer; nor beyond what the calendar knows.
      if ((!has_bars && series.days.empty()) || !next) {
        series.every = 0;
        break;
      }
      series.next_day = next->day;
      set_due(series);
    }
    return any;
  }

  [[nodiscard]] TimedFailure failure(uint32_t slot, const Series& series, const Session& session,
                                     const Windows& windows, int64_t missing, bool has_bars) const {
    int64_t first = 0;
    while (has_bars && first < windows.end && (!windows.meets(first) || has_bit(series.days.front(), first))) ++first;
    std::string record = "{\"symbol\": ";
    append_json_string(record, symbols_.text(slots_.code(slot)));
    record += ", \"every\": \"" + format_duration(Duration{series.every}) + "\", \"session\": \"" +
              format_rfc3339(Timestamp{int64_t{session.day} * kDay.ns}).substr(0, 10) + "\", \"open\": \"" +
              format_rfc3339(session.open) + "\", \"close\": \"" + format_rfc3339(session.close) +
              "\", \"first_missing\": \"" + format_rfc3339(Timestamp{windows.first + first * windows.every}) + "\"}";
    return {slots_.code(slot), session.open.ns, std::to_string(windows.expected() - missing),
            std::to_string(windows.expected()), std::move(record)};
  }
  static bool has_bit(const Day& day, int64_t window) {
    return (day.bits[static_cast<size_t>(window / 64)] >> (window % 64) & 1) != 0;
  }

  const plan::CompletenessCheck& check_;
  const market::Calendar& calendar_;
  const SymbolSlots& slots_;
  const market::SymbolTable& symbols_;
  std::map<std::string, int64_t, std::less<>> lengths_;  // of intervals by their text, ns; 0: it is none
  std::vector<std::vector<Series>> series_;  // by slot
  int64_t settled_ = INT64_MIN;  // the greatest mark but the end
  int64_t earliest_due_ = INT64_MAX;  // no series is due before it
};

}  // namespace

Result<std::unique_ptr<SymbolJudge>> make_completeness_judge(const plan::CompletenessCheck& check,
                                                             const SymbolSlots& slots,
                                                             const market::SymbolTable& symbols) {
  PENSTOCK_TRY_ASSIGN(const market::Calendar* calendar, market::Calendar::find(check.session));
  return std::make_unique<CompletenessJudge>(check, *calendar, slots, symbols);
}

}  // namespace penstock::stream

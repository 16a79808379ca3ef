// Every day of the recorded schedules (folder `calendars` of the real test data) against the calendars made here.
#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "market/calendar.h"

namespace penstock::market {

namespace {

std::string describe(const std::optional<Session>& session) {
  if (!session) return "closed";
  return fmt::format("day {} {} .. {} break {} .. {} early close {} late open {}", session->day,
                     format_rfc3339(session->open), format_rfc3339(session->close),
                     format_rfc3339(session->break_start), format_rfc3339(session->break_end), session->early_close,
                     session->late_open);
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == ',') {
      fields.emplace_back();
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

std::vector<std::vector<std::string>> read_table(const std::string& path) {
  std::vector<std::vector<std::string>> rows;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return rows;
  std::array<char, 512> line;
  while (gzgets(file, line.data(), line.size()) != nullptr) {
    std::string text = line.data();
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    rows.push_back(split(text));
  }
  gzclose(file);
  return rows;
}

Timestamp time_of(const std::string& text) {
  Timestamp t;
  EXPECT_EQ(parse_rfc3339(text, t), TimeError::ok) << text;
  return t;
}

struct Recorded {
  std::string time_zone;
  std::map<int32_t, Session> sessions;  // by day
};

Recorded read_schedule(const std::string& path) {
  Recorded recorded;
  const auto rows = read_table(path);
  const std::vector<std::string> header{"session",   "tz",    "open",        "break_start",
                                        "break_end", "close", "early_close", "late_open"};
  if (rows.size() < 2 || rows[0] != header) {
    ADD_FAILURE() << path << ": not a schedule";
    return recorded;
  }
  recorded.time_zone = rows[1][1];
  for (size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    if (row.size() != header.size()) {
      ADD_FAILURE() << path << ":" << i + 1 << ": " << row.size() << " fields";
      return recorded;
    }
    Session session;
    session.day = static_cast<int32_t>(time_of(row[0]).ns / kDay.ns);
    session.open = time_of(row[2]);
    session.close = time_of(row[5]);
    session.break_start = row[3].empty() ? session.close : time_of(row[3]);
    session.break_end = row[4].empty() ? session.close : time_of(row[4]);
    session.early_close = row[6] == "True";
    session.late_open = row[7] == "True";
    recorded.sessions[session.day] = session;
  }
  return recorded;
}

class RecordedSchedule : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(RecordedSchedule, EveryDayIsTheSame) {
  const char* folder = std::getenv("PENSTOCK_TEST_DATA");
  if (folder == nullptr) GTEST_SKIP() << "PENSTOCK_TEST_DATA is not set: the folder of real data is not here";
  const auto [name, file] = GetParam();
  const Recorded recorded = read_schedule(std::string(folder) + "/calendars/" + file + "_schedule.csv.gz");
  ASSERT_GT(recorded.sessions.size(), 2500u);
  const auto calendar = Calendar::find(name);
  ASSERT_TRUE(calendar) << calendar.error().message;
  EXPECT_EQ((*calendar)->time_zone(), recorded.time_zone);

  // The recording tells about days outside its first and last session nothing.
  size_t open_days = 0;
  for (int32_t day = recorded.sessions.begin()->first; day <= recorded.sessions.rbegin()->first; ++day) {
    const auto found = recorded.sessions.find(day);
    const std::optional<Session> known = found == recorded.sessions.end() ? std::nullopt : std::optional(found->second);
    const std::optional<Session> made = (*calendar)->on(day);
    EXPECT_EQ(known, made) << "recorded: " << describe(known) << "\nmade:     " << describe(made);
    if (!made) continue;
    EXPECT_EQ((*calendar)->at(made->open), made);
    EXPECT_EQ((*calendar)->at(made->close - Duration{1}), made);
    EXPECT_EQ((*calendar)->next(made->open), made);
    ++open_days;
  }
  EXPECT_EQ(open_days, recorded.sessions.size());
}

// XNAS has the days and hours of XNYS, and Xetra those of Frankfurt's exchange at that time.
INSTANTIATE_TEST_SUITE_P(Calendars, RecordedSchedule,
                         testing::Values(std::pair("XNYS", "XNYS"), std::pair("XNAS", "XNYS"),
                                         std::pair("XLON", "XLON"), std::pair("XETR", "XFRA"),
                                         std::pair("XTKS", "XTKS"), std::pair("XHKG", "XHKG"),
                                         std::pair("24/7", "24_7")),
                         [](const auto& test) {
                           const std::string name = test.param.first;
                           return name == "24/7" ? std::string("AlwaysOpen") : name;
                         });

}  // namespace
}  // namespace penstock::market

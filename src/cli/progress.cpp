#include "cli/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "cli/command.h"

namespace penstock::cli {
namespace {

using namespace std::chrono_literals;

// 5.2 M, 812 k, 7.
std::string short_number(double value) {
  if (value >= 1e6) return fmt::format("{:.1f} M", value / 1e6);
  if (value >= 1e4) return fmt::format("{:.0f} k", value / 1e3);
  return fmt::format("{:.0f}", value);
}

}  // namespace

Progress::Progress(const runtime::Pipeline& pipeline, bool quiet) : pipeline_(pipeline) {
  if (quiet) return;
  thread_ = std::thread([this, terminal = isatty(STDOUT_FILENO) == 1] { run(terminal); });
}

Progress::~Progress() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Progress::run(bool terminal) {
  const auto interval = terminal ? 500ms : 10s;
  uint64_t records_before = 0;
  auto before = std::chrono::steady_clock::now();
  bool shown = false;
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, interval, [&] { return stopping_; })) {
    const runtime::RunReport report = pipeline_.report();
    uint64_t records = 0;
    uint64_t bytes = 0;
    uint64_t bytes_total = 0;
    for (const runtime::SourceReport& source : report.sources) {
      records += source.records + source.rejects;
      bytes += source.bytes;
      bytes_total += source.bytes_total;
    }
    stream::StreamCounts lost;
    for (const stream::StreamCounts& counts : report.streams) {
      lost.late += counts.late;
      lost.duplicates += counts.duplicates;
      lost.quarantined += counts.quarantined;
    }
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - before).count();
    std::string line = fmt::format("{} records, {}/s", short_number(static_cast<double>(records)),
                                   short_number(static_cast<double>(records - records_before) / seconds));
    if (bytes_total > 0) {
      line += fmt::format(", {:.0f} %", 100.0 * static_cast<double>(bytes) / static_cast<double>(bytes_total));
    }
    line += fmt::format(", late {}, duplicates {}, quarantined {}", lost.late, lost.duplicates, lost.quarantined);
    if (report.simulated) line += " (SIMULATED)";
    // Erases what a longer line before has left.
    print("{}{}{}", terminal ? "\r\x1b[K" : "penstock: ", line, terminal ? "" : "\n");
    std::fflush(stdout);
    shown = true;
    records_before = records;
    before = now;
  }
  if (shown && terminal) print("\n");
}

}  // namespace penstock::cli

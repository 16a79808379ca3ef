#include "base/logging.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>

namespace penstock {
namespace {

std::mutex sink_mutex;
LogSink test_sink;  // guarded by sink_mutex

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("penstock", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void log_message(LogLevel level, std::string_view room, std::string_view message) {
  {
    std::lock_guard lock(sink_mutex);
    if (test_sink) {
      test_sink(level, room, message);
      return;
    }
  }
  logger().log(to_spdlog(level), "{}: {}", room, message);
}

void set_log_level(LogLevel least) { logger().set_level(to_spdlog(least)); }

LogSink set_log_sink(LogSink sink) {
  std::lock_guard lock(sink_mutex);
  return std::exchange(test_sink, std::move(sink));
}

}  // namespace penstock

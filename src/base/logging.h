// The process log: plain lines on stderr through spdlog. Messages name what happened, where, and what to do.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string>
#include <string_view>

namespace penstock {

enum class LogLevel : uint8_t { debug, info, warning, error };

void log_message(LogLevel level, std::string_view room, std::string_view message);
void set_log_level(LogLevel least);

// Tests take the messages instead of stderr; an empty function gives them back to it. Returns the one before.
using LogSink = std::function<void(LogLevel, std::string_view room, std::string_view message)>;
LogSink set_log_sink(LogSink sink);

template <typename... Args>
void log_info(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::info, room, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::warning, room, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::error, room, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace penstock

// Errors as values. Fallible functions return Result<T> or Status; no exception crosses a room's
// public interface. Programmer errors are PENSTOCK_ASSERTed instead: nothing that comes from outside
// (a feed, a file, a user) may trip an assert.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace penstock {

enum class ErrorKind : uint8_t {
  invalid,    // the caller's input is wrong: a file, a flag, a query
  not_found,  // what was named does not exist
  corrupt,    // stored bytes do not check out
  io,         // the operating system or a peer refused
  full,       // a disk, a queue or a stated maximum is used up
  closed,     // the object was shut down
  cancelled,  // a stop was asked for
};

[[nodiscard]] std::string_view to_string(ErrorKind kind);

// `message` says what failed, where, and what to do about it.
struct Error {
  ErrorKind kind = ErrorKind::invalid;
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

template <typename... Args>
[[nodiscard]] std::unexpected<Error> fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{kind, fmt::format(format, std::forward<Args>(args)...)});
}

// The same error with `context: ` put before its message.
[[nodiscard]] std::unexpected<Error> with_context(Error error, std::string_view context);

[[noreturn]] void assert_failed(const char* expression, const char* file, int line);

}  // namespace penstock

#define PENSTOCK_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::penstock::assert_failed(#expression, __FILE__, __LINE__))

#define PENSTOCK_CONCAT_INNER(a, b) a##b
#define PENSTOCK_CONCAT(a, b) PENSTOCK_CONCAT_INNER(a, b)

// Returns the error of `expression` (a Status or Result) from the enclosing function, if it has one.
#define PENSTOCK_TRY(expression)                                  \
  do {                                                            \
    if (auto penstock_status = (expression); !penstock_status)    \
      return std::unexpected(std::move(penstock_status).error()); \
  } while (false)

// Declares `target` as the value of `expression` (a Result), or returns its error.
#define PENSTOCK_TRY_ASSIGN(target, expression)                                             \
  auto PENSTOCK_CONCAT(penstock_result_, __LINE__) = (expression);                          \
  if (!PENSTOCK_CONCAT(penstock_result_, __LINE__))                                         \
    return std::unexpected(std::move(PENSTOCK_CONCAT(penstock_result_, __LINE__)).error()); \
  target = std::move(*PENSTOCK_CONCAT(penstock_result_, __LINE__))

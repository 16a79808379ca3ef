#include "base/error.h"

namespace penstock {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid: return "invalid";
    case ErrorKind::not_found: return "not found";
    case ErrorKind::corrupt: return "corrupt";
    case ErrorKind::io: return "i/o";
    case ErrorKind::full: return "full";
    case ErrorKind::closed: return "closed";
    case ErrorKind::cancelled: return "cancelled";
  }
  return "unknown";
}

std::unexpected<Error> with_context(Error error, std::string_view context) {
  error.message = fmt::format("{}: {}", context, error.message);
  return std::unexpected(std::move(error));
}

void assert_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "penstock: assertion failed: %s at %s:%d (this is a bug of penstock)\n", expression, file, line);
  std::abort();
}

}  // namespace penstock

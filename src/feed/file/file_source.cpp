#include "feed/file/file_source.h"

#include <fmt/core.h>

#include <filesystem>
#include <utility>

#include "feed/file/file_open.h"
#include "feed/file/line_source.h"
#include "feed/file/parquet_source.h"

namespace penstock::feed {

Result<std::unique_ptr<Source>> make_file_source(FileOptions options, market::SymbolTable& symbols, Clock& clock,
                                                 io::FileSystem& files) {
  try {
    PENSTOCK_TRY(file::check_options(options));
    PENSTOCK_TRY_ASSIGN(const file::FileShape shape, file::file_shape(options));
    if (options.record == FileRecord::json && shape.format != file::Format::jsonl) {
      return fail(ErrorKind::invalid,
                  "{}: a topic of kind json is filled from JSON lines: write format: jsonl, or give "
                  "the topic the kind trade or quote",
                  options.path);
    }
    if (options.record == FileRecord::json && options.pace) {
      return fail(ErrorKind::invalid, "pace: records of kind json have no event time to keep the pace of");
    }
    if (shape.format == file::Format::parquet)
      return file::make_parquet_source(std::move(options), symbols, clock, files);
    return file::make_line_source(std::move(options), shape, symbols, clock, files);
  } catch (const std::exception& e) {
    return fail(ErrorKind::io, "{}: {}", options.path, e.what());
  }
}

Result<std::string> file_identity(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) {
    const bool missing = error == std::errc::no_such_file_or_directory;
    return fail(missing ? ErrorKind::not_found : ErrorKind::io, "{}: {}", path, error.message());
  }
  const auto changed = std::filesystem::last_write_time(path, error);
  if (error) return fail(ErrorKind::io, "{}: {}", path, error.message());
  const auto absolute = std::filesystem::weakly_canonical(path, error);
  if (error) return fail(ErrorKind::io, "{}: {}", path, error.message());
  return fmt::format("{} size={} changed={}", absolute.string(), size, changed.time_since_epoch().count());
}

}  // namespace penstock::feed

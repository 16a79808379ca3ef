#include "feed/file/file_open.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "feed/file/line_decoder.h"
#include "feed/file/line_reader.h"

namespace penstock::feed::file {
namespace {

constexpr size_t kSkipBytes = 256 * 1024;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// Removes `suffix` from the end of `name`, if it is there.
bool take_suffix(std::string& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.resize(name.size() - suffix.size());
  return true;
}

// Reads up to `target` bytes or the end and counts the newlines among them.
Result<uint64_t> skip(ByteStream& stream, uint64_t target, const std::string& path) {
  std::vector<char> block(kSkipBytes);
  uint64_t lines = 0;
  for (uint64_t position = 0; position < target;) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(block.size(), target - position));
    PENSTOCK_TRY_ASSIGN(const size_t count, stream.read(std::span(block).first(wanted)));
    if (count == 0) {
      return fail(ErrorKind::invalid,
                  "{}: cannot go on at byte {}: it has only {}; it is not the file that was read before", path, target,
                  position);
    }
    lines += count_newlines({block.data(), count});
    position += count;
  }
  return lines;
}

}  // namespace

Result<std::unique_ptr<io::File>> open_regular_file(const std::string& path, io::FileSystem& files) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return fail(ErrorKind::invalid, "{} is a directory: name a file in it", path);
  }
  return files.open(path, io::OpenMode::read);
}

Result<FileShape> file_shape(const FileOptions& options) {
  FileShape shape;
  std::string name = lower(options.path);
  if (options.compression.empty()) {
    if (take_suffix(name, ".gz")) {
      shape.compression = Compression::gzip;
    } else if (take_suffix(name, ".zst") || take_suffix(name, ".zstd")) {
      shape.compression = Compression::zstd;
    }
  } else if (options.compression == "gzip") {
    shape.compression = Compression::gzip;
    take_suffix(name, ".gz");
  } else if (options.compression == "zstd") {
    shape.compression = Compression::zstd;
    if (!take_suffix(name, ".zst")) take_suffix(name, ".zstd");
  } else if (options.compression != "none") {
    return fail(ErrorKind::invalid, "compression '{}' is not known: write none, gzip or zstd", options.compression);
  }
  if (options.format == "csv" || (options.format.empty() && name.ends_with(".csv"))) {
    shape.format = Format::csv;
  } else if (options.format == "jsonl" ||
             (options.format.empty() &&
              (name.ends_with(".jsonl") || name.ends_with(".json") || name.ends_with(".ndjson")))) {
    shape.format = Format::jsonl;
  } else if (options.format == "parquet" || (options.format.empty() && name.ends_with(".parquet"))) {
    shape.format = Format::parquet;
  } else if (options.format.empty()) {
    return fail(ErrorKind::invalid, "{}: the name does not tell the format: write format: csv, jsonl or parquet",
                options.path);
  } else {
    return fail(ErrorKind::invalid, "format '{}' is not known: write csv, jsonl or parquet", options.format);
  }
  if (shape.format == Format::parquet && shape.compression != Compression::none) {
    return fail(ErrorKind::invalid,
                "{}: Parquet is compressed inside; a gzip or zstd file around it cannot be read: "
                "unpack it first",
                options.path);
  }
  return shape;
}

Status check_options(const FileOptions& options) {
  if (options.delimiter == '"' || options.delimiter == '\n' || options.delimiter == '\r' || options.delimiter == '\0') {
    return fail(ErrorKind::invalid,
                "delimiter: a quote, newline or zero cannot separate columns: write one such as ','");
  }
  if (options.pace && !(*options.pace > 0 && *options.pace <= 1e9)) {
    return fail(ErrorKind::invalid, "pace: {} is not a positive number: 1 is the recorded pace, 2 twice as fast",
                *options.pace);
  }
  if (options.chunk_bytes == 0 || options.chunk_bytes > kFileChunkBytesMax) {
    return fail(ErrorKind::invalid, "chunk_bytes: {} is not between 1 and {}", options.chunk_bytes, kFileChunkBytesMax);
  }
  if (options.threads < 0 || options.threads > kFileThreadsMax) {
    return fail(ErrorKind::invalid, "threads: {} is not between 0 and {}", options.threads, kFileThreadsMax);
  }
  for (const auto& [name, constant] : {std::pair{"symbol", options.symbol}, std::pair{"venue", options.venue}}) {
    if (!constant) continue;
    if (constant->empty() || constant->size() > kSymbolBytesMax || !is_utf8(*constant)) {
      return fail(ErrorKind::invalid, "{}: write a text of 1 to {} bytes of UTF-8", name, kSymbolBytesMax);
    }
  }
  return {};
}

Result<LineFile> open_line_file(const FileOptions& options, FileShape shape, io::FileSystem& files,
                                const std::vector<FieldSpec>& specs) {
  LineFile line_file{.path = options.path, .compression = shape.compression};
  PENSTOCK_TRY_ASSIGN(auto file, open_regular_file(options.path, files));
  auto size = file->size();
  if (!size) return with_context(std::move(size).error(), options.path);
  line_file.size = *size;
  std::error_code no_time;
  if (const auto changed = std::filesystem::last_write_time(options.path, no_time); !no_time) {
    const auto since_epoch = std::chrono::file_clock::to_sys(changed).time_since_epoch();
    line_file.changed = Timestamp{std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count()};
  }
  PENSTOCK_TRY_ASSIGN(auto stream, make_byte_stream(std::move(file), shape.compression, options.path));

  std::string head;
  bool ended = false;
  while (!ended && head.find('\n') == std::string::npos) {
    if (head.size() > kLineBytesMax) {
      if (shape.format != Format::csv) break;
      return fail(ErrorKind::invalid, "{}: the header line is longer than {} bytes: this is no CSV file", options.path,
                  kLineBytesMax);
    }
    const size_t before = head.size();
    head.resize(before + 4096);
    PENSTOCK_TRY_ASSIGN(const size_t count, stream->read(std::span(head).subspan(before)));
    head.resize(before + count);
    ended = count == 0;
    if (shape.format != Format::csv && head.size() >= kByteOrderMark.size()) break;
  }
  if (head.empty()) {
    return fail(ErrorKind::invalid, "{} is empty{}", options.path,
                shape.format == Format::csv ? ": a CSV file begins with a line of column names" : "");
  }
  std::string_view line = head;
  if (line.starts_with(kByteOrderMark)) {
    line_file.begin = kByteOrderMark.size();
    line.remove_prefix(kByteOrderMark.size());
  }
  if (shape.format != Format::csv) return line_file;

  const size_t newline = line.find('\n');
  line = line.substr(0, newline);
  line_file.begin += line.size() + (newline == std::string_view::npos ? 0 : 1);
  line_file.begin_line = newline == std::string_view::npos ? 0 : 1;
  auto layout = read_csv_header(line, options.delimiter, specs);
  if (!layout) return with_context(std::move(layout).error(), options.path);
  line_file.layout = std::move(*layout);
  return line_file;
}

Result<StreamAt> open_stream_at(const LineFile& file, uint64_t position, io::FileSystem& files) {
  PENSTOCK_TRY_ASSIGN(auto opened, open_regular_file(file.path, files));
  if (file.compression == Compression::none) {
    PENSTOCK_TRY_ASSIGN(const uint64_t size, opened->size());
    if (position > size) {
      return fail(ErrorKind::invalid,
                  "{}: cannot go on at byte {}: it has only {}; it is not the file that was read before", file.path,
                  position, size);
    }
    return StreamAt{make_plain_stream(std::move(opened), position, file.path), {}};
  }
  PENSTOCK_TRY_ASSIGN(auto stream, make_byte_stream(std::move(opened), file.compression, file.path));
  PENSTOCK_TRY_ASSIGN(const uint64_t lines, skip(*stream, position, file.path));
  return StreamAt{std::move(stream), lines};
}

Result<uint64_t> count_lines_before(const LineFile& file, uint64_t position, io::FileSystem& files) {
  PENSTOCK_TRY_ASSIGN(auto opened, open_regular_file(file.path, files));
  PENSTOCK_TRY_ASSIGN(auto stream, make_byte_stream(std::move(opened), file.compression, file.path));
  return skip(*stream, position, file.path);
}

}  // namespace penstock::feed::file

// Opens what a FileOptions names: format and compression, header, and the stream of its lines.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "feed/file/byte_stream.h"
#include "feed/file/csv_decoder.h"
#include "feed/file/file_source.h"
#include "io/file_system.h"

namespace penstock::feed::file {

enum class Format : uint8_t { csv, jsonl, parquet };

struct FileShape {
  Format format = Format::csv;
  Compression compression = Compression::none;
};
// By the options, else by the name's end.
[[nodiscard]] Result<FileShape> file_shape(const FileOptions& options);
// What is wrong with options that the types allow.
[[nodiscard]] Status check_options(const FileOptions& options);

// Opens for reading; an error for a directory.
[[nodiscard]] Result<std::unique_ptr<io::File>> open_regular_file(const std::string& path, io::FileSystem& files);

// A file of lines, opened once to learn where its records begin.
struct LineFile {
  std::string path;
  Compression compression = Compression::none;
  uint64_t size = 0;        // of the file itself
  Timestamp changed;        // when the file was last changed
  uint64_t begin = 0;       // where the first record's line begins, in uncompressed bytes
  uint64_t begin_line = 0;  // the lines before it
  CsvLayout layout;         // of a CSV file
};
[[nodiscard]] Result<LineFile> open_line_file(const FileOptions& options, FileShape shape, io::FileSystem& files,
                                              const std::vector<FieldSpec>& specs);

// The uncompressed bytes from `position` on.
struct StreamAt {
  std::unique_ptr<ByteStream> stream;
  // The lines before `position`, where they were counted on the way there.
  std::optional<uint64_t> lines_before;
};
[[nodiscard]] Result<StreamAt> open_stream_at(const LineFile& file, uint64_t position, io::FileSystem& files);
// The lines before `position`, by reading the file up to there.
[[nodiscard]] Result<uint64_t> count_lines_before(const LineFile& file, uint64_t position, io::FileSystem& files);

}  // namespace penstock::feed::file

// Replays a file of records: CSV, JSON lines (each also gzip or zstd) or Parquet. See docs/formats/files.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/time.h"
#include "feed/source.h"
#include "io/file_system.h"
#include "market/symbol_table.h"

namespace penstock::feed {

enum class FileRecord : uint8_t { trade, quote, json };

struct FileOptions {
  std::string path;
  std::string format;                          // "csv", "jsonl" or "parquet"; empty: told by the name's end
  std::string compression;                     // "none", "gzip" or "zstd"; empty: told by the name's end
  FileRecord record = FileRecord::trade;
  std::map<std::string, std::string> columns;  // canonical name -> name in the file; one left out keeps its own name
  TimeUnit time_unit = TimeUnit::detect;       // of epoch numbers
  std::optional<double> pace;                  // 1 is the recorded pace, 2 twice as fast; none: as fast as it goes
  std::optional<std::string> symbol;           // of every record, whatever the file says
  std::optional<std::string> venue;
  char delimiter = ',';                        // of CSV
  int threads = 0;                             // 0: one a core
  // A chunk is the lines that begin in one such stretch of the (uncompressed) file, so its bounds depend on nothing
  // else. Parquet is cut into runs of rows instead.
  size_t chunk_bytes = size_t{1} << 20;
};
inline constexpr size_t kFileChunkBytesMax = size_t{256} << 20;
inline constexpr int kFileThreadsMax = 256;
// A longer line is rejected.
inline constexpr size_t kLineBytesMax = size_t{1} << 20;
// A longer symbol, venue or side is rejected: these texts are kept for as long as the process lives.
inline constexpr size_t kSymbolBytesMax = 256;

// Opens the file and reads what describes it (the header line, the Parquet schema), so that a wrong file is one clear
// error before anything runs. `symbols`, `clock` and `files` are borrowed for as long as the source lives.
//
// Positions are bytes of the uncompressed text (of Parquet: rows); any `position_end` of a chunk is a place to resume.
// The source is deterministic. Without `pace` `run` uses `threads` threads, which have ended when it returns.
// A gzip or zstd file that is cut or damaged gives all whole records before the damage, then a reject with the rest
// and, from `run`, an error of kind corrupt instead of the end mark.
[[nodiscard]] Result<std::unique_ptr<Source>> make_file_source(FileOptions options, market::SymbolTable& symbols,
                                                               Clock& clock,
                                                               io::FileSystem& files = io::posix_file_system());

// What a resume position is a position of: path, size and time of the last change.
[[nodiscard]] Result<std::string> file_identity(const std::string& path);

}  // namespace penstock::feed

// A file as a stream of uncompressed bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "io/file_system.h"

namespace penstock::feed::file {

enum class Compression : uint8_t { none, gzip, zstd };

// Owned and used by one thread at a time.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Fills up to bytes.size(); 0 only at the end. An error of kind corrupt comes after all bytes before the damage.
  [[nodiscard]] virtual Result<size_t> read(std::span<char> bytes) = 0;
  // Of the file itself, compressed or not: for progress.
  [[nodiscard]] virtual uint64_t bytes_consumed() const = 0;
};

// The bytes of `file` from its beginning. `path` is for messages.
[[nodiscard]] Result<std::unique_ptr<ByteStream>> make_byte_stream(std::unique_ptr<io::File> file,
                                                                   Compression compression, const std::string& path);
// The bytes of an uncompressed file from `position` on.
[[nodiscard]] std::unique_ptr<ByteStream> make_plain_stream(std::unique_ptr<io::File> file, uint64_t position,
                                                            const std::string& path);

}  // namespace penstock::feed::file

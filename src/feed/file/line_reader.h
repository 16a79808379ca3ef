// Cuts a stream of bytes into pieces of whole lines, at places that depend only on the bytes and the piece size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "feed/file/byte_stream.h"

namespace penstock::feed::file {

// A growing buffer with readable memory on both sides of its content: decoders load 16 bytes that end, or begin, in a
// field without asking where the field lies.
class PaddedBuffer {
 public:
  static constexpr size_t kPadding = 64;

  void clear() { size_ = 0; }
  [[nodiscard]] char* data() { return memory_.get() + kPadding; }
  [[nodiscard]] size_t size() const { return size_; }
  // Room for `size` bytes in all; the content stays.
  void reserve(size_t size);
  void set_size(size_t size) { size_ = size; }
  void append(std::string_view bytes);

 private:
  std::unique_ptr<char[]> memory_;
  size_t capacity_ = 0;
  size_t size_ = 0;
};

// One piece, in memory of the worker that asked for it.
struct LinePiece {
  PaddedBuffer buffer;
  uint64_t position = 0;      // of the first line
  uint64_t position_end = 0;  // of the line that follows the piece
  std::string_view lines;     // whole lines, each ending in '\n'
  // Behind `lines`, when there is one: a line longer than kLineBytesMax, of which `tail` holds the beginning, or what
  // stood before damage in the file.
  enum class Tail : uint8_t { none, long_line, damage } tail_kind = Tail::none;
  std::string_view tail;
  uint64_t tail_bytes = 0;  // the tail's true length
  std::optional<Error> failure;  // of kind corrupt: this is the last piece
  bool last = false;
};

// Used by one thread at a time.
class LineReader {
 public:
  // `stream` stands at `position`, where a line begins.
  LineReader(std::unique_ptr<ByteStream> stream, uint64_t position, size_t piece_bytes);

  // The next piece: the lines that begin in one stretch of `piece_bytes`, never empty unless it is the last.
  // False when the last one was given.
  [[nodiscard]] Result<bool> next(LinePiece& piece);
  // Where the next piece begins.
  [[nodiscard]] uint64_t position() const { return position_; }
  [[nodiscard]] uint64_t bytes_consumed() const { return stream_->bytes_consumed(); }

 private:
  [[nodiscard]] Status fill(PaddedBuffer& buffer, size_t size);
  [[nodiscard]] Status skip_line(LinePiece& piece, size_t line_begin);
  void finish(LinePiece& piece, size_t lines_end);

  std::unique_ptr<ByteStream> stream_;
  uint64_t position_;
  size_t piece_bytes_;
  std::string carry_;  // read already, belongs to the next piece
  bool started_ = false;
  bool ended_ = false;  // the stream has no more bytes
  bool done_ = false;
  std::optional<Error> failure_;  // why it ended, when by damage
};

// The number of '\n' in `bytes`.
[[nodiscard]] uint64_t count_newlines(std::string_view bytes);

}  // namespace penstock::feed::file

#include "feed/file/line_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "feed/file/file_source.h"

namespace penstock::feed::file {
namespace {

// Read beyond a piece's bound in the hope to find the end of its last line there.
constexpr size_t kSlackBytes = 4096;
constexpr size_t kSkipBytes = 64 * 1024;

}  // namespace

void PaddedBuffer::reserve(size_t size) {
  if (size <= capacity_ && memory_ != nullptr) return;
  const size_t capacity = std::max(size, capacity_ * 2);
  // Uninitialised but for the padding: what is read beyond the content is never used, yet must be defined.
  auto memory = std::make_unique_for_overwrite<char[]>(capacity + 2 * kPadding);
  std::memset(memory.get(), 0, kPadding);
  std::memset(memory.get() + kPadding + capacity, 0, kPadding);
  if (size_ > 0) std::memcpy(memory.get() + kPadding, data(), size_);
  memory_ = std::move(memory);
  capacity_ = capacity;
}

void PaddedBuffer::append(std::string_view bytes) {
  reserve(size_ + bytes.size());
  if (!bytes.empty()) std::memcpy(data() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

LineReader::LineReader(std::unique_ptr<ByteStream> stream, uint64_t position, size_t piece_bytes)
    : stream_(std::move(stream)), position_(position), piece_bytes_(piece_bytes) {}

// Reads until `buffer` holds `size` bytes or the stream ends.
Status LineReader::fill(PaddedBuffer& buffer, size_t size) {
  buffer.reserve(size + 1);  // one more for the newline that a last line may lack
  while (!ended_ && buffer.size() < size) {
    auto count = stream_->read({buffer.data() + buffer.size(), size - buffer.size()});
    if (!count) {
      if (count.error().kind != ErrorKind::corrupt) return std::unexpected(std::move(count).error());
      failure_ = std::move(count).error();
      ended_ = true;
    } else if (*count == 0) {
      ended_ = true;
    } else {
      buffer.set_size(buffer.size() + *count);
    }
  }
  return {};
}

Result<bool> LineReader::next(LinePiece& piece) {
  if (done_) return false;
  const bool first = !started_;
  started_ = true;
  piece.buffer.clear();
  piece.buffer.append(carry_);
  carry_.clear();
  piece.position = position_;
  piece.tail_kind = LinePiece::Tail::none;
  piece.tail = {};
  piece.tail_bytes = 0;
  piece.failure.reset();
  piece.last = false;

  // Lines that begin before the bound belong to this piece: it ends behind the first newline at bound - 1 or later.
  const uint64_t bound = (position_ / piece_bytes_ + 1) * piece_bytes_;
  size_t search = static_cast<size_t>(bound - position_) - 1;
  size_t wanted = search + 1 + kSlackBytes;
  for (;;) {
    PENSTOCK_TRY(fill(piece.buffer, wanted));
    char* const data = piece.buffer.data();
    const size_t size = piece.buffer.size();
    if (search < size) {
      if (const void* newline = std::memchr(data + search, '\n', size - search)) {
        const size_t end = static_cast<size_t>(static_cast<const char*>(newline) - data) + 1;
        carry_.assign(data + end, size - end);
        finish(piece, end);
        break;
      }
      search = size;
    }
    const std::string_view all(data, size);
    const size_t last_newline = all.rfind('\n');
    const size_t line_begin = last_newline == std::string_view::npos ? 0 : last_newline + 1;
    if (size - line_begin > kLineBytesMax) {
      PENSTOCK_TRY(skip_line(piece, line_begin));
      break;
    }
    if (ended_) {
      if (failure_) {
        // A run that begins where an earlier one met the damage has nothing to add to what that one said.
        if (first && size == 0) return std::unexpected(*failure_);
        piece.tail_kind = LinePiece::Tail::damage;
        piece.tail = all.substr(line_begin);
        piece.tail_bytes = piece.tail.size();
        finish(piece, line_begin);
        piece.position_end = position_ = piece.position + size;
      } else if (line_begin < size) {
        data[size] = '\n';  // a last line without one; fill left room for it
        piece.buffer.set_size(size + 1);
        finish(piece, size + 1);
        piece.position_end = position_ = piece.position + size;
      } else {
        finish(piece, size);
      }
      break;
    }
    wanted = size + std::max<size_t>(kSlackBytes, size / 2);
  }
  // Whether anything follows must be known now, as the last piece carries the source's end.
  if (carry_.empty() && !ended_) {
    PaddedBuffer peek;
    PENSTOCK_TRY(fill(peek, 1));
    carry_.assign(peek.data(), peek.size());
  }
  if (ended_ && carry_.empty() && (!failure_ || piece.tail_kind == LinePiece::Tail::damage)) {
    done_ = true;
    piece.last = true;
    piece.failure = failure_;
  }
  return true;
}

void LineReader::finish(LinePiece& piece, size_t lines_end) {
  piece.lines = std::string_view(piece.buffer.data(), lines_end);
  piece.position_end = position_ = piece.position + lines_end;
}

// The line from `line_begin` on is too long to be kept: finds its end without keeping it.
Status LineReader::skip_line(LinePiece& piece, size_t line_begin) {
  uint64_t length = piece.buffer.size() - line_begin;
  PaddedBuffer block;
  bool newline = false;
  while (!newline) {
    block.clear();
    PENSTOCK_TRY(fill(block, kSkipBytes));
    if (block.size() == 0) break;
    const std::string_view bytes(block.data(), block.size());
    const size_t end = bytes.find('\n');
    newline = end != std::string_view::npos;
    length += newline ? end : bytes.size();
    if (newline) carry_.assign(bytes.substr(end + 1));
  }
  finish(piece, line_begin);
  piece.tail_kind = LinePiece::Tail::long_line;
  piece.tail = std::string_view(piece.buffer.data() + line_begin, kLineBytesMax);
  piece.tail_bytes = length;
  piece.position_end = position_ = piece.position + line_begin + length + (newline ? 1 : 0);
  return {};
}

uint64_t count_newlines(std::string_view bytes) {
  // The compiler makes this a vector loop: 255 comparisons fit a byte-wide sum.
  uint64_t count = 0;
  while (!bytes.empty()) {
    const std::string_view block = bytes.substr(0, 4096);
    uint32_t in_block = 0;
    for (const char c : block) in_block += c == '\n' ? 1 : 0;
    count += in_block;
    bytes.remove_prefix(block.size());
  }
  return count;
}

}  // namespace penstock::feed::file

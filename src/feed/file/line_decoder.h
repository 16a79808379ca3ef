// From lines to a batch: what the CSV and JSON-lines decoders have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "feed/file/batch_builder.h"
#include "feed/file/line_reader.h"
#include "feed/source.h"
#include "market/batch.h"

namespace penstock::feed::file {

// A reject whose place in the file is not known yet.
struct LineReject {
  uint64_t line = 0;      // in the piece, from 0
  size_t before_row = 0;  // the row that follows it
  std::string reason;
  std::string raw;
};

// A piece's lines, or a part of them.
struct DecodedLines {
  market::Batch rows;
  std::vector<LineReject> rejects;
  std::vector<uint64_t> row_bytes;  // where each row's line begins in the piece, when asked for
  uint64_t lines = 0;
  size_t bytes_end = 0;  // in the piece: where the lines that are left begin
  bool whole = true;     // nothing of the piece is left
};

// A part ends soon after its rejects take so much memory: a line of two bytes is a reject of a hundred, and a file of
// nothing else must not be held as such a piece at a time. Where it ends depends on nothing but the lines.
inline constexpr size_t kPartRejectBytesMax = size_t{2} << 20;

// One thread's decoder.
class LineDecoder {
 public:
  virtual ~LineDecoder() = default;
  LineDecoder(const LineDecoder&) = delete;
  LineDecoder& operator=(const LineDecoder&) = delete;

  // The piece from its byte `begin` on, where a line begins: to its end, or until its rejects are many. With
  // `keep_row_bytes`, `out.row_bytes` is filled.
  void decode(const LinePiece& piece, size_t begin, bool keep_row_bytes, DecodedLines& out);

 protected:
  LineDecoder() = default;
  struct Done {
    uint64_t lines = 0;
    size_t bytes = 0;
  };
  // `lines`: whole lines in a PaddedBuffer, each ending in '\n'. Calls row() and reject() in the order of the lines
  // until their end or until rejects_full(), and gives what it took.
  [[nodiscard]] virtual Done decode_lines(std::string_view lines) = 0;
  virtual void begin(size_t rows) = 0;
  [[nodiscard]] virtual market::Batch finish() = 0;
  [[nodiscard]] virtual size_t rows() const = 0;

  // The row just kept stood in the line that begins at `line_begin` of the lines.
  void row(size_t line_begin) {
    if (keep_row_bytes_) out_->row_bytes.push_back(begin_ + line_begin);
  }
  // `text` without its newline.
  void reject(uint64_t line, std::string_view text, std::string reason);
  // True when `text`, a line too long to be kept, was rejected.
  [[nodiscard]] bool reject_if_long(uint64_t line, std::string_view text);
  [[nodiscard]] bool rejects_full() const { return reject_bytes_ >= kPartRejectBytesMax; }

 private:
  void decode_tail(const LinePiece& piece);

  DecodedLines* out_ = nullptr;
  size_t begin_ = 0;  // of the lines, in the piece
  size_t reject_bytes_ = 0;
  bool keep_row_bytes_ = false;
  double bytes_per_row_ = 64;  // of the pieces so far: how many rows to expect
};

// `text` without the '\r' of a CRLF.
[[nodiscard]] inline std::string_view without_cr(std::string_view text) {
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace penstock::feed::file

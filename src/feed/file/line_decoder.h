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

struct DecodedLines {
  market::Batch rows;
  std::vector<LineReject> rejects;
  std::vector<uint64_t> row_bytes;  // where each row's line begins in the piece, when asked for
  uint64_t lines = 0;
};

// One thread's decoder.
class LineDecoder {
 public:
  virtual ~LineDecoder() = default;
  LineDecoder(const LineDecoder&) = delete;
  LineDecoder& operator=(const LineDecoder&) = delete;

  // With `keep_row_bytes`, `out.row_bytes` is filled.
  void decode(const LinePiece& piece, bool keep_row_bytes, DecodedLines& out);

 protected:
  LineDecoder() = default;
  // `lines`: whole lines in a PaddedBuffer, each ending in '\n'. Calls row() and reject() in the order of the lines,
  // and gives the number of lines.
  [[nodiscard]] virtual uint64_t decode_lines(std::string_view lines) = 0;
  virtual void begin(size_t rows) = 0;
  [[nodiscard]] virtual market::Batch finish() = 0;
  [[nodiscard]] virtual size_t rows() const = 0;

  // The row just kept stood in the line that begins at `line_begin`.
  void row(size_t line_begin) {
    if (keep_row_bytes_) out_->row_bytes.push_back(line_begin);
  }
  // `text` without its newline.
  void reject(uint64_t line, std::string_view text, std::string reason);
  // True when `text`, a line too long to be kept, was rejected.
  [[nodiscard]] bool reject_if_long(uint64_t line, std::string_view text);

 private:
  DecodedLines* out_ = nullptr;
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

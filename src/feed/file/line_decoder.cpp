#include "feed/file/line_decoder.h"

#include <fmt/core.h>

#include <simdjson.h>

#include <algorithm>
#include <utility>

namespace penstock::feed::file {

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

void LineDecoder::decode(const LinePiece& piece, size_t begin_at, bool keep_row_bytes, DecodedLines& out) {
  out = {};
  out_ = &out;
  begin_ = begin_at;
  reject_bytes_ = 0;
  keep_row_bytes_ = keep_row_bytes;
  const std::string_view lines = piece.lines.substr(begin_at);
  begin(static_cast<size_t>(static_cast<double>(lines.size()) / bytes_per_row_ * 1.02) + 16);
  const Done done = decode_lines(lines);
  out.lines = done.lines;
  out.bytes_end = begin_at + done.bytes;
  out.whole = done.bytes == lines.size();
  if (out.whole) decode_tail(piece);
  if (rows() > 0) bytes_per_row_ = std::max(1.0, static_cast<double>(done.bytes) / static_cast<double>(rows()));
  out.rows = finish();
}

void LineDecoder::decode_tail(const LinePiece& piece) {
  switch (piece.tail_kind) {
    case LinePiece::Tail::none: break;
    case LinePiece::Tail::long_line:
      reject(out_->lines, piece.tail,
             fmt::format("the line has {} bytes; the maximum is {}", piece.tail_bytes, kLineBytesMax));
      ++out_->lines;
      break;
    case LinePiece::Tail::damage:
      reject(out_->lines, piece.tail, piece.failure ? piece.failure->message : "damaged");
      break;
  }
}

void LineDecoder::reject(uint64_t line, std::string_view text, std::string reason) {
  text = without_cr(text);
  if (text.size() > kRejectBytesMax) {
    reason += fmt::format(" (only the first {} bytes are kept)", kRejectBytesMax);
    text = text.substr(0, kRejectBytesMax);
  }
  reject_bytes_ += sizeof(Reject) + reason.size() + text.size();
  out_->rejects.push_back({line, rows(), std::move(reason), std::string(text)});
}

bool LineDecoder::reject_if_long(uint64_t line, std::string_view text) {
  if (text.size() <= kLineBytesMax) return false;
  reject(line, text, fmt::format("the line has {} bytes; the maximum is {}", text.size(), kLineBytesMax));
  return true;
}

}  // namespace penstock::feed::file

#include "feed/file/line_decoder.h"

#include <fmt/core.h>

#include <simdjson.h>

#include <algorithm>
#include <utility>

namespace penstock::feed::file {

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

void LineDecoder::decode(const LinePiece& piece, bool keep_row_bytes, DecodedLines& out) {
  out = {};
  out_ = &out;
  keep_row_bytes_ = keep_row_bytes;
  begin(static_cast<size_t>(static_cast<double>(piece.lines.size()) / bytes_per_row_ * 1.02) + 16);
  out.lines = decode_lines(piece.lines);
  switch (piece.tail_kind) {
    case LinePiece::Tail::none: break;
    case LinePiece::Tail::long_line:
      reject(out.lines, piece.tail,
             fmt::format("the line has {} bytes; the maximum is {}", piece.tail_bytes, kLineBytesMax));
      ++out.lines;
      break;
    case LinePiece::Tail::damage:
      reject(out.lines, piece.tail, piece.failure ? piece.failure->message : "damaged");
      break;
  }
  if (rows() > 0) {
    bytes_per_row_ = std::max(1.0, static_cast<double>(piece.lines.size()) / static_cast<double>(rows()));
  }
  out.rows = finish();
}

void LineDecoder::reject(uint64_t line, std::string_view text, std::string reason) {
  text = without_cr(text);
  if (text.size() > kRejectBytesMax) {
    reason += fmt::format(" (only the first {} bytes are kept)", kRejectBytesMax);
    text = text.substr(0, kRejectBytesMax);
  }
  out_->rejects.push_back({line, rows(), std::move(reason), std::string(text)});
}

bool LineDecoder::reject_if_long(uint64_t line, std::string_view text) {
  if (text.size() <= kLineBytesMax) return false;
  reject(line, text, fmt::format("the line has {} bytes; the maximum is {}", text.size(), kLineBytesMax));
  return true;
}

}  // namespace penstock::feed::file

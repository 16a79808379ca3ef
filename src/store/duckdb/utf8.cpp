#include "store/duckdb/utf8.h"

#include <cstdint>
#include <cstring>

namespace penstock::store::duck {
namespace {

// The length of the character at the start of `text`, 0 when there is none (RFC 3629: no surrogates, no overlong form).
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0u) == 0x80u; };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return follows(1) ? 2 : 0;
  if (first < 0xF0) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (first > 0xF4 || !follows(1) || !follows(2) || !follows(3)) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return 4;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (text.size() >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data(), sizeof(word));
    if ((word & 0x8080'8080'8080'8080u) != 0) break;
    text.remove_prefix(8);
  }
  while (!text.empty()) {
    const size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string repair_utf8(std::string_view text) {
  std::string repaired;
  while (!text.empty()) {
    const size_t length = character_length(text);
    if (length == 0) {
      repaired += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      repaired += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return repaired;
}

}  // namespace penstock::store::duck

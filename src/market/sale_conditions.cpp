#include "market/sale_conditions.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>

#include "base/crc32c.h"

namespace penstock::market {
namespace {

constexpr uint8_t kCta = 3;
constexpr uint8_t kUtp = 4;

constexpr bool is_separator(char c) { return c == ' ' || c == ',' || c == ';' || c == '\t'; }

uint8_t tapes_of(std::string_view tape) {
  if (tape.size() == 1 && tape[0] >= 'A' && tape[0] <= 'C') return static_cast<uint8_t>(1 << (tape[0] - 'A'));
  if (tape == "CTA") return kCta;
  if (tape == "UTP") return kUtp;
  return kCta | kUtp;
}

// The next piece without separators, which leaves `text`; empty at the end.
std::string_view take_piece(std::string_view& text) {
  size_t begin = 0;
  while (begin < text.size() && is_separator(text[begin])) ++begin;
  size_t end = begin;
  while (end < text.size() && !is_separator(text[end])) ++end;
  const std::string_view piece = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return piece;
}

std::optional<uint64_t> parse_flags(std::string_view text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  uint64_t flags = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), flags, hex ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return flags;
}

void note_unknown(Verdict& verdict, std::string_view code) {
  if (!verdict.unknown) verdict.unknown_code = code;
  verdict.unknown = true;
}

}  // namespace

SaleConditions::Range SaleConditions::find(std::string_view code) const {
  if (code.size() == 1) return letters_[static_cast<uint8_t>(code[0])];
  const auto begin =
      std::lower_bound(rows_.begin(), rows_.end(), code, [](const Row& row, auto wanted) { return row.code < wanted; });
  auto end = begin;
  while (end != rows_.end() && end->code == code) ++end;
  return {static_cast<uint16_t>(begin - rows_.begin()), static_cast<uint16_t>(end - rows_.begin())};
}

template <typename Visit>
void SaleConditions::for_each_code(std::string_view conditions, Visit visit) const {
  const auto is_code = [&](std::string_view text) {
    const Range range = find(text);
    return range.begin != range.end;
  };
  while (true) {
    const std::string_view piece = take_piece(conditions);
    if (piece.empty()) return;
    // Where there are longer codes, a piece is one of them, or letters back to back, or else an unknown code.
    const bool whole = piece.size() == 1 ||
                       (words_ && (is_code(piece) || !std::all_of(piece.begin(), piece.end(),
                                                                  [&](const char& c) { return is_code({&c, 1}); })));
    if (whole) {
      visit(piece);
    } else {
      // Letter by letter; of a text beyond ASCII, which no table of letters has, whole characters.
      for (size_t at = 0; at < piece.size();) {
        size_t end = at + 1;
        while (end < piece.size() && (static_cast<uint8_t>(piece[end]) & 0xC0) == 0x80) ++end;
        visit(piece.substr(at, end - at));
        at = end;
      }
    }
  }
}

bool SaleConditions::has(std::string_view conditions, std::string_view code) const {
  bool found = false;
  for_each_code(conditions, [&](std::string_view other) { found |= other == code; });
  return found;
}

uint32_t SaleConditions::fingerprint() const {
  std::string text;
  for (const Row& row : rows_) {
    text += row.code + '\0' + std::to_string(row.tapes) + ' ';
    for (const uint8_t updates : row.updates) text += std::to_string(updates) + ' ';
    for (const std::string& other : row.unless) text += other + '\0';
  }
  return crc32c(std::as_bytes(std::span(text)));
}

Verdict SaleConditions::judge(std::string_view conditions, std::string_view tape, FormT form_t, VwapRule vwap) const {
  const uint8_t tapes = tapes_of(tape);
  const size_t setting = 2 * static_cast<size_t>(form_t) + static_cast<size_t>(vwap);
  if (flags_) return judge_flags(conditions, tapes, setting);
  Verdict verdict;
  for_each_code(conditions, [&](std::string_view code) {
    bool known = false;
    const Range range = find(code);
    for (size_t i = range.begin; i < range.end; ++i) {
      const Row& row = rows_[i];
      if ((row.tapes & tapes) == 0) continue;
      known = true;
      const bool holds = std::none_of(row.unless.begin(), row.unless.end(),
                                      [&](const std::string& other) { return has(conditions, other); });
      if (holds) verdict.updates &= row.updates[setting];
    }
    if (!known) note_unknown(verdict, code);
  });
  return verdict;
}

Verdict SaleConditions::judge_flags(std::string_view conditions, uint8_t tapes, size_t setting) const {
  Verdict verdict;
  uint64_t flags = 0;
  for (std::string_view rest = conditions;;) {
    const std::string_view piece = take_piece(rest);
    if (piece.empty()) break;
    if (const auto parsed = parse_flags(piece)) {
      flags |= *parsed;
    } else {
      note_unknown(verdict, piece);
    }
  }
  uint64_t known = 0;
  for (const Row& row : rows_) {
    if ((row.tapes & tapes) == 0) continue;
    known |= row.flag;
    if ((flags & row.flag) != 0 && (flags & row.unless_flags) == 0) verdict.updates &= row.updates[setting];
  }
  if ((flags & ~known) != 0) note_unknown(verdict, conditions);
  return verdict;
}

}  // namespace penstock::market

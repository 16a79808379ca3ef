// Functions of text. Lengths and positions count characters (Unicode code points), positions from 1.
#include <algorithm>
#include <clocale>
#include <cwctype>
#include <string>

#include "plan/functions.h"
#include "plan/utf8.h"

namespace penstock::plan {

using market::Column;
using market::Kind;

namespace {

constexpr market::Type kText{Kind::text};
constexpr market::Type kInteger{Kind::int64};
constexpr market::Type kBoolean{Kind::boolean};
constexpr int64_t kPaddedMax = 1'000'000;  // characters of lpad and rpad, bytes of replace
constexpr int64_t kFarAway = int64_t{1} << 40;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u; }

int64_t characters(std::string_view text) {
  int64_t count = 0;
  for (const char c : text) count += is_continuation(c) ? 0 : 1;
  return count;
}

// The byte where character `index` (from 0) begins; the end when there are fewer.
size_t byte_of(std::string_view text, int64_t index) {
  size_t at = 0;
  while (at < text.size()) {
    if (!is_continuation(text[at]) && index-- == 0) return at;
    ++at;
  }
  return at;
}

std::string_view slice(std::string_view text, int64_t begin, int64_t count) {
  const size_t from = byte_of(text, begin);
  const std::string_view rest = text.substr(from);
  return rest.substr(0, byte_of(rest, count));
}

// glibc's C.UTF-8 has Unicode's simple case mappings and is the same on every machine; without it, ASCII only.
template <bool kUpper>
char32_t map_case(char32_t c) {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (c < 0x80) {
    if (kUpper) return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
  }
  if (locale == nullptr) return c;
  return static_cast<char32_t>(kUpper ? towupper_l(static_cast<wint_t>(c), locale)
                                      : towlower_l(static_cast<wint_t>(c), locale));
}

template <bool kUpper>
void append_mapped(std::string& out, std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (at + length > text.size() || (first >= 0x80 && first < 0xc0)) {
      out += text[at++];  // not UTF-8: kept as it is
      continue;
    }
    char32_t c = length == 1 ? first : first & (0x7fu >> length);
    for (size_t i = 1; i < length; ++i) c = c << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fu);
    c = map_case<kUpper>(c);
    append_utf8(out, c);
    at += length;
  }
}

// A kernel whose rows are texts: `body(r, out)` appends to `out`; false makes the row null.
template <typename Body>
Column make_text(const ExpressionNode& node, std::span<const Value> args, size_t rows, Body body) {
  Column out = make_column(node.type, strict_validity(args, rows));
  if (out.all_null) return out;
  std::string scratch;
  for (size_t r = 0; r < rows; ++r) {
    scratch.clear();
    if (!out.is_null(r) && !body(r, scratch)) {
      set_null(out, r, rows);
      scratch.clear();
    }
    out.text.append(scratch);
  }
  return out;
}

int64_t integer_at(const Value& value, size_t r) { return value.column().i64[value.row(r)]; }

template <bool kUpper>
Column case_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  TextArg text(args[0], evaluation.symbols());
  return make_text(node, args, rows, [&](size_t r, std::string& out) {
    append_mapped<kUpper>(out, text[r]);
    return true;
  });
}

template <bool kLeft, bool kRight>
Column trim_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  TextArg text(args[0], evaluation.symbols());
  return make_text(node, args, rows, [&](size_t r, std::string& out) {
    std::string_view value = text[r];
    while (kLeft && value.starts_with(' ')) value.remove_prefix(1);
    while (kRight && value.ends_with(' ')) value.remove_suffix(1);
    out = value;
    return true;
  });
}

Column length_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  Column out = make_column(node.type, strict_validity(args, rows));
  if (out.all_null) return out;
  out.i64.resize(rows);
  TextArg text(args[0], evaluation.symbols());
  for (size_t r = 0; r < rows; ++r) {
    if (!out.is_null(r)) out.i64[r] = characters(text[r]);
  }
  return out;
}

// substring(text, position [, length]): from 1; a negative position counts from the end, 0 is as 1.
Column substring_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  TextArg text(args[0], evaluation.symbols());
  return make_text(node, args, rows, [&](size_t r, std::string& out) {
    const std::string_view value = text[r];
    const int64_t size = characters(value);
    // Positions beyond any text are all the same: kept small, so that sums cannot overflow.
    const int64_t position = std::max(integer_at(args[1], r), -kFarAway);
    int64_t count = args.size() > 2 ? std::min(integer_at(args[2], r), kFarAway) : kFarAway;
    int64_t begin = position > 0 ? position - 1 : position < 0 ? size + position : 0;
    if (begin < 0) {
      // What lies before the text's beginning takes its part of the length, as in Spark.
      count = args.size() > 2 ? count + begin : count;
      begin = 0;
    }
    if (begin >= size || count <= 0) return true;
    out = slice(value, begin, count);
    return true;
  });
}

template <bool kLeft>
Column end_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  TextArg text(args[0], evaluation.symbols());
  return make_text(node, args, rows, [&](size_t r, std::string& out) {
    const std::string_view value = text[r];
    const int64_t count = integer_at(args[1], r);
    if (count <= 0) return true;
    const int64_t size = kLeft ? 0 : characters(value);
    out = kLeft ? slice(value, 0, count) : slice(value, count >= size ? 0 : size - count, count);
    return true;
  });
}

Column replace_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  TextArg text(args[0], evaluation.symbols());
  TextArg search(args[1], evaluation.symbols());
  std::vector<TextArg> with;
  if (args.size() > 2) with.emplace_back(args[2], evaluation.symbols());
  return make_text(node, args, rows, [&](size_t r, std::string& out) {
    const std::string_view value = text[r];
    const std::string_view what = search[r];
    const std::string_view by = with.empty() ? std::string_view{} : with[0][r];
    if (what.empty()) {
      out = value;
      return true;
    }
    for (size_t at = 0;;) {
      const size_t hit = value.find(what, at);
      out += value.substr(at, hit - at);
      if (hit == std::string_view::npos) return true;
      out += by;
      at = hit + what.size();
      if (static_cast<int64_t>(out.size()) > kPaddedMax && by.size() > what.size()) {
        evaluation.fail_row(r, rows, "replace: the result is longer than a million bytes");
        return false;
      }
    }
  });
}

template <typename Test>
Column test_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows,
                   Test test) {
  Column out = make_column(node.type, strict_validity(args, rows));
  if (out.all_null) return out;
  out.u8.resize(rows);
  TextArg text(args[0], evaluation.symbols());
  TextArg part(args[1], evaluation.symbols());
  for (size_t r = 0; r < rows; ++r) {
    if (!out.is_null(r)) out.u8[r] = test(text[r], part[r]) ? 1 : 0;
  }
  return out;
}

Column starts_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return test_kernel(evaluation, node, args, rows,
                     [](std::string_view text, std::string_view part) { return text.starts_with(part); });
}
Column ends_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return test_kernel(evaluation, node, args, rows,
                     [](std::string_view text, std::string_view part) { return text.ends_with(part); });
}
Column contains_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return test_kernel(evaluation, node, args, rows, [](std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
  });
}

// split_part(text, delimiter, n): from 1, negative from the end; '' where there are fewer parts.
Column split_part_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  TextArg text(args[0], evaluation.symbols());
  TextArg delimiter(args[1], evaluation.symbols());
  return make_text(node, args, rows, [&](size_t r, std::string& out) {
    const std::string_view value = text[r];
    const std::string_view by = delimiter[r];
    int64_t n = integer_at(args[2], r);
    if (n == 0) {
      evaluation.fail_row(r, rows, "split_part: parts are counted from 1, or from -1 at the end");
      return false;
    }
    if (by.empty()) {
      if (n == 1 || n == -1) out = value;
      return true;
    }
    if (n < 0) {
      int64_t parts = 1;
      for (size_t at = value.find(by); at != std::string_view::npos; at = value.find(by, at + by.size())) ++parts;
      if (n < -parts) return true;
      n = parts + n + 1;
    }
    size_t begin = 0;
    for (; n > 1; --n) {
      const size_t hit = value.find(by, begin);
      if (hit == std::string_view::npos) return true;
      begin = hit + by.size();
    }
    out = value.substr(begin, value.find(by, begin) - begin);
    return true;
  });
}

template <bool kLeft>
Column pad_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  TextArg text(args[0], evaluation.symbols());
  std::vector<TextArg> pads;
  if (args.size() > 2) pads.emplace_back(args[2], evaluation.symbols());
  return make_text(node, args, rows, [&](size_t r, std::string& out) {
    const std::string_view value = text[r];
    const int64_t wanted = integer_at(args[1], r);
    const int64_t size = characters(value);
    if (wanted > kPaddedMax) {
      evaluation.fail_row(r, rows, "lpad, rpad: at most a million characters");
      return false;
    }
    const std::string_view pad = pads.empty() ? std::string_view(" ") : pads[0][r];
    if (wanted <= size || pad.empty()) {
      out = wanted <= 0 ? std::string_view{} : slice(value, 0, wanted);
      return true;
    }
    const int64_t pad_size = characters(pad);
    std::string padding;
    int64_t missing = wanted - size;
    for (; missing >= pad_size; missing -= pad_size) padding += pad;
    padding += slice(pad, 0, missing);
    out = kLeft ? padding + std::string(value) : std::string(value) + padding;
    return true;
  });
}

// concat_ws(separator, ...): nulls are passed over; null only where the separator is.
Column concat_ws_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  std::vector<TextArg> texts;
  for (const Value& arg : args) texts.emplace_back(arg, evaluation.symbols());
  return make_text(node, args.first(1), rows, [&](size_t r, std::string& out) {
    const std::string separator(texts[0][r]);
    bool first = true;
    for (size_t i = 1; i < args.size(); ++i) {
      if (args[i].is_null(r)) continue;
      if (!first) out += separator;
      out += texts[i][r];
      first = false;
    }
    return true;
  });
}

// `%` any characters, `_` one character, `\` takes the next as it is. Backtracks to the last `%` only.
bool is_like(std::string_view text, std::string_view pattern) {
  size_t t = 0;
  size_t p = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  const auto step = [](std::string_view s, size_t at) {
    ++at;
    while (at < s.size() && is_continuation(s[at])) ++at;
    return at;
  };
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = ++p;
      resume = t;
      continue;
    }
    if (p < pattern.size() && pattern[p] == '_') {
      t = step(text, t);
      ++p;
      continue;
    }
    const size_t literal = p < pattern.size() && pattern[p] == '\\' && p + 1 < pattern.size() ? p + 1 : p;
    if (literal < pattern.size() && pattern[literal] == text[t]) {
      ++t;
      p = literal + 1;
      continue;
    }
    if (star == std::string_view::npos) return false;
    resume = step(text, resume);
    t = resume;
    p = star;
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

}  // namespace

Column concat_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  std::vector<TextArg> texts;
  for (const Value& arg : args) texts.emplace_back(arg, evaluation.symbols());
  return make_text(node, args, rows, [&](size_t r, std::string& out) {
    for (TextArg& text : texts) out += text[r];
    return true;
  });
}

Column like_kernel(Evaluation& evaluation, const ExpressionNode& node, std::span<const Value> args, size_t rows) {
  return test_kernel(evaluation, node, args, rows, is_like);
}

std::span<const Function> text_functions() {
  static const Function kFunctions[] = {
      {"upper", "t", 1, 1, kText, case_kernel<true>},
      {"lower", "t", 1, 1, kText, case_kernel<false>},
      {"trim", "t", 1, 1, kText, trim_kernel<true, true>},
      {"ltrim", "t", 1, 1, kText, trim_kernel<true, false>},
      {"rtrim", "t", 1, 1, kText, trim_kernel<false, true>},
      {"length", "t", 1, 1, kInteger, length_kernel},
      {"substring", "tii", 2, 3, kText, substring_kernel},
      {"substr", "tii", 2, 3, kText, substring_kernel},
      {"left", "ti", 2, 2, kText, end_kernel<true>},
      {"right", "ti", 2, 2, kText, end_kernel<false>},
      {"replace", "ttt", 2, 3, kText, replace_kernel, true},
      {"startswith", "tt", 2, 2, kBoolean, starts_kernel},
      {"starts_with", "tt", 2, 2, kBoolean, starts_kernel},
      {"endswith", "tt", 2, 2, kBoolean, ends_kernel},
      {"ends_with", "tt", 2, 2, kBoolean, ends_kernel},
      {"contains", "tt", 2, 2, kBoolean, contains_kernel},
      {"split_part", "tti", 3, 3, kText, split_part_kernel, true},
      {"lpad", "tit", 2, 3, kText, pad_kernel<true>, true},
      {"rpad", "tit", 2, 3, kText, pad_kernel<false>, true},
      {"concat_ws", "ts", 2, 1'000, kText, concat_ws_kernel},
  };
  return kFunctions;
}

}  // namespace penstock::plan

#include "feed/file/csv_decoder.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "feed/file/csv_scan.h"

namespace penstock::feed::file {
namespace {

constexpr const char* kNotUtf8 = "not UTF-8";

// One field as the slow way reads it: any CSV line, quotes and all.
enum class FieldEnd : uint8_t { delimiter, line, bad_quote };

// Reads the field at `at` of `line` into `text` (into `scratch` where quotes are doubled), and moves `at` behind the
// delimiter that follows.
FieldEnd read_field(std::string_view line, size_t& at, char delimiter, std::string_view& text, PaddedBuffer& scratch) {
  if (at >= line.size() || line[at] != '"') {
    const size_t end = std::min(line.find(delimiter, at), line.size());
    text = line.substr(at, end - at);
    at = end + 1;
    return end == line.size() ? FieldEnd::line : FieldEnd::delimiter;
  }
  const size_t begin = ++at;
  bool doubled = false;
  for (;;) {
    at = line.find('"', at);
    if (at == std::string_view::npos) return FieldEnd::bad_quote;
    if (at + 1 < line.size() && line[at + 1] == '"') {
      doubled = true;
      at += 2;
      continue;
    }
    break;
  }
  text = line.substr(begin, at - begin);
  ++at;
  if (at < line.size() && line[at] != delimiter) return FieldEnd::bad_quote;
  if (doubled) {
    const size_t kept_begin = scratch.size();
    for (size_t i = 0; i < text.size(); ++i) {
      scratch.append(text.substr(i, 1));
      if (text[i] == '"') ++i;
    }
    text = std::string_view(scratch.data() + kept_begin, scratch.size() - kept_begin);
  }
  const bool ended = at == line.size();
  ++at;
  return ended ? FieldEnd::line : FieldEnd::delimiter;
}

class CsvDecoder final : public LineDecoder {
 public:
  CsvDecoder(BatchBuilder builder, CsvLayout layout, char delimiter)
      : builder_(std::move(builder)),
        layout_(std::move(layout)),
        delimiter_(delimiter),
        field_of_(layout_.column_count, -1) {
    for (const CsvLayout::Used& used : layout_.used) field_of_[used.column] = static_cast<int>(used.field);
  }

 protected:
  void begin(size_t rows) override { builder_.begin(rows); }
  market::Batch finish() override { return builder_.finish(); }
  size_t rows() const override { return builder_.rows(); }

  Done decode_lines(std::string_view lines) override {
    CsvScan scan(lines, delimiter_);
    const size_t columns = layout_.column_count;
    uint64_t line = 0;
    size_t line_begin = 0;
    bool more = true;
    // A block has at most so many lines as bytes: asked once for each, the maximum is passed by little.
    while (more && !rejects_full()) {
      more = scan.next_block();
      const uint32_t* mark = scan.begin();
      const uint32_t* const end = scan.end();
      while (mark != end) {
        // The plain line: as many marks as columns, the last a newline, the others delimiters.
        if (static_cast<size_t>(end - mark) >= columns && is_plain(lines.data(), mark) &&
            mark[columns - 1] - line_begin <= kLineBytesMax) [[likely]] {
          const size_t line_end = mark[columns - 1];
          if (scan.saw_non_ascii() && !is_utf8(lines.substr(line_begin, line_end - line_begin))) [[unlikely]] {
            reject(line, lines.substr(line_begin, line_end - line_begin), kNotUtf8);
          } else {
            decode_plain(lines.data(), line, line_begin, mark);
          }
          mark += columns;
          line_begin = line_end + 1;
          ++line;
          continue;
        }
        const uint32_t* newline = std::find_if(mark, end, [&](uint32_t at) { return lines[at] == '\n'; });
        if (newline == end) break;  // the line ends in a later block
        decode_any(lines.substr(line_begin, *newline - line_begin), line, line_begin);
        line_begin = *newline + 1;
        mark = newline + 1;
        ++line;
      }
      scan.keep_from(mark);
    }
    return {line, line_begin};
  }

 private:
  bool is_plain(const char* data, const uint32_t* mark) const {
    const size_t last = layout_.column_count - 1;
    unsigned difference = static_cast<unsigned char>(data[mark[last]] ^ '\n');
    for (size_t i = 0; i < last; ++i) difference |= static_cast<unsigned char>(data[mark[i]] ^ delimiter_);
    return difference == 0;
  }

  void decode_plain(const char* data, uint64_t line, size_t line_begin, const uint32_t* mark) {
    const size_t last = layout_.column_count - 1;
    const size_t line_end = mark[last];
    const bool cr = line_end > line_begin && data[line_end - 1] == '\r';
    if (last == 0 && line_end - (cr ? 1 : 0) == line_begin) return;  // an empty line
    for (const CsvLayout::Used& used : layout_.used) {
      const size_t begin = used.column == 0 ? line_begin : mark[used.column - 1] + 1;
      const size_t end = mark[used.column] - (cr && used.column == last ? 1 : 0);
      if (!builder_.set(used.field, data + begin, end - begin)) [[unlikely]] {
        refuse({data + line_begin, line_end - line_begin}, line);
        return;
      }
    }
    keep({data + line_begin, line_end - line_begin}, line, line_begin);
  }

  // Any line, plain or not.
  [[gnu::noinline]] void decode_any(std::string_view raw, uint64_t line, size_t line_begin) {
    const std::string_view text = without_cr(raw);
    if (text.empty() || reject_if_long(line, raw)) return;
    if (!is_utf8(text)) return reject(line, raw, kNotUtf8);
    scratch_.clear();
    scratch_.reserve(text.size());  // so that it does not move while fields lie in it
    size_t at = 0;
    size_t column = 0;
    for (FieldEnd ended = FieldEnd::delimiter; ended != FieldEnd::line; ++column) {
      std::string_view field;
      ended = read_field(text, at, delimiter_, field, scratch_);
      if (ended == FieldEnd::bad_quote) {
        builder_.drop_row();
        return reject(line, raw, fmt::format("column {}: a quote that is not closed, or text behind one", column + 1));
      }
      if (column >= field_of_.size() || field_of_[column] < 0) continue;
      if (!builder_.set(static_cast<size_t>(field_of_[column]), field.data(), field.size())) return refuse(raw, line);
    }
    if (column != layout_.column_count) {
      builder_.drop_row();
      return reject(line, raw, fmt::format("{} fields where the header has {}", column, layout_.column_count));
    }
    keep(raw, line, line_begin);
  }

  void keep(std::string_view raw, uint64_t line, size_t line_begin) {
    if (!builder_.commit_row()) [[unlikely]] {
      return refuse(raw, line);
    }
    row(line_begin);
  }
  void refuse(std::string_view raw, uint64_t line) {
    builder_.drop_row();
    reject(line, raw, builder_.reason());
  }

  BatchBuilder builder_;
  CsvLayout layout_;
  char delimiter_;
  std::vector<int> field_of_;  // by column; -1 when it is not used
  PaddedBuffer scratch_;       // fields of one line without their doubled quotes
};

}  // namespace

Result<CsvLayout> read_csv_header(std::string_view line, char delimiter, const std::vector<FieldSpec>& specs) {
  line = without_cr(line);
  if (!is_utf8(line)) return fail(ErrorKind::invalid, "the header line is not UTF-8");
  std::vector<std::string> names;
  PaddedBuffer scratch;
  scratch.reserve(line.size());
  size_t at = 0;
  for (FieldEnd ended = FieldEnd::delimiter; ended != FieldEnd::line;) {
    std::string_view name;
    ended = read_field(line, at, delimiter, name, scratch);
    if (ended == FieldEnd::bad_quote) {
      return fail(ErrorKind::invalid, "the header line has a quote that is not closed, or text behind one");
    }
    names.emplace_back(name);
  }
  const auto all_names = [&] {
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + quote_for_message(name);
    return all;
  };
  CsvLayout layout{.column_count = names.size(), .used = {}};
  for (size_t field = 0; field < specs.size(); ++field) {
    const FieldSpec& spec = specs[field];
    if (spec.constant) continue;
    const auto count = std::ranges::count(names, spec.name_in_file);
    if (count > 1) {
      return fail(ErrorKind::invalid, "the header names {} {} times", quote_for_message(spec.name_in_file), count);
    }
    if (count == 0 && (spec.required || spec.name != spec.name_in_file)) {
      return fail(ErrorKind::invalid,
                  "the header has no column {} for '{}'; it has {}: name the right one under columns, as in "
                  "columns: {{{}: NAME}}",
                  quote_for_message(spec.name_in_file), spec.name, all_names(), spec.name);
    }
    if (count == 0) continue;
    const auto column = static_cast<size_t>(std::ranges::find(names, spec.name_in_file) - names.begin());
    layout.used.push_back({column, field});
  }
  std::ranges::sort(layout.used, {}, &CsvLayout::Used::column);
  return layout;
}

std::unique_ptr<LineDecoder> make_csv_decoder(BatchBuilder builder, CsvLayout layout, char delimiter) {
  return std::make_unique<CsvDecoder>(std::move(builder), std::move(layout), delimiter);
}

}  // namespace penstock::feed::file

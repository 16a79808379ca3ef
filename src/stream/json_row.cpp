// Reads back what row_json() wrote. Not a reader of JSON at large: its own spacing and escapes are all it knows,
// besides the values of JSON columns, which stand as they came.
#include <fmt/core.h>

#include <charconv>
#include <map>

#include "plan/utf8.h"
#include "plan/value_text.h"
#include "stream/row_json.h"

namespace penstock::stream {
namespace {

struct Member {
  std::string text;      // of a string what it means; of anything else it as it stands
  std::string_view raw;  // it as it stands
};
using Members = std::map<std::string, Member>;

class JsonRowReader {
 public:
  explicit JsonRowReader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool read(Members& members) {
    if (!take('{')) return false;
    if (take('}')) return at_ == text_.size();
    for (;;) {
      std::string name;
      Member member;
      if (!string(name) || !take(':') || !take(' ')) return false;
      const size_t begin = at_;
      if (!value(member.text)) return false;
      member.raw = text_.substr(begin, at_ - begin);
      if (!members.emplace(std::move(name), std::move(member)).second) return false;
      if (take('}')) return at_ == text_.size();
      if (!take(',') || !take(' ')) return false;
    }
  }

 private:
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_ == text_.size()) return false;
      const char escaped = text_[at_++];
      if (escaped == '"' || escaped == '\\') {
        out += escaped;
      } else if (escaped == 'u' && text_.size() - at_ >= 4) {
        uint32_t code = 0;
        const char* end = text_.data() + at_ + 4;
        if (std::from_chars(text_.data() + at_, end, code, 16).ptr != end) return false;
        plan::append_utf8(out, code);
        at_ += 4;
      } else {
        return false;
      }
    }
    return false;
  }

  // A string, or anything up to the `,` or `}` that ends the member: brackets and strings within are passed over.
  bool value(std::string& out) {
    if (at_ < text_.size() && text_[at_] == '"') return string(out);
    const size_t begin = at_;
    int depth = 0;
    bool quoted = false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (quoted) {
        if (c == '\\') ++at_;
        quoted = c != '"';
      } else if (c == '"') {
        quoted = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (depth == 0 && (c == ',' || c == '}')) {
        break;
      } else if (c == '}' || c == ']') {
        --depth;
      }
    }
    if (at_ >= text_.size() || at_ == begin) return false;
    out = text_.substr(begin, at_ - begin);
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::expected<market::Batch, std::string> row_of_json(std::string_view json, const market::SchemaPtr& schema,
                                                      market::SymbolTable& symbols) {
  Members members;
  if (!JsonRowReader(json).read(members)) return std::unexpected("it is no row as penstock writes it");
  market::Batch row = market::make_batch(schema);
  size_t known = 0;
  for (size_t c = 0; c < schema->fields.size(); ++c) {
    const auto member = members.find(schema->fields[c].name);
    if (member != members.end()) ++known;
    const bool is_json = schema->fields[c].type.kind == market::Kind::json;
    std::optional<std::string> text;
    if (member != members.end()) text = is_json ? std::string(member->second.raw) : std::move(member->second.text);
    const auto wrong = plan::append_value_text(row.columns[c], 0, text ? &*text : nullptr, symbols);
    if (wrong) return std::unexpected(fmt::format("{}: {}", schema->fields[c].name, *wrong));
  }
  if (known != members.size()) return std::unexpected("it has columns that the stream no longer has");
  row.rows = 1;
  return row;
}

}  // namespace penstock::stream

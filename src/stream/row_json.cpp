#include "stream/row_json.h"

#include <fmt/core.h>

#include <cmath>

namespace penstock::stream {
namespace {

using market::Column;
using market::Kind;

// The length of the UTF-8 sequence at the head of `text`; 0 when it is none.
size_t sequence_length(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xc2 && lead < 0xe0 ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) >= 0xa0) || (lead == 0xf0 && byte(1) < 0x90) ||
      (lead == 0xf4 && byte(1) >= 0x90)) {
    return 0;
  }
  return length;
}

bool is_bare(const Column& column, size_t row) {
  switch (column.type.kind) {
    case Kind::boolean:
    case Kind::int64:
    case Kind::decimal:
    case Kind::decimal128:
    case Kind::json: return true;
    case Kind::float64: return std::isfinite(column.f64[row]);
    case Kind::id: return column.ids[row].is_number();
    case Kind::timestamp:
    case Kind::symbol:
    case Kind::text:
    case Kind::bytes: return false;
  }
  return false;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    const char c = text.front();
    if (length == 0) {
      out += "\\ufffd";
    } else if (length == 1 && (c == '"' || c == '\\')) {
      out.push_back('\\');
      out.push_back(c);
    } else if (length == 1 && static_cast<uint8_t>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<uint8_t>(c));
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  out.push_back('"');
}

std::string row_json(const market::Batch& batch, size_t row, const market::SymbolTable& symbols) {
  std::string out = "{";
  for (size_t c = 0; c < batch.columns.size(); ++c) {
    const auto text = value_text(batch.columns[c], row, symbols);
    if (!text) continue;
    if (out.size() > 1) out += ", ";
    append_json_string(out, batch.schema->fields[c].name);
    out += ": ";
    if (is_bare(batch.columns[c], row)) {
      out += *text;
    } else {
      append_json_string(out, *text);
    }
  }
  return out + "}";
}

std::string row_position(const market::Batch& batch, size_t row, const market::SymbolTable& symbols) {
  std::string out;
  const auto put = [&](std::string_view name, std::string_view label) {
    const auto column = batch.schema->find(name);
    if (!column) return;
    const auto text = value_text(batch.columns[*column], row, symbols);
    if (!text) return;
    if (!out.empty()) out += ' ';
    out += label;
    out += *text;
  };
  put("symbol", "");
  put("ts_event", "");
  put("id", "id ");
  put("key", "key ");
  if (out.empty()) put("ts_recv", "received ");
  return out;
}

}  // namespace penstock::stream

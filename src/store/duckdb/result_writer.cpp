#include "store/duckdb/result_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace penstock::store::duck {
namespace {

class CsvWriter final : public ResultWriter {
 public:
  explicit CsvWriter(const std::vector<ColumnInfo>& columns) : columns_(columns) {}
  void begin(std::string& out) override {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) out += ',';
      append_field(out, columns_[i].name);
    }
    out += '\n';
  }
  void row(const std::vector<ColumnView>& columns, idx_t row, std::string& out) override {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) out += ',';
      if (columns[i].is_null(row)) continue;
      text_.clear();
      append_text(text_, columns_[i], columns[i], row);
      append_field(out, text_);
    }
    out += '\n';
  }
  void end(std::string&) override {}

 private:
  static void append_field(std::string& out, std::string_view text) {
    if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
      out += text;
      return;
    }
    out += '"';
    for (const char c : text) {
      if (c == '"') out += '"';
      out += c;
    }
    out += '"';
  }
  const std::vector<ColumnInfo> columns_;
  std::string text_;
};

class JsonWriter final : public ResultWriter {
 public:
  JsonWriter(const std::vector<ColumnInfo>& columns, bool lines) : columns_(columns), lines_(lines) {
    for (const std::string& name : distinct_names(columns)) {
      keys_.emplace_back();
      append_json_string(keys_.back(), name);
      keys_.back() += ':';
    }
  }
  void begin(std::string& out) override {
    if (!lines_) out += '[';
  }
  void row(const std::vector<ColumnView>& columns, idx_t row, std::string& out) override {
    if (!lines_) out += first_ ? "\n" : ",\n";
    first_ = false;
    out += '{';
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) out += ',';
      out += keys_[i];
      append_value(out, columns_[i], columns[i], row);
    }
    out += lines_ ? "}\n" : "}";
  }
  void end(std::string& out) override {
    if (!lines_) out += "\n]\n";
  }

 private:
  void append_value(std::string& out, const ColumnInfo& info, const ColumnView& column, idx_t row) {
    if (column.is_null(row)) {
      out += "null";
      return;
    }
    text_.clear();
    append_text(text_, info, column, row);
    // JSON has no number for nan and inf; they go out as text.
    const bool finite = text_.back() != 'n' && text_.back() != 'f';
    if (info.json || info.type == DUCKDB_TYPE_BOOLEAN || (info.is_number() && finite)) {
      out += text_;
    } else {
      append_json_string(out, text_);
    }
  }
  const std::vector<ColumnInfo> columns_;
  const bool lines_;
  std::vector<std::string> keys_;
  std::string text_;
  bool first_ = true;
};

// Characters, taking each code point as one column wide.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

// A value of a feed must not move the cursor of the terminal it is shown on.
std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      shown += "\\n";
    } else if (c == '\t') {
      shown += "\\t";
    } else if (c == '\r') {
      shown += "\\r";
    } else if (byte < 32 || byte == 127) {
      fmt::format_to(std::back_inserter(shown), "\\x{:02X}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

class TableWriter final : public ResultWriter {
 public:
  explicit TableWriter(const std::vector<ColumnInfo>& columns) : columns_(columns) {
    for (const ColumnInfo& column : columns_) widths_.push_back(width_of(printable(column.name)));
  }
  void begin(std::string&) override {}
  void row(const std::vector<ColumnView>& columns, idx_t row, std::string& out) override {
    ++rows_;
    std::vector<std::string> cells(columns_.size());
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns[i].is_null(row)) {
        cells[i] = "NULL";
        continue;
      }
      text_.clear();
      append_text(text_, columns_[i], columns[i], row);
      cells[i] = printable(text_);
    }
    if (measured_) {
      append_line(out, cells);
      return;
    }
    for (size_t i = 0; i < cells.size(); ++i) widths_[i] = std::max(widths_[i], width_of(cells[i]));
    waiting_.push_back(std::move(cells));
    if (waiting_.size() == kTableRowsMeasured) append_waiting(out);
  }
  void end(std::string& out) override {
    if (!measured_) append_waiting(out);
    fmt::format_to(std::back_inserter(out), "({} row{})\n", rows_, rows_ == 1 ? "" : "s");
  }

 private:
  void append_waiting(std::string& out) {
    measured_ = true;
    std::vector<std::string> names;
    std::string rule;
    for (size_t i = 0; i < columns_.size(); ++i) {
      names.push_back(printable(columns_[i].name));
      if (i > 0) rule += "-+-";
      rule.append(widths_[i], '-');
    }
    append_line(out, names);
    out += rule + "\n";
    for (const auto& cells : waiting_) append_line(out, cells);
    waiting_.clear();
  }
  void append_line(std::string& out, const std::vector<std::string>& cells) {
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) out += " | ";
      const size_t width = width_of(cells[i]);
      const size_t padding = width < widths_[i] ? widths_[i] - width : 0;
      const bool right = columns_[i].is_number();
      if (right) out.append(padding, ' ');
      out += cells[i];
      if (!right && i + 1 < cells.size()) out.append(padding, ' ');
    }
    out += '\n';
  }
  const std::vector<ColumnInfo> columns_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> waiting_;  // until the widths are known
  std::string text_;
  bool measured_ = false;
  uint64_t rows_ = 0;
};

}  // namespace

std::vector<std::string> distinct_names(const std::vector<ColumnInfo>& columns) {
  std::set<std::string> taken;
  for (const ColumnInfo& column : columns) taken.insert(column.name);
  std::set<std::string> used;
  std::vector<std::string> names;
  for (const ColumnInfo& column : columns) {
    std::string name = column.name;
    for (int i = 1; used.contains(name); ++i) {
      name = fmt::format("{}_{}", column.name, i);
      if (taken.contains(name)) name = column.name;  // that name is another column's own
    }
    used.insert(name);
    names.push_back(std::move(name));
  }
  return names;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (byte < 32) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

std::unique_ptr<ResultWriter> ResultWriter::make(TextForm form, const std::vector<ColumnInfo>& columns) {
  switch (form) {
    case TextForm::csv: return std::make_unique<CsvWriter>(columns);
    case TextForm::json: return std::make_unique<JsonWriter>(columns, false);
    case TextForm::json_lines: return std::make_unique<JsonWriter>(columns, true);
    case TextForm::table: return std::make_unique<TableWriter>(columns);
  }
  return std::make_unique<TableWriter>(columns);
}

}  // namespace penstock::store::duck

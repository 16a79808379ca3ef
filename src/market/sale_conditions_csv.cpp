// Reads tables of sale conditions: docs/formats/conditions.md.
#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>

#include "base/suggestion.h"
#include "market/csv_lines.h"
#include "market/sale_conditions.h"

namespace penstock::market {
namespace {

enum ColumnOf : size_t { tape, code, high_low, open_close, volume, vwap, extended, unless, note, column_count };
const std::vector<std::string>& column_names() {
  static const std::vector<std::string> names{"tape", "code",     "high_low", "open_close", "volume",
                                              "vwap", "extended", "unless",   "note"};
  return names;
}
constexpr size_t kRequiredColumns = volume + 1;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Nothing when a quote does not end.
std::optional<std::vector<std::string>> split(std::string_view line) {
  std::vector<std::string> fields;
  while (true) {
    std::string field;
    line = trimmed(line);
    if (line.starts_with('"')) {
      line.remove_prefix(1);
      while (true) {
        const size_t quote = line.find('"');
        if (quote == std::string_view::npos) return std::nullopt;
        field.append(line.substr(0, quote));
        line.remove_prefix(quote + 1);
        if (!line.starts_with('"')) break;
        field += '"';
        line.remove_prefix(1);
      }
    }
    const size_t comma = std::min(line.find(','), line.size());
    field.append(trimmed(line.substr(0, comma)));
    fields.push_back(std::move(field));
    if (comma == line.size()) return fields;
    line.remove_prefix(comma + 1);
  }
}

bool is_number(std::string_view text) { return text.starts_with("0x") || text.starts_with("0X"); }

std::vector<std::string> split_unless(std::string_view text) {
  std::vector<std::string> codes;
  while (!text.empty()) {
    const size_t bar = std::min(text.find('|'), text.size());
    codes.emplace_back(trimmed(text.substr(0, bar)));
    text.remove_prefix(std::min(bar + 1, text.size()));
  }
  return codes;
}

uint8_t tapes_of_row(std::string_view text) {
  if (text == "*") return 7;
  if (text == "CTA") return 3;
  if (text == "A") return 1;
  if (text == "B") return 2;
  return text == "C" || text == "UTP" ? 4 : 0;
}

}  // namespace

class SaleConditions::Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  Result<std::unique_ptr<const SaleConditions>> read(std::string_view csv) {
    if (csv.starts_with(kByteOrderMark)) csv.remove_prefix(kByteOrderMark.size());
    while (!csv.empty()) {
      ++line_;
      const std::string_view line = take_line(csv);
      if (trimmed(line).empty() || line.starts_with('#')) continue;
      const auto fields = split(line);
      if (!fields) return wrong("a quote does not end: write \" at its end, and \"\" for a quote inside");
      if (columns_.empty()) {
        PENSTOCK_TRY(read_header(*fields));
      } else {
        PENSTOCK_TRY(read_row(*fields));
      }
    }
    if (columns_.empty()) return wrong("there is no header: write tape,code,high_low,open_close,volume");
    if (pending_.empty()) return wrong("there is no row: write one for each code, like *,T,no,no,yes");
    return finish();
  }

 private:
  struct Pending {
    Row row;
    int line = 0;
    std::string as;  // the code that it counts as with FormT::include
  };

  [[nodiscard]] std::unexpected<Error> wrong(std::string_view what) const {
    return fail(ErrorKind::invalid, "{}:{}: {}", file_, std::max(1, line_), what);
  }

  Status read_header(const std::vector<std::string>& fields) {
    for (const std::string& name : fields) {
      const auto known = std::find(column_names().begin(), column_names().end(), name);
      if (known == column_names().end()) {
        return wrong(fmt::format("unknown column '{}'{}; there are {}", name, suggestion(name, column_names()),
                                 list_names(column_names())));
      }
      const auto column = static_cast<size_t>(known - column_names().begin());
      if (std::find(columns_.begin(), columns_.end(), column) != columns_.end()) {
        return wrong(fmt::format("column '{}' stands twice: leave one of them", name));
      }
      columns_.push_back(column);
    }
    for (size_t column = 0; column < kRequiredColumns; ++column) {
      if (std::find(columns_.begin(), columns_.end(), column) == columns_.end()) {
        return wrong(
            fmt::format("column '{}' is missing: write tape,code,high_low,open_close,volume", column_names()[column]));
      }
    }
    return {};
  }

  // An empty one is `otherwise`, where that is allowed.
  Result<bool> yes_or_no(const std::vector<std::string>& values, size_t column, std::optional<bool> otherwise) const {
    const std::string& value = values[column];
    if (value == "yes" || value == "no") return value == "yes";
    if (value.empty() && otherwise) return *otherwise;
    return wrong(fmt::format("{} is '{}': write yes or no", column_names()[column], value));
  }

  Result<uint64_t> flag(std::string_view text) const {
    uint64_t bits = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + std::min<size_t>(2, text.size()), end, bits, 16);
    if (!is_number(text) || parsed.ec != std::errc{} || parsed.ptr != end || std::popcount(bits) != 1) {
      return wrong(fmt::format("'{}' is not one flag: write it as hex with one bit, like 0x20", text));
    }
    return bits;
  }

  Status read_row(const std::vector<std::string>& fields) {
    if (fields.size() != columns_.size()) {
      return wrong(fmt::format("{} fields, but the header has {}: a comma inside one needs quotes, \"a, b\"",
                               fields.size(), columns_.size()));
    }
    if (pending_.size() == kRowsMax) return wrong(fmt::format("more than {} rows", kRowsMax));
    std::vector<std::string> values(column_count);
    for (size_t i = 0; i < fields.size(); ++i) values[columns_[i]] = fields[i];

    Pending pending{.row = {.code = values[code], .tapes = tapes_of_row(values[tape])}, .line = line_, .as = {}};
    Row& row = pending.row;
    if (row.tapes == 0) {
      return wrong(
          fmt::format("tape '{}' is unknown: write A, B, CTA (both), C or UTP (tape C), or * (all)", values[tape]));
    }
    PENSTOCK_TRY(check_code(row));
    row.unless = split_unless(values[unless]);
    if (flags_) {
      PENSTOCK_TRY_ASSIGN(row.flag, flag(row.code));
      for (const std::string& other : row.unless) {
        PENSTOCK_TRY_ASSIGN(const uint64_t bit, flag(other));
        row.unless_flags |= bit;
      }
    }
    for (const Pending& other : pending_) {
      const bool same = flags_ ? other.row.flag == row.flag : other.row.code == row.code;
      if (same && (other.row.tapes & row.tapes) != 0) {
        return wrong(fmt::format("tape {}, code {} has a row already, line {}: leave one of them", values[tape],
                                 row.code, other.line));
      }
    }
    PENSTOCK_TRY(read_updates(values, pending));
    pending_.push_back(std::move(pending));
    return {};
  }

  Status check_code(const Row& row) {
    if (row.code.empty()) return wrong("code is empty: a trade without conditions is regular and needs no row");
    if (row.code.find_first_of(" \t,;") != std::string::npos) {
      return wrong(fmt::format("code '{}' holds a blank, comma or semicolon, which stand between codes", row.code));
    }
    if (pending_.empty()) flags_ = is_number(row.code);
    if (flags_ != is_number(row.code)) {
      return wrong(fmt::format("code '{}' is {}, but '{}' (line {}) is {}: a table has codes or flags (0x20), not both",
                               row.code, flags_ ? "no flag" : "a flag", pending_[0].row.code, pending_[0].line,
                               flags_ ? "one" : "none"));
    }
    return {};
  }

  Status read_updates(const std::vector<std::string>& values, Pending& pending) const {
    PENSTOCK_TRY_ASSIGN(const bool updates_high_low, yes_or_no(values, high_low, {}));
    PENSTOCK_TRY_ASSIGN(const bool updates_open_close, yes_or_no(values, open_close, {}));
    PENSTOCK_TRY_ASSIGN(const bool updates_volume, yes_or_no(values, volume, {}));
    // What only the volume rule, or a word of the table, may give.
    PENSTOCK_TRY_ASSIGN(const bool by_high_low, yes_or_no(values, vwap, updates_high_low && updates_volume));
    PENSTOCK_TRY_ASSIGN(const bool by_volume, yes_or_no(values, vwap, updates_volume));
    if (by_high_low && !updates_volume) {
      return wrong("vwap is yes where volume is no: what is not in the volume cannot be in the vwap; write no");
    }
    // With `extended` a code instead of yes, the row counts as that code's when extended hours are included.
    bool is_extended = !values[extended].empty() && values[extended] != "no";
    if (is_extended && values[extended] != "yes") pending.as = values[extended];
    const auto base =
        static_cast<uint8_t>((updates_high_low ? kUpdatesHighLow : 0) | (updates_open_close ? kUpdatesOpenClose : 0) |
                             (updates_volume ? kUpdatesVolume : 0));
    for (size_t setting = 0; setting < kSettings; ++setting) {
      const auto form_t = static_cast<FormT>(setting / 2);
      const bool in_vwap = static_cast<VwapRule>(setting % 2) == VwapRule::volume ? by_volume : by_high_low;
      uint8_t updates = base | (in_vwap ? kUpdatesVwap : 0);
      if (is_extended && form_t == FormT::include) updates = kUpdatesAll;
      if (is_extended && form_t == FormT::exclude) updates = 0;
      pending.row.updates[setting] = updates;
    }
    return {};
  }

  [[nodiscard]] const Row* row_of(std::string_view wanted, uint8_t tapes) const {
    const auto found = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& other) {
      return other.row.code == wanted && (other.row.tapes & tapes) == tapes;
    });
    return found == pending_.end() ? nullptr : &found->row;
  }

  Result<std::unique_ptr<const SaleConditions>> finish() {
    for (Pending& pending : pending_) {
      line_ = pending.line;
      for (const std::string& other : pending.row.unless) {
        if (!flags_ && row_of(other, 0) == nullptr) {
          return wrong(fmt::format("unless '{}': no row has that code; write one, or several like A|B", other));
        }
      }
      if (pending.as.empty()) continue;
      const Row* as = row_of(pending.as, pending.row.tapes);
      if (as == nullptr) {
        return wrong(
            fmt::format("extended is '{}': write yes, no, or the code of a row of the same tapes, as which it "
                        "counts when extended hours are included",
                        pending.as));
      }
      // The settings of FormT::include from those of FormT::table.
      for (size_t rule = 0; rule < 2; ++rule) pending.row.updates[2 + rule] = as->updates[rule];
    }
    std::unique_ptr<SaleConditions> table(new SaleConditions());
    table->flags_ = flags_;
    for (Pending& pending : pending_) table->rows_.push_back(std::move(pending.row));
    std::stable_sort(table->rows_.begin(), table->rows_.end(),
                     [](const Row& a, const Row& b) { return a.code < b.code; });
    for (size_t i = 0; i < table->rows_.size(); ++i) {
      const std::string& text = table->rows_[i].code;
      table->words_ |= text.size() > 1;
      if (text.size() > 1) continue;
      Range& range = table->letters_[static_cast<uint8_t>(text[0])];
      if (range.begin == range.end) range.begin = static_cast<uint16_t>(i);
      range.end = static_cast<uint16_t>(i + 1);
    }
    return table;
  }

  const std::string& file_;
  int line_ = 0;
  std::vector<size_t> columns_;  // of the file, as ColumnOf
  std::vector<Pending> pending_;
  bool flags_ = false;
};

Result<std::unique_ptr<const SaleConditions>> SaleConditions::parse(std::string_view csv, const std::string& file) {
  return Reader(file).read(csv);
}

}  // namespace penstock::market

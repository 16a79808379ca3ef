// Reads factor and map files: docs/formats/reference.md.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "base/suggestion.h"
#include "market/csv_lines.h"
#include "market/reference.h"

namespace penstock::market {
namespace {

constexpr int kDigitsMax = 18;  // of a factor: what an int64 always holds
constexpr size_t kNameBytesMax = 64;

struct Field {
  std::string_view text;
  int column = 1;  // where it begins, in bytes from 1
};

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::vector<Field> split(std::string_view line) {
  std::vector<Field> fields;
  for (size_t begin = 0;;) {
    const size_t comma = std::min(line.find(',', begin), line.size());
    size_t first = begin;
    size_t last = comma;
    while (first < last && is_blank(line[first])) ++first;
    while (first < last && is_blank(line[last - 1])) --last;
    fields.push_back({line.substr(first, last - first), static_cast<int>(first) + 1});
    if (comma == line.size()) return fields;
    begin = comma + 1;
  }
}

// Digits of a date without its dashes, or nothing.
std::optional<int32_t> parse_day(std::string_view text, bool dashes) {
  std::string digits(text);
  if (dashes && text.size() == 10 && text[4] == '-' && text[7] == '-')
    digits = fmt::format("{}{}{}", text.substr(0, 4), text.substr(5, 2), text.substr(8));
  if (digits.size() != 8 || !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  int number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const std::chrono::year_month_day date{std::chrono::year{number / 10000},
                                         std::chrono::month{static_cast<unsigned>(number / 100 % 100)},
                                         std::chrono::day{static_cast<unsigned>(number % 100)}};
  if (!date.ok()) return std::nullopt;
  return static_cast<int32_t>(std::chrono::sys_days{date}.time_since_epoch().count());
}

// Reads one file's lines and says where one is wrong.
class Lines {
 public:
  Lines(std::string_view text, const std::string& file) : text_(text), file_(file) {
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
  }

  // The fields of the next line that is neither empty nor a comment; nothing at the end.
  [[nodiscard]] std::optional<std::vector<Field>> next() {
    while (!text_.empty()) {
      ++line_;
      const std::string_view line = take_line(text_);
      if (line.starts_with('#') || std::ranges::all_of(line, is_blank)) continue;
      return split(line);
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string place() const { return fmt::format("{}:{}", file_, std::max(1, line_)); }
  [[nodiscard]] std::unexpected<Error> wrong(int column, std::string_view what) const {
    return fail(ErrorKind::invalid, "{}:{}: {}", place(), column, what);
  }

  [[nodiscard]] Result<int32_t> day(const Field& field, bool dashes) const {
    const auto day = parse_day(field.text, dashes);
    if (!day) {
      return wrong(field.column, fmt::format("'{}' is no date: write {}", field.text,
                                             dashes ? "2020-08-28 or 20200828" : "it as yyyymmdd, like 20200828"));
    }
    const auto in_year = [](int year) {
      return static_cast<int32_t>(std::chrono::sys_days{std::chrono::year{year} / 1 / 1}.time_since_epoch().count());
    };
    if (*day < in_year(kReferenceYearMin) || *day >= in_year(kReferenceYearMax + 1)) {
      return wrong(field.column,
                   fmt::format("the date '{}' is not in the years {} to {}; one without end is written 20501231",
                               field.text, kReferenceYearMin, kReferenceYearMax));
    }
    return *day;
  }

  [[nodiscard]] Result<Factor> factor(const Field& field, std::string_view name) const {
    Factor factor;
    factor.mantissa = 0;
    int digits = 0;
    bool point = false;
    bool any = false;
    size_t length = field.text.size();
    if (field.text.find('.') != std::string_view::npos) {
      while (length > 0 && field.text[length - 1] == '0') --length;  // they say nothing
    }
    for (const char c : field.text.substr(0, length)) {
      if (c == '.' && !point) {
        point = true;
        continue;
      }
      if (c < '0' || c > '9') {
        return wrong(field.column, fmt::format("{} '{}' is no decimal number: write one like 0.25", name, field.text));
      }
      any = true;
      if (digits > 0 || c != '0') ++digits;
      factor.scale += point ? 1 : 0;
      if (digits > kDigitsMax || factor.scale > kDigitsMax) {
        return wrong(field.column,
                     fmt::format("{} '{}' has more than {} digits: round it", name, field.text, kDigitsMax));
      }
      factor.mantissa = factor.mantissa * 10 + (c - '0');
    }
    if (factor.mantissa == 0) {
      return wrong(field.column,
                   any || length < field.text.size()
                       ? fmt::format("{} is 0, and prices are multiplied by it: write 1 where nothing changes", name)
                       : fmt::format("{} is '{}': write a number above 0, 1 where nothing changes", name, field.text));
    }
    if (!in_bounds(factor.units(kSplitDigits), kSplitDigits)) {
      return wrong(field.column, fmt::format("{} '{}' is not between 1e{} and 1e{}", name, field.text, kFactorPowerMin,
                                             kFactorPowerMax));
    }
    return factor;
  }

  [[nodiscard]] Status check_product(const Field& field, const FactorRow& row) const {
    if (in_bounds(product_units(row.price, row.split), kFactorDigits)) return {};
    return wrong(field.column, fmt::format("price_factor times split_factor is not between 1e{} and 1e{}",
                                           kFactorPowerMin, kFactorPowerMax));
  }

  [[nodiscard]] Status reference_price(const Field& field) const {
    double price = 0;
    const auto [end, error] = std::from_chars(field.text.data(), field.text.data() + field.text.size(), price);
    if (error == std::errc{} && end == field.text.data() + field.text.size() && price >= 0) return {};
    return wrong(field.column,
                 fmt::format("reference_price '{}' is no price: write a number, 0 where there is none", field.text));
  }

  // A ticker, or the name of a security.
  [[nodiscard]] Result<std::string> name(const Field& field, std::string_view what) const {
    if (field.text.empty()) return wrong(field.column, fmt::format("{} is empty", what));
    if (field.text.size() > kNameBytesMax)
      return wrong(field.column, fmt::format("{} has more than {} bytes", what, kNameBytesMax));
    for (const char c : field.text) {
      if (c > ' ' && c < '\x7f' && c != '"' && c != '?') continue;
      return wrong(
          field.column,
          fmt::format("{} '{}' has something else than ASCII letters, digits and signs, or has a quote or a question "
                      "mark: write it bare, like IBM",
                      what, field.text));
    }
    return ticker_of(field.text);
  }

  // A row that may follow the one of `before` (nullptr: none).
  template <typename Row>
  [[nodiscard]] Status check_order(const Field& field, int32_t day, const Row* before) const {
    if (before == nullptr || before->day < day) return {};
    if (before->day == day)
      return wrong(field.column, fmt::format("the date {} stands twice: leave one row", format_day(day)));
    return wrong(field.column, fmt::format("the date {} comes after {}: write the rows in the order of their dates",
                                           format_day(day), format_day(before->day)));
  }

 private:
  [[nodiscard]] static bool in_bounds(Int128 units, int digits) {
    Int128 least = 1;
    for (int i = 0; i < digits + kFactorPowerMin; ++i) least *= 10;
    Int128 greatest = least;
    for (int i = kFactorPowerMin; i < kFactorPowerMax; ++i) greatest *= 10;
    return units >= least && units <= greatest;
  }

  std::string_view text_;
  const std::string& file_;
  int line_ = 0;
};

std::string shown(const std::vector<Field>& fields) {
  std::string text;
  for (const Field& field : fields) text += (text.empty() ? "" : ",") + std::string(field.text);
  constexpr size_t kShownBytes = 60;
  return text.size() > kShownBytes ? text.substr(0, kShownBytes) + "..." : text;
}

Result<FactorRow> factor_row(const Lines& lines, const Field& day, const Field& price, const Field& split, bool dashes,
                             const std::vector<FactorRow>& before) {
  FactorRow row;
  PENSTOCK_TRY_ASSIGN(row.day, lines.day(day, dashes));
  PENSTOCK_TRY(lines.check_order(day, row.day, before.empty() ? nullptr : &before.back()));
  PENSTOCK_TRY_ASSIGN(row.price, lines.factor(price, "price_factor"));
  PENSTOCK_TRY_ASSIGN(row.split, lines.factor(split, "split_factor"));
  PENSTOCK_TRY(lines.check_product(price, row));
  return row;
}

Result<TickerRow> ticker_row(const Lines& lines, const Field& day, const Field& ticker, bool dashes,
                             const std::vector<TickerRow>& before) {
  TickerRow row;
  PENSTOCK_TRY_ASSIGN(row.day, lines.day(day, dashes));
  PENSTOCK_TRY(lines.check_order(day, row.day, before.empty() ? nullptr : &before.back()));
  PENSTOCK_TRY_ASSIGN(row.ticker, lines.name(ticker, "ticker"));
  return row;
}

// Where each of `names` stands in the header.
Result<std::vector<size_t>> read_header(Lines& lines, const std::vector<std::string>& names, std::string_view example) {
  const auto header = lines.next();
  if (!header)
    return lines.wrong(1, fmt::format("the file is empty: write the header {} and a row for each change", example));
  std::vector<size_t> places(names.size(), header->size());
  for (size_t i = 0; i < header->size(); ++i) {
    const std::string name((*header)[i].text);
    const auto known = std::ranges::find(names, name);
    if (known == names.end()) {
      return lines.wrong((*header)[i].column, fmt::format("unknown column '{}'{}; the header is {}", name,
                                                          suggestion(name, names), example));
    }
    size_t& place = places[static_cast<size_t>(known - names.begin())];
    if (place != header->size())
      return lines.wrong((*header)[i].column, fmt::format("column '{}' stands twice: leave one of them", name));
    place = i;
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (places[i] == header->size())
      return lines.wrong(1, fmt::format("column '{}' is missing: the header is {}", names[i], example));
  }
  return places;
}

// Rows of a file with a header, by security. `read` makes one of the row's fields and the security's rows before it.
template <typename Row, typename Read>
Result<std::map<std::string, std::pair<std::vector<Row>, std::string>>> read_table(
    Lines& lines, const std::vector<std::string>& names, std::string_view example, const Read& read) {
  PENSTOCK_TRY_ASSIGN(const std::vector<size_t> places, read_header(lines, names, example));
  std::map<std::string, std::pair<std::vector<Row>, std::string>> rows;
  while (const auto fields = lines.next()) {
    if (fields->size() != names.size()) {
      return lines.wrong(
          1, fmt::format("'{}' has {} fields, and the header has {}", shown(*fields), fields->size(), names.size()));
    }
    PENSTOCK_TRY_ASSIGN(const std::string name, lines.name((*fields)[places[0]], "symbol"));
    auto& [of_security, from] = rows[name];
    if (from.empty()) from = lines.place();
    PENSTOCK_TRY_ASSIGN(Row row, read(*fields, places, of_security));
    of_security.push_back(std::move(row));
  }
  if (rows.empty()) return lines.wrong(1, "there is no row under the header");
  return rows;
}

}  // namespace

std::string ticker_of(std::string_view text) {
  std::string out(text);
  if (std::ranges::any_of(out, [](char c) { return c >= 'A' && c <= 'Z'; })) return out;
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::string format_day(int32_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

Status Reference::add_factors(std::string_view name, std::vector<FactorRow> rows, const std::string& from) {
  Security& security = securities_[ticker_of(name)];
  if (!security.factors.empty()) {
    return fail(ErrorKind::invalid, "{}:1: the factors of {} are in {} too: leave one of the files", from,
                ticker_of(name), security.factors_from);
  }
  security.factors = std::move(rows);
  security.factors_from = from;
  return {};
}

Status Reference::add_tickers(std::string_view name, std::vector<TickerRow> rows, const std::string& from) {
  Security& security = securities_[ticker_of(name)];
  if (!security.tickers.empty()) {
    return fail(ErrorKind::invalid, "{}:1: the tickers of {} are in {} too: leave one of the files", from,
                ticker_of(name), security.tickers_from);
  }
  security.tickers = std::move(rows);
  security.tickers_from = from;
  return {};
}

Status Reference::add_factor_file(std::string_view text, const std::string& file, std::string_view security) {
  Lines lines(text, file);
  PENSTOCK_TRY_ASSIGN(const std::string name, lines.name({security, 1}, "the security, which is the file's name,"));
  std::vector<FactorRow> rows;
  std::string from;
  while (const auto fields = lines.next()) {
    if (fields->size() != 3 && fields->size() != 4) {
      return lines.wrong(1, fmt::format("'{}' has {} fields: write yyyymmdd,price_factor,split_factor,reference_price",
                                        shown(*fields), fields->size()));
    }
    if (rows.empty()) from = lines.place();
    PENSTOCK_TRY_ASSIGN(const FactorRow row, factor_row(lines, (*fields)[0], (*fields)[1], (*fields)[2], false, rows));
    if (fields->size() == 4) PENSTOCK_TRY(lines.reference_price((*fields)[3]));
    rows.push_back(row);
  }
  if (rows.empty())
    return lines.wrong(
        1, "there is no row: write yyyymmdd,price_factor,split_factor,reference_price, or take the file away");
  return add_factors(name, std::move(rows), from);
}

Status Reference::add_ticker_file(std::string_view text, const std::string& file, std::string_view security) {
  Lines lines(text, file);
  PENSTOCK_TRY_ASSIGN(const std::string name, lines.name({security, 1}, "the security, which is the file's name,"));
  std::vector<TickerRow> rows;
  std::string from;
  while (const auto fields = lines.next()) {
    if (fields->size() != 2 && fields->size() != 3) {
      return lines.wrong(
          1, fmt::format("'{}' has {} fields: write yyyymmdd,ticker,exchange", shown(*fields), fields->size()));
    }
    if (rows.empty()) from = lines.place();
    PENSTOCK_TRY_ASSIGN(TickerRow row, ticker_row(lines, (*fields)[0], (*fields)[1], false, rows));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return lines.wrong(1, "there is no row: write yyyymmdd,ticker,exchange, or take the file away");
  return add_tickers(name, std::move(rows), from);
}

Status Reference::add_factor_table(std::string_view text, const std::string& file) {
  Lines lines(text, file);
  PENSTOCK_TRY_ASSIGN(
      auto rows, (read_table<FactorRow>(
                     lines, {"symbol", "date", "price_factor", "split_factor"}, "symbol,date,price_factor,split_factor",
                     [&](const std::vector<Field>& fields, const std::vector<size_t>& places,
                         const std::vector<FactorRow>& before) {
                       return factor_row(lines, fields[places[1]], fields[places[2]], fields[places[3]], true, before);
                     })));
  for (auto& [name, of_security] : rows)
    PENSTOCK_TRY(add_factors(name, std::move(of_security.first), of_security.second));
  return {};
}

Status Reference::add_ticker_table(std::string_view text, const std::string& file) {
  Lines lines(text, file);
  PENSTOCK_TRY_ASSIGN(
      auto rows, (read_table<TickerRow>(lines, {"symbol", "date", "ticker"}, "symbol,date,ticker",
                                        [&](const std::vector<Field>& fields, const std::vector<size_t>& places,
                                            const std::vector<TickerRow>& before) {
                                          return ticker_row(lines, fields[places[1]], fields[places[2]], true, before);
                                        })));
  for (auto& [name, of_security] : rows)
    PENSTOCK_TRY(add_tickers(name, std::move(of_security.first), of_security.second));
  return {};
}

}  // namespace penstock::market

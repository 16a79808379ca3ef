// Writes a session of simulated trades to files: the input of the benchmarks. The same options give the same rows.
// Memory stays bounded: time order is the order in which the market makes them, and symbol order is made in passes.
#include <duckdb.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "feed/simulated/market_model.h"

namespace penstock::bench {
namespace {

constexpr Timestamp kOpen{1'710'509'400 * kSecond.ns};  // 2024-03-15T13:30:00Z, 09:30 in New York
constexpr int64_t kRowsPerPass = 8'000'000;             // held in memory where the order is by symbol

struct Options {
  int64_t rows = 1'000'000;
  uint32_t symbols = 500;
  uint64_t seed = 1;
  std::filesystem::path out;
  std::vector<std::string> formats{"csv", "jsonl", "parquet"};
  std::string order = "time";
};

struct Row {
  int64_t ts_event = 0;
  int64_t price_ticks = 0;
  int64_t id = 0;
  uint32_t symbol = 0;
  int32_t shares = 0;
};

// A file written through one large buffer.
class Output {
 public:
  static Result<std::unique_ptr<Output>> create(const std::filesystem::path& path) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) return fail(ErrorKind::io, "cannot create {}: {}", path.string(), std::strerror(errno));
    return std::unique_ptr<Output>(new Output(path, file));
  }
  ~Output() {
    if (file_ != nullptr) std::fclose(file_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Room for one row, then `wrote` up to where it ended.
  [[nodiscard]] char* room() { return buffer_.data() + used_; }
  [[nodiscard]] Status wrote(const char* end) {
    used_ = static_cast<size_t>(end - buffer_.data());
    return used_ + kRowBytesMax > buffer_.size() ? drain() : Status{};
  }
  [[nodiscard]] Status close() {
    PENSTOCK_TRY(drain());
    std::FILE* file = std::exchange(file_, nullptr);
    if (std::fclose(file) != 0) return fail(ErrorKind::io, "cannot write {}: {}", path_, std::strerror(errno));
    return {};
  }

  static constexpr size_t kRowBytesMax = 512;

 private:
  Output(const std::filesystem::path& path, std::FILE* file) : path_(path.string()), file_(file) {}
  [[nodiscard]] Status drain() {
    if (std::fwrite(buffer_.data(), 1, used_, file_) != used_) {
      return fail(ErrorKind::io, "cannot write {}: {}", path_, std::strerror(errno));
    }
    used_ = 0;
    return {};
  }

  std::string path_;
  std::FILE* file_;
  std::vector<char> buffer_ = std::vector<char>(size_t{1} << 20);
  size_t used_ = 0;
};

char* put(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}
char* put(char* to, int64_t number) { return std::to_chars(to, to + 20, number).ptr; }

// Two decimals, without those that are zero, as a feed that prints doubles writes it.
char* put_price(char* to, int64_t ticks) {
  to = put(to, ticks / 100);
  const int64_t cents = ticks % 100;
  if (cents == 0) return to;
  *to++ = '.';
  *to++ = static_cast<char>('0' + cents / 10);
  if (cents % 10 != 0) *to++ = static_cast<char>('0' + cents % 10);
  return to;
}

// RFC 3339 in microseconds. Rows of one second share its text.
class TimeText {
 public:
  char* put_time(char* to, int64_t ns) {
    const int64_t second = ns / kSecond.ns;
    if (second != second_) {
      second_ = second;
      text_ = format_rfc3339(Timestamp{second * kSecond.ns});
      text_.back() = '.';  // in the place of Z
    }
    to = put(to, text_);
    int64_t micros = ns % kSecond.ns / kMicrosecond.ns;
    for (int digit = 5; digit >= 0; --digit) {
      to[digit] = static_cast<char>('0' + micros % 10);
      micros /= 10;
    }
    to[6] = 'Z';
    return to + 7;
  }

 private:
  int64_t second_ = -1;
  std::string text_;
};

class Writer {
 public:
  explicit Writer(const std::vector<std::string>& names) : names_(names) {}

  [[nodiscard]] Status open_csv(const std::filesystem::path& path) {
    PENSTOCK_TRY_ASSIGN(csv_, Output::create(path));
    return csv_->wrote(put(csv_->room(), "symbol,ts_event,price,size,id\n"));
  }
  [[nodiscard]] Status open_jsonl(const std::filesystem::path& path) {
    PENSTOCK_TRY_ASSIGN(jsonl_, Output::create(path));
    return {};
  }
  [[nodiscard]] Status write(const Row& row) {
    char time[40];
    const std::string_view ts_event(time, static_cast<size_t>(time_text_.put_time(time, row.ts_event) - time));
    if (csv_) {
      char* to = put(csv_->room(), names_[row.symbol]);
      *to++ = ',';
      to = put(to, ts_event);
      *to++ = ',';
      to = put_price(to, row.price_ticks);
      *to++ = ',';
      to = put(to, row.shares);
      *to++ = ',';
      to = put(to, row.id);
      *to++ = '\n';
      PENSTOCK_TRY(csv_->wrote(to));
    }
    if (jsonl_) {
      char* to = put(jsonl_->room(), R"({"symbol":")");
      to = put(to, names_[row.symbol]);
      to = put(to, R"(","ts_event":")");
      to = put(to, ts_event);
      to = put(to, R"(","price":)");
      to = put_price(to, row.price_ticks);
      to = put(to, R"(,"size":)");
      to = put(to, row.shares);
      to = put(to, R"(,"id":)");
      to = put(to, row.id);
      to = put(to, "}\n");
      PENSTOCK_TRY(jsonl_->wrote(to));
    }
    return {};
  }
  [[nodiscard]] Status close() {
    if (csv_) PENSTOCK_TRY(csv_->close());
    if (jsonl_) PENSTOCK_TRY(jsonl_->close());
    return {};
  }

 private:
  const std::vector<std::string>& names_;
  TimeText time_text_;
  std::unique_ptr<Output> csv_;
  std::unique_ptr<Output> jsonl_;
};

// Calls `take` for the session's trades in their order, until it says no more or there are `rows`.
Status each_trade(const Options& options, const std::function<Status(const Row&)>& take) {
  feed::MarketOptions market;
  market.seed = options.seed;
  market.symbols = options.symbols;
  market.start = kOpen;
  // As many as are wanted in one session, on the average.
  market.trades_per_million_seconds = std::max<int64_t>(1, options.rows * 1'000'000 / (market.session.ns / kSecond.ns));
  feed::MarketModel model(market);
  for (int64_t rows = 0; rows < options.rows;) {
    const feed::MarketEvent& event = model.next();
    if (!event.trade) continue;
    ++rows;
    PENSTOCK_TRY(take(
        {event.trade->ts_event, event.trade->price_ticks, event.trade->id, event.trade->symbol, event.trade->shares}));
  }
  return {};
}

// Symbols by name, each one's trades by time. The market is made once to count, and once for every kRowsPerPass rows.
Status write_by_symbol(const Options& options, const std::vector<std::string>& names, Writer& writer) {
  std::vector<int64_t> counts(options.symbols);
  PENSTOCK_TRY(each_trade(options, [&](const Row& row) -> Status {
    ++counts[row.symbol];
    return {};
  }));
  std::vector<uint32_t> order(options.symbols);
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return names[a] < names[b]; });
  constexpr size_t kNotInPass = std::numeric_limits<size_t>::max();
  std::vector<size_t> next(options.symbols);  // where the symbol's next row goes in this pass
  std::vector<Row> rows;
  for (size_t begin = 0; begin < order.size();) {
    std::fill(next.begin(), next.end(), kNotInPass);
    size_t total = 0;
    size_t end = begin;
    while (end < order.size() && (end == begin || static_cast<int64_t>(total) + counts[order[end]] <= kRowsPerPass)) {
      next[order[end]] = total;
      total += static_cast<size_t>(counts[order[end++]]);
    }
    rows.resize(total);
    PENSTOCK_TRY(each_trade(options, [&](const Row& row) -> Status {
      if (next[row.symbol] != kNotInPass) rows[next[row.symbol]++] = row;
      return {};
    }));
    for (const Row& row : rows) PENSTOCK_TRY(writer.write(row));
    begin = end;
  }
  return {};
}

std::string quoted(const std::filesystem::path& path) {
  std::string out = "'";
  for (const char c : path.string()) {
    out += c;
    if (c == '\'') out += '\'';
  }
  return out + "'";
}

Status run_sql(duckdb_connection connection, const std::string& sql) {
  duckdb_result result;
  const duckdb_state state = duckdb_query(connection, sql.c_str(), &result);
  const std::string message = state == DuckDBSuccess ? "" : duckdb_result_error(&result);
  duckdb_destroy_result(&result);
  if (state != DuckDBSuccess) return fail(ErrorKind::io, "DuckDB could not write the Parquet file: {}", message);
  return {};
}

// The same rows as Parquet, with the types that users have: TIMESTAMP, DOUBLE, BIGINT.
Status write_parquet(const std::filesystem::path& csv, const std::filesystem::path& parquet) {
  duckdb_database database;
  duckdb_connection connection;
  if (duckdb_open(nullptr, &database) != DuckDBSuccess) return fail(ErrorKind::io, "DuckDB does not open in memory");
  Status status;
  if (duckdb_connect(database, &connection) != DuckDBSuccess) {
    status = fail(ErrorKind::io, "DuckDB gives no connection");
  } else {
    status = run_sql(connection, "SET memory_limit = '1GB'");
    if (status) {
      status = run_sql(connection, fmt::format("COPY (SELECT * FROM read_csv({}, header = true, columns = {{symbol: "
                                               "'VARCHAR', ts_event: 'TIMESTAMP', price: 'DOUBLE', size: 'BIGINT', id: "
                                               "'BIGINT'}})) TO {} (FORMAT parquet)",
                                               quoted(csv), quoted(parquet)));
    }
    duckdb_disconnect(&connection);
  }
  duckdb_close(&database);
  return status;
}

Status generate(const Options& options) {
  const auto wants = [&](const char* format) {
    return std::find(options.formats.begin(), options.formats.end(), format) != options.formats.end();
  };
  std::error_code error;
  std::filesystem::create_directories(options.out, error);
  if (error) return fail(ErrorKind::io, "cannot make the folder {}: {}", options.out.string(), error.message());
  const std::filesystem::path csv = options.out / "trades.csv";

  std::vector<std::string> names;
  for (uint32_t i = 0; i < options.symbols; ++i) names.push_back(feed::simulated_symbol(i));
  Writer writer(names);
  if (wants("csv") || wants("parquet")) PENSTOCK_TRY(writer.open_csv(csv));
  if (wants("jsonl")) PENSTOCK_TRY(writer.open_jsonl(options.out / "trades.jsonl"));
  if (options.order == "symbol") {
    PENSTOCK_TRY(write_by_symbol(options, names, writer));
  } else {
    PENSTOCK_TRY(each_trade(options, [&](const Row& row) { return writer.write(row); }));
  }
  PENSTOCK_TRY(writer.close());
  if (wants("parquet")) PENSTOCK_TRY(write_parquet(csv, options.out / "trades.parquet"));
  if (!wants("csv")) std::filesystem::remove(csv, error);
  return {};
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Writes a session of simulated trades: symbol, ts_event, price, size, id");
  app.add_option("--rows", options.rows, "How many trades")->check(CLI::Range(int64_t{1}, int64_t{10'000'000'000}));
  app.add_option("--symbols", options.symbols, "Of how many symbols")
      ->check(CLI::Range(uint32_t{1}, feed::kSimulatedSymbolsMax));
  app.add_option("--seed", options.seed, "The same seed gives the same trades");
  app.add_option("--out", options.out, "Folder for trades.csv, trades.jsonl and trades.parquet")->required();
  app.add_option("--formats", options.formats, "Of csv, jsonl, parquet")
      ->delimiter(',')
      ->check(CLI::IsMember({"csv", "jsonl", "parquet"}));
  app.add_option("--order", options.order, "time, or symbol and then time")->check(CLI::IsMember({"time", "symbol"}));
  CLI11_PARSE(app, argc, argv);
  if (const Status status = generate(options); !status) {
    fmt::print(stderr, "generate_trades: {}\n", status.error().message);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) { return penstock::bench::main(argc, argv); }

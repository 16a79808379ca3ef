#include "store/duckdb/read_query.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace penstock::store::duck {
namespace {

constexpr std::string_view kWhat = "the query";
constexpr size_t kSqlBytesMax = size_t{1} << 20;
// DuckDB forgets an interrupt that comes between two statements, so that it is repeated.
constexpr std::chrono::milliseconds kInterruptEvery{20};

// The table functions that a query may call, as a plan names them. All others are refused: some read files, and some
// (`enable_logging`) change the whole process although they are called in a SELECT.
constexpr std::array kFunctionsAllowed = {"DUCKDB_COLUMNS",
                                          "DUCKDB_CONSTRAINTS",
                                          "DUCKDB_DATABASES",
                                          "DUCKDB_DEPENDENCIES",
                                          "DUCKDB_FUNCTIONS",
                                          "DUCKDB_INDEXES",
                                          "DUCKDB_KEYWORDS",
                                          "DUCKDB_MEMORY",
                                          "DUCKDB_SCHEMAS",
                                          "DUCKDB_SEQUENCES",
                                          "DUCKDB_SETTINGS",
                                          "DUCKDB_TABLES",
                                          "DUCKDB_TYPES",
                                          "DUCKDB_VIEWS",
                                          "GENERATE_SERIES",
                                          "HISTOGRAM",
                                          "HISTOGRAM_VALUES",
                                          "JSON_EACH",
                                          "JSON_TREE",
                                          "PG_TIMEZONE_NAMES",
                                          "PRAGMA_DATABASE_SIZE",
                                          "PRAGMA_SHOW",
                                          "PRAGMA_STORAGE_INFO",
                                          "PRAGMA_TABLE_INFO",
                                          "PRAGMA_VERSION",
                                          "RANGE",
                                          "REPEAT",
                                          "REPEAT_ROW",
                                          "SEQ_SCAN",
                                          "SUMMARY",
                                          "UNNEST"};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

// What follows the white space and comments at the start of `sql`.
std::string_view skip_space(std::string_view sql) {
  while (!sql.empty()) {
    if (is_space(sql.front())) {
      sql.remove_prefix(1);
    } else if (sql.starts_with("--")) {
      sql.remove_prefix(std::min(sql.find('\n'), sql.size()));
    } else if (sql.starts_with("/*")) {
      size_t depth = 0;  // comments nest
      size_t i = 0;
      while (i < sql.size()) {
        if (sql.substr(i).starts_with("/*")) {
          ++depth;
          i += 2;
        } else if (sql.substr(i).starts_with("*/")) {
          i += 2;
          if (--depth == 0) break;
        } else {
          ++i;
        }
      }
      sql.remove_prefix(i);
    } else {
      break;
    }
  }
  return sql;
}

bool starts_with_word(std::string_view sql, std::string_view word) {
  return sql.size() >= word.size() && std::ranges::equal(sql.substr(0, word.size()), word, [](char a, char b) {
           return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
         });
}

ColumnInfo describe(duckdb_logical_type type, const char* name) {
  ColumnInfo info;
  info.name = name == nullptr ? "" : name;
  info.type = duckdb_get_type_id(type);
  if (info.type == DUCKDB_TYPE_DECIMAL) {
    info.scale = duckdb_decimal_scale(type);
    info.storage = duckdb_decimal_internal_type(type);
  }
  if (info.type == DUCKDB_TYPE_VARCHAR) {
    char* alias = duckdb_logical_type_get_alias(type);
    info.json = alias != nullptr && std::string_view(alias) == "JSON";
    duckdb_free(alias);
  }
  return info;
}

}  // namespace

ReadQuery::ReadQuery(Duration time_max) : time_max_(time_max) {}

ReadQuery::~ReadQuery() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  if (watcher_.joinable()) watcher_.join();
  result_.reset();
}

void ReadQuery::watch() {
  const auto limit = std::chrono::nanoseconds(std::clamp(time_max_.ns, int64_t{0}, kDay.ns));
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, limit, [this] { return done_; })) return;
  timed_out_ = true;
  while (!done_) {
    duckdb_interrupt(connection_.get());
    changed_.wait_for(lock, kInterruptEvery, [this] { return done_; });
  }
}

std::unexpected<Error> ReadQuery::query_error(const char* message) const {
  if (timed_out_) {
    return fail(ErrorKind::cancelled, "the query took longer than {}: ask for less, or raise its time limit",
                format_duration(time_max_));
  }
  return engine_error(ErrorKind::invalid, kWhat, message);
}

Result<std::unique_ptr<ReadQuery>> ReadQuery::start(duckdb_database database, std::string_view sql, Duration time_max,
                                                    Shape shape) {
  std::unique_ptr<ReadQuery> query(new ReadQuery(time_max));
  PENSTOCK_TRY(query->begin(database, sql, shape));
  return query;
}

Status ReadQuery::check_plan(const std::string& sql) {
  // The plan shows what is called however the SQL hides it: in a subquery, in a macro, in the text that `query()`
  // takes.
  const std::string explain = "EXPLAIN (FORMAT JSON) " + sql;
  QueryResult result;
  if (duckdb_query(connection_.get(), explain.c_str(), result.get()) != DuckDBSuccess) {
    return query_error(duckdb_result_error(result.get()));
  }
  constexpr std::string_view kFunction = "\"Function\": \"";
  while (const Chunk chunk = result.fetch()) {
    const idx_t count = duckdb_data_chunk_get_size(chunk.get());
    if (count == 0) break;
    for (idx_t i = 0; i < count; ++i) {
      const std::string_view plan = Row(chunk.get(), i).text(1);
      for (size_t at = plan.find(kFunction); at != std::string_view::npos; at = plan.find(kFunction, at)) {
        at += kFunction.size();
        const std::string_view name = plan.substr(at, plan.find('"', at) - at);
        if (std::ranges::find(kFunctionsAllowed, name) == kFunctionsAllowed.end()) {
          return fail(ErrorKind::invalid,
                      "the query calls the table function {}, which is not among those that only read"
                      " the store",
                      name);
        }
      }
    }
  }
  return {};
}

Status ReadQuery::check_statement(const std::string& sql, Shape shape, std::string& shaped) {
  Statements statements;
  const idx_t count = duckdb_extract_statements(connection_.get(), sql.c_str(), statements.out());
  if (count == 0) {
    const char* error = duckdb_extract_statements_error(statements.get());
    if (error != nullptr) return query_error(error);
    return fail(ErrorKind::invalid, "the query is empty: write one SELECT statement");
  }
  if (count > 1) {
    return fail(ErrorKind::invalid, "the query has {} statements (PIVOT without IN counts as several): write one",
                count);
  }
  Prepared prepared;
  if (duckdb_prepare_extracted_statement(connection_.get(), statements.get(), 0, prepared.out()) != DuckDBSuccess) {
    return query_error(duckdb_prepare_error(prepared.get()));
  }
  if (duckdb_nparams(prepared.get()) > 0) {
    return fail(ErrorKind::invalid, "the query has parameters (?, $1), which nothing gives a value: write the values");
  }
  const duckdb_statement_type type = duckdb_prepared_statement_type(prepared.get());
  if (type == DUCKDB_STATEMENT_TYPE_EXPLAIN) {
    const std::string_view rest = skip_space(skip_space(sql).substr(std::string_view("EXPLAIN").size()));
    if (rest.starts_with('(') || starts_with_word(rest, "ANALY")) {
      return fail(ErrorKind::invalid,
                  "EXPLAIN with options runs what it explains, which the store does not allow: write a"
                  " plain EXPLAIN");
    }
  } else if (type == DUCKDB_STATEMENT_TYPE_SELECT) {
    // SHOW and DESCRIBE are SELECTs too.
    PENSTOCK_TRY(check_plan(sql));
  } else {
    return fail(ErrorKind::invalid,
                "the store is read-only for queries: write a SELECT (or FROM, WITH, VALUES, SHOW,"
                " DESCRIBE, SUMMARIZE, EXPLAIN)");
  }

  shaped = sql;
  columns_.clear();
  const idx_t columns = duckdb_prepared_statement_column_count(prepared.get());
  std::string list;
  std::string names;
  bool cast = false;
  for (idx_t i = 0; i < columns; ++i) {
    const char* name = duckdb_prepared_statement_column_name(prepared.get(), i);
    columns_.push_back({.name = name == nullptr ? "" : name});
    duckdb_free(const_cast<char*>(name));  // given to the caller, although its type says const
    const bool rendered = has_text(duckdb_prepared_statement_column_type(prepared.get(), i));
    cast = cast || !rendered;
    list += fmt::format("{}{}", i > 0 ? ", " : "",
                        fmt::format(fmt::runtime(rendered               ? "c{}"
                                                 : shape == Shape::json ? "to_json(c{})"
                                                                        : "CAST(c{} AS VARCHAR)"),
                                    i));
    names += fmt::format("{}c{}", i > 0 ? ", " : "", i);
  }
  if (cast && shape != Shape::raw) {
    shaped = fmt::format("SELECT {} FROM query({}) AS result({})", list, quote_text(sql), names);
  }
  return {};
}

Status ReadQuery::begin(duckdb_database database, std::string_view sql, Shape shape) {
  if (sql.size() > kSqlBytesMax) return fail(ErrorKind::invalid, "the query is longer than {} bytes", kSqlBytesMax);
  if (sql.find('\0') != std::string_view::npos) return fail(ErrorKind::invalid, "the query holds a zero byte");
  if (duckdb_connect(database, connection_.out()) != DuckDBSuccess) {
    return fail(ErrorKind::io, "{}: DuckDB gives no connection", kWhat);
  }
  watcher_ = std::thread([this] { watch(); });
  PENSTOCK_TRY(run(connection_.get(), "BEGIN TRANSACTION READ ONLY", kWhat));
  std::string shaped;
  PENSTOCK_TRY(check_statement(std::string(sql), shape, shaped));
  const std::vector<ColumnInfo> original = columns_;
  if (duckdb_prepare(connection_.get(), shaped.c_str(), prepared_.out()) != DuckDBSuccess) {
    return query_error(duckdb_prepare_error(prepared_.get()));
  }
  result_ = std::make_unique<QueryResult>();
  if (duckdb_execute_prepared_streaming(prepared_.get(), result_->get()) != DuckDBSuccess) {
    return query_error(duckdb_result_error(result_->get()));
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    columns_[i] = describe(type(i).get(), original[i].name.c_str());
  }
  return {};
}

LogicalType ReadQuery::type(size_t column) { return LogicalType(duckdb_column_logical_type(result_->get(), column)); }

Result<Chunk> ReadQuery::next() {
  Chunk chunk = result_->fetch();
  if (!chunk) {
    const char* error = duckdb_result_error(result_->get());
    if (error != nullptr && *error != '\0') return query_error(error);
    return chunk;
  }
  if (timed_out_) return query_error(nullptr);
  if (duckdb_data_chunk_get_size(chunk.get()) == 0) return Chunk();
  return chunk;
}

}  // namespace penstock::store::duck

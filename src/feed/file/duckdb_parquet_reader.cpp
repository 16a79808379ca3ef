#include "feed/file/duckdb_parquet_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/logging.h"

namespace penstock::feed::file {
namespace {

std::string quote_sql(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote) quoted += quote;
    quoted += c;
  }
  return quoted + quote;
}

struct TypeDeleter {
  void operator()(duckdb_logical_type type) const { duckdb_destroy_logical_type(&type); }
};
using TypeHandle = std::unique_ptr<_duckdb_logical_type, TypeDeleter>;

bool is_integer(duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER: return true;
    default: return false;
  }
}

// Chooses the exact way from the file's type to the field's; what has none of its own goes through its text.
Status choose_form(duckdb_logical_type logical, const FieldSpec& spec, DuckdbColumn& column) {
  const duckdb_type type = duckdb_get_type_id(logical);
  const std::string name = quote_sql(spec.name_in_file, '"');
  const bool number = spec.type.kind == market::Kind::decimal || spec.type.kind == market::Kind::id ||
                      spec.type.kind == market::Kind::timestamp;
  column.sql = name;
  column.physical = type;
  switch (type) {
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_MAP:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_UNION:
      return fail(ErrorKind::invalid, "the column '{}' is nested: '{}' needs plain values", spec.name_in_file,
                  spec.name);
    case DUCKDB_TYPE_VARCHAR: return {};
    default: break;
  }
  if (number && is_integer(type)) {
    column.form = ParquetForm::integer;
    return {};
  }
  if (spec.type.kind == market::Kind::decimal) {
    if (type == DUCKDB_TYPE_DOUBLE || type == DUCKDB_TYPE_FLOAT) {
      column.form = type == DUCKDB_TYPE_DOUBLE ? ParquetForm::real : ParquetForm::short_real;
      return {};
    }
    if (type == DUCKDB_TYPE_DECIMAL && duckdb_decimal_internal_type(logical) != DUCKDB_TYPE_HUGEINT) {
      column.form = ParquetForm::scaled_integer;
      column.physical = duckdb_decimal_internal_type(logical);
      column.scale = duckdb_decimal_scale(logical);
      return {};
    }
  }
  if (spec.type.kind == market::Kind::timestamp) {
    column.form = ParquetForm::time;
    switch (type) {
      case DUCKDB_TYPE_TIMESTAMP:
      case DUCKDB_TYPE_TIMESTAMP_TZ: column.unit = TimeUnit::us; return {};
      case DUCKDB_TYPE_TIMESTAMP_S: column.unit = TimeUnit::s; return {};
      case DUCKDB_TYPE_TIMESTAMP_MS: column.unit = TimeUnit::ms; return {};
      case DUCKDB_TYPE_TIMESTAMP_NS: column.unit = TimeUnit::ns; return {};
      default: break;
    }
  }
  column.form = ParquetForm::text;
  // A whole number that pandas kept as a float, for the sake of nulls beside it, is that number.
  const bool real = type == DUCKDB_TYPE_DOUBLE || type == DUCKDB_TYPE_FLOAT;
  column.sql = real && number ? fmt::format("regexp_replace(format('{{}}', {}), '\\.0$', '')", name)
                              : fmt::format("CAST({} AS VARCHAR)", name);
  return {};
}

}  // namespace

Result<std::unique_ptr<DuckdbReader>> DuckdbReader::open(const std::string& path) {
  std::unique_ptr<DuckdbReader> reader(new DuckdbReader(path));
  duckdb_config config = nullptr;
  duckdb_create_config(&config);
  // One thread: it reads in the thread that asks. No file is spilled to and no extension fetched.
  for (const auto& [name, value] :
       {std::pair{"threads", "1"}, std::pair{"memory_limit", "512MB"}, std::pair{"temp_directory", ""},
        std::pair{"autoinstall_known_extensions", "false"}}) {
    duckdb_set_config(config, name, value);
  }
  char* message = nullptr;
  const duckdb_state state = duckdb_open_ext(nullptr, &reader->database_, config, &message);
  duckdb_destroy_config(&config);
  const std::string reason = message != nullptr ? message : "";
  duckdb_free(message);
  if (state != DuckDBSuccess || duckdb_connect(reader->database_, &reader->connection_) != DuckDBSuccess) {
    return fail(ErrorKind::io, "{}: cannot start DuckDB to read Parquet: {}", path, reason);
  }
  return reader;
}

DuckdbReader::~DuckdbReader() {
  left_ = {};
  if (has_result_) duckdb_destroy_result(&result_);
  if (connection_ != nullptr) duckdb_disconnect(&connection_);
  if (database_ != nullptr) duckdb_close(&database_);
}

Status DuckdbReader::query(const std::string& sql, duckdb_result& result, ErrorKind kind) {
  if (duckdb_query(connection_, sql.c_str(), &result) == DuckDBSuccess) return {};
  const char* reason = duckdb_result_error(&result);
  auto error = fail(kind, "{}: cannot be read as Parquet: {}", path_, reason != nullptr ? reason : "unknown reason");
  duckdb_destroy_result(&result);
  return error;
}

Result<DuckdbLayout> DuckdbReader::read_layout(const std::vector<FieldSpec>& specs) {
  DuckdbLayout layout;
  const std::string from = fmt::format("read_parquet({})", quote_sql(path_, '\''));
  duckdb_result head{};
  PENSTOCK_TRY(query(fmt::format("SELECT count(*) FROM {}", from), head, ErrorKind::invalid));
  layout.rows = static_cast<uint64_t>(duckdb_value_int64(&head, 0, 0));
  duckdb_destroy_result(&head);
  PENSTOCK_TRY(query(fmt::format("SELECT * FROM {} LIMIT 0", from), head, ErrorKind::invalid));
  const std::unique_ptr<duckdb_result, void (*)(duckdb_result*)> close(&head, duckdb_destroy_result);

  std::vector<std::string> names;
  std::string all_names;
  for (idx_t i = 0; i < duckdb_column_count(&head); ++i) {
    names.emplace_back(duckdb_column_name(&head, i));
    all_names += (i == 0 ? "" : ", ") + quote_for_message(names.back());
  }
  for (size_t field = 0; field < specs.size(); ++field) {
    const FieldSpec& spec = specs[field];
    if (spec.constant) continue;
    const auto found = std::ranges::find(names, spec.name_in_file);
    if (found == names.end()) {
      if (!spec.required && spec.name == spec.name_in_file) continue;
      return fail(
          ErrorKind::invalid,
          "{}: there is no column {} for '{}'; the file has {}: name the right one under columns, as in columns: "
          "{{{}: NAME}}",
          path_, quote_for_message(spec.name_in_file), spec.name, all_names, spec.name);
    }
    const TypeHandle type(duckdb_column_logical_type(&head, static_cast<idx_t>(found - names.begin())));
    DuckdbColumn column{.field = field, .name = spec.name_in_file, .sql = {}};
    if (auto chosen = choose_form(type.get(), spec, column); !chosen) {
      return with_context(std::move(chosen).error(), path_);
    }
    if (column.form == ParquetForm::time && column.physical == DUCKDB_TYPE_TIMESTAMP_TZ) {
      PENSTOCK_TRY(warn_of_lost_digits(column.name));
    }
    layout.columns.push_back(std::move(column));
  }
  return layout;
}

// DuckDB's type of times with a zone counts microseconds: what a file keeps below them it does not give.
Status DuckdbReader::warn_of_lost_digits(const std::string& column) {
  duckdb_result found{};
  PENSTOCK_TRY(
      query(fmt::format("SELECT count(*) FROM parquet_schema({}) WHERE name = {} AND logical_type LIKE '%NANOS%'",
                        quote_sql(path_, '\''), quote_sql(column, '\'')),
            found, ErrorKind::invalid));
  const bool nanoseconds = duckdb_value_int64(&found, 0, 0) > 0;
  duckdb_destroy_result(&found);
  if (nanoseconds) {
    log_warning(
        "feed",
        "{}: the column {} holds nanoseconds with a time zone, of which Parquet's reader gives whole microseconds "
        "only: if its times are finer, write them without a zone, as text or as integers",
        path_, quote_for_message(column));
  }
  return {};
}

Status DuckdbReader::start(const DuckdbLayout& layout, uint64_t position, uint64_t piece_rows) {
  position_ = position;
  rows_ = layout.rows;
  piece_rows_ = piece_rows;
  std::string sql = "SELECT ";
  for (const DuckdbColumn& column : layout.columns) sql += column.sql + ", ";
  // A column of our own, so that there always is one.
  sql += fmt::format("true FROM read_parquet({}", quote_sql(path_, '\''));
  sql += position == 0 ? ")" : fmt::format(", file_row_number = true) WHERE file_row_number >= {}", position);
  duckdb_prepared_statement statement = nullptr;
  duckdb_pending_result pending = nullptr;
  Status status;
  if (duckdb_prepare(connection_, sql.c_str(), &statement) != DuckDBSuccess) {
    status = fail(ErrorKind::invalid, "{}: cannot be read as Parquet: {}", path_, duckdb_prepare_error(statement));
  } else if (duckdb_pending_prepared_streaming(statement, &pending) != DuckDBSuccess) {
    status = fail(ErrorKind::invalid, "{}: cannot be read as Parquet: {}", path_, duckdb_pending_error(pending));
  } else {
    has_result_ = true;
    if (duckdb_execute_pending(pending, &result_) != DuckDBSuccess) {
      const char* reason = duckdb_result_error(&result_);
      status = fail(ErrorKind::corrupt, "{}: cannot be read as Parquet: {}", path_, reason != nullptr ? reason : "?");
    }
  }
  duckdb_destroy_pending(&pending);
  duckdb_destroy_prepare(&statement);
  return status;
}

Result<bool> DuckdbReader::next(DuckdbPiece& piece) {
  if (done_) return false;
  piece.runs.clear();
  piece.position = position_;
  const uint64_t bound = std::min(rows_, (position_ / piece_rows_ + 1) * piece_rows_);
  while (position_ < bound) {
    if (left_.begin == left_.end) {
      duckdb_data_chunk chunk = duckdb_fetch_chunk(result_);
      if (chunk == nullptr) {
        const char* reason = duckdb_result_error(&result_);
        return fail(ErrorKind::corrupt, "{}: the Parquet data cannot be read from row {} on: {}", path_, position_ + 1,
                    reason != nullptr && *reason != '\0' ? reason : "it ends early");
      }
      left_ = {{chunk, CloseDuckdbChunk{}}, 0, duckdb_data_chunk_get_size(chunk)};
      continue;
    }
    const size_t count = static_cast<size_t>(std::min<uint64_t>(left_.end - left_.begin, bound - position_));
    piece.runs.push_back({left_.chunk, left_.begin, left_.begin + count});
    left_.begin += count;
    position_ += count;
  }
  if (left_.begin == left_.end) left_ = {};
  piece.position_end = position_;
  piece.last = done_ = position_ == rows_;
  return true;
}

}  // namespace penstock::feed::file

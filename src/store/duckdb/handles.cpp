#include "store/duckdb/handles.h"

namespace penstock::store::duck {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string quote(std::string_view text, char mark) {
  std::string quoted(1, mark);
  for (const char c : text) {
    if (c == mark) quoted.push_back(mark);
    quoted.push_back(c);
  }
  quoted.push_back(mark);
  return quoted;
}

}  // namespace

std::unexpected<Error> engine_error(ErrorKind otherwise, std::string_view what, const char* message) {
  const std::string_view words = message == nullptr ? "DuckDB gives no reason" : message;
  if (contains(words, "No space left on device") || contains(words, "File too large") ||
      contains(words, "Disk quota exceeded") || contains(words, "Could not write all bytes")) {
    return fail(ErrorKind::full, "{}: the disk is full, make room and start again: {}", what, words);
  }
  if (contains(words, "database has been invalidated")) {
    return fail(ErrorKind::io, "{}: DuckDB stopped after an earlier error, start again: {}", what, words);
  }
  if (contains(words, "Out of Memory")) {
    return fail(ErrorKind::full, "{}: the store's memory limit is used up, raise it or ask for less: {}", what, words);
  }
  if (contains(words, "Could not set lock")) {
    return fail(ErrorKind::closed, "{}: another process has the file open: {}", what, words);
  }
  if (contains(words, "Trying to read a database file with version") || contains(words, "newer version of DuckDB")) {
    return fail(ErrorKind::invalid,
                "{}: the file was written by another version of DuckDB; use the Penstock that wrote it: {}", what,
                words);
  }
  if (contains(words, "not a valid DuckDB database file") || contains(words, "Corrupt")) {
    return fail(ErrorKind::corrupt, "{}: {}", what, words);
  }
  if (contains(words, "INTERRUPT")) return fail(ErrorKind::cancelled, "{}: {}", what, words);
  return fail(otherwise, "{}: {}", what, words);
}

Status run(duckdb_connection connection, const std::string& sql, std::string_view what) {
  QueryResult result;
  if (duckdb_query(connection, sql.c_str(), result.get()) != DuckDBSuccess) {
    return engine_error(ErrorKind::io, what, duckdb_result_error(result.get()));
  }
  return {};
}

bool Row::is_null(idx_t column) const {
  uint64_t* validity = duckdb_vector_get_validity(duckdb_data_chunk_get_vector(chunk_, column));
  return validity != nullptr && !duckdb_validity_row_is_valid(validity, row_);
}

std::string_view Row::text(idx_t column) const {
  const void* data = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk_, column));
  return view_of(static_cast<const duckdb_string_t*>(data)[row_]);
}

Status for_each_row(duckdb_connection connection, const std::string& sql, std::string_view what,
                    const std::function<void(const Row&)>& row) {
  QueryResult result;
  if (duckdb_query(connection, sql.c_str(), result.get()) != DuckDBSuccess) {
    return engine_error(ErrorKind::io, what, duckdb_result_error(result.get()));
  }
  while (const Chunk chunk = result.fetch()) {
    const idx_t count = duckdb_data_chunk_get_size(chunk.get());
    if (count == 0) break;
    for (idx_t i = 0; i < count; ++i) row(Row(chunk.get(), i));
  }
  return {};
}

std::string quote_name(std::string_view name) { return quote(name, '"'); }
std::string quote_text(std::string_view text) { return quote(text, '\''); }

}  // namespace penstock::store::duck

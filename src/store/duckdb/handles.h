// DuckDB's C handles as owners, and its errors as ours. For this folder's .cpp files only.
#pragma once

#include <duckdb.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace penstock::store::duck {

template <typename T, auto Destroy>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T raw) : raw_(raw) {}
  Handle(Handle&& other) noexcept : raw_(std::exchange(other.raw_, T{})) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      raw_ = std::exchange(other.raw_, T{});
    }
    return *this;
  }
  ~Handle() { reset(); }
  [[nodiscard]] T get() const { return raw_; }
  // For the C functions that fill a handle in.
  [[nodiscard]] T* out() {
    reset();
    return &raw_;
  }
  void reset() {
    if (raw_ != T{}) Destroy(&raw_);
    raw_ = T{};
  }
  explicit operator bool() const { return raw_ != T{}; }

 private:
  T raw_{};
};

using Config = Handle<duckdb_config, duckdb_destroy_config>;
using Database = Handle<duckdb_database, duckdb_close>;
using Connection = Handle<duckdb_connection, duckdb_disconnect>;
using Prepared = Handle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using Statements = Handle<duckdb_extracted_statements, duckdb_destroy_extracted>;
using Appender = Handle<duckdb_appender, duckdb_appender_destroy>;
using Chunk = Handle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using LogicalType = Handle<duckdb_logical_type, duckdb_destroy_logical_type>;
using ErrorData = Handle<duckdb_error_data, duckdb_destroy_error_data>;
using TableFunction = Handle<duckdb_table_function, duckdb_destroy_table_function>;

class QueryResult {
 public:
  QueryResult() = default;
  QueryResult(const QueryResult&) = delete;
  QueryResult& operator=(const QueryResult&) = delete;
  ~QueryResult() { duckdb_destroy_result(&raw_); }
  [[nodiscard]] duckdb_result* get() { return &raw_; }
  [[nodiscard]] Chunk fetch() { return Chunk(duckdb_fetch_chunk(raw_)); }

 private:
  duckdb_result raw_{};
};

// DuckDB's message as an error of ours. What it says of full disks, locks, interrupts and damage decides the kind,
// else it is `otherwise`.
[[nodiscard]] std::unexpected<Error> engine_error(ErrorKind otherwise, std::string_view what, const char* message);

// Runs a statement whose result nobody needs.
[[nodiscard]] Status run(duckdb_connection connection, const std::string& sql, std::string_view what);

// One row of a result of our own queries.
class Row {
 public:
  Row(duckdb_data_chunk chunk, idx_t row) : chunk_(chunk), row_(row) {}
  [[nodiscard]] bool is_null(idx_t column) const;
  [[nodiscard]] std::string_view text(idx_t column) const;  // VARCHAR or BLOB; valid in the callback
  [[nodiscard]] int64_t int64(idx_t column) const { return data<int64_t>(column); }
  [[nodiscard]] uint64_t uint64(idx_t column) const { return data<uint64_t>(column); }
  [[nodiscard]] int32_t int32(idx_t column) const { return data<int32_t>(column); }
  [[nodiscard]] bool boolean(idx_t column) const { return data<bool>(column); }

 private:
  template <typename T>
  [[nodiscard]] T data(idx_t column) const {
    return static_cast<const T*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk_, column)))[row_];
  }
  duckdb_data_chunk chunk_;
  idx_t row_;
};
[[nodiscard]] Status for_each_row(duckdb_connection connection, const std::string& sql, std::string_view what,
                                  const std::function<void(const Row&)>& row);

[[nodiscard]] inline std::string_view view_of(const duckdb_string_t& text) {
  const uint32_t length = text.value.inlined.length;
  return {length <= sizeof(text.value.inlined.inlined) ? text.value.inlined.inlined : text.value.pointer.ptr, length};
}

// `"name"`, and `'text'`, for use in SQL.
[[nodiscard]] std::string quote_name(std::string_view name);
[[nodiscard]] std::string quote_text(std::string_view text);

}  // namespace penstock::store::duck

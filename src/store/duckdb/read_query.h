// A user's query: guarded so that it can only read, bounded in time, streamed chunk by chunk.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/time.h"
#include "store/duckdb/handles.h"
#include "store/duckdb/value_text.h"

namespace penstock::store::duck {

enum class Shape : uint8_t {
  raw,   // the columns as they are
  text,  // what value_text does not render is cast to text by DuckDB
  json,  // the same, as JSON text
};

// One thread.
class ReadQuery {
 public:
  // `database` is borrowed. `invalid` for SQL that is wrong or does anything but read.
  [[nodiscard]] static Result<std::unique_ptr<ReadQuery>> start(duckdb_database database, std::string_view sql,
                                                                Duration time_max, Shape shape);
  ~ReadQuery();
  [[nodiscard]] const std::vector<ColumnInfo>& columns() const { return columns_; }
  [[nodiscard]] LogicalType type(size_t column);
  // An empty handle is the end.
  [[nodiscard]] Result<Chunk> next();

 private:
  explicit ReadQuery(Duration time_max);
  [[nodiscard]] Status begin(duckdb_database database, std::string_view sql, Shape shape);
  [[nodiscard]] Status check_statement(const std::string& sql, Shape shape, std::string& shaped);
  [[nodiscard]] Status check_plan(const std::string& sql);
  [[nodiscard]] std::unexpected<Error> query_error(const char* message) const;
  void watch();

  const Duration time_max_;
  Connection connection_;
  Prepared prepared_;
  std::unique_ptr<QueryResult> result_;
  std::vector<ColumnInfo> columns_;
  std::atomic<bool> timed_out_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;  // guarded by mutex_
  std::thread watcher_;
};

}  // namespace penstock::store::duck

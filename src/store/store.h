// Where results live. One commit holds rows, input offsets, source positions and operator state: all or none.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "market/batch.h"

namespace penstock::store {

struct TableSpec {
  std::string name;               // `bars`, or with a schema `spark_streams.created_users`
  market::SchemaPtr schema;
  std::vector<size_t> key;        // a later row of the same key replaces the earlier; empty: rows are appended
  // Of a table of bars: none comes twice with the same revision, so that the first final one of a bar, where none came
  // before it is closed, replaces no row and is appended without looking for one.
  bool bars_come_once = false;
};

// Where a source resumes: its own position, and per partition the sequence of the next record it publishes.
struct SourcePosition {
  uint64_t position = 0;
  bool finished = false;  // a bounded source that reached its end
  std::string identity;  // what the position is of (a file's path, size and modification time)
  std::map<TopicPartition, int64_t> next_sequence;
};

// What the store knew at its last commit.
struct Committed {
  std::map<TopicPartition, Offset> offsets;  // one past the last record processed
  std::map<std::string, SourcePosition> sources;  // by name
  std::map<TopicPartition, std::map<std::string, std::string>> state;  // by partition, by name
};

// One commit being made. Dropped without commit(), nothing of it happened. One thread.
class Transaction {
 public:
  virtual ~Transaction() = default;
  [[nodiscard]] virtual Status append(size_t table, const market::Batch& rows) = 0;  // table: order of open()
  // Takes out, for each of `rows`, one row of the table that is equal to it in all columns, where there is one; of what
  // this transaction appended before, too.
  [[nodiscard]] virtual Status remove(size_t table, const market::Batch& rows) = 0;
  [[nodiscard]] virtual Status set_offset(const TopicPartition& partition, Offset next) = 0;
  [[nodiscard]] virtual Status set_source(const std::string& source, const SourcePosition& position) = 0;
  // An empty value deletes the name.
  [[nodiscard]] virtual Status set_state(const TopicPartition& partition,
                                         const std::map<std::string, std::string>& changes) = 0;
  [[nodiscard]] virtual Status commit() = 0;
};

// table: aligned text for a terminal; json: one array of objects; json_lines: an object a line.
enum class Format : uint8_t { table, csv, json, json_lines, parquet };
// As users write it: table, csv, json, jsonl, parquet.
[[nodiscard]] Result<Format> parse_format(std::string_view text);

// Bounds on a query of a user, so that it can neither write nor stall the pipeline.
struct QueryLimits {
  Duration time_max = Duration{60 * kSecond.ns};
  uint64_t rows_max = 10'000'000;
  uint64_t bytes_max = uint64_t{1} << 30;
};

// Takes a result piece by piece; returns an error to stop it.
using ByteSink = std::function<Status(std::string_view)>;

// Thread-safe but for begin(): one transaction at a time.
class Store {
 public:
  virtual ~Store() = default;
  [[nodiscard]] virtual Result<Committed> load_committed() = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Transaction>> begin() = 0;
  // Read-only SQL, one statement; the result as `format`. `invalid` with the engine's words for SQL that is wrong,
  // writes, or reaches files.
  [[nodiscard]] virtual Status query(std::string_view sql, Format format, const QueryLimits& limits,
                                     const ByteSink& sink) = 0;
  // Writes the result of a read-only query to a file, in any format but table. Gives the rows written.
  [[nodiscard]] virtual Result<uint64_t> export_to(std::string_view sql, Format format, const std::string& path) = 0;
  // Rows in each table, by name: for the status page.
  [[nodiscard]] virtual Result<std::map<std::string, uint64_t>> table_rows() = 0;
};

}  // namespace penstock::store

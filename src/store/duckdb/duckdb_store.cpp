#include "store/duckdb/duckdb_store.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "base/logging.h"
#include "io/file_system.h"
#include "store/duckdb/adjustment.h"
#include "store/duckdb/parquet_writer.h"
#include "store/duckdb/read_query.h"
#include "store/duckdb/result_writer.h"
#include "store/duckdb/transaction.h"

namespace penstock::store {
namespace {

using namespace duck;

constexpr int kQueriesMax = 16;                              // at once; each holds a connection and a thread
constexpr size_t kSinkBytes = 64 * 1024;                     // a result goes out in pieces of about this size
constexpr const char* kWalBytes = "16MB";  // a commit that leaves a longer WAL is followed by a checkpoint
constexpr const char* kTemporaryBytesMax = "16GB";  // of what queries and upserts spill to disk
// Of new files: from this version on DuckDB packs text nearly twice as fast. Older DuckDB programs cannot read them.
constexpr const char* kStorageVersion = "v1.3.0";
constexpr uint64_t kExportRowsMax = uint64_t{1} << 40;
constexpr Duration kExportTimeMax{kDay.ns};

// Counts queries that run, so that there are never more than kQueriesMax.
class QuerySlot {
 public:
  [[nodiscard]] static Result<QuerySlot> take(std::atomic<int>& running) {
    if (running.fetch_add(1) >= kQueriesMax) {
      running.fetch_sub(1);
      return fail(ErrorKind::full, "{} queries run already: try again when one has ended", kQueriesMax);
    }
    return QuerySlot(running);
  }
  QuerySlot(QuerySlot&& other) noexcept : running_(std::exchange(other.running_, nullptr)) {}
  QuerySlot& operator=(QuerySlot&&) = delete;
  ~QuerySlot() {
    if (running_ != nullptr) running_->fetch_sub(1);
  }

 private:
  explicit QuerySlot(std::atomic<int>& running) : running_(&running) {}
  std::atomic<int>* running_;
};

// Removes a file that was not finished.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() {
    if (!path_.empty()) static_cast<void>(io::posix_file_system().remove(path_));
  }
  void finished() { path_.clear(); }

 private:
  std::string path_;
};

// A result in Parquet has no text form.
TextForm text_form(Format format) {
  switch (format) {
    case Format::csv: return TextForm::csv;
    case Format::json: return TextForm::json;
    case Format::json_lines: return TextForm::json_lines;
    case Format::table:
    case Format::parquet: break;
  }
  return TextForm::table;
}

Shape shape_of(Format format) {
  switch (format) {
    case Format::json:
    case Format::json_lines: return Shape::json;
    case Format::parquet: return Shape::raw;
    case Format::table:
    case Format::csv: break;
  }
  return Shape::text;
}

// Gives the rows written.
Result<uint64_t> write_result(ReadQuery& query, TextForm form, const QueryLimits& limits, const ByteSink& sink) {
  const std::unique_ptr<ResultWriter> writer = ResultWriter::make(form, query.columns());
  std::string out;
  uint64_t rows = 0;
  uint64_t bytes = 0;
  const auto hand_on = [&](size_t least) -> Status {
    if (out.size() < least || out.empty()) return {};
    bytes += out.size();
    if (bytes > limits.bytes_max) {
      return fail(ErrorKind::full, "the result is larger than {} bytes: ask for less, or add a LIMIT",
                  limits.bytes_max);
    }
    Status taken = sink(out);
    out.clear();
    return taken;
  };
  writer->begin(out);
  std::vector<ColumnView> columns(query.columns().size());
  while (true) {
    PENSTOCK_TRY_ASSIGN(const Chunk chunk, query.next());
    if (!chunk) break;
    for (size_t i = 0; i < columns.size(); ++i) {
      duckdb_vector vector = duckdb_data_chunk_get_vector(chunk.get(), i);
      columns[i] = {duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector)};
    }
    const idx_t count = duckdb_data_chunk_get_size(chunk.get());
    for (idx_t row = 0; row < count; ++row) {
      if (++rows > limits.rows_max) {
        return fail(ErrorKind::full, "the result has more than {} rows: ask for less, or add a LIMIT", limits.rows_max);
      }
      writer->row(columns, row, out);
      PENSTOCK_TRY(hand_on(kSinkBytes));
    }
  }
  writer->end(out);
  PENSTOCK_TRY(hand_on(0));
  return rows;
}

// Thread rules: those of Store. The writer's connection is used by the one transaction and by load_committed.
class DuckDbStore final : public Store {
 public:
  DuckDbStore(std::string path, DuckDbOptions options) : path_(std::move(path)), options_(options) {}

  ~DuckDbStore() override {
    PENSTOCK_ASSERT(!busy_);  // a transaction borrows this store
    if (!writer_ || options_.read_only) return;
    if (const Status done = run(writer_.get(), "CHECKPOINT", "closing the store"); !done) {
      // Nothing is lost: the WAL holds it, and the next open reads it.
      log_warning("store", "{}", done.error().message);
    }
  }

  [[nodiscard]] Status open(std::vector<TableSpec> specs) {
    PENSTOCK_TRY(open_database());
    PENSTOCK_TRY_ASSIGN(const int format, read_format(writer_.get(), path_));
    QueryResult probe;
    const bool has_json = duckdb_query(writer_.get(), "SELECT '{}'::JSON", probe.get()) == DuckDBSuccess;
    if (options_.read_only) {
      if (format == 0) return fail(ErrorKind::not_found, "{} holds no store of Penstock", path_);
    } else {
      // What is taken away makes room for tables of its names; what is made shows tables that must be there.
      using Adjusting = DuckDbOptions::Adjusting;
      if (format > 0 && options_.adjusting == Adjusting::remove) PENSTOCK_TRY(remove_adjustment(writer_.get()));
      PENSTOCK_TRY(make_tables(writer_.get(), specs, format, has_json));
      if (options_.adjusting == Adjusting::replace) {
        PENSTOCK_TRY(replace_adjustment(writer_.get(), specs, options_.adjustment_source));
      }
    }
    for (TableSpec& spec : specs) {
      PENSTOCK_TRY_ASSIGN(OpenTable table, OpenTable::make(std::move(spec)));
      if (!options_.read_only) PENSTOCK_TRY(table.find_provisional(writer_.get()));
      tables_.push_back(std::move(table));
    }
    return {};
  }

  Result<Committed> load_committed() override {
    Committed committed;
    PENSTOCK_TRY(for_each_row(
        writer_.get(), "SELECT topic, partition, next FROM penstock.offsets", "reading the offsets",
        [&](const Row& row) { committed.offsets[{std::string(row.text(0)), row.int32(1)}] = Offset{row.int64(2)}; }));
    PENSTOCK_TRY(for_each_row(writer_.get(), "SELECT name, position, finished, identity FROM penstock.sources",
                              "reading the sources' positions", [&](const Row& row) {
                                SourcePosition& position = committed.sources[std::string(row.text(0))];
                                position.position = row.uint64(1);
                                position.finished = row.boolean(2);
                                position.identity = std::string(row.text(3));
                              }));
    PENSTOCK_TRY(for_each_row(
        writer_.get(), "SELECT source, topic, partition, next FROM penstock.sequences",
        "reading the sources' sequences", [&](const Row& row) {
          committed.sources[std::string(row.text(0))].next_sequence[{std::string(row.text(1)), row.int32(2)}] =
              row.int64(3);
        }));
    PENSTOCK_TRY(for_each_row(writer_.get(), "SELECT topic, partition, name, value FROM penstock.state",
                              "reading the state", [&](const Row& row) {
                                committed.state[{std::string(row.text(0)), row.int32(1)}][std::string(row.text(2))] =
                                    std::string(row.text(3));
                              }));
    return committed;
  }

  Result<std::unique_ptr<Transaction>> begin() override {
    if (options_.read_only)
      return fail(ErrorKind::invalid, "{} is open to be read only: nothing can be committed", path_);
    return DuckDbTransaction::begin(writer_.get(), tables_, options_.symbols, busy_);
  }

  Status query(std::string_view sql, Format format, const QueryLimits& limits, const ByteSink& sink) override {
    PENSTOCK_TRY_ASSIGN(const QuerySlot slot, QuerySlot::take(queries_));
    if (format == Format::parquet) return query_parquet(sql, limits, sink);
    PENSTOCK_TRY_ASSIGN(const auto query, ReadQuery::start(database_.get(), sql, limits.time_max, shape_of(format)));
    PENSTOCK_TRY(write_result(*query, text_form(format), limits, sink));
    return {};
  }

  Result<uint64_t> export_to(std::string_view sql, Format format, const std::string& path) override {
    if (format == Format::table) {
      return fail(ErrorKind::invalid, "a file is written as csv, json, jsonl or parquet; table is for the terminal");
    }
    PENSTOCK_TRY_ASSIGN(const QuerySlot slot, QuerySlot::take(queries_));
    PENSTOCK_TRY_ASSIGN(const auto query, ReadQuery::start(database_.get(), sql, kExportTimeMax, shape_of(format)));
    const std::string temporary = temporary_path(path);
    Unfinished unfinished(temporary);
    uint64_t rows = 0;
    if (format == Format::parquet) {
      PENSTOCK_TRY_ASSIGN(rows, write_parquet(*query, temporary, kExportRowsMax));
      PENSTOCK_TRY_ASSIGN(const auto file, io::posix_file_system().open(temporary, io::OpenMode::read_write));
      PENSTOCK_TRY(file->sync());
    } else {
      PENSTOCK_TRY_ASSIGN(const auto file, io::posix_file_system().open(temporary, io::OpenMode::create));
      PENSTOCK_TRY(file->truncate(0));
      uint64_t position = 0;
      const QueryLimits limits{.time_max = kExportTimeMax, .rows_max = kExportRowsMax, .bytes_max = uint64_t{1} << 62};
      PENSTOCK_TRY_ASSIGN(rows, write_result(*query, text_form(format), limits, [&](std::string_view bytes) -> Status {
                            PENSTOCK_TRY(file->write_at(position, std::as_bytes(std::span(bytes))));
                            position += bytes.size();
                            return {};
                          }));
      PENSTOCK_TRY(file->sync());
    }
    PENSTOCK_TRY(io::posix_file_system().rename(temporary, path));
    unfinished.finished();
    const std::string folder = std::filesystem::path(path).parent_path().string();
    PENSTOCK_TRY(io::posix_file_system().sync_directory(folder.empty() ? "." : folder));
    return rows;
  }

  Result<std::map<std::string, uint64_t>> table_rows() override {
    PENSTOCK_TRY_ASSIGN(const QuerySlot slot, QuerySlot::take(queries_));
    Connection connection;
    if (duckdb_connect(database_.get(), connection.out()) != DuckDBSuccess) {
      return fail(ErrorKind::io, "counting rows: DuckDB gives no connection");
    }
    std::map<std::string, uint64_t> counts;
    for (const OpenTable& table : tables_) {
      PENSTOCK_TRY(
          for_each_row(connection.get(), fmt::format("SELECT count(*) FROM {}", table.name.quoted()), "counting rows",
                       [&](const Row& row) { counts[table.spec.name] = static_cast<uint64_t>(row.int64(0)); }));
    }
    return counts;
  }

 private:
  [[nodiscard]] Status open_database() {
    std::error_code ignored;
    if (options_.read_only && !std::filesystem::exists(path_, ignored)) {
      return fail(ErrorKind::not_found, "there is no store at {}: run a pipeline on that data directory first", path_);
    }
    Config config;
    if (duckdb_create_config(config.out()) != DuckDBSuccess) return fail(ErrorKind::io, "opening {}: no memory", path_);
    // Order matters: after external access is off, no path can be set, and the lock comes last.
    const std::vector<std::pair<const char*, std::string>> settings = {
        {"access_mode", options_.read_only ? "READ_ONLY" : "READ_WRITE"},
        {"memory_limit", fmt::format("{}B", options_.memory_bytes_max)},
        {"threads", fmt::format("{}", options_.threads)},
        {"temp_directory", path_ + ".tmp"},
        {"max_temp_directory_size", kTemporaryBytesMax},
        {"checkpoint_threshold", kWalBytes},
        {"storage_compatibility_version", kStorageVersion},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
        {"enable_external_access", "false"},
        {"lock_configuration", "true"},
    };
    for (const auto& [name, value] : settings) {
      if (duckdb_set_config(config.get(), name, value.c_str()) != DuckDBSuccess) {
        return fail(ErrorKind::invalid, "opening {}: DuckDB {} does not take {} for its setting {}", path_,
                    duckdb_library_version(), value, name);
      }
    }
    char* reason = nullptr;
    if (duckdb_open_ext(path_.c_str(), database_.out(), config.get(), &reason) != DuckDBSuccess) {
      auto error = engine_error(ErrorKind::io, "opening " + path_, reason);
      duckdb_free(reason);
      return error;
    }
    if (duckdb_connect(database_.get(), writer_.out()) != DuckDBSuccess) {
      return fail(ErrorKind::io, "opening {}: DuckDB gives no connection", path_);
    }
    return {};
  }

  // Distinct among the files that this process writes at once.
  [[nodiscard]] std::string temporary_path(const std::string& path) {
    return fmt::format("{}.{}-{}.tmp", path, getpid(), ++temporary_files_);
  }

  [[nodiscard]] Status query_parquet(std::string_view sql, const QueryLimits& limits, const ByteSink& sink) {
    PENSTOCK_TRY_ASSIGN(const auto query, ReadQuery::start(database_.get(), sql, limits.time_max, Shape::raw));
    std::error_code error;
    // Beside the store, which nobody else writes to; a store that is only read may lie in a read-only folder.
    std::filesystem::path base = path_ + ".query";
    if (options_.read_only) base = std::filesystem::temp_directory_path(error) / "penstock-query";
    if (error) return fail(ErrorKind::io, "a Parquet result needs a folder for temporary files: set TMPDIR");
    const std::string path = temporary_path(base.string());
    const Unfinished remove_after(path);
    PENSTOCK_TRY(write_parquet(*query, path, limits.rows_max));
    PENSTOCK_TRY_ASSIGN(const auto file, io::posix_file_system().open(path, io::OpenMode::read));
    PENSTOCK_TRY_ASSIGN(const uint64_t size, file->size());
    if (size > limits.bytes_max) {
      return fail(ErrorKind::full, "the result is larger than {} bytes: ask for less, or add a LIMIT",
                  limits.bytes_max);
    }
    std::vector<std::byte> piece(kSinkBytes);
    for (uint64_t position = 0; position < size;) {
      PENSTOCK_TRY_ASSIGN(const size_t count, file->read_at(position, piece));
      if (count == 0) return fail(ErrorKind::io, "{} became shorter while it was read", path);
      PENSTOCK_TRY(sink({reinterpret_cast<const char*>(piece.data()), count}));
      position += count;
    }
    return {};
  }

  const std::string path_;
  const DuckDbOptions options_;
  Database database_;
  Connection writer_;
  std::vector<OpenTable> tables_;  // constant after open, but for what a transaction notes in them
  std::atomic<bool> busy_{false};
  std::atomic<int> queries_{0};
  std::atomic<uint64_t> temporary_files_{0};
};

}  // namespace

Result<std::unique_ptr<Store>> open_duckdb_store(const std::string& path, const DuckDbOptions& options,
                                                 std::vector<TableSpec> tables) {
  auto store = std::make_unique<DuckDbStore>(path, options);
  PENSTOCK_TRY(store->open(std::move(tables)));
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace penstock::store

// How fast Parquet is decoded: nanoseconds a row, file to batches, nothing done with them. By Penstock's own reader on
// one core and on two, and by DuckDB, which reads what that one does not.
#include <benchmark/benchmark.h>
#include <duckdb.h>
#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>

#include "base/clock.h"
#include "feed/file/parquet_source.h"
#include "io/file_system.h"
#include "market/symbol_table.h"

namespace {

using namespace penstock;
using feed::file::ParquetReaderChoice;

constexpr size_t kRows = 2'000'000;

class DroppingEmitter final : public feed::Emitter {
 public:
  std::atomic<size_t> rows = 0;
  Result<std::unique_ptr<feed::PreparedChunk>> prepare(feed::Chunk&& chunk) override {
    rows += chunk.rows.rows;
    return std::make_unique<feed::PreparedChunk>();
  }
  Status publish(std::unique_ptr<feed::PreparedChunk>) override { return {}; }
};

// A day's tape of 500 symbols in order of time, written once a codec and removed at the end.
class Files {
 public:
  Files() : folder_(std::filesystem::temp_directory_path() / fmt::format("parquet-bench-{}", getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~Files() { std::filesystem::remove_all(folder_); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  // Empty when it cannot be written.
  std::string written_with(const std::string& options) {
    std::string& path = paths_[options];
    if (!path.empty()) return path;
    path = (folder_ / fmt::format("{}.parquet", paths_.size())).string();
    const std::string sql = fmt::format(
        "SET preserve_insertion_order = true; COPY (SELECT 'S' || (hash(i) % 500)::VARCHAR AS symbol, "
        "TIMESTAMP '2024-03-15 13:30:00' + INTERVAL (i * 1200 + hash(i + 7) % 1200) MICROSECOND AS ts_event, "
        "(10 + hash(i) % 500 + hash(i + 1) % 100 / 100.0)::DOUBLE AS price, (1 + hash(i + 2) % 1000)::BIGINT AS size, "
        "i AS id FROM range({}) r(i)) TO '{}' (FORMAT parquet, {})",
        kRows, path, options);
    duckdb_database database = nullptr;
    duckdb_connection connection = nullptr;
    bool ok = duckdb_open(nullptr, &database) == DuckDBSuccess &&
              duckdb_connect(database, &connection) == DuckDBSuccess &&
              duckdb_query(connection, sql.c_str(), nullptr) == DuckDBSuccess;
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    if (!ok) path.clear();
    return path;
  }

 private:
  std::filesystem::path folder_;
  std::map<std::string, std::string> paths_;
};

void decode(benchmark::State& state, const char* options, ParquetReaderChoice reader, int threads) {
  static Files files;
  const std::string path = files.written_with(options);
  market::SymbolTable symbols;
  for (auto _ : state) {
    auto source = feed::file::make_parquet_source({.path = path, .threads = threads}, symbols, system_clock(),
                                                  io::posix_file_system(), reader);
    DroppingEmitter emitter;
    if (!source || !(*source)->run(0, emitter, {}) || emitter.rows != kRows) {
      state.SkipWithError("the rows were not all decoded");
      break;
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(static_cast<size_t>(state.iterations()) * kRows));
}

#define PENSTOCK_PARQUET_BENCHMARK(name, options, reader, threads) \
  BENCHMARK_CAPTURE(decode, name, options, reader, threads)->Unit(benchmark::kMillisecond)->UseRealTime()

PENSTOCK_PARQUET_BENCHMARK(snappy, "COMPRESSION snappy", ParquetReaderChoice::native, 1);
PENSTOCK_PARQUET_BENCHMARK(snappy_2_threads, "COMPRESSION snappy", ParquetReaderChoice::native, 2);
PENSTOCK_PARQUET_BENCHMARK(snappy_large_groups, "COMPRESSION snappy, ROW_GROUP_SIZE 1000000",
                           ParquetReaderChoice::native, 1);
PENSTOCK_PARQUET_BENCHMARK(snappy_large_groups_2_threads, "COMPRESSION snappy, ROW_GROUP_SIZE 1000000",
                           ParquetReaderChoice::native, 2);
PENSTOCK_PARQUET_BENCHMARK(zstd, "COMPRESSION zstd", ParquetReaderChoice::native, 1);
PENSTOCK_PARQUET_BENCHMARK(lz4, "COMPRESSION lz4_raw", ParquetReaderChoice::native, 1);
PENSTOCK_PARQUET_BENCHMARK(uncompressed, "COMPRESSION uncompressed", ParquetReaderChoice::native, 1);
PENSTOCK_PARQUET_BENCHMARK(deltas, "COMPRESSION snappy, PARQUET_VERSION v2", ParquetReaderChoice::native, 1);
PENSTOCK_PARQUET_BENCHMARK(snappy_by_duckdb, "COMPRESSION snappy", ParquetReaderChoice::duckdb, 1);

}  // namespace

#include "store/duckdb/parquet_writer.h"

#include "store/duckdb/result_writer.h"

namespace penstock::store::duck {
namespace {

constexpr const char* kMemoryMax = "256MB";

// What the table function `penstock_result` reads from. DuckDB calls it from one thread at a time.
struct Feed {
  ReadQuery& query;
  const uint64_t rows_max;
  uint64_t rows = 0;
  Status failed{};
};

void bind(duckdb_bind_info info) {
  const auto* feed = static_cast<const Feed*>(duckdb_bind_get_extra_info(info));
  const std::vector<std::string> names = distinct_names(feed->query.columns());
  for (size_t i = 0; i < names.size(); ++i) {
    duckdb_bind_add_result_column(info, names[i].c_str(), feed->query.type(i).get());
  }
}

void init(duckdb_init_info info) { duckdb_init_set_max_threads(info, 1); }

void fill(duckdb_function_info info, duckdb_data_chunk output) {
  auto* feed = static_cast<Feed*>(duckdb_function_get_extra_info(info));
  Result<Chunk> chunk = feed->query.next();
  if (!chunk) {
    feed->failed = std::unexpected(std::move(chunk).error());
    duckdb_function_set_error(info, feed->failed.error().message.c_str());
    return;
  }
  const idx_t count = *chunk ? duckdb_data_chunk_get_size(chunk->get()) : 0;
  feed->rows += count;
  if (feed->rows > feed->rows_max) {
    feed->failed =
        fail(ErrorKind::full, "the result has more than {} rows: ask for less, or add a LIMIT", feed->rows_max);
    duckdb_function_set_error(info, feed->failed.error().message.c_str());
    return;
  }
  for (idx_t i = 0; count > 0 && i < duckdb_data_chunk_get_column_count(output); ++i) {
    duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(output, i),
                                   duckdb_data_chunk_get_vector(chunk->get(), i));
  }
  duckdb_data_chunk_set_size(output, count);
}

}  // namespace

Result<uint64_t> write_parquet(ReadQuery& query, const std::string& path, uint64_t rows_max) {
  constexpr std::string_view kWhat = "writing Parquet";
  Config config;
  if (duckdb_create_config(config.out()) != DuckDBSuccess) return fail(ErrorKind::io, "{}: no memory", kWhat);
  for (const auto& [name, value] :
       {std::pair{"memory_limit", kMemoryMax}, std::pair{"threads", "1"},
        std::pair{"autoinstall_known_extensions", "false"}, std::pair{"autoload_known_extensions", "false"}}) {
    if (duckdb_set_config(config.get(), name, value) != DuckDBSuccess) {
      return fail(ErrorKind::io, "{}: this DuckDB does not know the setting {}", kWhat, name);
    }
  }
  Database database;
  char* reason = nullptr;
  if (duckdb_open_ext(nullptr, database.out(), config.get(), &reason) != DuckDBSuccess) {
    auto error = engine_error(ErrorKind::io, kWhat, reason);
    duckdb_free(reason);
    return error;
  }
  Connection connection;
  if (duckdb_connect(database.get(), connection.out()) != DuckDBSuccess) {
    return fail(ErrorKind::io, "{}: DuckDB gives no connection", kWhat);
  }
  Feed feed{query, rows_max};
  const TableFunction function(duckdb_create_table_function());
  duckdb_table_function_set_name(function.get(), "penstock_result");
  duckdb_table_function_set_extra_info(function.get(), &feed, nullptr);
  duckdb_table_function_set_bind(function.get(), bind);
  duckdb_table_function_set_init(function.get(), init);
  duckdb_table_function_set_function(function.get(), fill);
  if (duckdb_register_table_function(connection.get(), function.get()) != DuckDBSuccess) {
    return fail(ErrorKind::io, "{}: DuckDB does not take the result", kWhat);
  }
  const Status written = run(
      connection.get(),
      fmt::format("COPY (FROM penstock_result()) TO {} (FORMAT parquet, COMPRESSION zstd)", quote_text(path)), kWhat);
  if (!feed.failed) return std::unexpected(std::move(feed.failed).error());
  if (!written) return std::unexpected(written.error());
  return feed.rows;
}

}  // namespace penstock::store::duck

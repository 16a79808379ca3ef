// For tests of Parquet files: DuckDB to write them, and what the source of each reader gives.
#pragma once

#include <duckdb.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "base/clock.h"
#include "feed/file/file_testing.h"
#include "feed/file/parquet_source.h"

namespace penstock::feed::file {

class ParquetFixture : public testing::Test {
 protected:
  ParquetFixture() : folder_(std::filesystem::path(testing::TempDir()) / fmt::format("parquet-{}", getpid())) {
    std::filesystem::create_directories(folder_);
    EXPECT_EQ(duckdb_open(nullptr, &database_), DuckDBSuccess);
    EXPECT_EQ(duckdb_connect(database_, &connection_), DuckDBSuccess);
  }
  ~ParquetFixture() override {
    duckdb_disconnect(&connection_);
    duckdb_close(&database_);
    std::filesystem::remove_all(folder_);
  }

  // The file that DuckDB writes of `query`.
  std::string write(const std::string& query, const std::string& options = "FORMAT parquet",
                    const char* name = "t.parquet") {
    const std::string path = (folder_ / name).string();
    duckdb_result result{};
    const std::string sql = fmt::format("COPY ({}) TO '{}' ({})", query, path, options);
    EXPECT_EQ(duckdb_query(connection_, sql.c_str(), &result), DuckDBSuccess) << duckdb_result_error(&result);
    duckdb_destroy_result(&result);
    return path;
  }
  std::string write_bytes(const std::string& bytes, const char* name = "t.parquet") {
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  struct Seen {
    Status status;
    KeepingEmitter emitter;
  };
  Seen read(const std::string& path, ParquetReaderChoice reader, FileOptions options = {}, uint64_t position = 0) {
    options.path = path;
    files_.contents[path] = bytes_of(path);
    Seen seen{{}, KeepingEmitter(symbols_)};
    auto source = path.ends_with(".parquet") ? make_parquet_source(options, symbols_, clock_, files_, reader)
                                             : make_file_source(options, symbols_, clock_, files_);
    if (source) {
      seen.status = (*source)->run(position, seen.emitter, {});
    } else {
      seen.status = std::unexpected(source.error());
    }
    return seen;
  }

  std::filesystem::path folder_;
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
  market::SymbolTable symbols_;
  ManualClock clock_{Timestamp{0}};
  MemoryFiles files_;
};

}  // namespace penstock::feed::file

#include "runtime/inspect.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "io/http_client.h"
#include "log/embedded/embedded_log.h"
#include "runtime/data_dir.h"
#include "runtime/log_access.h"
#include "store/duckdb/duckdb_store.h"

namespace penstock::runtime {
namespace {

// What a user asks for from this machine's own shell may be as large as it is.
constexpr store::QueryLimits kShellLimits{.time_max = kDay, .rows_max = UINT64_MAX, .bytes_max = UINT64_MAX};

std::string_view format_name(store::Format format) {
  switch (format) {
    case store::Format::table: return "table";
    case store::Format::csv: return "csv";
    case store::Format::json: return "json";
    case store::Format::json_lines: return "jsonl";
    case store::Format::parquet: return "parquet";
  }
  return "";
}

Status query_running(const RunInfo& run, const std::string& sql, store::Format format, const store::ByteSink& sink) {
  const auto client = io::make_http_client();
  io::HttpCall call;
  call.method = "POST";
  call.url = fmt::format("http://{}/api/query?format={}", run.address, format_name(format));
  call.body = sql;
  call.headers.add("Content-Type", "application/sql");
  call.timeout = kShellLimits.time_max;
  call.response_bytes_max = UINT64_MAX;
  PENSTOCK_TRY_ASSIGN(const io::HttpResponse response, client->fetch(call, sink, {}));
  if (response.status >= 200 && response.status < 300) return {};
  const auto json = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  const bool told = json.is_object() && json.contains("error") && json["error"].is_string();
  return fail(response.status == 400 ? ErrorKind::invalid : ErrorKind::io, "{}",
              told ? json["error"].get<std::string>()
                   : fmt::format("the pipeline at {} answered {}", run.address, response.status));
}

// The store of a data folder on which no pipeline runs.
Result<std::unique_ptr<store::Store>> open_store(io::FileSystem& files, const DataPaths& paths,
                                                 std::optional<DataDir>& held) {
  PENSTOCK_TRY_ASSIGN(const bool there, files.exists(paths.store()));
  if (!there) {
    return fail(ErrorKind::not_found, "{} holds no data of a pipeline: run one with --data {} first", paths.root,
                paths.root);
  }
  // A store that was not closed (its process was killed) has a write-ahead log, which only a writer can take in.
  PENSTOCK_TRY_ASSIGN(const bool unclosed, files.exists(paths.store() + ".wal"));
  store::DuckDbOptions options;
  options.read_only = !unclosed;
  if (unclosed) {
    PENSTOCK_TRY_ASSIGN(DataDir data_dir, DataDir::acquire(files, paths.root));
    held.emplace(std::move(data_dir));
  }
  return store::open_duckdb_store(paths.store(), options, {});
}

}  // namespace

Status query(io::FileSystem& files, const std::string& data_dir, const std::string& sql, store::Format format,
             const store::ByteSink& sink) {
  const DataPaths paths{data_dir};
  PENSTOCK_TRY_ASSIGN(const auto running, read_run_info(files, paths));
  if (running) return query_running(*running, sql, format, sink);
  std::optional<DataDir> held;
  PENSTOCK_TRY_ASSIGN(const auto store, open_store(files, paths, held));
  return store->query(sql, format, kShellLimits, sink);
}

Result<uint64_t> export_query(io::FileSystem& files, const std::string& data_dir, const std::string& sql,
                              store::Format format, const std::string& path) {
  const std::string temporary = path + ".new";
  uint64_t bytes = 0;
  {
    PENSTOCK_TRY_ASSIGN(const auto file, files.open(temporary, io::OpenMode::create));
    PENSTOCK_TRY(file->truncate(0));
    const Status written = query(files, data_dir, sql, format, [&](std::string_view piece) -> Status {
      PENSTOCK_TRY(file->write_at(bytes, std::as_bytes(std::span(piece))));
      bytes += piece.size();
      return {};
    });
    if (!written) {
      [[maybe_unused]] const Status removed = files.remove(temporary);
      return std::unexpected(written.error());
    }
    PENSTOCK_TRY(file->sync());
  }
  PENSTOCK_TRY(files.rename(temporary, path));
  return bytes;
}

Result<std::unique_ptr<log::Log>> open_log(io::FileSystem& files, const DataPaths& paths) {
  PENSTOCK_TRY_ASSIGN(const bool there, files.exists(paths.log()));
  if (!there) {
    return fail(ErrorKind::not_found, "{} holds no log of a pipeline: run one with --data {} first", paths.root,
                paths.root);
  }
  log::EmbeddedOptions options;
  options.read_only = true;
  return log::EmbeddedLog::open(files, paths.log(), options);
}

Result<std::string> describe_topics(io::FileSystem& files, const std::string& data_dir) {
  PENSTOCK_TRY_ASSIGN(const auto log, open_log(files, DataPaths{data_dir}));
  PENSTOCK_TRY_ASSIGN(const std::vector<log::PartitionInfo> infos, log->topics());
  size_t width = std::string_view("topic").size();
  for (const log::PartitionInfo& info : infos) width = std::max(width, info.id.topic.size());
  std::string text = fmt::format("{:<{}}  {:>9}  {:>12}  {:>12}  {:>12}  {:>14}  {:>8}  newest\n", "topic", width,
                                 "partition", "start", "end", "records", "bytes", "segments");
  for (const log::PartitionInfo& info : infos) {
    text += fmt::format("{:<{}}  {:>9}  {:>12}  {:>12}  {:>12}  {:>14}  {:>8}  {}\n", info.id.topic, width,
                        info.id.partition, info.start.value, info.end.value, info.end.value - info.start.value,
                        info.bytes, info.segments, info.newest ? format_rfc3339(*info.newest) : "-");
  }
  return text;
}

}  // namespace penstock::runtime

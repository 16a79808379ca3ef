#include "runtime/inspect.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "io/http_client.h"
#include "log/embedded/embedded_log.h"
#include "runtime/closed_store.h"
#include "runtime/data_dir.h"
#include "runtime/log_access.h"

namespace penstock::runtime {
namespace {

// What a user asks for from this machine's own shell may be as large as it is.
constexpr store::QueryLimits kShellLimits{.time_max = kDay, .rows_max = UINT64_MAX, .bytes_max = UINT64_MAX};

// How long a query waits for a folder that is held by a pipeline that does not answer.
constexpr Duration kSettleMax{10 * kSecond.ns};
constexpr Duration kSettlePause{50 * kMillisecond.ns};

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

// `closed` when it did not answer, or answered that it cannot now.
Status query_running(const RunInfo& run, const std::string& sql, store::Format format, const store::ByteSink& sink) {
  const auto client = io::make_http_client();
  io::HttpCall call;
  call.method = "POST";
  call.url = fmt::format("http://{}/api/query?format={}", run.address, format_name(format));
  call.body = sql;
  call.headers.add("Content-Type", "application/sql");
  call.timeout = kShellLimits.time_max;
  call.response_bytes_max = UINT64_MAX;
  const auto response = client->fetch(call, sink, {});
  if (!response) {
    const bool silent = response.error().kind == ErrorKind::io;
    return fail(silent ? ErrorKind::closed : response.error().kind, "{}", response.error().message);
  }
  if (response->status >= 200 && response->status < 300) return {};
  const auto json = nlohmann::json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  const bool told = json.is_object() && json.contains("error") && json["error"].is_string();
  const ErrorKind kind = response->status == 400   ? ErrorKind::invalid
                         : response->status == 503 ? ErrorKind::closed
                                                   : ErrorKind::io;
  return fail(kind, "{}",
              told ? json["error"].get<std::string>()
                   : fmt::format("the pipeline at {} answered {}", run.address, response->status));
}

Status try_query(io::FileSystem& files, const DataPaths& paths, const std::string& sql, store::Format format,
                 const store::ByteSink& sink) {
  PENSTOCK_TRY_ASSIGN(const auto running, read_run_info(files, paths));
  if (running) return query_running(*running, sql, format, sink);
  PENSTOCK_TRY_ASSIGN(ClosedStore closed, ClosedStore::open(files, paths));
  return closed.store().query(sql, format, kShellLimits, sink);
}

}  // namespace

Status query(io::FileSystem& files, const std::string& data_dir, const std::string& sql, store::Format format,
             const store::ByteSink& sink, Clock& clock) {
  const DataPaths paths{data_dir};
  const Timestamp deadline = clock.now() + kSettleMax;
  bool began = false;
  const auto give = [&](std::string_view piece) {
    began = true;
    return sink(piece);
  };
  for (;;) {
    const Status status = try_query(files, paths, sql, format, give);
    // A pipeline that is just starting or stopping holds the folder, and does not answer yet or any more.
    if (status || began || status.error().kind != ErrorKind::closed) return status;
    if (clock.now() >= deadline) {
      return fail(ErrorKind::closed, "a pipeline has {}, and did not answer for {}: try again when it is ready ({})",
                  data_dir, format_duration(kSettleMax), status.error().message);
    }
    clock.wait_for(kSettlePause, {});
  }
}

Result<uint64_t> export_query(io::FileSystem& files, const std::string& data_dir, const std::string& sql,
                              store::Format format, const std::string& path, Clock& clock) {
  const std::string temporary = path + ".new";
  uint64_t bytes = 0;
  {
    PENSTOCK_TRY_ASSIGN(const auto file, files.open(temporary, io::OpenMode::create));
    PENSTOCK_TRY(file->truncate(0));
    const auto write = [&](std::string_view piece) -> Status {
      PENSTOCK_TRY(file->write_at(bytes, std::as_bytes(std::span(piece))));
      bytes += piece.size();
      return {};
    };
    const Status written = query(files, data_dir, sql, format, write, clock);
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

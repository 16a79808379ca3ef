#include "runtime/serving.h"

#include <unistd.h>

#include <cstdio>

#include "runtime/version.h"
#include "serve/metrics.h"
#include "serve/server.h"

namespace penstock::runtime {
namespace {

std::optional<Timestamp> known(Timestamp t) { return t == Timestamp::min() ? std::nullopt : std::optional(t); }

std::string_view kind_name(plan::RecordKind kind) {
  switch (kind) {
    case plan::RecordKind::trade: return "trade";
    case plan::RecordKind::quote: return "quote";
    case plan::RecordKind::json: return "json";
  }
  return "";
}

std::string_view type_name(const plan::Source& source) {
  if (std::holds_alternative<plan::FileSource>(source.options)) return "file";
  if (std::holds_alternative<plan::HttpSource>(source.options)) return "http";
  return "simulated";
}

serve::PipelineStatus status_of(const plan::Plan& plan, const RunReport& report) {
  serve::PipelineStatus status;
  status.name = report.pipeline;
  status.version = kVersion;
  status.simulated = report.simulated;
  status.state = report.error.empty() ? "running" : "failed: " + report.error;
  status.started = report.started_at;
  status.now = report.now;
  if (report.committed_at.ns != 0) status.committed = report.committed_at;
  bool all_ended = !report.sources.empty();
  for (size_t i = 0; i < report.sources.size(); ++i) {
    const SourceReport& source = report.sources[i];
    all_ended = all_ended && source.ended;
    status.sources.push_back({.name = source.name,
                              .type = std::string(type_name(plan.sources[i])),
                              .topic = source.topic,
                              .state = source.ended ? "finished" : "running",
                              .simulated = source.simulated,
                              .records = source.records,
                              .rejects = source.rejects,
                              .duplicates = source.duplicates,
                              .bytes = source.bytes,
                              .bytes_total = source.bytes_total,
                              .requests = source.requests,
                              .retries = source.retries});
  }
  if (all_ended && report.error.empty()) status.state = "finished";
  for (size_t i = 0; i < plan.streams.size(); ++i) {
    const stream::StreamCounts& counts = report.streams[i];
    status.streams.push_back({plan.streams[i].name, counts.in, counts.out, counts.late, counts.duplicates,
                              counts.quarantined, counts.filtered});
  }
  Timestamp least = Timestamp::max();
  for (size_t i = 0; i < report.topics.size(); ++i) {
    serve::TopicStatus& topic =
        status.topics.emplace_back(report.topics[i].name, std::string(kind_name(plan.topics[i].kind)));
    for (const PartitionReport& part : report.topics[i].partitions) {
      topic.partitions.push_back({.partition = part.partition,
                                  .start = part.start.value,
                                  .end = part.end.value,
                                  .committed = part.committed.value,
                                  .bytes = part.bytes,
                                  .watermark = known(part.watermark)});
      least = std::min(least, part.watermark);
    }
  }
  if (least != Timestamp::max()) status.watermark = known(least);
  for (const auto& [name, rows] : report.table_rows) status.tables.push_back({name, rows});
  return status;
}

uint64_t resident_bytes() {
  // The second number of statm is the resident set in pages.
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long long size = 0;
  unsigned long long resident = 0;
  const int read = std::fscanf(file, "%llu %llu", &size, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

double seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

void update_metrics(serve::Metrics& metrics, const plan::Plan& plan, const RunReport& report) {
  const auto total = [&](const char* name, const char* help, const serve::Labels& labels, uint64_t value) {
    metrics.counter(name, help, labels).set_total(static_cast<double>(value));
  };
  for (const SourceReport& source : report.sources) {
    const serve::Labels labels{{"source", source.name}, {"simulated", source.simulated ? "true" : "false"}};
    total("penstock_source_records_total", "Records decoded by a source", labels, source.records);
    total("penstock_source_rejects_total", "Records that a source could not decode", labels, source.rejects);
    total("penstock_source_duplicates_total", "Records that a source had given before", labels, source.duplicates);
    total("penstock_source_bytes_total", "Bytes read by a source", labels, source.bytes);
    total("penstock_source_requests_total", "Requests made by a source", labels, source.requests);
    total("penstock_source_retries_total", "Requests repeated after an error", labels, source.retries);
  }
  for (size_t i = 0; i < plan.streams.size(); ++i) {
    const stream::StreamCounts& counts = report.streams[i];
    const auto outcome = [&](const char* name, uint64_t value) {
      total("penstock_stream_records_total", "Records by what a stream did with them",
            {{"stream", plan.streams[i].name}, {"outcome", name}}, value);
    };
    outcome("out", counts.out);
    outcome("late", counts.late);
    outcome("duplicate", counts.duplicates);
    outcome("quarantined", counts.quarantined);
    outcome("filtered", counts.filtered);
  }
  for (const TopicReport& topic : report.topics) {
    uint64_t bounded = 0;
    for (size_t bucket = 0; bucket < topic.counts.lateness.size(); ++bucket) {
      bounded += topic.counts.lateness[bucket];
      const std::string bound = bucket < stream::kLatenessBoundsNs.size()
                                    ? fmt::format("{}", seconds(stream::kLatenessBoundsNs[bucket]))
                                    : "+Inf";
      total("penstock_late_records_total", "Late records at most so many seconds behind the watermark",
            {{"topic", topic.name}, {"within_seconds", bound}}, bounded);
    }
    for (const auto& [code, count] : topic.counts.unknown_conditions) {
      total("penstock_unknown_conditions_total", "Trades with a sale condition that no table knows",
            {{"topic", topic.name}, {"condition", code}}, count);
    }
    total("penstock_bars_total", "Bars made", {{"topic", topic.name}}, topic.counts.bars);
    for (const PartitionReport& part : topic.partitions) {
      const serve::Labels labels{{"topic", topic.name}, {"partition", std::to_string(part.partition)}};
      metrics.gauge("penstock_log_end_offset", "One past the newest record of a partition", labels)
          .set(static_cast<double>(part.end.value));
      metrics.gauge("penstock_log_bytes", "Bytes of a partition's segments", labels)
          .set(static_cast<double>(part.bytes));
      metrics.gauge("penstock_lag_records", "Records in the log that are not processed yet", labels)
          .set(static_cast<double>(part.end.value - part.processed.value));
    }
  }
  for (const auto& [table, rows] : report.table_rows) {
    metrics.gauge("penstock_table_rows", "Rows in a table", {{"table", table}}).set(static_cast<double>(rows));
  }
  total("penstock_commits_total", "Commits to the store", {}, report.commits);
  total("penstock_committed_rows_total", "Rows committed to the store", {}, report.rows_committed);
  metrics.gauge("penstock_last_commit_seconds", "How long the last commit took").set(seconds(report.last_commit_ns));
  metrics.gauge("penstock_uptime_seconds", "Since the start").set(seconds((report.now - report.started_at).ns));
  metrics.gauge("process_resident_memory_bytes", "Resident memory").set(static_cast<double>(resident_bytes()));
}

}  // namespace

Result<std::unique_ptr<serve::Server>> serve_pipeline(const Pipeline& pipeline, const plan::Plan& plan,
                                                      store::Store& store, const std::string& listen) {
  // Shared by the callbacks, which may outlive this call in several threads: hence the shared_ptr.
  const auto metrics = std::make_shared<serve::Metrics>();
  metrics->on_scrape([&pipeline, &plan, raw = metrics.get()] { update_metrics(*raw, plan, pipeline.report()); });
  serve::Callbacks callbacks;
  callbacks.why_not_ready = [&pipeline] { return pipeline.why_not_ready(); };
  callbacks.metrics = [metrics] { return metrics->text(); };
  callbacks.status = [&pipeline, &plan] { return status_of(plan, pipeline.report()); };
  callbacks.query = [&store](std::string_view sql, store::Format format, const store::QueryLimits& limits,
                             const store::ByteSink& sink) { return store.query(sql, format, limits, sink); };
  serve::Options options;
  options.http.listen = listen;
  return serve::Server::start(options, std::move(callbacks));
}

}  // namespace penstock::runtime

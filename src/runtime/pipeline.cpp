#include "runtime/pipeline.h"

#include <unistd.h>

#include <algorithm>
#include <exception>

#include "base/logging.h"
#include "runtime/partition_open.h"
#include "runtime/serving.h"
#include "runtime/sources.h"
#include "serve/server.h"
#include "store/duckdb/duckdb_store.h"

namespace penstock::runtime {
namespace {

log::Codec log_codec(plan::Codec codec) {
  switch (codec) {
    case plan::Codec::none: return log::Codec::none;
    case plan::Codec::lz4: return log::Codec::lz4;
    case plan::Codec::zstd: return log::Codec::zstd;
  }
  return log::Codec::none;
}

// A query that asks who runs here holds the folder for a moment, and one of a store on which nothing ran has its file
// open: waited for, as a restart must not fail by it. A pipeline holds them for good.
constexpr Duration kFolderHeldMax = kSecond;
constexpr Duration kStoreHeldMax{10 * kSecond.ns};
constexpr Duration kHeldPause{20 * kMillisecond.ns};

template <typename Open>
auto open_soon(Clock& clock, Duration max, const Open& open) {
  const Timestamp deadline = clock.now() + max;
  for (;;) {
    auto opened = open();
    if (opened || opened.error().kind != ErrorKind::closed || clock.now() >= deadline) return opened;
    clock.wait_for(kHeldPause, {});
  }
}

size_t hardware_threads() { return std::max<size_t>(1, std::thread::hardware_concurrency()); }

}  // namespace

Pipeline::Pipeline(const plan::Plan& plan, Clock& clock, io::FileSystem& files, DataDir data_dir)
    : plan_(plan),
      clock_(clock),
      files_(files),
      started_at_(clock.now()),
      data_dir_(std::move(data_dir)),
      http_client_(io::make_http_client()) {}

Pipeline::~Pipeline() { [[maybe_unused]] const Status finished = finish(); }

Result<std::unique_ptr<Pipeline>> Pipeline::start(const plan::Plan& plan, const RunOptions& options, Clock& clock,
                                                  io::FileSystem& files) {
  PENSTOCK_TRY_ASSIGN(DataDir data_dir,
                      open_soon(clock, kFolderHeldMax, [&] { return DataDir::acquire(files, options.data_dir); }));
  auto pipeline = std::unique_ptr<Pipeline>(new Pipeline(plan, clock, files, std::move(data_dir)));
  PENSTOCK_TRY(pipeline->open());
  PENSTOCK_TRY(pipeline->start_server(options.listen));
  pipeline->start_threads();
  return pipeline;
}

Status Pipeline::open() {
  PENSTOCK_TRY_ASSIGN(log_, open_plan_log(plan_, files_, data_dir_.paths()));
  store::DuckDbOptions options{.memory_bytes_max = plan_.store.memory_bytes_max, .symbols = &symbols_};
  options.adjusting = store::DuckDbOptions::Adjusting::remove;
  if (plan_.reference) {
    options.adjusting = store::DuckDbOptions::Adjusting::replace;
    options.adjustment_source = {plan_.reference->data.get(), plan_.reference->adjustments.get(),
                                 plan_.reference->time_zone.get()};
  }
  PENSTOCK_TRY_ASSIGN(store_, open_soon(clock_, kStoreHeldMax, [&] {
                        return store::open_duckdb_store(data_dir_.paths().store(), options, table_specs(plan_));
                      }));
  PENSTOCK_TRY_ASSIGN(committed_, store_->load_committed());
  PENSTOCK_TRY(make_workers());
  PENSTOCK_TRY(make_sources());

  std::vector<Worker*> workers;
  for (const auto& worker : workers_) workers.push_back(worker.get());
  std::vector<Committer::NamedIngest> ingests;
  for (const auto& running : sources_) ingests.push_back({plan_.sources[running->index].name, running->ingest.get()});
  // A commit flushes the log: that keeps its promise of an interval, too.
  const Duration interval = plan_.log.fsync == plan::Fsync::interval
                                ? std::min(plan_.store.commit_interval, plan_.log.fsync_interval)
                                : plan_.store.commit_interval;
  const Committer::Options commit_options{
      .interval = interval,
      .flush_log = plan_.log.fsync != plan::Fsync::never,
      .retention = plan_.log.retention_time.has_value() || plan_.log.retention_bytes.has_value()};
  committer_ = std::make_unique<Committer>(commit_options, *log_, *store_, std::move(workers), std::move(ingests),
                                           committed_, clock_, [this](const Error& error) { abort_with(error); });
  return {};
}

Status Pipeline::make_workers() {
  struct Place {
    size_t topic;
    int32_t partition;
  };
  std::vector<Place> places;
  for (size_t topic = 0; topic < plan_.topics.size(); ++topic) {
    auto route = std::make_unique<TopicRoute>();
    route->topic = plan_.topics[topic].name;
    route->kind = plan_.topics[topic].kind;
    route->targets.resize(static_cast<size_t>(plan_.topics[topic].partitions));
    routes_.push_back(std::move(route));
    for (int32_t p = 0; p < plan_.topics[topic].partitions; ++p) places.push_back({topic, p});
  }
  const size_t count = std::min(places.size(), hardware_threads());
  std::vector<std::vector<PartitionStart>> starts(count);
  std::vector<std::pair<size_t, size_t>> where(places.size());  // worker, partition in it
  for (size_t i = 0; i < places.size(); ++i) {
    PENSTOCK_TRY_ASSIGN(PartitionStart start,
                        open_partition(plan_, places[i].topic, places[i].partition, committed_, *log_, symbols_));
    where[i] = {i % count, starts[i % count].size()};
    starts[i % count].push_back(std::move(start));
  }
  for (std::vector<PartitionStart>& mine : starts) {
    workers_.push_back(std::make_unique<Worker>(
        std::move(mine), RecordReader::Sources::of(plan_), *log_, symbols_, [this] { committer_->request(); },
        [this](const Error& error) { abort_with(error); }));
  }
  for (size_t i = 0; i < places.size(); ++i) {
    routes_[places[i].topic]->targets[static_cast<size_t>(places[i].partition)] = {workers_[where[i].first].get(),
                                                                                   where[i].second};
  }
  return {};
}

Status Pipeline::make_sources() {
  for (size_t index = 0; index < plan_.sources.size(); ++index) {
    const plan::Source& source = plan_.sources[index];
    auto running = std::make_unique<RunningSource>();
    running->index = index;
    PENSTOCK_TRY_ASSIGN(running->source, make_source(source, symbols_, clock_, *http_client_));
    PENSTOCK_TRY_ASSIGN(const std::string identity, source_identity(source));

    std::vector<TopicRoute*> outputs;
    for (const size_t topic : source_topics(plan_, source)) outputs.push_back(routes_[topic].get());

    // A source resumes where it was committed. One that gives the same records again gives them the same sequences, by
    // which the log drops what it has; any other's count on from what the log has.
    store::SourcePosition position;
    const auto known = committed_.sources.find(source.name);
    const bool same = known != committed_.sources.end() && known->second.identity == identity;
    if (known != committed_.sources.end() && !same && !known->second.finished) {
      log_warning(
          "runtime",
          "source {} is not what it was when it stopped before its end (then: {}; now: {}): it is read from its "
          "beginning, and records that were read already come again",
          source.name, known->second.identity, identity);
    }
    if (same) position = known->second;
    // A live simulation has no end that a restart would have to respect: it goes on from now.
    running->ended = same && position.finished && !(running->source->simulated() && !running->source->deterministic());
    if (!same || !running->source->deterministic()) {
      position.identity = identity;
      position.finished = running->ended;
      for (const TopicRoute* route : outputs) {
        for (size_t p = 0; p < route->targets.size(); ++p) {
          const TopicPartition id{route->topic, static_cast<int32_t>(p)};
          PENSTOCK_TRY_ASSIGN(position.next_sequence[id], log_->next_sequence(id, Ingest::producer_id(source.name)));
        }
      }
    }
    running->position = position.position;
    running->ingest = std::make_unique<Ingest>(source.name, index, std::move(outputs), *log_,
                                               log_codec(plan_.log.codec), symbols_, std::move(position));
    sources_.push_back(std::move(running));
  }
  return {};
}

Status Pipeline::start_server(const std::string& listen) {
  PENSTOCK_TRY_ASSIGN(server_, serve_pipeline(*this, plan_, *store_, listen));
  address_ = server_->address();
  return write_run_info(files_, data_dir_.paths(), {getpid(), address_, plan_.name});
}

void Pipeline::start_threads() {
  threads_started_ = true;
  for (const auto& worker : workers_) worker->start();
  // Where each source begins is on record before it begins: a crash before its first regular commit must find it there.
  if (const Status status = committer_->commit_now(); !status) {
    abort_with(status.error());
    return;
  }
  committer_->start();
  for (const auto& running : sources_) {
    if (running->ended) {
      log_info("runtime", "source {} had ended already; it is not read again", plan_.sources[running->index].name);
      continue;
    }
    running->thread = std::thread([this, &running = *running] { run_source(running); });
  }
  std::lock_guard lock(mutex_);
  started_ = true;
}

void Pipeline::run_source(RunningSource& running) {
  const std::string& name = plan_.sources[running.index].name;
  Status status;
  try {
    status = running.source->run(running.position, *running.ingest, stop_sources_.get_token());
  } catch (const std::exception& e) {
    status = fail(ErrorKind::io, "ended by an exception: {}", e.what());
  }
  if (!status && status.error().kind != ErrorKind::cancelled) {
    fail_with(with_context(status.error(), "source " + name).error());
  } else if (status && !stop_sources_.stop_requested()) {
    running.ingest->set_finished();
  }
  std::lock_guard lock(mutex_);
  running.ended = true;
  changed_.notify_all();
}

void Pipeline::fail_with(const Error& error) {
  stop_sources_.request_stop();
  std::lock_guard lock(mutex_);
  if (!error_) error_ = error;
  changed_.notify_all();
}

void Pipeline::abort_with(const Error& error) {
  fail_with(error);
  for (const auto& worker : workers_) worker->abort();
}

void Pipeline::wait(const std::stop_token& stop, bool until_end) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [&] {
    return error_.has_value() || (until_end && std::ranges::all_of(sources_, [](const auto& s) { return s->ended; }));
  });
}

Status Pipeline::finish() {
  {
    std::lock_guard lock(mutex_);
    if (finished_) return error_ ? Status(std::unexpected(*error_)) : Status();
    finished_ = true;
  }
  stop_sources_.request_stop();
  for (const auto& running : sources_) {
    if (running->thread.joinable()) running->thread.join();
  }
  // Also after an error of a source: what it gave before is processed and committed. After an error of a worker or of
  // a commit the workers were aborted, and draining says so; the log has what was not committed.
  if (threads_started_) {
    Status status;
    for (const auto& worker : workers_) {
      if (status) status = worker->drain();
    }
    committer_->stop();
    if (status) status = committer_->commit_now();
    if (!status) fail_with(status.error());
    for (const auto& worker : workers_) worker->stop();
    if (const Status stored = store_failures(); !stored) {
      log_warning("runtime", "what stopped the pipeline is not in its tables: {}", stored.error().message);
    }
  }
  if (server_) {
    server_.reset();
    remove_run_info(files_, data_dir_.paths());
  }
  std::lock_guard lock(mutex_);
  return error_ ? Status(std::unexpected(*error_)) : Status();
}

Status Pipeline::store_failures() {
  std::unique_ptr<store::Transaction> transaction;
  for (const auto& worker : workers_) {
    for (const stream::TableRows& failure : worker->take_failure_rows()) {
      if (transaction == nullptr) {
        PENSTOCK_TRY_ASSIGN(transaction, store_->begin());
      }
      // A restart meets the same record again: its row is there once.
      PENSTOCK_TRY(transaction->remove(failure.table, failure.rows));
      PENSTOCK_TRY(transaction->append(failure.table, failure.rows));
    }
  }
  return transaction == nullptr ? Status() : transaction->commit();
}

std::optional<std::string> Pipeline::why_not_ready() const {
  std::lock_guard lock(mutex_);
  if (error_) return error_->message;
  if (!started_) return "starting";
  if (finished_) return "stopping";
  return std::nullopt;
}

bool Pipeline::simulated() const {
  return std::ranges::any_of(sources_, [](const auto& running) { return running->source->simulated(); });
}

RunReport Pipeline::report() const {
  RunReport report;
  report.pipeline = plan_.name;
  report.address = address_;
  report.started_at = started_at_;
  report.now = clock_.now();
  report.simulated = simulated();
  {
    std::lock_guard lock(mutex_);
    if (error_) report.error = error_->message;
    for (const auto& running : sources_) {
      const feed::SourceStats& stats = running->source->stats();
      report.sources.push_back({.name = plan_.sources[running->index].name,
                                .topic = plan_.sources[running->index].topic,
                                .simulated = running->source->simulated(),
                                .ended = running->ended,
                                .records = stats.records,
                                .rejects = stats.rejects,
                                .duplicates = stats.duplicates,
                                .bytes = stats.bytes,
                                .bytes_total = stats.bytes_total,
                                .requests = stats.requests,
                                .retries = stats.retries});
    }
  }
  report.streams.resize(plan_.streams.size());
  std::map<TopicPartition, PartitionProgress> progress;
  for (const auto& worker : workers_) {
    for (PartitionProgress& part : worker->progress()) progress.emplace(part.id, std::move(part));
  }
  for (const plan::Topic& topic : plan_.topics) {
    TopicReport& sum = report.topics.emplace_back();
    sum.name = topic.name;
    for (int32_t p = 0; p < topic.partitions; ++p) {
      const TopicPartition id{topic.name, p};
      const auto found = progress.find(id);
      if (found == progress.end()) continue;
      PartitionReport part{.partition = p, .processed = found->second.next, .watermark = found->second.watermark};
      part.committed = committer_->committed(id);
      if (const auto info = log_->info(id)) {
        part.start = info->start;
        part.end = info->end;
        part.bytes = info->bytes;
      }
      sum.partitions.push_back(part);
      add_counts(sum.counts, found->second.counts);
    }
    for (size_t s = 0; s < sum.counts.streams.size() && s < plan_.streams.size(); ++s) {
      if (plan_.topics[plan_.streams[s].topic].name == topic.name) report.streams[s] = sum.counts.streams[s];
    }
  }
  if (auto rows = store_->table_rows()) report.table_rows = std::move(*rows);
  const CommitStats& commits = committer_->stats();
  report.commits = commits.commits;
  report.rows_committed = commits.rows;
  report.last_commit_ns = commits.last_ns;
  report.committed_at = Timestamp{commits.committed_at};
  return report;
}

}  // namespace penstock::runtime

#include "runtime/partition_open.h"

#include "base/logging.h"
#include "log/embedded/embedded_log.h"

namespace penstock::runtime {

namespace {

// True where each row of the table is a bar as a stream made it, so that none comes twice with the same revision.
bool bars_come_once(const plan::Plan& plan, const plan::Table& table) {
  if (table.inputs.size() != 1) return false;
  plan::Input input = table.inputs.front();
  while (input.from == plan::Input::From::stream && input.port == plan::Port::rows) {
    const plan::Stream& stream = plan.streams[input.index];
    for (size_t i = stream.steps.size(); i > 0; --i) {
      // Provisional bars have the revision that the closed one will have.
      if (const auto* bars = std::get_if<plan::Bars>(&stream.steps[i - 1].what)) return !bars->early.has_value();
      // A `select` may call two bars by one name.
      if (std::holds_alternative<plan::Project>(stream.steps[i - 1].what)) return false;
    }
    input = stream.input;
  }
  return false;
}

}  // namespace

std::vector<store::TableSpec> table_specs(const plan::Plan& plan) {
  std::vector<store::TableSpec> specs;
  for (const plan::Table& table : plan.tables) {
    specs.push_back({table.name, table.schema, table.key, bars_come_once(plan, table)});
  }
  return specs;
}

Result<std::unique_ptr<log::Log>> open_plan_log(const plan::Plan& plan, io::FileSystem& files, const DataPaths& paths) {
  log::EmbeddedOptions options;
  switch (plan.log.fsync) {
    case plan::Fsync::always: options.fsync = log::Fsync::always; break;
    case plan::Fsync::interval: options.fsync = log::Fsync::interval; break;
    case plan::Fsync::never: options.fsync = log::Fsync::never; break;
  }
  options.segment_bytes_max = plan.log.segment_bytes_max;
  options.retention_time = plan.log.retention_time;
  options.retention_bytes = plan.log.retention_bytes;
  PENSTOCK_TRY_ASSIGN(std::unique_ptr<log::Log> log, log::EmbeddedLog::open(files, paths.log(), options));
  for (const plan::Topic& topic : plan.topics) PENSTOCK_TRY(log->create_topic(topic.name, topic.partitions));
  return log;
}

Result<PartitionStart> open_partition(const plan::Plan& plan, size_t topic, int32_t partition,
                                      const store::Committed& committed, log::Log& log, market::SymbolTable& symbols) {
  const TopicPartition id{plan.topics[topic].name, partition};
  PartitionStart start{.id = id, .engine = nullptr, .next = {}, .log_end = {}};
  PENSTOCK_TRY_ASSIGN(start.engine, stream::Engine::create(plan, topic, symbols));
  if (const auto state = committed.state.find(id); state != committed.state.end()) {
    if (auto restored = start.engine->restore(state->second); !restored) {
      return with_context(std::move(restored).error(), fmt::format("the state of {}-{}", id.topic, id.partition));
    }
  }
  PENSTOCK_TRY_ASSIGN(log::PartitionInfo info, log.info(id));
  const auto offset = committed.offsets.find(id);
  start.next = offset != committed.offsets.end() ? offset->second : info.start;
  if (start.next > info.end) {
    log_warning("runtime",
                "the log of {}-{} ends at offset {} but {} was committed: records {} to {} were lost with the power "
                "(fsync: never) after they had been processed; the tables have them, a replay will not",
                id.topic, id.partition, info.end.value, start.next.value, info.end.value, start.next.value - 1);
    PENSTOCK_TRY(log.skip_to(id, start.next));
    info.end = start.next;
  }
  if (start.next < info.start) {
    return fail(ErrorKind::not_found,
                "{}-{}: the records from offset {} to {} were deleted before they were processed: the log's retention "
                "is shorter than the time the pipeline stood still. Give another --data to begin anew",
                id.topic, id.partition, start.next.value, info.start.value - 1);
  }
  start.log_end = info.end;
  return start;
}

Status give_to_engine(stream::Engine& engine, const TopicPartition& partition, const DecodedBatch& batch) {
  const auto at = [&](Status status) -> Status {
    if (status) return status;
    return with_context(std::move(status).error(),
                        fmt::format("{}-{}, in the records from offset {} on", partition.topic, partition.partition,
                                    batch.base_offset.value));
  };
  if (batch.rows.rows > 0) PENSTOCK_TRY(at(engine.process(batch.rows)));
  for (const market::RejectRecord& reject : batch.rejects) {
    engine.reject({reject.source, reject.position, reject.reason, reject.raw});
  }
  for (const market::ReprocessRecord& again : batch.again) {
    PENSTOCK_TRY(at(engine.reprocess({again.stream, again.source, again.position, again.reason, again.raw})));
  }
  for (const SourceMark& mark : batch.marks) PENSTOCK_TRY(at(engine.mark(mark.source, mark.time)));
  return {};
}

PartitionSnapshot snapshot_of(stream::Engine& engine, const TopicPartition& partition, Offset next) {
  return {partition, next, engine.take_rows(), engine.take_removed_rows(), engine.take_state_changes()};
}

Result<uint64_t> write_snapshot(store::Transaction& transaction, PartitionSnapshot& snapshot) {
  uint64_t rows = 0;
  for (stream::TableRows& table : snapshot.rows) {
    PENSTOCK_TRY(transaction.append(table.table, table.rows));
    rows += table.rows.rows;
    table = {};  // the store has them, and the workers make the next ones meanwhile
  }
  for (const stream::TableRows& table : snapshot.removed) PENSTOCK_TRY(transaction.remove(table.table, table.rows));
  PENSTOCK_TRY(transaction.set_offset(snapshot.id, snapshot.next));
  if (!snapshot.state.empty()) PENSTOCK_TRY(transaction.set_state(snapshot.id, snapshot.state));
  return rows;
}

}  // namespace penstock::runtime

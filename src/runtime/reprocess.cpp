#include "runtime/reprocess.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/kill_point.h"
#include "runtime/partition_open.h"
#include "runtime/records.h"
#include "store/duckdb/duckdb_store.h"

namespace penstock::runtime {
namespace {

constexpr size_t kFetchBytes = size_t{4} << 20;
constexpr size_t kPendingBytesMax = size_t{24} << 20;  // of results before a commit
// What is sent in one round, and read of the quarantine at once.
constexpr size_t kRoundRecordsMax = 50'000;
constexpr size_t kRoundBytesMax = size_t{32} << 20;
constexpr size_t kPageRows = 5'000;
constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr store::QueryLimits kLimits{.time_max = kDay, .rows_max = UINT64_MAX, .bytes_max = UINT64_MAX};

struct Partition {
  PartitionStart start;
  size_t topic = 0;
  Offset next;
};

// A row of the quarantine, and where it goes.
struct Candidate {
  market::ReprocessRecord record;
  size_t partition = 0;
};

std::string in_quotes(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    out += c;
    if (c == quote) out += c;
  }
  return out + quote;
}

std::string quoted_name(std::string_view table) {
  const size_t dot = table.find('.');
  if (dot == std::string_view::npos) return in_quotes(table, '"');
  return in_quotes(table.substr(0, dot), '"') + "." + in_quotes(table.substr(dot + 1), '"');
}

std::string bytes_of_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  return out;
}

class Reprocessing {
 public:
  Reprocessing(const plan::Plan& plan, Clock& clock)
      : plan_(plan), clock_(clock), sources_(RecordReader::Sources::of(plan)) {}

  Status open(io::FileSystem& files, const DataPaths& paths) {
    PENSTOCK_TRY_ASSIGN(const bool there, files.exists(paths.store()));
    if (!there) {
      return fail(ErrorKind::not_found, "{} holds no data of a pipeline: run one with --data {} first", paths.root,
                  paths.root);
    }
    PENSTOCK_TRY_ASSIGN(log_, open_plan_log(plan_, files, paths));
    const store::DuckDbOptions options{.memory_bytes_max = plan_.store.memory_bytes_max, .symbols = &symbols_};
    PENSTOCK_TRY_ASSIGN(store_, store::open_duckdb_store(paths.store(), options, table_specs(plan_)));
    PENSTOCK_TRY_ASSIGN(const store::Committed committed, store_->load_committed());
    for (size_t topic = 0; topic < plan_.topics.size(); ++topic) {
      for (int32_t p = 0; p < plan_.topics[topic].partitions; ++p) {
        PENSTOCK_TRY_ASSIGN(PartitionStart start, open_partition(plan_, topic, p, committed, *log_, symbols_));
        const Offset next = start.next;
        partitions_.push_back({std::move(start), topic, next});
      }
    }
    return {};
  }

  Result<ReprocessReport> run(const std::vector<size_t>& streams) {
    for (const Partition& partition : partitions_) {
      const auto behind = static_cast<uint64_t>(partition.start.log_end.value - partition.next.value);
      if (behind > 0) report_.records_behind[partition.start.id.topic] += behind;
    }
    // First what the log holds: also what was sent again before a crash.
    PENSTOCK_TRY(catch_up());
    for (const size_t stream : streams) PENSTOCK_TRY(run_stream(stream));
    return std::move(report_);
  }

 private:
  Status run_stream(size_t stream) {
    ReprocessReport::Stream& result = report_.streams[plan_.streams[stream].name];
    bool first = true;
    for (;;) {
      result.staying.clear();
      uint64_t seen = 0;
      bool whole = true;
      PENSTOCK_TRY_ASSIGN(std::vector<Candidate> passing, find_passing(stream, result, seen, whole));
      if (std::exchange(first, false)) result.held = seen;
      if (passing.empty()) return {};
      PENSTOCK_TRY(append(passing));
      kill_point("after_append");
      uint64_t& counted = removed_[quarantine_of(stream).value_or(0)];
      counted = 0;
      PENSTOCK_TRY(catch_up());
      const uint64_t removed = counted;
      result.passed += removed;
      if (passing.size() > removed)
        result.staying["fails a rule beside another record sent again"] += passing.size() - removed;
      // Without progress another round would do the same again.
      if (whole || removed == 0) {
        if (!whole) result.staying["is beyond what one round takes: run it again"] += 1;
        return {};
      }
    }
  }

  // The table that keeps the stream's quarantine: the first that does.
  [[nodiscard]] std::optional<size_t> quarantine_of(size_t stream) const {
    for (size_t t = 0; t < plan_.tables.size(); ++t) {
      for (const plan::Input& input : plan_.tables[t].inputs) {
        if (input.from == plan::Input::From::stream && input.index == stream && input.port == plan::Port::quarantine) {
          return t;
        }
      }
    }
    return std::nullopt;
  }

  // Reads the stream's quarantine, and asks its partitions of each record.
  Result<std::vector<Candidate>> find_passing(size_t stream, ReprocessReport::Stream& result, uint64_t& seen,
                                              bool& whole) {
    std::vector<Candidate> passing;
    const auto table = quarantine_of(stream);
    if (!table) return passing;
    size_t bytes = 0;
    int64_t last = -1;
    for (;;) {
      const std::string sql = fmt::format(
          "SELECT rowid AS place, source, position, reason, hex(raw) AS raw FROM {} WHERE stream = {} AND reason LIKE "
          "'rule %' AND rowid > {} ORDER BY rowid LIMIT {}",
          quoted_name(plan_.tables[*table].name), in_quotes(plan_.streams[stream].name, '\''), last, kPageRows);
      std::string text;
      PENSTOCK_TRY(store_->query(sql, store::Format::json, kLimits, [&](std::string_view piece) -> Status {
        text += piece;
        return {};
      }));
      const auto rows = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
      if (!rows.is_array()) return fail(ErrorKind::corrupt, "the quarantine in the store cannot be read");
      for (const auto& row : rows) {
        last = row.at("place").get<int64_t>();
        ++seen;
        const auto field = [&](const char* key) {
          return row.at(key).is_null() ? std::string() : row.at(key).get<std::string>();
        };
        Candidate candidate{{plan_.streams[stream].name, field("source"), field("position"), field("reason"),
                             bytes_of_hex(field("raw"))},
                            0};
        PENSTOCK_TRY_ASSIGN(const std::optional<std::string> why, why_held(stream, candidate));
        if (why) {
          ++result.staying[*why];
          continue;
        }
        bytes += candidate.record.raw.size();
        passing.push_back(std::move(candidate));
        if (passing.size() >= kRoundRecordsMax || bytes >= kRoundBytesMax) {
          whole = false;
          return passing;
        }
      }
      if (rows.size() < kPageRows) return passing;
    }
  }

  // What keeps it; else it passes in `candidate.partition`.
  Result<std::optional<std::string>> why_held(size_t stream, Candidate& candidate) {
    std::optional<std::string> why = "is held by no partition of its topic";
    const market::ReprocessRecord& record = candidate.record;
    for (size_t p = 0; p < partitions_.size(); ++p) {
      if (partitions_[p].topic != plan_.streams[stream].topic) continue;
      PENSTOCK_TRY_ASSIGN(why, partitions_[p].start.engine->why_held(
                                   {record.stream, record.source, record.position, record.reason, record.raw}));
      if (!why) {
        candidate.partition = p;
        return why;
      }
      if (!why->starts_with("is not held")) return why;
    }
    return why;
  }

  Status append(const std::vector<Candidate>& candidates) {
    const int64_t now_ms = clock_.now().ns / kMillisecond.ns;
    for (size_t p = 0; p < partitions_.size(); ++p) {
      const Partition& partition = partitions_[p];
      RecordWriter writer(plan_.topics[partition.topic].kind, log::Codec::none, symbols_);
      std::vector<market::ReprocessRecord> batch;
      size_t bytes = 0;
      const auto flush = [&]() -> Status {
        if (batch.empty()) return {};
        PENSTOCK_TRY_ASSIGN(const log::EncodedBatch encoded, writer.encode_reprocess(batch, now_ms));
        PENSTOCK_TRY(log_->append(partition.start.id, encoded, {}));
        kill_point("reprocess.mid_append");
        batch.clear();
        bytes = 0;
        return {};
      };
      for (const Candidate& candidate : candidates) {
        if (candidate.partition != p) continue;
        batch.push_back(candidate.record);
        bytes += candidate.record.raw.size();
        if (bytes >= kBatchBytes) PENSTOCK_TRY(flush());
      }
      PENSTOCK_TRY(flush());
    }
    return {};
  }

  // Processes what the log has beyond what is committed, and commits it.
  Status catch_up() {
    for (Partition& partition : partitions_) {
      PENSTOCK_TRY_ASSIGN(const log::PartitionInfo info, log_->info(partition.start.id));
      if (partition.next >= info.end) continue;
      PENSTOCK_TRY_ASSIGN(const auto reader, log_->reader(partition.start.id));
      RecordReader decoder(sources_, partition.start.id.topic, symbols_);
      while (partition.next < info.end) {
        PENSTOCK_TRY_ASSIGN(log::FetchResult fetched, reader->fetch(partition.next, kFetchBytes));
        if (fetched.batches.empty()) {
          return fail(ErrorKind::corrupt, "the log of {}-{} ends at offset {}, before its recorded end {}",
                      partition.start.id.topic, partition.start.id.partition, partition.next.value, info.end.value);
        }
        for (const log::ReadBatch& batch : fetched.batches) {
          PENSTOCK_TRY_ASSIGN(const DecodedBatch decoded, decoder.decode(batch, partition.next));
          PENSTOCK_TRY(give_to_engine(*partition.start.engine, partition.start.id, decoded));
          partition.next = decoded.base_offset + decoded.count;
          if (partition.start.engine->pending_bytes() > kPendingBytesMax) PENSTOCK_TRY(commit());
        }
      }
    }
    return commit();
  }

  Status commit() {
    kill_point("before_commit");
    if (plan_.log.fsync != plan::Fsync::never) PENSTOCK_TRY(log_->flush());
    PENSTOCK_TRY_ASSIGN(const auto transaction, store_->begin());
    for (Partition& partition : partitions_) {
      PartitionSnapshot snapshot = snapshot_of(*partition.start.engine, partition.start.id, partition.next);
      for (const stream::TableRows& table : snapshot.removed) removed_[table.table] += table.rows.rows;
      PENSTOCK_TRY(write_snapshot(*transaction, snapshot));
    }
    kill_point("mid_commit");
    PENSTOCK_TRY(transaction->commit());
    kill_point("after_commit");
    return {};
  }

  const plan::Plan& plan_;
  Clock& clock_;
  const RecordReader::Sources sources_;
  market::SymbolTable symbols_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<store::Store> store_;
  std::vector<Partition> partitions_;
  std::map<size_t, uint64_t> removed_;  // rows taken out, by table
  ReprocessReport report_;
};

Result<std::vector<size_t>> streams_of(const plan::Plan& plan, const std::optional<std::string>& named) {
  std::vector<size_t> streams;
  std::string known;
  for (size_t i = 0; i < plan.streams.size(); ++i) {
    const bool has_check = std::ranges::any_of(
        plan.streams[i].steps, [](const plan::Step& step) { return std::holds_alternative<plan::Check>(step.what); });
    if (!has_check) continue;
    known += (known.empty() ? "" : ", ") + plan.streams[i].name;
    if (!named || plan.streams[i].name == *named) streams.push_back(i);
  }
  if (streams.empty()) {
    return fail(ErrorKind::invalid, "{}{}",
                named ? fmt::format("there is no stream '{}' with a check", *named)
                      : std::string("no stream of the pipeline has a check"),
                known.empty() ? "" : "; those with one are: " + known);
  }
  return streams;
}

}  // namespace

Result<ReprocessReport> reprocess(const plan::Plan& plan, const ReprocessOptions& options, Clock& clock,
                                  io::FileSystem& files) {
  PENSTOCK_TRY_ASSIGN(const std::vector<size_t> streams, streams_of(plan, options.stream));
  PENSTOCK_TRY_ASSIGN(const bool there, files.exists(options.data_dir));
  if (!there) {
    return fail(ErrorKind::not_found, "{} holds no data of a pipeline: run one with --data {} first", options.data_dir,
                options.data_dir);
  }
  PENSTOCK_TRY_ASSIGN(const DataDir data_dir, DataDir::acquire(files, options.data_dir));
  Reprocessing reprocessing(plan, clock);
  PENSTOCK_TRY(reprocessing.open(files, data_dir.paths()));
  return reprocessing.run(streams);
}

std::string summary(const ReprocessReport& report) {
  std::string text;
  for (const auto& [topic, records] : report.records_behind) {
    text += fmt::format("{}: {} records of the log were processed first\n", topic, records);
  }
  for (const auto& [name, stream] : report.streams) {
    text += fmt::format("{}: {} in quarantine by a rule; {} passed and left it, {} stay\n", name, stream.held,
                        stream.passed, stream.held - std::min(stream.held, stream.passed));
    for (const auto& [why, records] : stream.staying) text += fmt::format("  {} stay: each {}\n", records, why);
  }
  return text;
}

}  // namespace penstock::runtime

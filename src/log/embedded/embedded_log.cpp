#include "log/embedded/embedded_log.h"

#include <algorithm>
#include <charconv>

#include "base/logging.h"
#include "log/embedded/partition.h"
#include "log/embedded/partition_reader.h"

namespace penstock::log {
namespace {

constexpr size_t kTopicBytesMax = 249;  // Kafka's own bound
constexpr int32_t kPartitionsMax = 10'000;

// The topic and partition that a folder's name says, or nothing.
std::optional<TopicPartition> parse_folder(std::string_view name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  TopicPartition id{std::string(name.substr(0, dash)), 0};
  const auto [end, error] = std::from_chars(name.data() + dash + 1, name.data() + name.size(), id.partition);
  if (error != std::errc{} || end != name.data() + name.size() || id.partition < 0) return std::nullopt;
  return id;
}

bool legal_topic(std::string_view topic) {
  const auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !topic.empty() && topic.size() <= kTopicBytesMax && topic != "." && topic != ".." &&
         std::ranges::all_of(topic, legal);
}

}  // namespace

EmbeddedLog::EmbeddedLog(io::FileSystem& files, std::string folder, const EmbeddedOptions& options)
    : files_(files), folder_(std::move(folder)), options_(options) {}

EmbeddedLog::~EmbeddedLog() {
  for (const auto& [id, partition] : partitions_) {
    if (options_.read_only) break;
    if (const Status closed = partition->close(); !closed) {
      log_warning("log", "{}-{} was not closed well: {}", id.topic, id.partition, closed.error().message);
    }
  }
}

Result<std::unique_ptr<EmbeddedLog>> EmbeddedLog::open(io::FileSystem& files, const std::string& folder,
                                                       const EmbeddedOptions& options) {
  if (options.segment_bytes_max < 1) {
    return fail(ErrorKind::invalid,
                "a segment of at most {} bytes holds nothing: give segment_bytes_max a number above 0",
                options.segment_bytes_max);
  }
  auto log = std::unique_ptr<EmbeddedLog>(new EmbeddedLog(files, folder, options));
  if (!options.read_only) {
    PENSTOCK_TRY(files.create_directories(folder));
    // The folder's own name is durable too, before anything in it is promised to be.
    const size_t slash = folder.find_last_not_of('/') == std::string::npos
                             ? std::string::npos
                             : folder.rfind('/', folder.find_last_not_of('/'));
    const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : folder.substr(0, slash);
    PENSTOCK_TRY(files.sync_directory(parent));
    // An earlier process may have made topics without coming to this.
    PENSTOCK_TRY(files.sync_directory(folder));
  }
  PENSTOCK_TRY(log->open_partitions());
  return log;
}

Status EmbeddedLog::open_partitions() {
  PENSTOCK_TRY_ASSIGN(const std::vector<std::string> names, files_.list(folder_));
  for (const std::string& name : names) {
    const auto id = parse_folder(name);
    if (!id) continue;
    auto partition = Partition::open(files_, folder_ + "/" + name, *id, options_, cuts_);
    // A writer may be making it, or retention taking a segment, at this very moment.
    if (!partition && options_.read_only && partition.error().kind == ErrorKind::not_found) continue;
    if (!partition) return std::unexpected(std::move(partition).error());
    partitions_.emplace(*id, std::move(*partition));
  }
  return {};
}

Status EmbeddedLog::create_topic(const std::string& topic, int32_t partitions) {
  if (!legal_topic(topic)) {
    return fail(ErrorKind::invalid, "'{}' cannot be a topic's name: use letters, digits, '.', '_' and '-', at most {}",
                topic, kTopicBytesMax);
  }
  if (partitions < 1 || partitions > kPartitionsMax) {
    return fail(ErrorKind::invalid, "topic {} cannot have {} partitions: write 1 to {}", topic, partitions,
                kPartitionsMax);
  }
  if (options_.read_only) return fail(ErrorKind::invalid, "{} is open for reading only", folder_);
  std::unique_lock lock(mutex_);
  const auto there = std::ranges::count_if(partitions_, [&](const auto& entry) { return entry.first.topic == topic; });
  // Fewer than wanted and all of them empty may be left by a crash while they were made.
  const bool unfinished =
      there < partitions &&
      std::ranges::all_of(
          partitions_,
          [&](const auto& entry) { return entry.first.topic != topic || entry.second->end() == Offset{0}; });
  if (there > 0 && there != partitions && !unfinished) {
    return fail(
        ErrorKind::invalid,
        "topic {} has {} partitions in {}, but the pipeline says {}: a topic keeps its number of partitions. Write "
        "{} in the pipeline, or give another --data",
        topic, there, folder_, partitions, there);
  }
  std::vector<RecoveryCut> cuts;
  for (int32_t p = 0; p < partitions; ++p) {
    const TopicPartition id{topic, p};
    if (partitions_.contains(id)) continue;
    PENSTOCK_TRY_ASSIGN(auto partition,
                        Partition::open(files_, fmt::format("{}/{}-{}", folder_, topic, p), id, options_, cuts));
    partitions_.emplace(id, std::move(partition));
  }
  if (there < partitions) PENSTOCK_TRY(files_.sync_directory(folder_));
  return {};
}

Result<Partition*> EmbeddedLog::find(const TopicPartition& id) const {
  std::shared_lock lock(mutex_);
  const auto found = partitions_.find(id);
  if (found == partitions_.end()) {
    return fail(ErrorKind::not_found, "there is no partition {} of a topic {} in {}", id.partition, id.topic, folder_);
  }
  return found->second.get();
}

Result<Appended> EmbeddedLog::append(const TopicPartition& to, const EncodedBatch& batch, const ProducerStamp& stamp) {
  PENSTOCK_TRY_ASSIGN(Partition * partition, find(to));
  return partition->append(batch, stamp);
}

Status EmbeddedLog::flush() {
  std::vector<Partition*> partitions;
  {
    std::shared_lock lock(mutex_);
    for (const auto& [id, partition] : partitions_) partitions.push_back(partition.get());
  }
  for (Partition* partition : partitions) PENSTOCK_TRY(partition->flush());
  return {};
}

Status EmbeddedLog::skip_to(const TopicPartition& id, Offset to) {
  PENSTOCK_TRY_ASSIGN(Partition * partition, find(id));
  return partition->skip_to(to);
}

Result<std::unique_ptr<Reader>> EmbeddedLog::reader(const TopicPartition& id) {
  PENSTOCK_TRY_ASSIGN(Partition * partition, find(id));
  return std::make_unique<PartitionReader>(*partition, options_.read_only);
}

Result<PartitionInfo> EmbeddedLog::info(const TopicPartition& id) {
  PENSTOCK_TRY_ASSIGN(Partition * partition, find(id));
  return partition->info();
}

Result<std::vector<PartitionInfo>> EmbeddedLog::topics() {
  std::shared_lock lock(mutex_);
  std::vector<PartitionInfo> infos;
  for (const auto& [id, partition] : partitions_) infos.push_back(partition->info());
  return infos;
}

Result<int64_t> EmbeddedLog::next_sequence(const TopicPartition& id, int64_t producer_id) {
  PENSTOCK_TRY_ASSIGN(Partition * partition, find(id));
  return partition->next_sequence(producer_id);
}

Result<uint64_t> EmbeddedLog::enforce_retention(Timestamp now,
                                                const std::vector<std::pair<TopicPartition, Offset>>& keep_from) {
  uint64_t freed = 0;
  for (const auto& [id, offset] : keep_from) {
    PENSTOCK_TRY_ASSIGN(Partition * partition, find(id));
    PENSTOCK_TRY_ASSIGN(const uint64_t bytes, partition->enforce_retention(now, offset));
    freed += bytes;
  }
  return freed;
}

}  // namespace penstock::log

// The log on this machine: a folder of partitions, `<topic>-<partition>/`, in Kafka's own segment format.
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "log/embedded/embedded_options.h"
#include "log/log.h"

namespace penstock::log {

class Partition;

class EmbeddedLog final : public Log {
 public:
  // Opens every partition in `folder`, made if it is not there (not with read_only). Borrows `files`. One writer at a
  // time may have a folder: the caller holds a lock on it.
  [[nodiscard]] static Result<std::unique_ptr<EmbeddedLog>> open(io::FileSystem& files, const std::string& folder,
                                                                 const EmbeddedOptions& options);
  ~EmbeddedLog() override;

  // The torn tails that were cut when it was opened.
  [[nodiscard]] const std::vector<RecoveryCut>& recovery_report() const { return cuts_; }

  Status create_topic(const std::string& topic, int32_t partitions) override;
  Result<Appended> append(const TopicPartition& to, const EncodedBatch& batch, const ProducerStamp& stamp) override;
  Status flush() override;
  Status skip_to(const TopicPartition& partition, Offset to) override;
  Result<std::unique_ptr<Reader>> reader(const TopicPartition& partition) override;
  Result<PartitionInfo> info(const TopicPartition& partition) override;
  Result<std::vector<PartitionInfo>> topics() override;
  Result<int64_t> next_sequence(const TopicPartition& partition, int64_t producer_id) override;
  Result<uint64_t> enforce_retention(Timestamp now,
                                     const std::vector<std::pair<TopicPartition, Offset>>& keep_from) override;

 private:
  EmbeddedLog(io::FileSystem& files, std::string folder, const EmbeddedOptions& options);
  [[nodiscard]] Status open_partitions();
  [[nodiscard]] Result<Partition*> find(const TopicPartition& id) const;

  io::FileSystem& files_;
  const std::string folder_;
  const EmbeddedOptions options_;
  std::vector<RecoveryCut> cuts_;  // constant after open()

  mutable std::shared_mutex mutex_;
  std::map<TopicPartition, std::unique_ptr<Partition>> partitions_;  // guarded by mutex_; only added to
};

}  // namespace penstock::log

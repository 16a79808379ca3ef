// What a running pipeline and `reprocess` do alike: open the log of a plan and its partitions where the last commit
// was, give engines what the log holds, and write what they made.
#pragma once

#include "io/file_system.h"
#include "log/log.h"
#include "plan/plan.h"
#include "runtime/data_dir.h"
#include "runtime/worker.h"
#include "store/store.h"

namespace penstock::runtime {

// The store's tables for a plan, in the plan's order.
[[nodiscard]] std::vector<store::TableSpec> table_specs(const plan::Plan& plan);

// The log of the data folder as the plan wants it, for writing.
[[nodiscard]] Result<std::unique_ptr<log::Log>> open_plan_log(const plan::Plan& plan, io::FileSystem& files,
                                                              const DataPaths& paths);

// A partition's engine as it was committed, and how far the log is beyond. Borrows the plan and the symbols.
[[nodiscard]] Result<PartitionStart> open_partition(const plan::Plan& plan, size_t topic, int32_t partition,
                                                    const store::Committed& committed, log::Log& log,
                                                    market::SymbolTable& symbols);

// Everything of a batch, in its order. `partition` is for messages.
[[nodiscard]] Status give_to_engine(stream::Engine& engine, const TopicPartition& partition, const DecodedBatch& batch);

// What an engine made since the last time, to be committed with `next`.
[[nodiscard]] PartitionSnapshot snapshot_of(stream::Engine& engine, const TopicPartition& partition, Offset next);
// Writes it into a commit, and gives up its rows. Gives how many they were.
[[nodiscard]] Result<uint64_t> write_snapshot(store::Transaction& transaction, PartitionSnapshot& snapshot);

}  // namespace penstock::runtime

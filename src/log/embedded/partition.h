// One partition of the embedded log: its segments, its producers, and what recovery cut.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "io/file_system.h"
#include "log/embedded/embedded_options.h"
#include "log/embedded/producer_state.h"
#include "log/embedded/segment.h"
#include "log/log.h"

namespace penstock::log {

inline constexpr std::string_view kProducersExtension = "producers";

// Thread-safe. Appends come from one thread at a time; everything else from any.
class Partition {
 public:
  // Makes the folder and its first files, or opens what is there: checks the newest segment, cuts a torn tail, and says
  // what was cut in `cuts`.
  [[nodiscard]] static Result<std::unique_ptr<Partition>> open(io::FileSystem& files, const std::string& folder,
                                                               TopicPartition id, const EmbeddedOptions& options,
                                                               std::vector<RecoveryCut>& cuts);

  [[nodiscard]] Result<Appended> append(const EncodedBatch& batch, const ProducerStamp& stamp);
  [[nodiscard]] Status flush();
  // A flush, and a note of it, so that the next open need not check what is on the device.
  [[nodiscard]] Status close();
  [[nodiscard]] Status skip_to(Offset to);
  [[nodiscard]] PartitionInfo info() const;
  [[nodiscard]] int64_t next_sequence(int64_t producer_id) const;
  [[nodiscard]] Result<uint64_t> enforce_retention(Timestamp now, Offset keep_from);

  // A segment is shared by its partition and the readers that stand in it, so that retention may delete it meanwhile:
  // hence the shared_ptr. Nothing for an offset at or beyond the end; `not_found` before the oldest; `corrupt` where
  // the records after a segment's damage would be.
  [[nodiscard]] Result<std::shared_ptr<Segment>> segment_of(Offset offset);
  // The first segment at or after `from` that holds a record of `ms` or later.
  [[nodiscard]] std::shared_ptr<Segment> segment_of_time(int64_t ms, Offset from) const;
  [[nodiscard]] Offset end() const;
  // In another process than the writer's: takes note of what came since.
  [[nodiscard]] Status refresh();

 private:
  using Segments = std::vector<std::shared_ptr<Segment>>;

  Partition(io::FileSystem& files, std::string folder, TopicPartition id, const EmbeddedOptions& options)
      : files_(files), folder_(std::move(folder)), id_(std::move(id)), options_(options) {}
  [[nodiscard]] Status create_files();
  [[nodiscard]] Status open_segments(std::vector<RecoveryCut>& cuts);
  [[nodiscard]] Status drop_unused_newest(std::vector<Offset>& bases);
  [[nodiscard]] Status load_producers(const std::vector<Offset>& bases);
  [[nodiscard]] Status roll(Offset base_offset);
  [[nodiscard]] Status write_file(const std::string& path, std::string_view text, bool durable);
  [[nodiscard]] Status sync_unsynced();
  [[nodiscard]] Status note_flushed(const Segment& segment, uint64_t bytes);
  [[nodiscard]] uint64_t flushed_bytes(Offset base_offset);
  [[nodiscard]] Status remove_segment(Offset base_offset);
  [[nodiscard]] Result<std::vector<Offset>> list_segments();
  // The error of an earlier flush, if any.
  [[nodiscard]] Status usable() const;

  // Constant after construction.
  io::FileSystem& files_;
  const std::string folder_;
  const TopicPartition id_;
  const EmbeddedOptions options_;

  mutable std::mutex appending_;  // held through an append; taken before mutex_
  ProducerState producers_;  // guarded by appending_

  mutable std::mutex mutex_;
  Segments segments_;  // guarded by mutex_; never empty, ascending
  std::vector<std::shared_ptr<Segment>> unsynced_;  // guarded by mutex_: written to since the last flush
  bool folder_changed_ = false;  // guarded by mutex_: a name in it is not durable yet
  // Guarded by mutex_: after the device refused a flush nobody knows what it has, and a later flush may succeed
  // without the lost pages. Appends and flushes give this error until the log is opened again.
  std::optional<Error> refused_;
  std::mutex flushing_;  // one flush at a time; taken before mutex_
  Offset flushed_base_{-1};  // guarded by flushing_: the segment and its bytes in the last note
  uint64_t flushed_bytes_ = 0;  // guarded by flushing_
  std::mutex refreshing_;  // one refresh at a time; taken before mutex_
};

}  // namespace penstock::log

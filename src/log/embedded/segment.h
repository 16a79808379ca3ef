// One segment of a partition: whole batches in `<base offset>.log`, with its sparse offset and time indexes beside it.
// One writer; readers on any thread see what `published` says. docs/formats/log.md has the layout.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "io/file_system.h"
#include "log/embedded/batch_header.h"
#include "log/embedded/producer_state.h"
#include "log/record_batch.h"

namespace penstock::log {

// `<folder>/<base offset, 20 digits>.<extension>`.
[[nodiscard]] std::string segment_path(const std::string& folder, Offset base_offset, std::string_view extension);

class Segment {
 public:
  // An index entry is due when so many bytes came since the last.
  static constexpr uint64_t kIndexIntervalBytes = 4096;
  // Writing to the device is begun whenever so much has come, so that a later flush is short.
  static constexpr uint64_t kWritebackBytes = uint64_t{8} << 20;

  // What a scan of the file found.
  struct Scan {
    uint64_t bytes_whole = 0;   // up to the end of the last whole batch
    uint64_t bytes_file = 0;    // of the file; more than bytes_whole: a torn tail
    std::string why;            // the tail is not a batch
  };

  // Makes a new, empty segment. Its name is durable once the folder is synced.
  [[nodiscard]] static Result<std::unique_ptr<Segment>> create(io::FileSystem& files, const std::string& folder,
                                                               Offset base_offset);
  // Opens one that was completed: its indexes are read, and made anew from the file where they do not fit it.
  [[nodiscard]] static Result<std::unique_ptr<Segment>> open_complete(io::FileSystem& files, const std::string& folder,
                                                                      Offset base_offset, bool read_only);
  // Opens the newest one: `producers` takes note of each batch, the indexes are made anew, and every batch that is not
  // within the first `flushed` bytes, known to be on the device, is checked against its checksum. The caller cuts a
  // torn tail with `cut`.
  [[nodiscard]] static Result<std::unique_ptr<Segment>> open_newest(io::FileSystem& files, const std::string& folder,
                                                                    Offset base_offset, uint64_t flushed,
                                                                    bool read_only, ProducerState& producers,
                                                                    Scan& found);

  // Writes one batch, whole or (after an error) not at all. An index that cannot be written is no error: its entries
  // are kept and tried again with the next.
  [[nodiscard]] Status append(std::span<const std::byte, kBatchHeaderBytes> header_bytes, const BatchHeader& header,
                              std::span<const std::byte> records);
  [[nodiscard]] Status cut(uint64_t bytes);
  // The last time entry is due, and the index files hold every entry.
  [[nodiscard]] Status complete();
  // After complete(), where a later segment will follow: this one's indexes will be trusted from now on.
  [[nodiscard]] Status sync_indexes();
  // Whether a batch up to `last_offset` of `total` bytes still fits what index entries can say.
  [[nodiscard]] bool fits(int64_t last_offset, uint64_t total) const;
  [[nodiscard]] Status sync();
  // For a reader in another process than the writer's: takes note of whole batches that came since.
  [[nodiscard]] Status refresh();

  [[nodiscard]] Offset base_offset() const { return base_offset_; }
  [[nodiscard]] Offset end_offset() const { return Offset{end_offset_.load(std::memory_order_acquire)}; }
  [[nodiscard]] uint64_t bytes() const { return bytes_.load(std::memory_order_acquire); }
  // -1 while it is empty.
  [[nodiscard]] int64_t max_timestamp_ms() const { return max_timestamp_ms_.load(std::memory_order_acquire); }
  // Why what follows `bytes()` in a completed segment's file is no batch; empty when nothing follows.
  [[nodiscard]] const std::string& damage() const { return damage_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] io::File& file() const { return *file_; }

  // A position at or before the batch that holds `offset` (`ms`), where a batch begins.
  [[nodiscard]] uint64_t position_before(Offset offset) const;
  [[nodiscard]] uint64_t position_before_time(int64_t ms) const;

 private:
  struct IndexEntry {
    int64_t last_offset;  // of the batch at `position`
    uint64_t position;
  };
  struct TimeEntry {
    int64_t timestamp_ms;
    int64_t last_offset;
  };

  Segment(io::FileSystem& files, std::string folder, Offset base_offset, std::unique_ptr<io::File> file);

  // Takes note of a batch at `position`; an index entry may come of it.
  void note(const BatchHeader& header, uint64_t position);
  void note_time_entry();
  // Batches that end at or before `trusted` are known by their headers alone.
  [[nodiscard]] Status scan(uint64_t from, uint64_t trusted, ProducerState* producers, Scan& result);
  [[nodiscard]] Result<bool> load_indexes();
  [[nodiscard]] Status write_indexes();
  [[nodiscard]] Status append_index_entries();

  // Constant after construction.
  io::FileSystem& files_;
  const std::string folder_;
  const Offset base_offset_;
  const std::string path_;
  const std::unique_ptr<io::File> file_;

  std::atomic<uint64_t> bytes_{0};
  std::atomic<int64_t> end_offset_;
  std::atomic<int64_t> max_timestamp_ms_{-1};

  // Written by the writer only.
  int64_t max_timestamp_offset_ = -1;  // the last offset of the earliest batch that holds the maximum
  std::string damage_;  // constant once the segment is opened
  bool tail_left_ = false;  // a failed append left bytes after the last batch
  uint64_t bytes_since_index_ = 0;
  uint64_t writeback_begun_ = 0;
  std::unique_ptr<io::File> index_file_;  // opened with the first entry
  std::unique_ptr<io::File> time_file_;
  size_t index_written_ = 0;  // entries that are in the files
  size_t times_written_ = 0;

  mutable std::mutex mutex_;
  std::vector<IndexEntry> index_;  // guarded by mutex_
  std::vector<TimeEntry> times_;  // guarded by mutex_
};

}  // namespace penstock::log

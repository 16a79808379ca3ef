// What the embedded log's tests share: batches with known content, and reading a partition whole.
#pragma once

#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "base/logging.h"
#include "io/memory_file_system.h"
#include "log/embedded/embedded_log.h"

namespace penstock::log {

// Takes warnings while it lives; a test that ends with one that it did not take fails.
class Warnings {
 public:
  Warnings() {
    before_ = set_log_sink([this](LogLevel level, std::string_view, std::string_view message) {
      std::lock_guard lock(mutex_);
      if (level >= LogLevel::warning) messages_.emplace_back(message);
    });
  }
  Warnings(const Warnings&) = delete;
  Warnings& operator=(const Warnings&) = delete;
  ~Warnings() {
    set_log_sink(before_);
    for (const auto& message : messages_) ADD_FAILURE() << "unexpected warning: " << message;
  }
  std::vector<std::string> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(messages_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> messages_;
  LogSink before_;
};

struct TestRecord {
  int64_t timestamp_ms = 0;
  std::string key;
  std::string value;
  friend bool operator==(const TestRecord&, const TestRecord&) = default;
};

inline EncodedBatch encode(const std::vector<TestRecord>& records, Codec codec = Codec::none) {
  RecordBatchBuilder builder;
  for (const TestRecord& record : records) builder.add(record.timestamp_ms, record.key, record.value);
  auto batch = builder.finish(codec);
  EXPECT_TRUE(batch) << (batch ? "" : batch.error().message);
  return batch ? std::move(*batch) : EncodedBatch{};
}

// `count` records whose content follows from `first`, the number of the first of them.
inline std::vector<TestRecord> numbered(int64_t first, int64_t count, size_t value_bytes = 20) {
  std::vector<TestRecord> records;
  for (int64_t i = first; i < first + count; ++i) {
    std::string value = fmt::format("value {}", i);
    value.resize(std::max(value.size(), value_bytes), '.');
    records.push_back({1'000'000 + 10 * i, fmt::format("key {}", i), std::move(value)});
  }
  return records;
}

struct ReadRecord {
  int64_t offset = 0;
  TestRecord record;
};

inline Result<std::vector<ReadRecord>> read_all(Log& log, const TopicPartition& id, Offset from,
                                                size_t bytes_max = size_t{1} << 20) {
  std::vector<ReadRecord> all;
  PENSTOCK_TRY_ASSIGN(const auto reader, log.reader(id));
  for (;;) {
    PENSTOCK_TRY_ASSIGN(FetchResult fetched, reader->fetch(from, bytes_max));
    if (fetched.batches.empty()) return all;
    for (const ReadBatch& batch : fetched.batches) {
      RecordIterator records(batch);
      for (RecordView record; records.next(record);) {
        if (record.offset < from) continue;
        all.push_back({record.offset.value, {record.timestamp_ms, std::string(record.key), std::string(record.value)}});
      }
      PENSTOCK_TRY(records.status());
    }
    from = fetched.next;
    reader->recycle(std::move(fetched));
  }
}

template <typename T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message;
    std::abort();
  }
  return std::move(*result);
}
inline void must(const Status& status) { ASSERT_TRUE(status) << status.error().message; }

}  // namespace penstock::log

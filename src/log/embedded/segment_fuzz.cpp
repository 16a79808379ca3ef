// Any bytes as the files of a partition: it opens, cuts what is no batch, reads what is left, and takes an append.
#include <cstdlib>

#include "base/logging.h"
#include "io/memory_file_system.h"
#include "log/embedded/batch_header.h"
#include "log/embedded/embedded_log.h"

using namespace penstock;
using namespace penstock::log;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// Makes the checksums right, so that damage reaches what lies behind them.
void seal(std::vector<std::byte>& bytes) {
  for (size_t at = 0; at + kBatchHeaderBytes <= bytes.size();) {
    BatchHeader header;
    const std::span<std::byte, kBatchHeaderBytes> head(bytes.data() + at, kBatchHeaderBytes);
    if (!read_header(head, header) || at + header.total_bytes() > bytes.size()) return;
    put_big_endian(head.data() + 17,
                   crc32c(std::span(bytes).subspan(at + kCrcBegin, header.total_bytes() - kCrcBegin)));
    at += header.total_bytes();
  }
}

void read_everything(Log& log, const TopicPartition& id) {
  const auto reader = log.reader(id);
  const auto info = log.info(id);
  require(reader.has_value() && info.has_value());
  for (Offset from = info->start;;) {
    const auto fetched = (*reader)->fetch(from, 1000);
    if (!fetched || fetched->batches.empty()) break;
    for (const ReadBatch& batch : fetched->batches) {
      RecordIterator records(batch);
      for (RecordView record; records.next(record);) static_cast<void>(find_header(record.headers, "a"));
    }
    require(fetched->next > from);
    from = fetched->next;
  }
  static_cast<void>((*reader)->offset_for(Timestamp{1'704'205'800'000'000'000}).has_value());
  static_cast<void>((*reader)->offset_for(Timestamp::min()).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  set_log_sink([](LogLevel, std::string_view, std::string_view) {});
  const uint8_t mode = data[0];
  // The input is cut into the segment, its index files and the notes beside it.
  const size_t rest = size - 4;
  const size_t segment_bytes = (mode & 2) != 0 ? rest : rest * data[1] / 256;
  const auto all = std::as_bytes(std::span(data, size)).subspan(4);
  std::vector<std::byte> segment(all.begin(), all.begin() + static_cast<ptrdiff_t>(segment_bytes));
  if ((mode & 1) != 0) seal(segment);
  const std::vector<std::byte> beside(all.begin() + static_cast<ptrdiff_t>(segment_bytes), all.end());

  io::MemoryFileSystem files;
  require(files.create_directories("log/t-0").has_value());
  const auto put = [&](const std::string& name, const std::vector<std::byte>& bytes) {
    require(files.open("log/t-0/" + name, io::OpenMode::create).has_value());
    files.set_content("log/t-0/" + name, bytes);
  };
  put("00000000000000000000.log", segment);
  put("00000000000000000000.index", beside);
  put("00000000000000000000.timeindex", beside);
  put("flushed", beside);
  if ((mode & 4) != 0) {
    // It is not the newest one: it may not be cut.
    put("00000000000000000005.log", segment);
    put("00000000000000000005.producers", beside);
  }
  const TopicPartition id{"t", 0};
  if (auto log = EmbeddedLog::open(files, "log", {.read_only = true})) read_everything(**log, id);
  auto log = EmbeddedLog::open(files, "log", {});
  if (!log) return 0;
  read_everything(**log, id);
  RecordBatchBuilder builder;
  builder.add(1, "key", "value");
  const auto batch = builder.finish(Codec::none);
  const auto end = (*log)->info(id)->end;
  const auto appended = (*log)->append(id, *batch, {});
  require(appended.has_value() && appended->base_offset == end);
  const auto reader = (*log)->reader(id);
  const auto fetched = (*reader)->fetch(end, 1000);
  require(fetched.has_value() && fetched->batches.size() == 1 && fetched->batches[0].count == 1);
  return 0;
}

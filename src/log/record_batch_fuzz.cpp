// Any bytes as a batch's records: reading them ends, stays inside them, and what reads builds to the same again.
#include "log/record_batch.h"

#include <cstdlib>

#include "log/compression.h"

using namespace penstock;
using namespace penstock::log;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool inside(std::string_view part, std::span<const std::byte> whole) {
  const auto* begin = reinterpret_cast<const char*>(whole.data());
  return part.empty() || (part.data() >= begin && part.data() + part.size() <= begin + whole.size());
}

void read_records(std::span<const std::byte> bytes, int32_t count) {
  const ReadBatch batch{
      .base_offset = Offset{7}, .count = count, .base_timestamp_ms = 1'570'752'000'000, .records = bytes};
  RecordIterator records(batch);
  RecordBatchBuilder builder;
  int32_t seen = 0;
  bool plain = true;
  for (RecordView record; records.next(record); ++seen) {
    require(record.offset.value == 7 + seen && inside(record.key, bytes) && inside(record.value, bytes));
    plain = plain && record.headers.size() == 1;
    static_cast<void>(find_header(record.headers, "penstock.kind"));
    builder.add(record.timestamp_ms, record.has_key ? std::optional(record.key) : std::nullopt,
                record.has_value ? std::optional(record.value) : std::nullopt);
  }
  if (!records.status() || seen == 0 || !plain) return;
  require(seen == count);
  const auto built = builder.finish(Codec::none);
  require(built.has_value());
  RecordIterator first(batch);
  RecordIterator second({.base_offset = Offset{7},
                         .count = built->count,
                         .codec = Codec::none,
                         .base_timestamp_ms = built->base_timestamp_ms,
                         .records = built->records});
  for (RecordView a, b; first.next(a);) {
    require(second.next(b));
    require(a.timestamp_ms == b.timestamp_ms && a.key == b.key && a.value == b.value && a.has_value == b.has_value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(2);
  switch (data[0] % 3) {
    case 0: read_records(bytes, data[1]); break;
    default: {
      std::vector<std::byte> plain;
      if (decompress(data[0] % 3 == 1 ? Codec::lz4 : Codec::zstd, bytes, plain)) read_records(plain, data[1]);
    }
  }
  return 0;
}

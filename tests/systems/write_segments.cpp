// Writes a log that Kafka's own tools are asked about: every codec, several segments, idempotent and plain batches, a
// hole, tombstones and headers. `write_segments FOLDER` (must not be there yet).
#include <fmt/core.h>

#include <array>
#include <string>

#include "io/file_system.h"
#include "log/embedded/embedded_log.h"
#include "log/record_batch.h"

namespace penstock {
namespace {

using log::Codec;

Result<log::EncodedBatch> make_batch(int64_t first, int64_t count, Codec codec) {
  log::RecordBatchBuilder builder;
  for (int64_t i = first; i < first + count; ++i) {
    // Times that go back now and then, as late trades do: the time index must keep to the greatest.
    const int64_t ms = 1'570'752'000'000 + 40 * i - (i % 13 == 0 ? 5'000 : 0);
    const std::string key = fmt::format("SYMBOL{}", i % 20);
    const std::array headers{log::Header{"penstock.kind", "mark"}, log::Header{"empty", ""}};
    if (i % 97 == 0) {
      builder.add(ms, key, std::nullopt);
    } else if (i % 31 == 0) {
      builder.add(ms, std::nullopt, "a mark", headers);
    } else {
      const std::string value = fmt::format("trade {} of {}", i, std::string(static_cast<size_t>(i % 60), 'x'));
      builder.add_written(ms, key, value.size(), [&](std::byte* out) {
        std::memcpy(out, value.data(), value.size());
        return value.size();
      });
    }
  }
  return builder.finish(codec);
}

Status write_topic(log::Log& log, const std::string& topic, Codec codec, bool idempotent) {
  PENSTOCK_TRY(log.create_topic(topic, 1));
  const TopicPartition id{topic, 0};
  int64_t next = 0;
  for (int64_t batch = 0; batch < 120; ++batch) {
    const int64_t count = 1 + batch * 7 % 60;
    PENSTOCK_TRY_ASSIGN(const log::EncodedBatch encoded, make_batch(next, count, codec));
    const log::ProducerStamp stamp = idempotent ? log::ProducerStamp{4711, 0, next} : log::ProducerStamp{};
    PENSTOCK_TRY(log.append(id, encoded, stamp));
    next += count;
    if (batch == 70 && !idempotent) PENSTOCK_TRY(log.skip_to(id, Offset{next + 1000}));
  }
  return log.flush();
}

Status write_all(const std::string& folder) {
  PENSTOCK_TRY_ASSIGN(const bool there, io::posix_file_system().exists(folder));
  if (there) return fail(ErrorKind::invalid, "{} is there already: give a folder that is not", folder);
  PENSTOCK_TRY_ASSIGN(const auto log,
                      log::EmbeddedLog::open(io::posix_file_system(), folder, {.segment_bytes_max = 40'000}));
  PENSTOCK_TRY(write_topic(*log, "plain", Codec::none, false));
  PENSTOCK_TRY(write_topic(*log, "idempotent", Codec::none, true));
  PENSTOCK_TRY(write_topic(*log, "lz4", Codec::lz4, true));
  return write_topic(*log, "zstd", Codec::zstd, true);
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: write_segments FOLDER\n");
    return 2;
  }
  const penstock::Status status = penstock::write_all(argv[1]);
  if (!status) fmt::print(stderr, "write_segments: {}\n", status.error().message);
  return status ? 0 : 1;
}

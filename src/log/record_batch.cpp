#include "log/record_batch.h"

#include <lz4frame.h>
#include <zstd.h>

#include <memory>

#include "base/crc32c.h"

namespace penstock::log {
namespace {

// Zstandard's fastest level that is still denser than lz4: batches are made on the ingest path.
constexpr int kZstdLevel = 1;
constexpr size_t kDecompressStep = size_t{1} << 20;

Result<std::vector<std::byte>> compress_lz4(std::span<const std::byte> bytes) {
  LZ4F_preferences_t preferences{};
  // Kafka's reader takes independent blocks only.
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  std::vector<std::byte> out(LZ4F_compressFrameBound(bytes.size(), &preferences));
  const size_t written = LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &preferences);
  if (LZ4F_isError(written) != 0) return fail(ErrorKind::io, "lz4: {}", LZ4F_getErrorName(written));
  out.resize(written);
  return out;
}

Result<std::vector<std::byte>> compress_zstd(std::span<const std::byte> bytes) {
  std::vector<std::byte> out(ZSTD_compressBound(bytes.size()));
  const size_t written = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kZstdLevel);
  if (ZSTD_isError(written) != 0) return fail(ErrorKind::io, "zstd: {}", ZSTD_getErrorName(written));
  out.resize(written);
  return out;
}

Result<std::vector<std::byte>> decompress_lz4(std::span<const std::byte> bytes) {
  LZ4F_dctx* raw = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)) != 0) return fail(ErrorKind::full, "lz4: no memory");
  const std::unique_ptr<LZ4F_dctx, decltype(&LZ4F_freeDecompressionContext)> context(raw, LZ4F_freeDecompressionContext);
  std::vector<std::byte> out;
  size_t used = 0;
  size_t at = 0;
  size_t hint = 1;
  while (hint != 0) {
    if (used == out.size()) {
      if (out.size() >= kBatchBytesMax) return fail(ErrorKind::corrupt, "lz4: more than {} bytes", kBatchBytesMax);
      out.resize(std::min(kBatchBytesMax, out.size() + std::max(kDecompressStep, out.size())));
    }
    size_t room = out.size() - used;
    size_t taken = bytes.size() - at;
    hint = LZ4F_decompress(context.get(), out.data() + used, &room, bytes.data() + at, &taken, nullptr);
    if (LZ4F_isError(hint) != 0) return fail(ErrorKind::corrupt, "lz4: {}", LZ4F_getErrorName(hint));
    used += room;
    at += taken;
    if (hint != 0 && taken == 0 && room == 0) return fail(ErrorKind::corrupt, "lz4: the frame is cut short");
  }
  out.resize(used);
  return out;
}

Result<std::vector<std::byte>> decompress_zstd(std::span<const std::byte> bytes) {
  const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> context(ZSTD_createDStream(), ZSTD_freeDStream);
  if (context == nullptr) return fail(ErrorKind::full, "zstd: no memory");
  std::vector<std::byte> out;
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer buffer{nullptr, 0, 0};
  for (;;) {
    if (buffer.pos == out.size()) {
      if (out.size() >= kBatchBytesMax) return fail(ErrorKind::corrupt, "zstd: more than {} bytes", kBatchBytesMax);
      out.resize(std::min(kBatchBytesMax, out.size() + std::max(kDecompressStep, out.size())));
      buffer.dst = out.data();
      buffer.size = out.size();
    }
    const size_t before_in = in.pos;
    const size_t before_out = buffer.pos;
    const size_t left = ZSTD_decompressStream(context.get(), &buffer, &in);
    if (ZSTD_isError(left) != 0) return fail(ErrorKind::corrupt, "zstd: {}", ZSTD_getErrorName(left));
    if (left == 0 && in.pos == in.size) break;
    if (in.pos == before_in && buffer.pos == before_out) return fail(ErrorKind::corrupt, "zstd: the frame is cut short");
  }
  out.resize(buffer.pos);
  return out;
}

}  // namespace

Result<EncodedBatch> RecordBatchBuilder::finish(Codec codec) {
  if (size_ > kBatchBytesMax) {
    return fail(ErrorKind::full, "a batch of {} bytes; the log's format holds {}", size_, kBatchBytesMax);
  }
  EncodedBatch batch;
  batch.codec = codec;
  batch.count = count_;
  batch.base_timestamp_ms = base_timestamp_ms_;
  batch.max_timestamp_ms = max_timestamp_ms_;
  const std::span<const std::byte> records(bytes_.data(), size_);
  switch (codec) {
    case Codec::none: batch.records.assign(records.begin(), records.end()); break;
    case Codec::lz4: {
      PENSTOCK_TRY_ASSIGN(batch.records, compress_lz4(records));
      break;
    }
    case Codec::zstd: {
      PENSTOCK_TRY_ASSIGN(batch.records, compress_zstd(records));
      break;
    }
  }
  batch.records_crc = crc32c(batch.records);
  size_ = 0;
  count_ = 0;
  return batch;
}

std::optional<std::string_view> find_header(const RecordView& record, std::string_view key) {
  const std::byte* at = record.headers.data();
  const std::byte* const end = at + record.headers.size();
  const auto read_text = [&](std::string_view& text) {
    int64_t length = 0;
    if (!varint::read(at, end, length) || length < -1 || length > end - at) return false;
    text = {reinterpret_cast<const char*>(at), static_cast<size_t>(std::max<int64_t>(length, 0))};
    at += text.size();
    return true;
  };
  for (int64_t i = 0; i < record.header_count; ++i) {
    std::string_view name;
    std::string_view value;
    if (!read_text(name) || !read_text(value)) return std::nullopt;
    if (name == key) return value;
  }
  return std::nullopt;
}

Result<std::vector<std::byte>> decompress(Codec codec, std::span<const std::byte> bytes) {
  switch (codec) {
    case Codec::none: return std::vector<std::byte>(bytes.begin(), bytes.end());
    case Codec::lz4: return decompress_lz4(bytes);
    case Codec::zstd: return decompress_zstd(bytes);
  }
  return fail(ErrorKind::corrupt, "a batch compressed by codec {}, which this version does not read", static_cast<int>(codec));
}

}  // namespace penstock::log

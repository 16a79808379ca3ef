#include "log/compression.h"

#include <lz4frame.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace penstock::log {
namespace {

// zstd's fastest regular level: beside level 3 it is twice as fast, and records of trades grow by a few percent.
constexpr int kZstdLevel = 1;

struct Release {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

// Contexts are some 100 KB to 1 MB each and are kept for the thread's next batch.
ZSTD_CCtx* zstd_compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, Release> context(ZSTD_createCCtx());
  return context.get();
}
ZSTD_DCtx* zstd_decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, Release> context(ZSTD_createDCtx());
  return context.get();
}
LZ4F_dctx* lz4_decompressor() {
  thread_local const std::unique_ptr<LZ4F_dctx, Release> context([] {
    LZ4F_dctx* made = nullptr;
    return LZ4F_isError(LZ4F_createDecompressionContext(&made, LZ4F_VERSION)) ? nullptr : made;
  }());
  return context.get();
}

// Kafka's Java reader demands independent blocks; the content's size lets any reader allocate once.
LZ4F_preferences_t lz4_preferences(size_t content) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.contentSize = content;
  return preferences;
}

// Calls `step(room)` with free space in `out` until it says that the frame has ended.
struct Step {
  size_t consumed = 0;
  size_t produced = 0;
  bool ended = false;
};
template <typename Decode>
Status decode_frame(std::span<const std::byte> in, size_t size_hint, std::vector<std::byte>& out, Decode decode) {
  out.resize(std::clamp(size_hint, size_t{1} << 10, kRecordsBytesMax));
  size_t read = 0;
  size_t written = 0;
  for (;;) {
    if (written == out.size()) {
      if (out.size() == kRecordsBytesMax) {
        return fail(ErrorKind::corrupt, "compressed records grow past {} bytes", kRecordsBytesMax);
      }
      out.resize(std::min(2 * out.size(), kRecordsBytesMax));
    }
    PENSTOCK_TRY_ASSIGN(const Step step, decode(in.subspan(read), std::span(out).subspan(written)));
    read += step.consumed;
    written += step.produced;
    if (step.ended) break;
    if (step.consumed == 0 && step.produced == 0) return fail(ErrorKind::corrupt, "compressed records end too early");
  }
  if (read != in.size()) {
    return fail(ErrorKind::corrupt, "{} bytes follow the compressed records", in.size() - read);
  }
  out.resize(written);
  return {};
}

Status decompress_zstd(std::span<const std::byte> bytes, std::vector<std::byte>& out) {
  ZSTD_DCtx* context = zstd_decompressor();
  if (context == nullptr) return fail(ErrorKind::full, "no memory for a zstd context");
  const unsigned long long stated = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  // One spare byte, so that the frame's end is seen without growing. The statement is not trusted: it is clamped.
  const size_t hint = stated < kRecordsBytesMax ? static_cast<size_t>(stated) + 1 : 4 * bytes.size();
  ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
  return decode_frame(bytes, hint, out, [&](std::span<const std::byte> in, std::span<std::byte> room) -> Result<Step> {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{room.data(), room.size(), 0};
    const size_t left = ZSTD_decompressStream(context, &to, &from);
    if (ZSTD_isError(left) != 0) return fail(ErrorKind::corrupt, "zstd: {}", ZSTD_getErrorName(left));
    return Step{from.pos, to.pos, left == 0};
  });
}

Status decompress_lz4(std::span<const std::byte> bytes, std::vector<std::byte>& out) {
  LZ4F_dctx* context = lz4_decompressor();
  if (context == nullptr) return fail(ErrorKind::full, "no memory for an lz4 context");
  LZ4F_resetDecompressionContext(context);
  LZ4F_frameInfo_t info{};
  size_t header = bytes.size();
  const size_t begun = LZ4F_getFrameInfo(context, &info, bytes.data(), &header);
  if (LZ4F_isError(begun) != 0) return fail(ErrorKind::corrupt, "lz4: {}", LZ4F_getErrorName(begun));
  const size_t hint = info.contentSize > 0 && info.contentSize < kRecordsBytesMax
                          ? static_cast<size_t>(info.contentSize) + 1
                          : 4 * bytes.size();
  return decode_frame(
      bytes.subspan(header), hint, out, [&](std::span<const std::byte> in, std::span<std::byte> room) -> Result<Step> {
        size_t consumed = in.size();
        size_t produced = room.size();
        const size_t left = LZ4F_decompress(context, room.data(), &produced, in.data(), &consumed, nullptr);
        if (LZ4F_isError(left) != 0) return fail(ErrorKind::corrupt, "lz4: {}", LZ4F_getErrorName(left));
        return Step{consumed, produced, left == 0};
      });
}

}  // namespace

Result<std::vector<std::byte>> compress(Codec codec, std::span<const std::byte> bytes) {
  PENSTOCK_ASSERT(codec == Codec::lz4 || codec == Codec::zstd);
  std::vector<std::byte> out;
  size_t written = 0;
  if (codec == Codec::lz4) {
    const LZ4F_preferences_t preferences = lz4_preferences(bytes.size());
    out.resize(LZ4F_compressFrameBound(bytes.size(), &preferences));
    written = LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &preferences);
    if (LZ4F_isError(written) != 0) return fail(ErrorKind::full, "lz4: {}", LZ4F_getErrorName(written));
  } else {
    ZSTD_CCtx* context = zstd_compressor();
    if (context == nullptr) return fail(ErrorKind::full, "no memory for a zstd context");
    out.resize(ZSTD_compressBound(bytes.size()));
    written = ZSTD_compressCCtx(context, out.data(), out.size(), bytes.data(), bytes.size(), kZstdLevel);
    if (ZSTD_isError(written) != 0) return fail(ErrorKind::full, "zstd: {}", ZSTD_getErrorName(written));
  }
  out.resize(written);
  return out;
}

Status decompress(Codec codec, std::span<const std::byte> bytes, std::vector<std::byte>& out) {
  if (codec != Codec::lz4 && codec != Codec::zstd) {
    return fail(ErrorKind::invalid, "records are compressed with codec {}, which is neither lz4 (3) nor zstd (4)",
                static_cast<int>(codec));
  }
  return codec == Codec::lz4 ? decompress_lz4(bytes, out) : decompress_zstd(bytes, out);
}

}  // namespace penstock::log

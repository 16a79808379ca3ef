#include "feed/file/parquet_codec.h"

#include <lz4.h>
#include <zlib.h>
#include <zstd.h>

#include <cstring>
#include <limits>
#include <string_view>

#include "feed/file/parquet_snappy.h"

namespace penstock::feed::file {
namespace {

std::unexpected<Error> damaged(std::string_view codec) {
  return fail(ErrorKind::corrupt, "a page that {} should have compressed is damaged", codec);
}

Status inflate_page(std::span<const uint8_t> bytes, std::span<uint8_t> out) {
  z_stream stream{};
  constexpr int kGzipOrZlib = 15 + 32;
  if (inflateInit2(&stream, kGzipOrZlib) != Z_OK) return fail(ErrorKind::full, "no memory to decompress a page");
  // zlib's interface is older than const.
  stream.next_in = const_cast<uint8_t*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  int result = Z_OK;
  // A page may be several gzip members, one behind the other.
  for (;;) {
    result = inflate(&stream, Z_FINISH);
    if (result != Z_STREAM_END || stream.avail_in == 0 || stream.avail_out == 0) break;
    if (inflateReset(&stream) != Z_OK) break;
  }
  const bool whole = result == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  if (!whole) return damaged("gzip");
  return {};
}

}  // namespace

bool is_known_codec(ParquetCodec codec) {
  switch (codec) {
    case ParquetCodec::none:
    case ParquetCodec::snappy:
    case ParquetCodec::gzip:
    case ParquetCodec::zstd:
    case ParquetCodec::lz4_raw: return true;
  }
  return false;
}

void PageDecompressor::FreeContext::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

Status PageDecompressor::decompress(ParquetCodec codec, std::span<const uint8_t> bytes, std::span<uint8_t> out) {
  switch (codec) {
    case ParquetCodec::none:
      if (bytes.size() != out.size()) return fail(ErrorKind::corrupt, "a page has another size than it says");
      if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size());
      return {};
    case ParquetCodec::snappy:
      if (!snappy_decompress(bytes, out)) return damaged("Snappy");
      return {};
    case ParquetCodec::gzip: return inflate_page(bytes, out);
    case ParquetCodec::zstd: {
      if (zstd_ == nullptr) zstd_.reset(ZSTD_createDCtx());
      if (zstd_ == nullptr) return fail(ErrorKind::full, "no memory to decompress a page");
      if (ZSTD_decompressDCtx(zstd_.get(), out.data(), out.size(), bytes.data(), bytes.size()) != out.size()) {
        return damaged("zstd");
      }
      return {};
    }
    case ParquetCodec::lz4_raw: {
      constexpr size_t kMost = LZ4_MAX_INPUT_SIZE;
      if (bytes.size() > kMost || out.size() > kMost ||
          LZ4_decompress_safe(reinterpret_cast<const char*>(bytes.data()), reinterpret_cast<char*>(out.data()),
                              static_cast<int>(bytes.size()),
                              static_cast<int>(out.size())) != static_cast<int>(out.size())) {
        return damaged("LZ4");
      }
      return {};
    }
  }
  return fail(ErrorKind::invalid, "a page is compressed in a way that is not known");
}

}  // namespace penstock::feed::file

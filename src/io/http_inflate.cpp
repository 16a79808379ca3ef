#include "io/http_inflate.h"

#include <zlib.h>

#include <array>

namespace penstock::io {

GzipInflater::GzipInflater() : stream_(std::make_unique<z_stream_s>()) {
  // 15 bits of window, +16: gzip and nothing else. It fails only for lack of memory or a wrong argument.
  PENSTOCK_ASSERT(inflateInit2(stream_.get(), 15 + 16) == Z_OK);
}

GzipInflater::~GzipInflater() { inflateEnd(stream_.get()); }

Status GzipInflater::put(std::string_view packed, const std::function<Status(std::string_view)>& sink) {
  std::array<char, 64 * 1024> piece;
  // zlib's interface lacks a const; it does not write to its input.
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream_->avail_in = static_cast<uInt>(packed.size());
  do {
    if (ended_) return fail(ErrorKind::io, "the gzip body goes on after its end");
    stream_->next_out = reinterpret_cast<Bytef*>(piece.data());
    stream_->avail_out = static_cast<uInt>(piece.size());
    const int result = inflate(stream_.get(), Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
      return fail(ErrorKind::io, "the body is no gzip: {}", stream_->msg ? stream_->msg : "broken data");
    ended_ = result == Z_STREAM_END;
    const size_t made = piece.size() - stream_->avail_out;
    if (made > 0) PENSTOCK_TRY(sink({piece.data(), made}));
  } while (stream_->avail_in > 0 || stream_->avail_out == 0);
  return {};
}

}  // namespace penstock::io

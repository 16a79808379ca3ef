#include "feed/file/byte_stream.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace penstock::feed::file {
namespace {

constexpr size_t kCompressedPieceBytes = 256 * 1024;

class PlainStream final : public ByteStream {
 public:
  PlainStream(std::unique_ptr<io::File> file, uint64_t position, std::string path)
      : file_(std::move(file)), position_(position), path_(std::move(path)) {}

  Result<size_t> read(std::span<char> bytes) override {
    auto count = file_->read_at(position_, std::as_writable_bytes(bytes));
    if (!count) return with_context(std::move(count).error(), path_);
    position_ += *count;
    return *count;
  }
  uint64_t bytes_consumed() const override { return position_; }

 private:
  std::unique_ptr<io::File> file_;
  uint64_t position_;
  std::string path_;
};

// The compressed bytes, a piece at a time.
class CompressedInput {
 public:
  CompressedInput(std::unique_ptr<io::File> file, std::string path)
      : plain_(std::move(file), 0, std::move(path)), piece_(kCompressedPieceBytes) {}

  // What is not used yet; empty only at the end of the file.
  Result<std::span<const char>> left() {
    if (begin_ == end_) {
      PENSTOCK_TRY_ASSIGN(end_, plain_.read(piece_));
      begin_ = 0;
    }
    return std::span<const char>(piece_).subspan(begin_, end_ - begin_);
  }
  void use(size_t count) { begin_ += count; }
  [[nodiscard]] uint64_t bytes_used() const { return plain_.bytes_consumed() - (end_ - begin_); }

 private:
  PlainStream plain_;
  std::vector<char> piece_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// What the decompressors share: an error that comes up behind good bytes waits for the next call.
class DecompressedStream : public ByteStream {
 public:
  DecompressedStream(std::unique_ptr<io::File> file, std::string path)
      : input_(std::move(file), path), path_(std::move(path)) {}

  Result<size_t> read(std::span<char> bytes) final {
    size_t filled = 0;
    while (filled < bytes.size() && !ended_ && !failure_) {
      auto count = decompress(bytes.subspan(filled));
      if (count) {
        filled += *count;
      } else {
        failure_ = std::move(count).error();
      }
    }
    if (filled == 0 && failure_) return std::unexpected(*failure_);
    return filled;
  }
  uint64_t bytes_consumed() const final { return input_.bytes_used(); }

 protected:
  // Some of the next bytes, perhaps none yet; sets ended_ at the end.
  virtual Result<size_t> decompress(std::span<char> bytes) = 0;

  std::unexpected<Error> ends_early(const char* what) const {
    return fail(ErrorKind::corrupt, "{}: the {} data ends early, at byte {} of the file: it was cut; fetch it again",
                path_, what, input_.bytes_used());
  }
  std::unexpected<Error> damaged(const char* what, const char* why) const {
    return fail(ErrorKind::corrupt, "{}: the {} data is damaged near byte {} of the file ({}): fetch it again", path_,
                what, input_.bytes_used(), why);
  }

  CompressedInput input_;
  std::string path_;
  bool ended_ = false;

 private:
  std::optional<Error> failure_;
};

// Any number of gzip members one after the other, as `cat a.gz b.gz` makes; zeros behind them are padding.
class GzipStream final : public DecompressedStream {
 public:
  using DecompressedStream::DecompressedStream;
  ~GzipStream() override {
    if (open_) inflateEnd(&stream_);
  }

  Status open() {
    constexpr int kGzipOnly = 15 + 16;  // zlib's way to say: a window of 32 KiB, gzip framing
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) {
      return fail(ErrorKind::full, "{}: no memory for decompression", path_);
    }
    open_ = true;
    return {};
  }

 protected:
  Result<size_t> decompress(std::span<char> bytes) override {
    PENSTOCK_TRY_ASSIGN(const std::span<const char> in, input_.left());
    if (in.empty()) {
      if (between_members_ && members_ > 0) {
        ended_ = true;
        return size_t{0};
      }
      return ends_early("gzip");
    }
    if (between_members_ && members_ > 0 && in[0] == 0) {
      input_.use(1);
      return size_t{0};
    }
    between_members_ = false;
    // zlib's interface takes input without const and reads only.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    const size_t room = std::min<size_t>(bytes.size(), std::numeric_limits<uInt>::max());
    stream_.next_out = reinterpret_cast<Bytef*>(bytes.data());
    stream_.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    const size_t made = room - stream_.avail_out;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      // What inflate had made before it met the damage is not checked by a sum, but is what the file says.
      const char* why = stream_.msg != nullptr ? stream_.msg : "not gzip";
      if (made > 0 && !pending_damage_) {
        pending_damage_ = true;
        return made;
      }
      return damaged("gzip", why);
    }
    if (pending_damage_) return damaged("gzip", "data error");
    input_.use(in.size() - stream_.avail_in);
    if (result == Z_STREAM_END) {
      ++members_;
      between_members_ = true;
      inflateReset(&stream_);
    }
    return made;
  }

 private:
  z_stream stream_{};
  bool open_ = false;
  bool between_members_ = true;
  bool pending_damage_ = false;
  uint64_t members_ = 0;
};

// Any number of zstd frames.
class ZstdStream final : public DecompressedStream {
 public:
  using DecompressedStream::DecompressedStream;
  ~ZstdStream() override { ZSTD_freeDStream(stream_); }

  Status open() {
    stream_ = ZSTD_createDStream();
    if (stream_ == nullptr) return fail(ErrorKind::full, "{}: no memory for decompression", path_);
    return {};
  }

 protected:
  Result<size_t> decompress(std::span<char> bytes) override {
    PENSTOCK_TRY_ASSIGN(const std::span<const char> in, input_.left());
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{bytes.data(), bytes.size(), 0};
    const size_t hint = ZSTD_decompressStream(stream_, &to, &from);
    if (ZSTD_isError(hint) != 0) return damaged("zstd", ZSTD_getErrorName(hint));
    input_.use(from.pos);
    if (in.empty() && to.pos == 0) {
      if (!frame_ended_) return ends_early("zstd");
      ended_ = true;
      return size_t{0};
    }
    if (!in.empty() || to.pos > 0) frame_ended_ = hint == 0;
    return to.pos;
  }

 private:
  ZSTD_DStream* stream_ = nullptr;
  bool frame_ended_ = false;
};

template <typename Stream>
Result<std::unique_ptr<ByteStream>> open_stream(std::unique_ptr<io::File> file, const std::string& path) {
  auto stream = std::make_unique<Stream>(std::move(file), path);
  PENSTOCK_TRY(stream->open());
  return stream;
}

}  // namespace

std::unique_ptr<ByteStream> make_plain_stream(std::unique_ptr<io::File> file, uint64_t position,
                                              const std::string& path) {
  return std::make_unique<PlainStream>(std::move(file), position, path);
}

Result<std::unique_ptr<ByteStream>> make_byte_stream(std::unique_ptr<io::File> file, Compression compression,
                                                     const std::string& path) {
  switch (compression) {
    case Compression::none: return make_plain_stream(std::move(file), 0, path);
    case Compression::gzip: return open_stream<GzipStream>(std::move(file), path);
    case Compression::zstd: return open_stream<ZstdStream>(std::move(file), path);
  }
  return fail(ErrorKind::invalid, "{}: unknown compression", path);
}

}  // namespace penstock::feed::file

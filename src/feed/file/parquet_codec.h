// Decompresses Parquet pages.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/error.h"
#include "feed/file/parquet_metadata.h"

struct ZSTD_DCtx_s;

namespace penstock::feed::file {

// True when the codec is one that decompress_page knows.
[[nodiscard]] bool is_known_codec(ParquetCodec codec);

// One thread's; keeps what the libraries reuse from page to page.
class PageDecompressor {
 public:
  // Fills `out` exactly, or says why that cannot be (kind corrupt). Both lie in PaddedBytes.
  [[nodiscard]] Status decompress(ParquetCodec codec, std::span<const uint8_t> bytes, std::span<uint8_t> out);

 private:
  struct FreeContext {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, FreeContext> zstd_;
};

}  // namespace penstock::feed::file

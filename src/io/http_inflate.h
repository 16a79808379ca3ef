// Unpacks a gzip body as it arrives.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"

struct z_stream_s;

namespace penstock::io {

class GzipInflater {
 public:
  GzipInflater();
  ~GzipInflater();
  GzipInflater(const GzipInflater&) = delete;
  GzipInflater& operator=(const GzipInflater&) = delete;
  // Hands what `packed` gives to `sink`, in pieces of at most 64 KiB, so that a small body that unpacks to a vast one
  // is stopped by its taker. `io` for what is no gzip.
  [[nodiscard]] Status put(std::string_view packed, const std::function<Status(std::string_view)>& sink);
  // The gzip stream came to its end: its checksum was there and right.
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  std::unique_ptr<z_stream_s> stream_;
  bool ended_ = false;
};

}  // namespace penstock::io

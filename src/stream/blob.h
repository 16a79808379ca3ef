// The bytes of a piece of state: a version, fields, a checksum. See docs/formats/state.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/int128.h"

namespace penstock::stream {

inline constexpr char kStateVersion = 1;

// 7 bits a byte, least first; the last byte has no high bit.
inline void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

class BlobWriter {
 public:
  BlobWriter() : bytes_(1, kStateVersion) {}
  void put(uint64_t value) { put_varint(bytes_, value); }
  void put_signed(int64_t value) { put(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63)); }
  void put_int128(Int128 value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof raw);
  }
  void put_text(std::string_view text) {
    put(text.size());
    bytes_.append(text);
  }
  void put_raw(std::string_view bytes) { bytes_.append(bytes); }
  // The fields alone, to be a text of another blob.
  [[nodiscard]] std::string_view body() const { return std::string_view(bytes_).substr(1); }
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  // The bytes with their checksum behind them; the writer may go on.
  [[nodiscard]] std::string sealed() const {
    std::string out = bytes_;
    const uint32_t crc = crc32c(std::as_bytes(std::span(out)));
    char raw[sizeof crc];
    std::memcpy(raw, &crc, sizeof crc);
    out.append(raw, sizeof raw);
    return out;
  }

 private:
  std::string bytes_;
};

// Reads what a BlobWriter sealed. A getter beyond the end or of a malformed field gives a zero value and makes ok()
// false for good, so that readers check once.
class BlobReader {
 public:
  // `name` is the blob's name, for messages.
  [[nodiscard]] static Result<BlobReader> open(std::string_view name, std::string_view sealed) {
    if (sealed.size() < 1 + sizeof(uint32_t)) return fail(ErrorKind::corrupt, "state '{}' is cut short", name);
    if (sealed[0] != kStateVersion) {
      return fail(ErrorKind::corrupt,
                  "state '{}' has version {}; this version of penstock reads version {}: use the version that wrote it",
                  name, static_cast<int>(sealed[0]), static_cast<int>(kStateVersion));
    }
    const std::string_view body = sealed.substr(0, sealed.size() - sizeof(uint32_t));
    uint32_t crc = 0;
    std::memcpy(&crc, sealed.data() + body.size(), sizeof crc);
    if (crc != crc32c(std::as_bytes(std::span(body)))) {
      return fail(ErrorKind::corrupt, "state '{}' does not match its checksum", name);
    }
    return BlobReader(body.substr(1));
  }

  // Reads the fields of a BlobWriter's body(); borrows them.
  [[nodiscard]] static BlobReader of_body(std::string_view body) { return BlobReader(body); }

  uint64_t get() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return broken<uint64_t>();
  }
  int64_t get_signed() {
    const uint64_t value = get();
    return static_cast<int64_t>(value >> 1 ^ (uint64_t{0} - (value & 1)));
  }
  Int128 get_int128() {
    Int128 value = 0;
    if (rest_.size() < sizeof value) return broken<Int128>();
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view get_text() { return get_raw(get()); }
  std::string_view get_raw(uint64_t size) {
    if (size > rest_.size()) return broken<std::string_view>();
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  // Ok when everything was read and nothing is left.
  [[nodiscard]] Status finish(std::string_view name) const {
    if (ok_ && rest_.empty()) return {};
    return fail(ErrorKind::corrupt, "state '{}' is malformed", name);
  }

 private:
  explicit BlobReader(std::string_view rest) : rest_(rest) {}
  template <typename T>
  T broken() {
    ok_ = false;
    rest_ = {};
    return T{};
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace penstock::stream

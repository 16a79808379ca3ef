// Thrift's compact protocol, read in place: what Parquet's footer and page headers are written in.
// Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace penstock::feed::file {

enum class ThriftType : uint8_t {
  stop = 0,
  boolean_true = 1,
  boolean_false = 2,
  i8 = 3,
  i16 = 4,
  i32 = 5,
  i64 = 6,
  real = 7,
  binary = 8,
  list = 9,
  set = 10,
  map = 11,
  structure = 12,
  uuid = 13,
};

// Never reads outside of its bytes. The first thing that is wrong makes the reader fail for good: every later call
// gives zero, an empty text or the end of the structure, so that callers need to ask `ok` only once.
class ThriftReader {
 public:
  explicit ThriftReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool ok() const { return failure_ == Failure::none; }
  // The bytes ended inside of a value: more of them might help.
  [[nodiscard]] bool ended_early() const { return failure_ == Failure::ended; }
  [[nodiscard]] size_t bytes_read() const { return at_; }

  struct Field {
    int16_t id = 0;
    ThriftType type = ThriftType::stop;
  };
  // The next field of a structure; false at its end. `field` is default-made before the first. Its value must be read
  // or skipped before the next call.
  [[nodiscard]] bool next_field(Field& field);

  // Values of the field just found; one of another type fails.
  [[nodiscard]] bool boolean(const Field& field);
  [[nodiscard]] int64_t integer(const Field& field);  // i8 to i64
  [[nodiscard]] int32_t small_integer(const Field& field);  // likewise, within 32 bits
  [[nodiscard]] std::string_view binary(const Field& field);  // into the reader's bytes
  [[nodiscard]] bool structure(const Field& field);  // false, and failed, when it is none
  // Begins a list: its length, at most the bytes that are left. Each element is then read by one of the below.
  [[nodiscard]] size_t list(const Field& field, ThriftType element);
  [[nodiscard]] int64_t integer_element();
  [[nodiscard]] std::string_view binary_element();
  void skip(const Field& field) { skip_value(field.type, kDepthMax); }
  void skip_structure() { skip_value(ThriftType::structure, kDepthMax); }

 private:
  enum class Failure : uint8_t { none, ended, malformed };
  static constexpr int kDepthMax = 32;  // of what is skipped

  [[nodiscard]] uint8_t byte();
  [[nodiscard]] uint64_t varint();
  void advance(uint64_t count);
  void skip_value(ThriftType type, int depth);
  void fail(Failure failure) {
    if (failure_ == Failure::none) failure_ = failure;
  }

  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  Failure failure_ = Failure::none;
};

}  // namespace penstock::feed::file

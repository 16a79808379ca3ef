// Parquet's packed integers: bit-packed and run-length encoded ones (dictionary indexes, levels, booleans) and deltas.
// Source: https://parquet.apache.org/docs/file-format/data-pages/encodings/
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"

namespace penstock::feed::file {

// Bytes that may be loaded from some way beyond their end: decoders load whole groups of values at once.
class PaddedBytes {
 public:
  static constexpr size_t kPadding = 64;

  PaddedBytes() = default;
  explicit PaddedBytes(size_t size);
  [[nodiscard]] uint8_t* data() { return memory_.get(); }
  [[nodiscard]] const uint8_t* data() const { return memory_.get(); }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] std::span<uint8_t> span() { return {data(), size_}; }
  [[nodiscard]] std::span<const uint8_t> span() const { return {data(), size_}; }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  size_t size_ = 0;
};

// Unsigned integers of a stated number of bits, as runs that are either bit-packed or one value repeated. They are
// checked once, when they are opened; reading can then begin anywhere.
class PackedIntegers {
 public:
  static constexpr int kBitsMax = 32;

  // `count` values in `bytes`, which have a padding and outlive this.
  [[nodiscard]] static Result<PackedIntegers> open(std::span<const uint8_t> bytes, int bits, size_t count);
  // The same for values that are bit-packed as one run without a header.
  [[nodiscard]] static Result<PackedIntegers> open_unframed(std::span<const uint8_t> bytes, int bits, size_t count);

  [[nodiscard]] size_t size() const { return count_; }
  // True when every value is one repeated, which `value` then is.
  [[nodiscard]] bool is_constant(uint32_t& value) const;

  // Reads forwards from some value on. Borrows the integers.
  class Cursor {
   public:
    Cursor(const PackedIntegers& integers, size_t first);
    // The next `count` values, of which there are so many.
    void read(uint32_t* out, size_t count);

   private:
    void next_run();
    void read_packed(uint32_t* out, size_t count);

    const PackedIntegers& integers_;
    const uint8_t* next_ = nullptr;  // of the run that follows
    size_t run_left_ = 0;
    bool packed_ = false;
    uint32_t value_ = 0;             // of a repeated run
    const uint8_t* packed_begin_ = nullptr;
    size_t packed_at_ = 0;           // values read of the packed run
  };

 private:
  struct Mark {
    size_t value = 0;  // the first of a run
    size_t offset = 0;
  };
  static constexpr size_t kMarkEvery = 1024;  // values between marks, at least

  std::span<const uint8_t> bytes_;
  int bits_ = 0;
  size_t count_ = 0;
  bool framed_ = true;
  std::vector<Mark> marks_;
};

// `count` integers of DELTA_BINARY_PACKED, whose sums wrap around at 64 bits; those of INT32 hold in their low half.
// Gives how many bytes they took.
[[nodiscard]] Result<size_t> read_delta_integers(std::span<const uint8_t> bytes, std::span<int64_t> out);

}  // namespace penstock::feed::file

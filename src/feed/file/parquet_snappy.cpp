#include "feed/file/parquet_snappy.h"

#include <cstddef>
#include <cstring>

#include "feed/file/parquet_encoding.h"

namespace penstock::feed::file {
namespace {

// The longest copy, and the longest literal whose length stands in its tag. What is shorter is still moved in blocks.
constexpr size_t kShortMost = 64;
static_assert(PaddedBytes::kPadding >= kShortMost);
constexpr size_t kWord = 8;
constexpr size_t kBlock = 16;

uint64_t load_word(const uint8_t* from) {
  uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

void store_word(uint8_t* to, uint64_t word) { std::memcpy(to, &word, sizeof word); }

void move_block(uint8_t* to, const uint8_t* from) {
  uint8_t block[kBlock];
  std::memcpy(block, from, kBlock);
  std::memcpy(to, block, kBlock);
}

void move_short(uint8_t* to, const uint8_t* from) {
  for (size_t at = 0; at < kShortMost; at += kBlock) move_block(to + at, from + at);
}

class Decompression {
 public:
  Decompression(std::span<const uint8_t> bytes, std::span<uint8_t> out)
      : from_(bytes.data()),
        from_end_(bytes.data() + bytes.size()),
        out_(out.data()),
        to_(out.data()),
        to_end_(out.data() + out.size()) {}

  bool run() {
    if (!read_size()) return false;
    while (from_ < from_end_) {
      const uint32_t tag = *from_;
      bool ok = false;
      switch (tag & 3) {
        case 0: ok = literal(tag >> 2); break;
        case 1: ok = copy(4 + (tag >> 2 & 7), (tag >> 5) << 8 | from_[1], 2); break;
        case 2: ok = copy((tag >> 2) + 1, load_word(from_ + 1) & 0xffff, 3); break;
        default: ok = copy((tag >> 2) + 1, load_word(from_ + 1) & 0xffff'ffff, 5);
      }
      if (!ok) return false;
    }
    return from_ == from_end_ && to_ == to_end_;
  }

 private:
  bool read_size() {
    uint64_t size = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      if (from_ == from_end_) return false;
      const uint8_t next = *from_++;
      size |= uint64_t{next & 0x7fu} << shift;
      if ((next & 0x80) == 0) return size == static_cast<uint64_t>(to_end_ - to_);
    }
    return false;
  }

  [[nodiscard]] size_t room() const { return static_cast<size_t>(to_end_ - to_); }

  // `word` holds the next `length` bytes of output, eight of them at most.
  void put(uint64_t word, size_t length) {
    store_word(to_, word);
    // In two steps, as a shift by all 64 bits is none.
    last_ = last_ >> (8 * length - 1) >> 1 | word << (64 - 8 * length);
    to_ += length;
  }
  void reload_last() {
    const auto size = static_cast<size_t>(to_ - out_);
    last_ = size >= kWord ? load_word(to_ - kWord) : load_word(out_) << (8 * (kWord - size));
  }

  bool literal(size_t code) {
    const uint8_t* begin = from_ + 1;
    size_t length = code + 1;
    if (length <= kWord) [[likely]] {
      if (length > room()) return false;
      put(load_word(begin), length);
      from_ = begin + length;
      return from_ <= from_end_;
    }
    if (length <= 60) {
      if (length > room()) return false;
      move_short(to_, begin);
    } else {
      // One to four bytes hold the length less one.
      const size_t bytes = length - 60;
      length = static_cast<size_t>(load_word(begin) & ((uint64_t{1} << (8 * bytes)) - 1)) + 1;
      begin += bytes;
      if (length > room() || begin > from_end_ || length > static_cast<size_t>(from_end_ - begin)) return false;
      std::memcpy(to_, begin, length);
    }
    to_ += length;
    from_ = begin + length;
    if (from_ > from_end_) return false;
    reload_last();
    return true;
  }

  bool copy(size_t length, size_t offset, size_t tag_bytes) {
    from_ += tag_bytes;
    if (offset - 1 >= static_cast<size_t>(to_ - out_) || length > room()) return false;
    const uint8_t* begin = to_ - offset;
    if (length <= kWord && offset >= length) {
      // What was just written is taken from a register: in memory it is still in pieces that no load can join.
      put(offset <= kWord ? last_ >> (64 - 8 * offset) : load_word(begin), length);
      return true;
    }
    if (offset >= kBlock) {
      if (length <= kBlock) {
        move_block(to_, begin);
      } else {
        // Block by block, so that a copy may reach into what it writes.
        move_short(to_, begin);
      }
    } else if (offset >= kWord) {
      for (size_t at = 0; at < length; at += kWord) store_word(to_ + at, load_word(begin + at));
    } else {
      repeat(begin, offset, length);
    }
    to_ += length;
    reload_last();
    return true;
  }

  // `offset` bytes, again and again.
  void repeat(const uint8_t* begin, size_t offset, size_t length) {
    uint8_t pattern[kBlock];
    for (size_t i = 0; i < kBlock; ++i) pattern[i] = begin[i % offset];
    const size_t step = kBlock - kBlock % offset;
    for (size_t at = 0; at < length; at += step) std::memcpy(to_ + at, pattern, kBlock);
  }

  const uint8_t* from_;
  const uint8_t* from_end_;
  uint8_t* out_;
  uint8_t* to_;
  uint8_t* to_end_;
  uint64_t last_ = 0;  // the eight bytes before to_, the newest the highest
};

}  // namespace

bool snappy_decompress(std::span<const uint8_t> bytes, std::span<uint8_t> out) {
  return Decompression(bytes, out).run();
}

}  // namespace penstock::feed::file

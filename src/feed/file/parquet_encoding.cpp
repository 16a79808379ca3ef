#include "feed/file/parquet_encoding.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

namespace penstock::feed::file {
namespace {

// Values come in groups of eight, which fill whole bytes whatever their number of bits.
constexpr size_t kGroup = 8;

uint64_t load64(const uint8_t* at) {
  uint64_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <int kBits>
void unpack_groups(const uint8_t* from, uint32_t* out, size_t groups) {
  if constexpr (kBits == 0) {
    std::fill_n(out, groups * kGroup, 0);
  } else {
    constexpr uint64_t kMask = (uint64_t{1} << kBits) - 1;
    for (; groups > 0; --groups, from += kBits, out += kGroup) {
      // Unrolled, so that every shift is a constant.
      [&]<size_t... kAt>(std::index_sequence<kAt...>) {
        ((out[kAt] = static_cast<uint32_t>(load64(from + kAt * kBits / 8) >> (kAt * kBits % 8) & kMask)), ...);
      }(std::make_index_sequence<kGroup>{});
    }
  }
}

using Unpack = void (*)(const uint8_t*, uint32_t*, size_t);
constexpr auto kUnpack = []<int... kBits>(std::integer_sequence<int, kBits...>) {
  return std::array<Unpack, sizeof...(kBits)>{unpack_groups<kBits>...};
}(std::make_integer_sequence<int, PackedIntegers::kBitsMax + 1>{});

uint32_t unpack_one(const uint8_t* from, int bits, size_t at) {
  const size_t bit = at * static_cast<size_t>(bits);
  return static_cast<uint32_t>(load64(from + bit / 8) >> (bit % 8) & ((uint64_t{1} << bits) - 1));
}

// False at a number that goes on beyond the bytes, or beyond 64 bits.
bool read_varint(std::span<const uint8_t> bytes, size_t& at, uint64_t& out) {
  out = 0;
  for (int shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
    const uint8_t next = bytes[at++];
    out |= uint64_t{next & 0x7fu} << shift;
    if ((next & 0x80) == 0) return true;
  }
  return false;
}

uint64_t read_known_varint(const uint8_t*& at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const uint8_t next = *at++;
    value |= uint64_t{next & 0x7fu} << shift;
    if ((next & 0x80) == 0) return value;
  }
}

std::unexpected<Error> malformed() { return fail(ErrorKind::corrupt, "packed integers are malformed"); }

}  // namespace

PaddedBytes::PaddedBytes(size_t size)
    : memory_(std::make_unique_for_overwrite<uint8_t[]>(size + kPadding)), size_(size) {
  std::memset(memory_.get() + size, 0, kPadding);
}

Result<PackedIntegers> PackedIntegers::open(std::span<const uint8_t> bytes, int bits, size_t count) {
  if (bits < 0 || bits > kBitsMax) return malformed();
  PackedIntegers integers;
  integers.bytes_ = bytes;
  integers.bits_ = bits;
  integers.count_ = count;
  const auto width = static_cast<size_t>(bits);
  const size_t value_bytes = (width + 7) / 8;
  size_t at = 0;
  for (size_t done = 0; done < count;) {
    if (integers.marks_.empty() || done >= integers.marks_.back().value + kMarkEvery) {
      integers.marks_.push_back({done, at});
    }
    uint64_t head = 0;
    if (!read_varint(bytes, at, head)) return malformed();
    const size_t left = count - done;
    const uint64_t run = head >> 1;
    if ((head & 1) == 0) {
      if (value_bytes > bytes.size() - at) return malformed();
      at += value_bytes;
      done += static_cast<size_t>(std::min<uint64_t>(run, left));
      continue;
    }
    // The last run may be cut behind the values that count.
    const size_t values = run > left / kGroup ? left : static_cast<size_t>(run) * kGroup;
    if ((values * width + 7) / 8 > bytes.size() - at) return malformed();
    if (run <= left / kGroup) at += static_cast<size_t>(run) * width;
    done += values;
  }
  return integers;
}

Result<PackedIntegers> PackedIntegers::open_unframed(std::span<const uint8_t> bytes, int bits, size_t count) {
  if (bits < 0 || bits > kBitsMax || (count * static_cast<size_t>(bits) + 7) / 8 > bytes.size()) return malformed();
  PackedIntegers integers;
  integers.bytes_ = bytes;
  integers.bits_ = bits;
  integers.count_ = count;
  integers.framed_ = false;
  return integers;
}

bool PackedIntegers::is_constant(uint32_t& value) const {
  if (!framed_ || count_ == 0) return false;
  const uint8_t* at = bytes_.data();
  const uint64_t head = read_known_varint(at);
  if ((head & 1) != 0 || head >> 1 < count_) return false;
  value = 0;
  std::memcpy(&value, at, (static_cast<size_t>(bits_) + 7) / 8);
  return true;
}

PackedIntegers::Cursor::Cursor(const PackedIntegers& integers, size_t first) : integers_(integers) {
  if (!integers.framed_) {
    packed_ = true;
    packed_begin_ = integers.bytes_.data();
    packed_at_ = first;
    run_left_ = integers.count_ - first;
    return;
  }
  if (first >= integers.count_) return;
  auto mark = std::ranges::upper_bound(integers.marks_, first, {}, &Mark::value);
  --mark;
  next_ = integers.bytes_.data() + mark->offset;
  for (size_t skip = first - mark->value;;) {
    next_run();
    const size_t skipped = std::min(skip, run_left_);
    packed_at_ += skipped;
    run_left_ -= skipped;
    skip -= skipped;
    if (skip == 0) return;
  }
}

void PackedIntegers::Cursor::next_run() {
  const uint64_t head = read_known_varint(next_);
  const auto width = static_cast<size_t>(integers_.bits_);
  packed_ = (head & 1) != 0;
  // `open` has seen to it that the bytes of the values that count are there: a length beyond them is never used up.
  const uint64_t run = std::min<uint64_t>(head >> 1, integers_.count_);
  if (packed_) {
    packed_begin_ = next_;
    packed_at_ = 0;
    run_left_ = static_cast<size_t>(run) * kGroup;
    next_ += std::min(static_cast<size_t>(run) * width, integers_.bytes_.size());
    return;
  }
  value_ = 0;
  std::memcpy(&value_, next_, (width + 7) / 8);
  next_ += (width + 7) / 8;
  run_left_ = static_cast<size_t>(run);
}

void PackedIntegers::Cursor::read(uint32_t* out, size_t count) {
  while (count > 0) {
    if (run_left_ == 0) {
      next_run();
      continue;
    }
    const size_t part = std::min(count, run_left_);
    if (packed_) {
      read_packed(out, part);
      packed_at_ += part;
    } else {
      std::fill_n(out, part, value_);
    }
    run_left_ -= part;
    out += part;
    count -= part;
  }
}

void PackedIntegers::Cursor::read_packed(uint32_t* out, size_t count) {
  const int bits = integers_.bits_;
  size_t at = packed_at_;
  const size_t end = at + count;
  for (; at < end && at % kGroup != 0; ++at) *out++ = unpack_one(packed_begin_, bits, at);
  const size_t groups = (end - at) / kGroup;
  kUnpack[static_cast<size_t>(bits)](packed_begin_ + at / kGroup * static_cast<size_t>(bits), out, groups);
  out += groups * kGroup;
  for (at += groups * kGroup; at < end; ++at) *out++ = unpack_one(packed_begin_, bits, at);
}

Result<size_t> read_delta_integers(std::span<const uint8_t> bytes, std::span<int64_t> out) {
  constexpr uint64_t kBlockMax = 1 << 20;  // writers use 128
  const auto unzigzag = [](uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); };
  size_t at = 0;
  uint64_t block = 0;
  uint64_t parts = 0;
  uint64_t count = 0;
  uint64_t value = 0;
  if (!read_varint(bytes, at, block) || !read_varint(bytes, at, parts) || !read_varint(bytes, at, count) ||
      !read_varint(bytes, at, value)) {
    return malformed();
  }
  if (count != out.size() || parts == 0 || block > kBlockMax || block % parts != 0 || block / parts % kGroup != 0 ||
      block == 0) {
    return malformed();
  }
  if (out.empty()) return at;
  value = unzigzag(value);
  size_t done = 0;
  out[done++] = static_cast<int64_t>(value);
  const size_t part_values = static_cast<size_t>(block / parts);
  while (done < out.size()) {
    uint64_t least = 0;
    if (!read_varint(bytes, at, least) || parts > bytes.size() - at) return malformed();
    least = unzigzag(least);
    const size_t widths = at;
    at += static_cast<size_t>(parts);
    // Parts behind the last value are not stored, whatever their width says.
    for (size_t part = 0; part < parts && done < out.size(); ++part) {
      const size_t bits = bytes[widths + part];
      if (bits > 64) return malformed();
      const size_t values = std::min(part_values, out.size() - done);
      if ((values * bits + 7) / 8 > bytes.size() - at) return malformed();
      const uint64_t mask = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
      const uint8_t* from = bytes.data() + at;
      for (size_t i = 0; i < values; ++i) {
        const size_t bit = i * bits;
        const size_t shift = bit % 8;
        uint64_t delta = load64(from + bit / 8) >> shift;
        if (shift + bits > 64) delta |= uint64_t{from[bit / 8 + 8]} << (64 - shift);
        value += least + (delta & mask);
        out[done++] = static_cast<int64_t>(value);
      }
      at = std::min(at + part_values * bits / 8, bytes.size());
    }
  }
  return at;
}

}  // namespace penstock::feed::file

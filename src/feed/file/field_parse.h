// Numbers and times from text at a few nanoseconds each. Each function reads the common plain form and says false for
// any other, which the caller then gives to market/decimal.h or base/time.h: those alone say what is right.
//
// Every text must lie in a PaddedBuffer: 16 bytes that end in it are loaded at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

#if defined(__SSE4_1__)
#include <immintrin.h>
#endif

#include "base/time.h"
#include "market/decimal.h"

namespace penstock::feed::file {

namespace detail {

inline constexpr size_t kLoadBytes = 16;

#if defined(__SSE4_1__)

// Row n has 0xff in its last n bytes.
struct KeepLast {
  alignas(16) uint8_t rows[kLoadBytes + 1][kLoadBytes]{};
  constexpr KeepLast() {
    for (size_t n = 0; n <= kLoadBytes; ++n) {
      for (size_t i = kLoadBytes - n; i < kLoadBytes; ++i) rows[n][i] = 0xff;
    }
  }
};
inline constexpr KeepLast kKeepLast;

// Row n is the shuffle that takes byte n out and moves those before it right by one; row 16 takes none out.
struct CloseGap {
  alignas(16) uint8_t rows[kLoadBytes + 1][kLoadBytes]{};
  constexpr CloseGap() {
    for (size_t n = 0; n <= kLoadBytes; ++n) {
      for (size_t i = 0; i < kLoadBytes; ++i) {
        const bool moved = n < kLoadBytes && i <= n;
        rows[n][i] = static_cast<uint8_t>(!moved ? i : i == 0 ? 0x80 : i - 1);
      }
    }
  }
};
inline constexpr CloseGap kCloseGap;

inline __m128i load_row(const uint8_t (&row)[kLoadBytes]) {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(row));
}

inline __m128i load_ending_at(const char* end) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(end - kLoadBytes));
}

inline bool all_digits(__m128i values) {
  return _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values)) == 0xffff;
}

// 16 digit values, the last the least, as one number.
inline uint64_t join_digits(__m128i values) {
  const __m128i pairs = _mm_maddubs_epi16(values, _mm_set1_epi16(0x010a));           // 10, 1
  const __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x0001'0064));          // 100, 1
  const __m128i packed = _mm_packus_epi32(fours, fours);
  const __m128i eights = _mm_madd_epi16(packed, _mm_set1_epi32(0x0001'2710));        // 10'000, 1
  const uint64_t both = static_cast<uint64_t>(_mm_cvtsi128_si64(eights));
  return (both & 0xffff'ffff) * 100'000'000 + (both >> 32);
}

#endif

}  // namespace detail

// 1 to 16 digits that end at `end`.
inline bool fast_digits(const char* end, size_t length, uint64_t& out) {
  if (length - 1 >= detail::kLoadBytes) return false;
#if defined(__SSE4_1__)
  const __m128i keep = detail::load_row(detail::kKeepLast.rows[length]);
  const __m128i values = _mm_and_si128(_mm_sub_epi8(detail::load_ending_at(end), _mm_set1_epi8('0')), keep);
  if (!detail::all_digits(values)) return false;
  out = detail::join_digits(values);
#else
  uint64_t value = 0;
  for (const char* at = end - length; at < end; ++at) {
    const auto digit = static_cast<uint8_t>(*at - '0');
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  out = value;
#endif
  return true;
}

// 1 to 19 digits that fit an int64.
inline bool fast_integer(const char* begin, size_t length, int64_t& out) {
  uint64_t low = 0;
  if (length <= detail::kLoadBytes) {
    if (!fast_digits(begin + length, length, low)) return false;
    out = static_cast<int64_t>(low);
    return true;
  }
  uint64_t high = 0;
  if (length > 19 || !fast_digits(begin + length, detail::kLoadBytes, low) ||
      !fast_digits(begin + length - detail::kLoadBytes, length - detail::kLoadBytes, high)) {
    return false;
  }
  const uint64_t value = high * 10'000'000'000'000'000 + low;
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return false;
  out = static_cast<int64_t>(value);
  return true;
}

// `123.45`, `123` or `.5`, of 16 characters at most, as a count of 10^-scale.
inline bool fast_decimal(const char* begin, size_t length, int scale, int64_t& out) {
  if (length - 1 >= detail::kLoadBytes) return false;
  uint64_t mantissa = 0;
  int fraction_digits = 0;
#if defined(__SSE4_1__)
  const __m128i keep = detail::load_row(detail::kKeepLast.rows[length]);
  const __m128i text = detail::load_ending_at(begin + length);
  const __m128i points = _mm_and_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('.')), keep);
  // Without a point bit 16 is the lowest: nothing is taken out and there are no fraction digits.
  const auto point = static_cast<uint32_t>(__builtin_ctz(static_cast<uint32_t>(_mm_movemask_epi8(points)) | 0x1'0000));
  __m128i values = _mm_and_si128(_mm_sub_epi8(text, _mm_set1_epi8('0')), keep);
  values = _mm_shuffle_epi8(values, detail::load_row(detail::kCloseGap.rows[point]));
  if (!detail::all_digits(values)) return false;
  if (length == 1 && point != 16) return false;
  fraction_digits = point == 16 ? 0 : static_cast<int>(15 - point);
  mantissa = detail::join_digits(values);
#else
  bool point = false;
  for (const char* at = begin; at < begin + length; ++at) {
    const auto digit = static_cast<uint8_t>(*at - '0');
    if (*at == '.' && !point) {
      point = true;
      continue;
    }
    if (digit > 9) return false;
    fraction_digits += point ? 1 : 0;
    mantissa = mantissa * 10 + digit;
  }
  if (length == 1 && point) return false;
#endif
  if (fraction_digits > scale) return false;
  int64_t value = 0;
  if (__builtin_mul_overflow(static_cast<int64_t>(mantissa), market::kPow10[scale - fraction_digits], &value)) {
    return false;
  }
  out = value;
  return true;
}

// A column's way from text to time. Remembers the last date, as neighbouring rows share it.
class TimeParser {
 public:
  explicit TimeParser(TimeUnit unit = TimeUnit::detect) : unit_(unit) {}

  // The common forms; false for any other.
  [[nodiscard]] bool parse_fast(const char* begin, size_t length, Timestamp& out) const {
    if (length >= 19 && begin[4] == '-') return fast_rfc3339(begin, length, out);
    int64_t number = 0;
    return fast_integer(begin, length, number) && from_epoch(number, unit_, out) == TimeError::ok;
  }

  [[gnu::noinline]] TimeError parse(std::string_view text, Timestamp& out) {
    const TimeError error = parse_time(text, unit_, out);
    Timestamp date;
    // Dates whose last nanosecond is out of range are left to the slow way.
    if (error == TimeError::ok && text.size() >= 19 && text[4] == '-' &&
        parse_rfc3339(text.substr(0, 10), date) == TimeError::ok && date + kDay < Timestamp::max()) {
      std::memcpy(&date_head_, text.data(), sizeof date_head_);
      std::memcpy(&date_tail_, text.data() + 8, sizeof date_tail_);
      date_ns_ = date.ns;
    }
    return error;
  }

 private:
  // A known date, `T` or a space, `HH:MM:SS`, at most nine fraction digits, `Z` or nothing.
  bool fast_rfc3339(const char* begin, size_t length, Timestamp& out) const {
    uint64_t date_head = 0;
    uint16_t date_tail = 0;
    uint64_t clock = 0;
    std::memcpy(&date_head, begin, sizeof date_head);
    std::memcpy(&date_tail, begin + 8, sizeof date_tail);
    if (date_head != date_head_ || date_tail != date_tail_) return false;
    if (begin[10] != 'T' && begin[10] != ' ') return false;
    length -= begin[length - 1] == 'Z' ? 1 : 0;
    if (length != 19 && (length < 21 || length > 29 || begin[19] != '.')) return false;

    // Byte by byte: digits become 0 to 9 and the colons 0 (memory order, little-endian).
    std::memcpy(&clock, begin + 11, sizeof clock);
    clock ^= 0x3030'3a30'303a'3030;
    constexpr uint64_t kTooGreat = 0x7676'7f76'767f'7676;  // carries a digit above 9, a colon above 0, into bit 7
    if ((((clock + kTooGreat) | clock) & 0x8080'8080'8080'8080) != 0) return false;
    const uint64_t hour = (clock & 0xff) * 10 + (clock >> 8 & 0xff);
    const uint64_t minute = (clock >> 24 & 0xff) * 10 + (clock >> 32 & 0xff);
    const uint64_t second = (clock >> 48 & 0xff) * 10 + (clock >> 56);
    if (hour > 23 || minute > 59 || second > 59) return false;
    uint64_t fraction = 0;
    if (length != 19) {
      if (!fast_digits(begin + length, length - 20, fraction)) return false;
      fraction *= static_cast<uint64_t>(market::kPow10[29 - length]);
    }
    out = Timestamp{date_ns_ + static_cast<int64_t>((hour * 3600 + minute * 60 + second) * 1'000'000'000 + fraction)};
    return true;
  }

  TimeUnit unit_;
  uint64_t date_head_ = 0;
  uint16_t date_tail_ = 0;
  int64_t date_ns_ = 0;
};

}  // namespace penstock::feed::file

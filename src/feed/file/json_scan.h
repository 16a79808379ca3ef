// Finds where the simple values of a JSON line end: texts without escapes, and numbers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace penstock::feed::file {

inline constexpr bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// A byte that a JSON number may hold.
inline constexpr bool is_number_byte(char c) {
  return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

// The first quote, backslash or control character at `at` or later. There must be one; 32 bytes more are readable.
inline const char* find_text_end(const char* at) {
#if defined(__AVX2__)
  for (;; at += 32) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
    const __m256i hits = _mm256_or_si256(control, _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"')),
                                                                  _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'))));
    if (const auto mask = static_cast<uint32_t>(_mm256_movemask_epi8(hits)); mask != 0) {
      return at + std::countr_zero(mask);
    }
  }
#else
  while (*at != '"' && *at != '\\' && static_cast<unsigned char>(*at) > 0x1f) ++at;
  return at;
#endif
}

// The first byte at `at` or later that no number holds. There must be one; 16 bytes more are readable.
inline const char* find_number_end(const char* at) {
#if defined(__SSE4_1__)
  for (;; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i digit_value = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    const __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(digit_value, _mm_set1_epi8(9)), digit_value);
    const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    const __m128i points =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.')), _mm_cmpeq_epi8(lower, _mm_set1_epi8('e')));
    const __m128i signs =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('+')));
    const __m128i number = _mm_or_si128(digits, _mm_or_si128(points, signs));
    if (const uint32_t mask = ~static_cast<uint32_t>(_mm_movemask_epi8(number)) & 0xffff; mask != 0) {
      return at + std::countr_zero(mask);
    }
  }
#else
  while (is_number_byte(*at)) ++at;
  return at;
#endif
}

inline bool is_ascii(std::string_view text) {
  uint64_t high = 0;
  size_t at = 0;
#if defined(__AVX2__)
  __m256i all = _mm256_setzero_si256();
  for (; at + 32 <= text.size(); at += 32) {
    all = _mm256_or_si256(all, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text.data() + at)));
  }
  high = static_cast<uint32_t>(_mm256_movemask_epi8(all));
#endif
  for (; at < text.size(); ++at) high |= static_cast<uint8_t>(text[at]) & 0x80u;
  return high == 0;
}

// A member's name, compared eight bytes at once.
class JsonName {
 public:
  explicit JsonName(std::string_view name) : name_(name) {
    const size_t head = name_.size() < sizeof head_ ? name_.size() : sizeof head_;
    std::memcpy(&head_, name_.data(), head);
    if (head > 0) std::memset(&mask_, 0xff, head);
  }
  [[nodiscard]] const std::string& text() const { return name_; }
  // Whether `at`, of which eight bytes and more are readable, begins with the name and a quote.
  [[nodiscard]] bool is_at(const char* at, const char* end) const {
    uint64_t head = 0;
    std::memcpy(&head, at, sizeof head);
    if ((head & mask_) != head_ || static_cast<size_t>(end - at) <= name_.size() || at[name_.size()] != '"')
      return false;
    return name_.size() <= sizeof head ||
           std::memcmp(at + sizeof head, name_.data() + sizeof head, name_.size() - sizeof head) == 0;
  }

 private:
  std::string name_;
  uint64_t head_ = 0;
  uint64_t mask_ = 0;
};

}  // namespace penstock::feed::file

// Finds the bytes that shape CSV: delimiters, newlines and quotes.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace penstock::feed::file {

// Gives the places of all marks in `text` a block at a time, so that they are used while both they and the text are in
// the nearest cache.
class CsvScan {
 public:
  // `text` lies in a PaddedBuffer and is shorter than 4 GiB.
  CsvScan(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {}

  // Adds the marks of the next block behind those that were kept. False when it was the last.
  bool next_block() {
    const size_t block = std::min(kBlockBytes, text_.size() - at_);
    marks_.resize(std::max(marks_.size(), count_ + block + kFlattenStep));
    uint32_t* out = marks_.data() + count_;
    const size_t end = at_ + block;
    for (; at_ < end; at_ += kStepBytes) {
      uint64_t bits = find_marks(text_.data() + at_);
      if (end - at_ < kStepBytes) bits &= (uint64_t{1} << (end - at_)) - 1;
      out = flatten(bits, static_cast<uint32_t>(at_), out);
    }
    at_ = end;
    count_ = static_cast<size_t>(out - marks_.data());
    return at_ < text_.size();
  }
  [[nodiscard]] const uint32_t* begin() const { return marks_.data(); }
  [[nodiscard]] const uint32_t* end() const { return marks_.data() + count_; }
  // The marks before `first` are done with; the others stay for the next block.
  void keep_from(const uint32_t* first) {
    count_ = static_cast<size_t>(end() - first);
    std::memmove(marks_.data(), first, count_ * sizeof *first);
  }
  // Whether any block so far (or the padding behind the text) has a byte that is not ASCII.
  [[nodiscard]] bool saw_non_ascii() const { return non_ascii_ != 0; }

 private:
  static constexpr size_t kStepBytes = 64;
  static constexpr size_t kBlockBytes = 8192;
  static constexpr size_t kFlattenStep = 8;

  // A bit for each of 64 bytes.
  uint64_t find_marks(const char* data) {
#if defined(__AVX2__)
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + 32));
    non_ascii_ |= _mm256_movemask_epi8(_mm256_or_si256(low, high));
    return uint64_t{marks_of(low)} | uint64_t{marks_of(high)} << 32;
#else
    uint64_t bits = 0;
    for (size_t i = 0; i < kStepBytes; ++i) {
      const char c = data[i];
      bits |= uint64_t{c == delimiter_ || c == '\n' || c == '"'} << i;
      non_ascii_ |= static_cast<unsigned char>(c) & 0x80;
    }
    return bits;
#endif
  }
#if defined(__AVX2__)
  uint32_t marks_of(__m256i bytes) const {
    const __m256i hits = _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(delimiter_)),
                                                         _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\n'))),
                                         _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"')));
    return static_cast<uint32_t>(_mm256_movemask_epi8(hits));
  }
#endif

  // Writes eight places at a time whatever their number: a loop over each bit would mispredict its end.
  static uint32_t* flatten(uint64_t bits, uint32_t base, uint32_t* out) {
    const auto count = static_cast<size_t>(std::popcount(bits));
    uint32_t* at = out;
    do {
      for (size_t i = 0; i < kFlattenStep; ++i) {
        at[i] = base + static_cast<uint32_t>(std::countr_zero(bits));
        bits &= bits - 1;
      }
      at += kFlattenStep;
    } while (bits != 0);
    return out + count;
  }

  std::string_view text_;
  char delimiter_;
  size_t at_ = 0;
  int non_ascii_ = 0;
  std::vector<uint32_t> marks_;
  size_t count_ = 0;  // of marks_ in use
};

}  // namespace penstock::feed::file

// Pages of Parquet columns, in memory: found by one thread, loaded by another, read by any number.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "feed/file/parquet_codec.h"
#include "feed/file/parquet_columns.h"
#include "feed/file/parquet_encoding.h"
#include "feed/file/parquet_metadata.h"
#include "io/file_system.h"
#include "market/symbol_table.h"

namespace penstock::feed::file {

// A larger page is an error: writers aim at 1 MiB, DuckDB ends a page at 100 MB.
inline constexpr uint32_t kParquetPageBytesMax = uint32_t{512} << 20;
inline constexpr uint32_t kParquetPageValuesMax = uint32_t{64} << 20;

// Work that the first of several threads to come does for all.
class LoadOnce {
 public:
  // True for one caller, which must then call `finish`.
  [[nodiscard]] bool claim() { return !claimed_.exchange(true, std::memory_order_relaxed); }
  void finish() {
    done_.store(true, std::memory_order_release);
    done_.notify_all();
  }
  [[nodiscard]] bool is_done() const { return done_.load(std::memory_order_acquire); }
  // Until `finish`, of whoever has claimed it.
  void wait() const { done_.wait(false, std::memory_order_acquire); }

 private:
  std::atomic<bool> claimed_{false};
  std::atomic<bool> done_{false};
};

enum class CellState : uint8_t { value, null, refused };

// The states of a run of cells; empty while each is a value.
class CellStates {
 public:
  void clear() { states_.clear(); }
  // Makes `cells` states, for what follows.
  void open(size_t cells) {
    if (states_.empty()) states_.assign(cells, CellState::value);
  }
  void set(size_t at, CellState state, size_t cells) {
    open(cells);
    states_[at] = state;
  }
  [[nodiscard]] bool all_values() const { return states_.empty(); }
  [[nodiscard]] CellState operator[](size_t at) const { return states_.empty() ? CellState::value : states_[at]; }
  [[nodiscard]] CellState* data() { return states_.data(); }

 private:
  std::vector<CellState> states_;
};

// Texts where their page has them.
class TextValues {
 public:
  // `count` texts of PLAIN, each behind its length. The bytes outlive this.
  [[nodiscard]] static Result<TextValues> open(std::span<const uint8_t> bytes, size_t count);
  // Likewise of DELTA_LENGTH_BYTE_ARRAY: all lengths, then all texts.
  [[nodiscard]] static Result<TextValues> open_lengths_first(std::span<const uint8_t> bytes, size_t count);
  [[nodiscard]] size_t size() const { return begins_.empty() ? 0 : begins_.size() - 1; }
  [[nodiscard]] std::string_view operator[](size_t at) const {
    return {bytes_ + begins_[at] + gap_, begins_[at + 1] - begins_[at] - gap_};
  }
  [[nodiscard]] bool is_utf8(size_t at) const { return not_utf8_.empty() || not_utf8_[at] == 0; }

  static constexpr size_t kLengthBytes = 4;

 private:
  void check_utf8();

  const char* bytes_ = nullptr;
  std::vector<uint32_t> begins_;  // of the gaps; one more than texts
  uint32_t gap_ = kLengthBytes;   // before each text
  std::vector<uint8_t> not_utf8_; // empty when all are
};

// Where bytes of a page stand in the file.
struct PagePlace {
  ParquetPageHeader header;
  ParquetCodec codec = ParquetCodec::none;
  uint64_t position = 0;  // of what follows the header
};

// Values that many pages share, as what their field takes.
struct ParquetDictionary {
  PagePlace place;
  LoadOnce once;
  // Written by who loads it; constant from then on.
  Status status;
  PaddedBytes bytes;
  size_t count = 0;
  const uint8_t* fixed = nullptr;  // of values with a width
  TextValues texts;                // of the others
  std::vector<int64_t> numbers;    // what the field takes, where that is a number
  std::vector<market::SymbolCode> codes;  // likewise, a symbol
  CellStates states;               // of numbers or codes
};

struct ParquetPage {
  PagePlace place;
  std::shared_ptr<ParquetDictionary> dictionary;  // shared by the pages of a column chunk; may be none
  LoadOnce once;
  // Written by who loads it; constant from then on.
  Status status;
  PaddedBytes bytes;
  std::vector<uint8_t> valid;   // of each row; empty when none is null
  std::vector<uint32_t> ranks;  // of every kRankEvery-th row: the values before it; empty when `valid` is
  enum class Kind : uint8_t { fixed, texts, indexes } kind = Kind::fixed;
  const uint8_t* fixed = nullptr;
  TextValues texts;
  PackedIntegers indexes;       // into the dictionary

  static constexpr size_t kRankEvery = 1024;
  [[nodiscard]] size_t rows() const { return place.header.values; }
  // The values before `row`.
  [[nodiscard]] size_t rank(size_t row) const;
};

// A stretch of a page's rows. The page is shared because a piece may end inside of it.
struct PageRows {
  std::shared_ptr<ParquetPage> page;
  size_t begin = 0;
  size_t end = 0;
};

// True when pages with values in this encoding can be loaded.
[[nodiscard]] bool is_known_encoding(const ParquetColumn& column, ParquetEncoding encoding);

}  // namespace penstock::feed::file

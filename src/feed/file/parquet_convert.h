// Values of one Parquet column as what its field takes: numbers, codes of symbols, or texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "feed/file/field_parse.h"
#include "feed/file/line_reader.h"
#include "feed/file/parquet_columns.h"
#include "feed/file/parquet_page.h"
#include "market/symbol_table.h"

namespace penstock::feed::file {

// What a column's cells are kept as.
enum class CellKind : uint8_t { number, code, text };
[[nodiscard]] CellKind cell_kind(const ParquetColumn& column);

// One thread's way for one column. A null cell gives 0, kNoSymbol or an empty text, and so does one that is refused.
class ColumnConverter {
 public:
  ColumnConverter(const ParquetColumn& column, TimeUnit time_unit, market::SymbolTable& symbols);

  // Fills what the field takes of a dictionary whose values are there.
  void convert(ParquetDictionary& dictionary);

  // Reads `rows` into cells `at` and on of `cells` cells. An error of kind corrupt when the page makes no sense.
  [[nodiscard]] Status read(const PageRows& rows, size_t at, size_t cells, int64_t* out, CellStates& states);
  [[nodiscard]] Status read(const PageRows& rows, size_t at, size_t cells, market::SymbolCode* out, CellStates& states);
  [[nodiscard]] Status read(const PageRows& rows, size_t at, size_t cells, std::string_view* out, CellStates& states);

 private:
  // Where the cells of a run go.
  template <typename T>
  struct Cells {
    T* out;
    size_t at;
    size_t count;  // of the whole
    CellStates& states;
    void set(size_t i, T value) { out[at + i] = value; }
    void refuse(size_t i) { states.set(at + i, CellState::refused, count); }
    void nullify(size_t i) { states.set(at + i, CellState::null, count); }
  };

  template <typename T>
  [[nodiscard]] Status read_rows(const PageRows& rows, Cells<T> cells);
  template <typename T>
  [[nodiscard]] Status read_indexes(const ParquetPage& page, size_t first, size_t values, Cells<T> cells);
  void convert_fixed(const uint8_t* from, size_t values, Cells<int64_t> cells);
  void convert_integers(const uint8_t* from, size_t values, Cells<int64_t> cells);
  [[nodiscard]] bool convert_integer(int64_t integer, int64_t factor, int64_t& out) const;
  void convert_reals(const uint8_t* from, size_t values, Cells<int64_t> cells);
  void convert_text(const TextValues& texts, size_t value, size_t i, Cells<int64_t>& cells);
  void convert_text(const TextValues& texts, size_t value, size_t i, Cells<market::SymbolCode>& cells);
  void convert_text(const TextValues& texts, size_t value, size_t i, Cells<std::string_view>& cells);

  const ParquetColumn& column_;
  TimeUnit time_unit_;
  TimeParser time_;
  market::SymbolCache symbols_;
  PaddedBuffer scratch_;  // of a text that is parsed
  std::vector<uint32_t> indexes_;
  std::vector<int64_t> integers_;
};

// Integers as stored, widened. `values` ends in a padding.
void widen_integers(const ParquetColumn& column, const uint8_t* from, size_t values, int64_t* out);

}  // namespace penstock::feed::file

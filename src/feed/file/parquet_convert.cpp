#include "feed/file/parquet_convert.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "feed/file/parquet_values.h"
#include "market/decimal.h"

namespace penstock::feed::file {
namespace {

using market::Kind;
using market::kNoSymbol;

// Cells that are worked on at a time, within the nearest cache.
constexpr size_t kBlock = 1024;

template <typename T>
T nothing() {
  if constexpr (std::is_same_v<T, market::SymbolCode>) {
    return kNoSymbol;
  } else {
    return {};
  }
}

template <typename T>
const std::vector<T>& entries_of(const ParquetDictionary& dictionary) {
  if constexpr (std::is_same_v<T, market::SymbolCode>) {
    return dictionary.codes;
  } else {
    return dictionary.numbers;
  }
}

template <typename Stored>
void widen(const uint8_t* from, size_t stride, size_t values, int64_t* out) {
  for (size_t i = 0; i < values; ++i) {
    Stored value;
    std::memcpy(&value, from + i * stride, sizeof value);
    out[i] = static_cast<int64_t>(value);
  }
}

// Big-endian, two's complement, of `width` bytes up to eight.
void widen_big_endian(const uint8_t* from, size_t width, size_t values, int64_t* out) {
  for (size_t i = 0; i < values; ++i) {
    uint64_t value = 0;
    std::memcpy(&value, from + i * width, sizeof value);  // may take in what follows
    value = __builtin_bswap64(value);
    out[i] = static_cast<int64_t>(value) >> (64 - 8 * width);
  }
}

int64_t ns_per(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::s: return 1'000'000'000;
    case TimeUnit::ms: return 1'000'000;
    case TimeUnit::us: return 1'000;
    default: return 1;
  }
}

// Each of the int64 in `from`, wherever they lie, times `factor`; false when one is out of range.
bool multiply(const uint8_t* from, size_t count, int64_t factor, int64_t* out) {
  const int64_t most = std::numeric_limits<int64_t>::max() / factor;
  int64_t outside = 0;
  for (size_t i = 0; i < count; ++i) {
    int64_t value = 0;
    std::memcpy(&value, from + i * sizeof value, sizeof value);
    outside |= static_cast<int64_t>(value > most) | static_cast<int64_t>(value < -most);
    out[i] = static_cast<int64_t>(static_cast<uint64_t>(value) * static_cast<uint64_t>(factor));
  }
  return outside == 0;
}

// What integers of the column are multiplied by; 0 where that depends on the value, or is a division.
int64_t factor_of(const ParquetColumn& column, TimeUnit unit) {
  if (column.form == ParquetForm::time) return column.ns_per_unit;
  if (column.type.kind == Kind::timestamp) return unit == TimeUnit::detect ? 0 : ns_per(unit);
  const int stored_scale = column.form == ParquetForm::scaled_integer ? column.scale : 0;
  return stored_scale <= column.type.scale ? market::kPow10[column.type.scale - stored_scale] : 0;
}

}  // namespace

CellKind cell_kind(const ParquetColumn& column) {
  switch (column.type.kind) {
    case Kind::timestamp:
    case Kind::decimal: return CellKind::number;
    case Kind::symbol: return CellKind::code;
    case Kind::id: return column.form == ParquetForm::integer ? CellKind::number : CellKind::text;
    default: return CellKind::text;
  }
}

void widen_integers(const ParquetColumn& column, const uint8_t* from, size_t values, int64_t* out) {
  if (column.physical == ParquetPhysical::fixed_byte_array) return widen_big_endian(from, column.width, values, out);
  switch (column.bits) {
    case 8:
      return column.is_signed ? widen<int8_t>(from, column.width, values, out)
                              : widen<uint8_t>(from, column.width, values, out);
    case 16:
      return column.is_signed ? widen<int16_t>(from, column.width, values, out)
                              : widen<uint16_t>(from, column.width, values, out);
    case 32: return column.is_signed ? widen<int32_t>(from, 4, values, out) : widen<uint32_t>(from, 4, values, out);
    default: return widen<int64_t>(from, 8, values, out);
  }
}

ColumnConverter::ColumnConverter(const ParquetColumn& column, TimeUnit time_unit, market::SymbolTable& symbols)
    : column_(column), time_unit_(time_unit), time_(time_unit), symbols_(symbols) {}

void ColumnConverter::convert(ParquetDictionary& dictionary) {
  const size_t count = dictionary.count;
  const auto convert_texts = [&](auto& entries) {
    entries.resize(count);
    Cells cells{entries.data(), 0, count, dictionary.states};
    for (size_t i = 0; i < count; ++i) convert_text(dictionary.texts, i, i, cells);
  };
  switch (cell_kind(column_)) {
    case CellKind::number:
      if (column_.form == ParquetForm::text) return convert_texts(dictionary.numbers);
      dictionary.numbers.resize(count);
      convert_fixed(dictionary.fixed, count, {dictionary.numbers.data(), 0, count, dictionary.states});
      return;
    case CellKind::code: return convert_texts(dictionary.codes);
    case CellKind::text: return;
  }
}

Status ColumnConverter::read(const PageRows& rows, size_t at, size_t cells, int64_t* out, CellStates& states) {
  return read_rows<int64_t>(rows, {out, at, cells, states});
}

Status ColumnConverter::read(const PageRows& rows, size_t at, size_t cells, market::SymbolCode* out,
                             CellStates& states) {
  return read_rows<market::SymbolCode>(rows, {out, at, cells, states});
}

Status ColumnConverter::read(const PageRows& rows, size_t at, size_t cells, std::string_view* out, CellStates& states) {
  return read_rows<std::string_view>(rows, {out, at, cells, states});
}

template <typename T>
Status ColumnConverter::read_rows(const PageRows& rows, Cells<T> cells) {
  const ParquetPage& page = *rows.page;
  const size_t first = page.rank(rows.begin);
  const size_t count = rows.end - rows.begin;
  const size_t values = page.rank(rows.end) - first;
  switch (page.kind) {
    case ParquetPage::Kind::fixed:
      if constexpr (std::is_same_v<T, int64_t>) convert_fixed(page.fixed + first * column_.width, values, cells);
      break;
    case ParquetPage::Kind::texts:
      for (size_t i = 0; i < values; ++i) convert_text(page.texts, first + i, i, cells);
      break;
    case ParquetPage::Kind::indexes: PENSTOCK_TRY(read_indexes(page, first, values, cells)); break;
  }
  if (values == count) return {};

  // From the last row on, each value goes to its own.
  cells.states.open(cells.count);
  T* out = cells.out + cells.at;
  CellState* states = cells.states.data() + cells.at;
  size_t value = values;
  for (size_t row = count; row > 0;) {
    --row;
    if (page.valid[rows.begin + row] != 0) {
      --value;
      out[row] = out[value];
      states[row] = states[value];
    } else {
      out[row] = nothing<T>();
      states[row] = CellState::null;
    }
  }
  return {};
}

template <typename T>
Status ColumnConverter::read_indexes(const ParquetPage& page, size_t first, size_t values, Cells<T> cells) {
  const ParquetDictionary& dictionary = *page.dictionary;
  indexes_.resize(kBlock);
  PackedIntegers::Cursor cursor(page.indexes, first);
  for (size_t done = 0; done < values; done += kBlock) {
    const size_t count = std::min(kBlock, values - done);
    const uint32_t* indexes = indexes_.data();
    cursor.read(indexes_.data(), count);
    uint32_t most = 0;
    for (size_t i = 0; i < count; ++i) most = std::max(most, indexes[i]);
    if (most >= dictionary.count) return fail(ErrorKind::corrupt, "a page refers to what its dictionary has not");
    if constexpr (std::is_same_v<T, std::string_view>) {
      for (size_t i = 0; i < count; ++i) convert_text(dictionary.texts, indexes[i], done + i, cells);
    } else {
      const T* entries = entries_of<T>(dictionary).data();
      T* out = cells.out + cells.at + done;
      for (size_t i = 0; i < count; ++i) out[i] = entries[indexes[i]];
      if (dictionary.states.all_values()) continue;
      cells.states.open(cells.count);
      CellState* states = cells.states.data() + cells.at + done;
      for (size_t i = 0; i < count; ++i) states[i] = dictionary.states[indexes[i]];
    }
  }
  return {};
}

void ColumnConverter::convert_fixed(const uint8_t* from, size_t values, Cells<int64_t> cells) {
  switch (column_.form) {
    case ParquetForm::text: break;
    case ParquetForm::time:
    case ParquetForm::integer:
    case ParquetForm::scaled_integer: convert_integers(from, values, cells); break;
    case ParquetForm::real:
    case ParquetForm::short_real: convert_reals(from, values, cells); break;
  }
}

void ColumnConverter::convert_integers(const uint8_t* from, size_t values, Cells<int64_t> cells) {
  const bool is_id = column_.type.kind == Kind::id;
  const int64_t factor = is_id ? 1 : factor_of(column_, time_unit_);
  const bool wide = column_.physical == ParquetPhysical::int64;
  integers_.resize(kBlock);
  for (size_t done = 0; done < values; done += kBlock) {
    const size_t count = std::min(kBlock, values - done);
    const uint8_t* block = from + done * column_.width;
    int64_t* out = cells.out + cells.at + done;
    if (!wide) {
      widen_integers(column_, block, count, integers_.data());
      block = reinterpret_cast<const uint8_t*>(integers_.data());
    }
    if (factor != 0 && multiply(block, count, factor, out)) {
      int64_t signs = 0;
      if (is_id) {
        for (size_t i = 0; i < count; ++i) signs |= out[i];
      }
      if (signs >= 0) continue;
    }
    // One of the block is special.
    if (wide) widen_integers(column_, block, count, integers_.data());
    for (size_t i = 0; i < count; ++i) {
      if (convert_integer(integers_[i], factor, out[i])) continue;
      cells.refuse(done + i);
      out[i] = 0;
    }
  }
}

bool ColumnConverter::convert_integer(int64_t integer, int64_t factor, int64_t& out) const {
  if (column_.type.kind == Kind::id) {
    out = integer;
    return integer >= 0;  // a negative id is a text
  }
  if (factor != 0) return !__builtin_mul_overflow(integer, factor, &out);
  if (column_.type.kind == Kind::timestamp) {
    Timestamp time;
    const bool ok = from_epoch(integer, time_unit_, time) == TimeError::ok;
    out = time.ns;
    return ok;
  }
  return rescale(integer, column_.form == ParquetForm::scaled_integer ? column_.scale : 0, column_.type.scale, out);
}

void ColumnConverter::convert_reals(const uint8_t* from, size_t values, Cells<int64_t> cells) {
  const int scale = column_.type.scale;
  if (column_.form == ParquetForm::short_real) {
    for (size_t i = 0; i < values; ++i) {
      float real = 0;
      std::memcpy(&real, from + i * sizeof real, sizeof real);
      int64_t value = 0;
      if (from_float(real, scale, value) != market::DecimalError::ok) {
        cells.refuse(i);
        value = 0;
      }
      cells.set(i, value);
    }
    return;
  }
  double reals[kBlock];
  for (size_t done = 0; done < values; done += kBlock) {
    const size_t count = std::min(kBlock, values - done);
    std::memcpy(reals, from + done * sizeof(double), count * sizeof(double));
    int64_t* out = cells.out + cells.at + done;
    if (fast_from_doubles(reals, count, scale, out)) continue;
    for (size_t i = 0; i < count; ++i) {
      if (fast_from_double(reals[i], scale, out[i])) continue;
      if (market::from_double(reals[i], scale, out[i]) == market::DecimalError::ok) continue;
      cells.refuse(done + i);
      out[i] = 0;
    }
  }
}

void ColumnConverter::convert_text(const TextValues& texts, size_t value, size_t i, Cells<int64_t>& cells) {
  const std::string_view text = texts[value];
  cells.set(i, 0);
  if (text.empty()) return cells.nullify(i);
  if (!texts.is_utf8(value)) return cells.refuse(i);
  scratch_.clear();
  scratch_.append(text);
  const char* begin = scratch_.data();
  int64_t number = 0;
  if (column_.type.kind == Kind::timestamp) {
    Timestamp time;
    if (!time_.parse_fast(begin, text.size(), time) && time_.parse({begin, text.size()}, time) != TimeError::ok) {
      return cells.refuse(i);
    }
    number = time.ns;
  } else if (!fast_decimal(begin, text.size(), column_.type.scale, number) &&
             market::parse_decimal(text, column_.type.scale, number) != market::DecimalError::ok) {
    return cells.refuse(i);
  }
  cells.set(i, number);
}

void ColumnConverter::convert_text(const TextValues& texts, size_t value, size_t i, Cells<market::SymbolCode>& cells) {
  const std::string_view text = texts[value];
  cells.set(i, kNoSymbol);
  if (text.empty()) return cells.nullify(i);
  if (text.size() > column_.text_bytes_max || !texts.is_utf8(value)) return cells.refuse(i);
  const market::SymbolCode code = symbols_.intern(text);
  if (code == kNoSymbol) return cells.refuse(i);
  cells.set(i, code);
}

void ColumnConverter::convert_text(const TextValues& texts, size_t value, size_t i, Cells<std::string_view>& cells) {
  const std::string_view text = texts[value];
  cells.set(i, text);
  if (text.empty()) cells.nullify(i);
  if (text.size() > column_.text_bytes_max || !texts.is_utf8(value)) cells.refuse(i);
}

}  // namespace penstock::feed::file

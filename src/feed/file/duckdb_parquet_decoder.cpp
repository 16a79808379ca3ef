#include "feed/file/duckdb_parquet_decoder.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "feed/file/parquet_values.h"
#include "market/decimal.h"

namespace penstock::feed::file {
namespace {

int64_t integer_at(const void* data, duckdb_type type, size_t row) {
  switch (type) {
    case DUCKDB_TYPE_TINYINT: return static_cast<const int8_t*>(data)[row];
    case DUCKDB_TYPE_SMALLINT: return static_cast<const int16_t*>(data)[row];
    case DUCKDB_TYPE_INTEGER: return static_cast<const int32_t*>(data)[row];
    case DUCKDB_TYPE_UTINYINT: return static_cast<const uint8_t*>(data)[row];
    case DUCKDB_TYPE_USMALLINT: return static_cast<const uint16_t*>(data)[row];
    case DUCKDB_TYPE_UINTEGER: return static_cast<const uint32_t*>(data)[row];
    default: return static_cast<const int64_t*>(data)[row];
  }
}

// The greatest text of an integer.
constexpr size_t kNumberTextBytes = 24;

bool is_parsed(market::Kind kind) { return kind != market::Kind::symbol && kind != market::Kind::text; }

bool valid_at(const uint64_t* validity, size_t row) {
  return validity == nullptr || (validity[row / 64] >> (row % 64) & 1) != 0;
}

}  // namespace

DuckdbDecoder::DuckdbDecoder(BatchBuilder builder, const DuckdbLayout& layout, TimeUnit time_unit)
    : builder_(std::move(builder)),
      layout_(layout),
      time_unit_(time_unit),
      numbers_(layout.columns.size()),
      data_(layout.columns.size()),
      validity_(layout.columns.size()) {
  for (size_t i = 0; i < layout_.columns.size(); ++i) {
    const market::Kind kind = builder_.specs()[layout_.columns[i].field].type.kind;
    if (layout_.columns[i].form == ParquetForm::text && is_parsed(kind)) parsed_texts_.push_back(i);
  }
}

void DuckdbDecoder::decode(const DuckdbPiece& piece, bool keep_positions, DecodedRows& out) {
  out = {};
  builder_.begin(static_cast<size_t>(piece.position_end - piece.position) + 1);
  uint64_t position = piece.position;
  for (const DuckdbRows& run : piece.runs) {
    for (size_t i = 0; i < layout_.columns.size(); ++i) {
      duckdb_vector vector = duckdb_data_chunk_get_vector(run.chunk.get(), i);
      data_[i] = duckdb_vector_get_data(vector);
      validity_[i] = duckdb_vector_get_validity(vector);
      if (layout_.columns[i].form != ParquetForm::text) read_numbers(layout_.columns[i], run, i, numbers_[i]);
    }
    for (size_t row = run.begin; row < run.end; ++row, ++position) {
      if (set_row(run, row)) [[likely]] {
        if (keep_positions) out.row_positions.push_back(position);
        continue;
      }
      builder_.drop_row();
      out.rejects.push_back({fmt::format("row {}", position + 1), reason_, row_text(row).substr(0, kRejectBytesMax)});
      out.reject_rows.push_back(builder_.rows());
    }
  }
  out.rows = builder_.finish();
}

bool DuckdbDecoder::set_row(const DuckdbRows& run, size_t row) {
  scratch_.clear();
  if (!parsed_texts_.empty()) reserve_scratch(row);
  for (size_t i = 0; i < layout_.columns.size(); ++i) {
    const DuckdbColumn& column = layout_.columns[i];
    if (column.form == ParquetForm::text) {
      if (null_at(i, row)) continue;
      if (!set_text(column, text_at(i, row))) {
        reason_ = builder_.reason();
        return false;
      }
      continue;
    }
    const Numbers& numbers = numbers_[i];
    const size_t at = row - run.begin;
    if (numbers.plain || numbers.states[at] == State::value) {
      builder_.set_number(column.field, numbers.values[at]);
    } else if (numbers.states[at] == State::refused) {
      const std::string text = value_text(i, row);
      // What cannot be a number of the column's kind may still be an id: any text is one.
      if (builder_.specs()[column.field].type.kind == market::Kind::id) {
        if (set_text(column, text)) continue;
        reason_ = builder_.reason();
        return false;
      }
      reason_ = not_kept_reason(builder_.specs()[column.field].name, text);
      return false;
    }
  }
  if (builder_.commit_row()) return true;
  reason_ = builder_.reason();
  return false;
}

// An id stays in the scratch until its row is kept, so the scratch must not move meanwhile.
void DuckdbDecoder::reserve_scratch(size_t row) {
  size_t bytes = kNumberTextBytes;  // a negative integer id becomes a text too
  for (const size_t i : parsed_texts_) bytes += null_at(i, row) ? 0 : text_at(i, row).size();
  scratch_.reserve(bytes);
}

// Texts that are parsed need padding around them, which DuckDB's do not have.
bool DuckdbDecoder::set_text(const DuckdbColumn& column, std::string_view text) {
  const market::Kind kind = builder_.specs()[column.field].type.kind;
  if (is_parsed(kind)) {
    const size_t begin = scratch_.size();
    scratch_.append(text);
    text = {scratch_.data() + begin, text.size()};
  }
  return builder_.set(column.field, text.data(), text.size());
}

void DuckdbDecoder::read_numbers(const DuckdbColumn& column, const DuckdbRows& run, size_t index, Numbers& out) {
  const size_t count = run.end - run.begin;
  out.values.resize(count);
  out.states.assign(count, State::value);
  out.plain = true;
  const market::Type type = builder_.specs()[column.field].type;
  const void* data = data_[index];

  // Calls `read(row, value)` for each row that has a value; it says whether the value can be kept.
  const auto each = [&](auto read) {
    for (size_t at = 0; at < count; ++at) {
      const size_t row = run.begin + at;
      if (!valid_at(validity_[index], row)) {
        out.states[at] = State::null;
        out.plain = false;
      } else if (!read(row, out.values[at])) [[unlikely]] {
        out.states[at] = State::refused;
        out.plain = false;
      }
    }
  };
  const auto each_epoch = [&](auto epoch_at, TimeUnit unit) {
    each([&](size_t row, int64_t& value) {
      Timestamp time;
      if (from_epoch(epoch_at(row), unit, time) != TimeError::ok) return false;
      value = time.ns;
      return true;
    });
  };
  const auto integer = [&](size_t row) { return integer_at(data, column.physical, row); };
  switch (column.form) {
    case ParquetForm::text: break;
    case ParquetForm::time:
      if (column.unit == TimeUnit::ns) {
        each([&](size_t row, int64_t& value) {
          value = static_cast<const int64_t*>(data)[row];
          return true;
        });
      } else {
        each_epoch([&](size_t row) { return static_cast<const int64_t*>(data)[row]; }, column.unit);
      }
      break;
    case ParquetForm::integer:
      if (type.kind == market::Kind::timestamp) {
        each_epoch(integer, time_unit_);
      } else if (type.kind == market::Kind::id) {
        each([&](size_t row, int64_t& value) { return (value = integer(row)) >= 0; });
      } else {
        each([&](size_t row, int64_t& value) { return rescale(integer(row), 0, type.scale, value); });
      }
      break;
    case ParquetForm::scaled_integer:
      each([&](size_t row, int64_t& value) { return rescale(integer(row), column.scale, type.scale, value); });
      break;
    case ParquetForm::real:
      each([&](size_t row, int64_t& value) {
        const double real = static_cast<const double*>(data)[row];
        return fast_from_double(real, type.scale, value) ||
               market::from_double(real, type.scale, value) == market::DecimalError::ok;
      });
      break;
    case ParquetForm::short_real:
      each([&](size_t row, int64_t& value) {
        return from_float(static_cast<const float*>(data)[row], type.scale, value) == market::DecimalError::ok;
      });
      break;
  }
}

bool DuckdbDecoder::null_at(size_t index, size_t row) const { return !valid_at(validity_[index], row); }

std::string_view DuckdbDecoder::text_at(size_t index, size_t row) const {
  const duckdb_string_t& text = static_cast<const duckdb_string_t*>(data_[index])[row];
  const uint32_t length = text.value.inlined.length;
  return {length <= sizeof text.value.inlined.inlined ? text.value.inlined.inlined : text.value.pointer.ptr, length};
}

std::string DuckdbDecoder::value_text(size_t index, size_t row) const {
  const DuckdbColumn& column = layout_.columns[index];
  if (null_at(index, row)) return "";
  switch (column.form) {
    case ParquetForm::text: return std::string(text_at(index, row));
    case ParquetForm::integer: return std::to_string(integer_at(data_[index], column.physical, row));
    case ParquetForm::scaled_integer:
      return market::format_decimal(integer_at(data_[index], column.physical, row), column.scale);
    case ParquetForm::real: return fmt::format("{}", static_cast<const double*>(data_[index])[row]);
    case ParquetForm::short_real: return fmt::format("{}", static_cast<const float*>(data_[index])[row]);
    case ParquetForm::time: return std::to_string(static_cast<const int64_t*>(data_[index])[row]);
  }
  return "";
}

std::string DuckdbDecoder::row_text(size_t row) const {
  std::string text;
  for (size_t i = 0; i < layout_.columns.size(); ++i) {
    text += fmt::format("{}{}={}", i == 0 ? "" : ", ", layout_.columns[i].name, value_text(i, row));
  }
  return text;
}

}  // namespace penstock::feed::file

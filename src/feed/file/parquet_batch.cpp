#include "feed/file/parquet_batch.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/int128.h"
#include "feed/file/parquet_values.h"
#include "market/decimal.h"

namespace penstock::feed::file {
namespace {

using market::Kind;

std::vector<size_t> fields_of(const std::vector<ParquetColumn>& columns) {
  std::vector<size_t> fields;
  for (const ParquetColumn& column : columns) fields.push_back(column.field);
  return fields;
}

// Leaves those whose `keep` is 1.
template <typename T>
void keep_only(std::vector<T>& values, const std::vector<uint8_t>& keep, size_t kept) {
  size_t to = 0;
  for (size_t from = 0; from < keep.size(); ++from) {
    values[to] = values[from];
    to += keep[from];
    if (to == kept) break;
  }
  values.resize(kept);
}

template <typename T>
T load(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

ParquetBatchMaker::ParquetBatchMaker(const ParquetRequest& request, const std::vector<ParquetColumn>& columns)
    : request_(request),
      columns_(columns),
      states_(columns.size()),
      texts_(columns.size()),
      symbols_(request.symbols),
      builder_(request.options.record, request.specs, fields_of(columns), request.options.time_unit, request.symbols) {
  for (const ParquetColumn& column : columns) {
    converters_.emplace_back(column, request.options.time_unit, request.symbols);
  }
  builder_.begin(1);
}

Status ParquetBatchMaker::make(const ParquetPiece& piece, bool keep_positions, DecodedRows& out) {
  out = {};
  const size_t rows = static_cast<size_t>(piece.bounds.position_end - piece.bounds.position);
  market::Batch batch = market::make_batch(schema_of(request_.options.record));
  for (size_t i = 0; i < columns_.size(); ++i) {
    PENSTOCK_TRY(read_column(piece, i, batch.columns[request_.specs[columns_[i].field].column]));
  }
  choose_rows(rows);
  size_t row_after = 0;
  for (size_t row = 0; row < rows; ++row) {
    if (keep_.empty() && !keep_positions) break;
    const uint64_t position = piece.bounds.position + row;
    if (keep_.empty() || keep_[row] != 0) {
      if (keep_positions) out.row_positions.push_back(position);
      ++row_after;
      continue;
    }
    out.rejects.push_back(
        {fmt::format("row {}", position + 1), reason(piece, row), row_text(piece, row).substr(0, kRejectBytesMax)});
    out.reject_rows.push_back(row_after);
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    finish_column(piece, i, batch.columns[request_.specs[columns_[i].field].column]);
  }
  batch.rows = kept_;
  finish_other_columns(batch);
  out.rows = std::move(batch);
  return {};
}

Status ParquetBatchMaker::read_column(const ParquetPiece& piece, size_t index, market::Column& out) {
  const size_t rows = static_cast<size_t>(piece.bounds.position_end - piece.bounds.position);
  states_[index].clear();
  const auto read_all = [&](auto& values) -> Status {
    values.resize(rows);
    size_t at = 0;
    for (const PageRows& run : piece.columns[index]) {
      PENSTOCK_TRY(converters_[index].read(run, at, rows, values.data(), states_[index]));
      at += run.end - run.begin;
    }
    return {};
  };
  switch (cell_kind(columns_[index])) {
    case CellKind::number: return read_all(columns_[index].type.kind == Kind::id ? out.ids.numbers() : out.i64);
    case CellKind::code: return read_all(out.codes);
    case CellKind::text: return read_all(texts_[index]);
  }
  return {};
}

void ParquetBatchMaker::choose_rows(size_t rows) {
  keep_.clear();
  kept_ = rows;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (states_[i].all_values()) continue;
    const bool required = request_.specs[columns_[i].field].required;
    // What is no number may still be an id.
    const bool refusing = columns_[i].type.kind != Kind::id || cell_kind(columns_[i]) == CellKind::text;
    const CellState* states = states_[i].data();
    for (size_t row = 0; row < rows; ++row) {
      if (states[row] == CellState::value) [[likely]] {
        continue;
      }
      if (states[row] == CellState::null ? !required : !refusing) continue;
      if (keep_.empty()) keep_.assign(rows, 1);
      kept_ -= keep_[row];
      keep_[row] = 0;
    }
  }
}

void ParquetBatchMaker::finish_column(const ParquetPiece& piece, size_t index, market::Column& out) {
  const CellStates& states = states_[index];
  const size_t rows = static_cast<size_t>(piece.bounds.position_end - piece.bounds.position);
  size_t nulls = 0;
  if (!states.all_values()) {
    out.valid.resize(rows);
    for (size_t row = 0; row < rows; ++row) out.valid[row] = states[row] == CellState::null ? 0 : 1;
    if (!keep_.empty()) keep_only(out.valid, keep_, kept_);
    nulls = static_cast<size_t>(std::ranges::count(out.valid, uint8_t{0}));
    if (nulls == 0) out.valid.clear();
  }
  if (kept_ > 0 && nulls == kept_) {
    out = market::Column{.type = out.type, .all_null = true};
    return;
  }
  switch (out.type.kind) {
    case Kind::timestamp:
    case Kind::decimal:
      if (!keep_.empty()) keep_only(out.i64, keep_, kept_);
      return;
    case Kind::symbol:
      if (!keep_.empty()) keep_only(out.codes, keep_, kept_);
      return;
    case Kind::id: return append_ids(piece, index, out.ids);
    default: break;
  }
  out.text.reserve(kept_, 0);
  for (size_t row = 0; row < rows; ++row) {
    if (keep_.empty() || keep_[row] != 0) out.text.append(texts_[index][row]);
  }
}

void ParquetBatchMaker::append_ids(const ParquetPiece& piece, size_t index, market::IdColumn& ids) {
  const CellStates& states = states_[index];
  const bool numbers = cell_kind(columns_[index]) == CellKind::number;
  const size_t rows = static_cast<size_t>(piece.bounds.position_end - piece.bounds.position);
  if (numbers && keep_.empty() && states.all_values()) return;
  // Texts take numbers of their own, in order, so that what was read is written anew.
  const std::vector<int64_t> read = std::exchange(ids.numbers(), {});
  ids.numbers().reserve(kept_);
  for (size_t row = 0; row < rows; ++row) {
    if (!keep_.empty() && keep_[row] == 0) continue;
    if (states[row] == CellState::null) {
      ids.append({});
    } else if (!numbers) {
      ids.append(market::parse_id(texts_[index][row]));
    } else if (states[row] == CellState::refused) {
      ids.append(market::parse_id(cell_text(index, cell_at(piece, index, row))));
    } else {
      ids.append({read[row], {}});
    }
  }
}

void ParquetBatchMaker::finish_other_columns(market::Batch& batch) {
  for (size_t field = 0; field < request_.specs.size(); ++field) {
    const FieldSpec& spec = request_.specs[field];
    if (std::ranges::find(columns_, field, &ParquetColumn::field) != columns_.end()) continue;
    market::Column& column = batch.columns[spec.column];
    if (spec.constant) {
      column.codes.assign(batch.rows, symbols_.intern(*spec.constant));
    } else {
      column.all_null = true;
    }
  }
}

std::string ParquetBatchMaker::reason(const ParquetPiece& piece, size_t row) {
  std::vector<Cell> cells;
  size_t text_bytes = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    cells.push_back(cell_at(piece, i, row));
    text_bytes += cells.back().text.size();
  }
  builder_.drop_row();
  scratch_.clear();
  scratch_.reserve(text_bytes);  // ids stay in it until the row is done
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (cells[i].null) continue;
    const ParquetColumn& column = columns_[i];
    if (column.form == ParquetForm::text) {
      if (!cells[i].is_utf8) {
        return fmt::format("{}: not UTF-8: {}", request_.specs[column.field].name, quote_for_message(cells[i].text));
      }
      if (!set_text(column.field, cells[i].text)) return builder_.reason();
    } else if (states_[i][row] == CellState::refused && column.type.kind != Kind::id) {
      return not_kept_reason(request_.specs[column.field].name, cell_text(i, cells[i]));
    } else {
      builder_.set_number(column.field, 0);
    }
  }
  return builder_.commit_row() ? "it cannot be kept" : builder_.reason();
}

bool ParquetBatchMaker::set_text(size_t field, std::string_view text) {
  const size_t begin = scratch_.size();
  scratch_.append(text);
  return builder_.set(field, scratch_.data() + begin, text.size());
}

ParquetBatchMaker::Cell ParquetBatchMaker::cell_at(const ParquetPiece& piece, size_t index, size_t row) const {
  for (const PageRows& run : piece.columns[index]) {
    if (row >= run.end - run.begin) {
      row -= run.end - run.begin;
      continue;
    }
    const ParquetPage& page = *run.page;
    const size_t page_row = run.begin + row;
    if (!page.valid.empty() && page.valid[page_row] == 0) return {};
    size_t value = page.rank(page_row);
    const uint8_t* fixed = page.fixed;
    const TextValues* texts = &page.texts;
    if (page.kind == ParquetPage::Kind::indexes) {
      uint32_t entry = 0;
      PackedIntegers::Cursor(page.indexes, value).read(&entry, 1);
      value = entry;
      fixed = page.dictionary->fixed;
      texts = &page.dictionary->texts;
    }
    if (columns_[index].form == ParquetForm::text) return {false, texts->is_utf8(value), nullptr, (*texts)[value]};
    return {false, true, fixed + value * columns_[index].width, {}};
  }
  return {};
}

std::string ParquetBatchMaker::cell_text(size_t index, const Cell& cell) const {
  if (cell.null) return "";
  const ParquetColumn& column = columns_[index];
  int64_t integer = 0;
  switch (column.form) {
    case ParquetForm::text: return std::string(cell.text);
    case ParquetForm::integer: widen_integers(column, cell.fixed, 1, &integer); return std::to_string(integer);
    case ParquetForm::scaled_integer:
      widen_integers(column, cell.fixed, 1, &integer);
      return market::format_decimal(integer, column.scale);
    case ParquetForm::real: return fmt::format("{}", load<double>(cell.fixed));
    case ParquetForm::short_real: return fmt::format("{}", load<float>(cell.fixed));
    case ParquetForm::time: {
      // DuckDB counts a file's milliseconds in microseconds.
      const int64_t units = column.ns_per_unit > 1'000 ? column.ns_per_unit / 1'000 : 1;
      return penstock::to_string(Int128{load<int64_t>(cell.fixed)} * units);
    }
  }
  return "";
}

std::string ParquetBatchMaker::row_text(const ParquetPiece& piece, size_t row) const {
  std::string text;
  for (size_t i = 0; i < columns_.size(); ++i) {
    text += fmt::format("{}{}={}", i == 0 ? "" : ", ", columns_[i].name, cell_text(i, cell_at(piece, i, row)));
  }
  return text;
}

}  // namespace penstock::feed::file

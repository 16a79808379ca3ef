#include "feed/file/batch_builder.h"

#include <fmt/core.h>

#include <algorithm>
#include <span>
#include <utility>

#include "market/decimal.h"
#include "market/record_codec.h"
#include "market/schema.h"

namespace penstock::feed::file {
namespace {

using market::Kind;

std::vector<size_t> required_columns(FileRecord record) {
  using market::QuoteColumn;
  using market::TradeColumn;
  switch (record) {
    case FileRecord::trade: return {TradeColumn::symbol, TradeColumn::ts_event, TradeColumn::price, TradeColumn::size};
    case FileRecord::quote: return {QuoteColumn::symbol, QuoteColumn::ts_event};
    case FileRecord::json: return {};
  }
  return {};
}

bool is_late(Kind kind) { return kind == Kind::id || kind == Kind::text || kind == Kind::json; }

}  // namespace

market::SchemaPtr schema_of(FileRecord record) {
  switch (record) {
    case FileRecord::trade: return market::trade_schema();
    case FileRecord::quote: return market::quote_schema();
    case FileRecord::json: return market::json_schema();
  }
  return market::json_schema();
}

Result<std::vector<FieldSpec>> make_field_specs(const FileOptions& options) {
  const market::SchemaPtr schema = schema_of(options.record);
  const std::vector<size_t> required = required_columns(options.record);
  std::vector<FieldSpec> specs;
  for (size_t column = 0; column < schema->fields.size(); ++column) {
    const market::Field& field = schema->fields[column];
    FieldSpec spec{.column = column, .name = field.name, .name_in_file = field.name, .type = field.type};
    spec.required = std::ranges::find(required, column) != required.end();
    if (field.name == "symbol") spec.constant = options.symbol;
    if (field.name == "venue") spec.constant = options.venue;
    if (auto mapped = options.columns.find(field.name); mapped != options.columns.end())
      spec.name_in_file = mapped->second;
    specs.push_back(std::move(spec));
  }
  for (const auto& [canonical, name] : options.columns) {
    if (schema->find(canonical)) continue;
    std::string known;
    for (const market::Field& field : schema->fields) known += (known.empty() ? "" : ", ") + field.name;
    return fail(ErrorKind::invalid, "columns: '{}' is not a column of this kind of record; its columns are {}",
                canonical, known);
  }
  return specs;
}

// A symbol is a record's key; the other texts lie within it.
size_t text_bytes_max(const FieldSpec& spec) {
  return spec.type.kind == Kind::symbol && spec.required ? kSymbolBytesMax : market::kTextBytesMax;
}

std::string quote_for_message(std::string_view text) {
  constexpr size_t kShown = 64;
  std::string quoted = "'";
  for (const char c : text.substr(0, kShown)) {
    if (c >= ' ' && c <= '~') {
      quoted += c;
    } else {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  quoted += text.size() > kShown ? "'..." : "'";
  return quoted;
}

BatchBuilder::BatchBuilder(FileRecord record, std::vector<FieldSpec> specs, std::vector<size_t> given,
                           TimeUnit time_unit, market::SymbolTable& symbols)
    : record_(record), specs_(std::move(specs)), given_(std::move(given)), slots_(specs_.size()), symbols_(symbols) {
  PENSTOCK_ASSERT(specs_.size() <= 32);
  for (size_t field = 0; field < specs_.size(); ++field) {
    slots_[field].kind = specs_[field].type.kind;
    slots_[field].scale = specs_[field].type.scale;
    slots_[field].time = TimeParser(time_unit);
  }
  for (const size_t field : given_) {
    given_mask_ |= uint32_t{1} << field;
    if (is_late(slots_[field].kind)) late_.push_back(field);
    if (record_ == FileRecord::trade && specs_[field].column == market::TradeColumn::action) action_ = field;
  }
  if (action_) cancel_code_ = symbols_.intern_text(market::kCancel);
}

void BatchBuilder::begin(size_t rows) {
  batch_ = market::make_batch(schema_of(record_));
  row_ = 0;
  set_mask_ = 0;
  has_nulls_ = false;
  capacity_ = 0;
  for (const size_t field : given_) {
    slots_[field].nulls = 0;
    slots_[field].valid = nullptr;
    slots_[field].text_ids = false;
  }
  grow(std::max<size_t>(rows, 16));
}

void BatchBuilder::grow(size_t capacity) {
  capacity_ = capacity;
  for (const size_t field : given_) bind(slots_[field], batch_.columns[specs_[field].column]);
}

void BatchBuilder::bind(Slot& slot, market::Column& column) {
  switch (slot.kind) {
    case Kind::timestamp:
    case Kind::decimal:
      column.i64.resize(capacity_);
      slot.i64 = column.i64.data();
      break;
    case Kind::symbol:
      column.codes.resize(capacity_);
      slot.codes = column.codes.data();
      break;
    case Kind::id:
      if (slot.text_ids) break;
      column.ids.numbers().resize(capacity_);
      slot.i64 = column.ids.numbers().data();
      break;
    default: column.text.reserve(capacity_, 0);
  }
  if (slot.valid != nullptr) {
    column.valid.resize(capacity_, 1);
    slot.valid = column.valid.data();
  }
}

bool BatchBuilder::set_any(size_t field, const char* begin, size_t length) {
  Slot& slot = slots_[field];
  if (length == 0) {
    set_null(field);
    return true;
  }
  switch (slot.kind) {
    case Kind::timestamp: {
      Timestamp time;
      if (const TimeError error = slot.time.parse({begin, length}, time); error != TimeError::ok) [[unlikely]] {
        return refuse(field, to_string(error), {begin, length});
      }
      slot.i64[row_] = time.ns;
      break;
    }
    case Kind::decimal: {
      int64_t value = 0;
      const market::DecimalError error = market::parse_decimal({begin, length}, slot.scale, value);
      if (error != market::DecimalError::ok) return refuse(field, market::to_string(error), {begin, length});
      slot.i64[row_] = value;
      break;
    }
    case Kind::symbol: {
      if (length > text_bytes_max(specs_[field])) [[unlikely]] {
        return refuse_long(field, {begin, length});
      }
      const market::SymbolCode code = symbols_.intern(begin, length);
      if (code == market::kNoSymbol) [[unlikely]] {
        return refuse(field, fmt::format("more than {} distinct texts", market::SymbolTable::kSymbolsMax),
                      {begin, length});
      }
      slot.codes[row_] = code;
      break;
    }
    default:
      if (length > text_bytes_max(specs_[field])) [[unlikely]] {
        return refuse_long(field, {begin, length});
      }
      if (slot.kind == Kind::id) {
        slot.id = market::parse_id({begin, length});
      } else {
        slot.text = {begin, length};
      }
  }
  set_mask_ |= uint32_t{1} << field;
  return true;
}

bool BatchBuilder::commit_row() {
  if (has_nulls_ || set_mask_ != given_mask_) [[unlikely]] {
    if (!commit_nulls()) return false;
  }
  for (const size_t field : late_) {
    Slot& slot = slots_[field];
    market::Column& column = batch_.columns[specs_[field].column];
    const bool null = (set_mask_ >> field & 1) == 0;
    if (slot.kind == Kind::id) {
      if (null) slot.id = {};
      commit_id(slot, column.ids);
    } else {
      column.text.append(null ? std::string_view() : slot.text);
    }
  }
  set_mask_ = 0;
  if (++row_ == capacity_) grow(capacity_ + capacity_ / 2);
  return true;
}

// A message that takes a trade back needs no price and no size: many venues write none.
bool BatchBuilder::is_cancel() const {
  return action_ && (set_mask_ >> *action_ & 1) != 0 && slots_[*action_].codes[row_] == cancel_code_;
}

bool BatchBuilder::commit_nulls() {
  const bool cancel = is_cancel();
  for (const size_t field : given_) {
    if ((set_mask_ >> field & 1) != 0 || !specs_[field].required) continue;
    if (!cancel || slots_[field].kind != Kind::decimal) return refuse(field, "no value", {});
    slots_[field].i64[row_] = 0;
    set_mask_ |= uint32_t{1} << field;
  }
  for (const size_t field : given_) {
    Slot& slot = slots_[field];
    const bool null = (set_mask_ >> field & 1) == 0;
    if (null && slot.valid == nullptr) {
      market::Column& column = batch_.columns[specs_[field].column];
      column.valid.assign(capacity_, 1);
      slot.valid = column.valid.data();
      has_nulls_ = true;
    }
    if (slot.valid != nullptr) slot.valid[row_] = null ? 0 : 1;
    slot.nulls += null ? 1 : 0;
    // What stands behind a null must not depend on the rows before.
    if (null && slot.kind == Kind::symbol) slot.codes[row_] = market::kNoSymbol;
    if (null && (slot.kind == Kind::timestamp || slot.kind == Kind::decimal)) slot.i64[row_] = 0;
  }
  return true;
}

void BatchBuilder::commit_id(Slot& slot, market::IdColumn& ids) {
  if (!slot.text_ids) {
    if (slot.id.is_number()) {
      slot.i64[row_] = slot.id.number;
      return;
    }
    slot.text_ids = true;
    ids.numbers().resize(row_);
  }
  ids.append(slot.id);
}

bool BatchBuilder::refuse_long(size_t field, std::string_view text) {
  return refuse(field, fmt::format("text longer than {} bytes", text_bytes_max(specs_[field])), text);
}

bool BatchBuilder::refuse(size_t field, std::string_view what, std::string_view text) {
  reason_ = fmt::format("{}: {}", specs_[field].name, what);
  if (!text.empty()) reason_ += ": " + quote_for_message(text);
  return false;
}

market::Batch BatchBuilder::finish() {
  batch_.rows = row_;
  for (size_t field = 0; field < specs_.size(); ++field) {
    Slot& slot = slots_[field];
    market::Column& column = batch_.columns[specs_[field].column];
    const bool given = (given_mask_ >> field & 1) != 0;
    if (!given && specs_[field].constant) {
      column.codes.assign(row_, symbols_.intern_text(*specs_[field].constant));
      continue;
    }
    if (!given || (row_ > 0 && slot.nulls == row_)) {
      column = market::Column{.type = column.type, .all_null = true};
      continue;
    }
    if (slot.kind == Kind::symbol) column.codes.resize(row_);
    if (slot.kind == Kind::timestamp || slot.kind == Kind::decimal) column.i64.resize(row_);
    if (slot.kind == Kind::id && !slot.text_ids) column.ids.numbers().resize(row_);
    if (slot.valid != nullptr) {
      if (slot.nulls == 0) {
        column.valid.clear();
      } else {
        column.valid.resize(row_);
      }
    }
  }
  return std::move(batch_);
}

}  // namespace penstock::feed::file

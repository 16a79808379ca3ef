// Makes a market::Batch, a row at a time, from the text of its fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "feed/file/field_parse.h"
#include "feed/file/file_source.h"
#include "market/batch.h"
#include "market/symbol_table.h"

namespace penstock::feed::file {

// A canonical column, where it comes from, and what it must hold.
struct FieldSpec {
  size_t column = 0;          // in the schema
  std::string name;           // canonical
  std::string name_in_file;
  market::Type type;
  bool required = false;
  std::optional<std::string> constant;
};
// The columns of a record kind under the options' mapping; an error for a mapping of a column that does not exist.
[[nodiscard]] Result<std::vector<FieldSpec>> make_field_specs(const FileOptions& options);
[[nodiscard]] market::SchemaPtr schema_of(FileRecord record);
// Of a symbol, id or text: a longer one is refused.
[[nodiscard]] size_t text_bytes_max(const FieldSpec& spec);

// Symbols of up to eight bytes by one multiplication and one comparison; SymbolCache for the others.
class FastSymbols {
 public:
  explicit FastSymbols(market::SymbolTable& table) : cache_(table), slots_(kSlots) {}

  // `text` must have eight readable bytes from its beginning.
  [[nodiscard]] market::SymbolCode intern(const char* begin, size_t length) {
    const market::SymbolCode code = cache_.intern({begin, length});
    if (length - 1 < sizeof(uint64_t) && code != market::kNoSymbol) {
      const uint64_t key = key_of(begin, length);
      slots_[slot_of(key)] = {key, static_cast<uint32_t>(length), code};
    }
    return code;
  }
  // The code of a short text that was seen lately, else kNoSymbol.
  [[nodiscard]] market::SymbolCode find(const char* begin, size_t length) const {
    if (length - 1 >= sizeof(uint64_t)) return market::kNoSymbol;
    const uint64_t key = key_of(begin, length);
    const Slot& slot = slots_[slot_of(key)];
    return slot.key == key && slot.length == length ? slot.code : market::kNoSymbol;
  }
  // For texts of other memory.
  [[nodiscard]] market::SymbolCode intern_text(std::string_view text) { return cache_.intern(text); }

 private:
  static constexpr int kSlotBits = 11;
  static constexpr size_t kSlots = size_t{1} << kSlotBits;
  struct Slot {
    uint64_t key = 0;
    uint32_t length = 0;
    market::SymbolCode code = market::kNoSymbol;
  };
  static uint64_t key_of(const char* begin, size_t length) {
    uint64_t key = 0;
    std::memcpy(&key, begin, sizeof key);
    return key & ~uint64_t{0} >> (64 - 8 * length);
  }
  static size_t slot_of(uint64_t key) { return key * 0x9e37'79b9'7f4a'7c15 >> (64 - kSlotBits); }

  market::SymbolCache cache_;
  std::vector<Slot> slots_;  // a newer text takes the slot of an older one
};

// One thread's builder. `set` gives fields of the row in any order (the last of two for one field counts); the row is
// then kept by `commit_row` or forgotten by `drop_row`. A field that was not set is null.
class BatchBuilder {
 public:
  // `given` are the fields that the file has, as indexes into `specs`; of the others each row has the constant or null.
  BatchBuilder(FileRecord record, std::vector<FieldSpec> specs, std::vector<size_t> given, TimeUnit time_unit,
               market::SymbolTable& symbols);

  [[nodiscard]] const std::vector<FieldSpec>& specs() const { return specs_; }
  // Begins a batch of about `rows`.
  void begin(size_t rows);
  // Sets `field` of the row from text in a PaddedBuffer, which must stay until the row is done; empty is null.
  // False when it cannot be represented: why is in `reason`.
  [[nodiscard, gnu::always_inline]] inline bool set(size_t field, const char* begin, size_t length);
  // Sets a time, a decimal or an id from what the column holds: ns, units of its scale, a number that is not negative.
  void set_number(size_t field, int64_t value) {
    Slot& slot = slots_[field];
    if (slot.kind == market::Kind::id) {
      slot.id = {value, {}};
    } else {
      slot.i64[row_] = value;
    }
    set_mask_ |= uint32_t{1} << field;
  }
  void set_null(size_t field) { set_mask_ &= ~(uint32_t{1} << field); }
  // False when a required field is missing: why is in `reason`.
  [[nodiscard]] bool commit_row();
  void drop_row() { set_mask_ = 0; }
  [[nodiscard]] size_t rows() const { return row_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] market::Batch finish();

 private:
  struct Slot {
    market::Kind kind{};
    uint8_t scale = 0;
    int64_t* i64 = nullptr;  // of the column, `capacity_` values; of an id column its numbers
    market::SymbolCode* codes = nullptr;  // likewise
    uint8_t* valid = nullptr;  // likewise; none while no row is null
    size_t nulls = 0;  // among the rows kept
    TimeParser time;
    market::Id id;  // of the row: ids and texts reach their column with commit_row
    std::string_view text;  // of the row
    bool text_ids = false;  // the id column has a text, so it grows by append
  };

  [[nodiscard]] bool set_any(size_t field, const char* begin, size_t length);
  void grow(size_t capacity);
  void bind(Slot& slot, market::Column& column);
  void commit_id(Slot& slot, market::IdColumn& ids);
  [[nodiscard]] bool commit_nulls();
  [[nodiscard]] bool is_cancel() const;
  [[nodiscard]] bool refuse(size_t field, std::string_view what, std::string_view text);
  [[nodiscard]] bool refuse_long(size_t field, std::string_view text);

  FileRecord record_;
  std::vector<FieldSpec> specs_;
  std::vector<size_t> given_;
  std::vector<size_t> late_;  // of given_, the ids and texts
  uint32_t given_mask_ = 0;
  std::optional<size_t> action_;  // of given_: what a message does to an earlier trade
  market::SymbolCode cancel_code_ = market::kNoSymbol;
  std::vector<Slot> slots_;  // one a spec
  FastSymbols symbols_;
  market::Batch batch_;
  size_t capacity_ = 0;
  size_t row_ = 0;
  uint32_t set_mask_ = 0;  // the fields of the row that have a value
  bool has_nulls_ = false;
  std::string reason_;
};

// The short ways, inlined where a decoder has found a field; set_any knows them all.
inline bool BatchBuilder::set(size_t field, const char* begin, size_t length) {
  Slot& slot = slots_[field];
  switch (slot.kind) {
    case market::Kind::timestamp: {
      Timestamp time;
      if (!slot.time.parse_fast(begin, length, time)) [[unlikely]] {
        return set_any(field, begin, length);
      }
      slot.i64[row_] = time.ns;
      break;
    }
    case market::Kind::decimal: {
      int64_t value = 0;
      if (!fast_decimal(begin, length, slot.scale, value)) [[unlikely]] {
        return set_any(field, begin, length);
      }
      slot.i64[row_] = value;
      break;
    }
    case market::Kind::symbol: {
      const market::SymbolCode code = symbols_.find(begin, length);
      if (code == market::kNoSymbol) [[unlikely]] {
        return set_any(field, begin, length);
      }
      slot.codes[row_] = code;
      break;
    }
    case market::Kind::id: {
      int64_t number = 0;
      if (begin[0] == '0' || !fast_integer(begin, length, number)) [[unlikely]] {
        return set_any(field, begin, length);
      }
      slot.id = {number, {}};
      break;
    }
    default: return set_any(field, begin, length);
  }
  set_mask_ |= uint32_t{1} << field;
  return true;
}

// `text` for a message: cut when long, bytes that are not printable ASCII as `\x0a`.
[[nodiscard]] std::string quote_for_message(std::string_view text);

}  // namespace penstock::feed::file

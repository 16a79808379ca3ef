// The log's record values for trades and quotes: compact, exact, versioned. See docs/formats/record.md.
// The record's key is the symbol and its timestamp is ts_event floored to ms; the value holds the rest.
//
// Header-only where records are looped over: replay decodes 20 M trades a second through this. No allocation, no
// exception; bytes that are not a value of this version decode to false, whatever they are.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "market/batch.h"
#include "market/decimal.h"
#include "market/schema.h"

namespace penstock::market {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie in memory");

// The first byte of a value: the version in the high half, the kind of record in the low one.
inline constexpr uint8_t kTradeTag = 0x11;
inline constexpr uint8_t kQuoteTag = 0x12;

// A text (id, venue, side, conditions) has one byte of length. What is longer cannot be encoded: the caller rejects it.
inline constexpr size_t kTextBytesMax = 255;
static_assert(kTextBytesMax == UINT8_MAX);

// Room that the encoders need at `out`: the longest value and a number's eight-byte store at its end.
inline constexpr size_t kNumberBytesMax = 1 + sizeof(uint64_t);
inline constexpr size_t kTradeBytesMax = 3 + 3 + 5 * kNumberBytesMax + 7 * (1 + kTextBytesMax) + sizeof(uint64_t);
inline constexpr size_t kQuoteBytesMax = 2 + 3 + 5 * kNumberBytesMax + (1 + kTextBytesMax) + sizeof(uint64_t);
inline constexpr size_t kPlainTradeBytesMax = 2 + 3 + 3 * kNumberBytesMax + sizeof(uint64_t);
static_assert(kTradeBytesMax == 1851 && kQuoteBytesMax == 314, "callers size their buffers by these");

// A nullable text is null when its data() is null. Texts are borrowed.
struct TradeRow {
  Timestamp ts_event;
  Price price;
  Size size;
  bool has_ts_recv = false;
  bool has_id = false;
  Timestamp ts_recv;
  Id id;
  std::string_view venue{};
  std::string_view side{};
  std::string_view conditions{};
  std::string_view tape{};
  std::string_view action{};
  bool has_ref_id = false;
  Id ref_id;
};
struct QuoteRow {
  Timestamp ts_event;
  bool has_ts_recv = false;
  bool has_bid = false;
  bool has_bid_size = false;
  bool has_ask = false;
  bool has_ask_size = false;
  Timestamp ts_recv;
  Price bid;
  Size bid_size;
  Price ask;
  Size ask_size;
  std::string_view venue{};
};

// The timestamp of a record: ts_event in ms, rounded towards the past.
[[nodiscard]] constexpr int64_t record_timestamp_ms(Timestamp ts_event) {
  const int64_t ms = ts_event.ns / kMillisecond.ns;
  return ms - (ts_event.ns % kMillisecond.ns < 0 ? 1 : 0);
}

// Writes the value to `out`, which has kTradeBytesMax (kQuoteBytesMax) bytes; gives how many it takes, or 0 when a
// text is longer than kTextBytesMax.
[[nodiscard]] inline size_t encode_trade(const TradeRow& row, std::byte* out);
[[nodiscard]] inline size_t encode_quote(const QuoteRow& row, std::byte* out);
// The same bytes as encode_trade for a trade with an id that is a number and no other optional field: nearly every one.
// `out` has kPlainTradeBytesMax bytes.
[[nodiscard]] inline size_t encode_plain_trade(Timestamp ts_event, Price price, Size size, int64_t id, std::byte* out);

// Reads a value; `row` borrows its texts. False, with `row` undefined, when the bytes are no such value.
[[nodiscard]] inline bool decode_trade(std::string_view value, int64_t timestamp_ms, TradeRow& row);
[[nodiscard]] inline bool decode_quote(std::string_view value, int64_t timestamp_ms, QuoteRow& row);

// Row `row` of a batch of trade_schema() (quote_schema()), borrowing its texts.
[[nodiscard]] TradeRow trade_row(const Batch& batch, size_t row, const SymbolTable& symbols);
[[nodiscard]] QuoteRow quote_row(const Batch& batch, size_t row, const SymbolTable& symbols);

// Makes a batch of trades from record values: begin(), append() for each record, finish(). Borrows `symbols`.
// One thread.
class TradeAppender {
 public:
  explicit TradeAppender(SymbolCache& symbols) : symbols_(symbols) {}
  // Starts a batch of at most `rows_max` rows.
  void begin(size_t rows_max);
  // Adds one record; false (and nothing added) when its bytes are no trade, or kSymbolsMax symbols are known already.
  // At most rows_max times.
  [[nodiscard]] inline bool append(std::string_view symbol, int64_t timestamp_ms, std::string_view value);
  [[nodiscard]] size_t rows() const { return rows_; }
  [[nodiscard]] Batch finish();

 private:
  // append() of a record of any shape.
  [[nodiscard]] bool append_any(std::string_view symbol, int64_t timestamp_ms, std::string_view value);
  // The columns that are mostly without values: all but symbol, ts_event, price, size and an id that is a number.
  [[nodiscard]] bool append_optional(const TradeRow& row);

  SymbolCache& symbols_;
  Batch batch_;
  size_t rows_ = 0;
  size_t rows_max_ = 0;
  bool optional_ = false;  // some optional column has a value already, or some id is not a number
  SymbolCode* symbol_ = nullptr;
  int64_t* ts_event_ = nullptr;
  int64_t* price_ = nullptr;
  int64_t* size_ = nullptr;
  int64_t* id_ = nullptr;
};

// The same for quotes.
class QuoteAppender {
 public:
  explicit QuoteAppender(SymbolCache& symbols) : symbols_(symbols) {}
  void begin(size_t rows_max);
  [[nodiscard]] bool append(std::string_view symbol, int64_t timestamp_ms, std::string_view value);
  [[nodiscard]] size_t rows() const { return batch_.rows; }
  [[nodiscard]] Batch finish();

 private:
  SymbolCache& symbols_;
  Batch batch_;
};

// ---------------------------------------------------------------------------------------------------------------------

namespace record_codec {

// Flags of a trade, the second byte, and those of a trade with kTradeMore, the byte behind all that the first announce.
// A bit that this version does not know makes the value unreadable to it.
enum TradeFlag : uint8_t {
  kTradeNs = 1,  // three bytes: ns below the ms
  kTradeId = 2,  // a number
  kTradeIdText = 4,  // a text (never with kTradeId)
  kTradeVenue = 8,
  kTradeRecv = 16,  // ts_recv less ts_event
  kTradeSide = 32,
  kTradeConditions = 64,
  kTradeMore = 128,
};
enum TradeMoreFlag : uint8_t {
  kMoreTape = 1,
  kMoreAction = 2,
  kMoreRef = 4,  // a number
  kMoreRefText = 8,  // a text (never with kMoreRef)
};
inline constexpr uint8_t kMoreFlags = 15;
enum QuoteFlag : uint8_t {
  kQuoteNs = 1,
  kQuoteVenue = 2,
  kQuoteRecv = 4,
  kQuoteBid = 8,
  kQuoteBidSize = 16,
  kQuoteAsk = 32,
  kQuoteAskSize = 64,
};
inline constexpr uint8_t kQuoteFlags = 127;

// A number: one byte (bit 7: negative; bits 3 to 6: a power of ten; bits 0 to 2: bytes that follow, less one), then
// the mantissa, least byte first.
inline std::byte* put_number(std::byte* out, uint64_t magnitude, bool negative, unsigned exponent) {
  const auto bytes = static_cast<unsigned>((std::bit_width(magnitude | 1) + 7) / 8);
  *out = static_cast<std::byte>((negative ? 0x80u : 0u) | exponent << 3 | (bytes - 1));
  std::memcpy(out + 1, &magnitude, sizeof magnitude);
  return out + 1 + bytes;
}
inline uint64_t magnitude_of(int64_t value) {
  return value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
}

// Prices mostly end with a cent or a hundredth of one, sizes with a whole: one division finds it, and trying every
// power would gain a byte at best.
template <unsigned First, unsigned Second, unsigned Third>
std::byte* put_decimal(std::byte* out, int64_t value) {
  const uint64_t magnitude = magnitude_of(value);
  constexpr auto kFirst = static_cast<uint64_t>(kPow10[First]);
  constexpr auto kSecond = static_cast<uint64_t>(kPow10[Second]);
  constexpr auto kThird = static_cast<uint64_t>(kPow10[Third]);
  if (magnitude % kFirst == 0) return put_number(out, magnitude / kFirst, value < 0, First);
  if (magnitude % kSecond == 0) return put_number(out, magnitude / kSecond, value < 0, Second);
  if (magnitude % kThird == 0) return put_number(out, magnitude / kThird, value < 0, Third);
  return put_number(out, magnitude, value < 0, 0);
}
inline std::byte* put_price(std::byte* out, Price price) { return put_decimal<7, 5, 1>(out, price.units); }
inline std::byte* put_size(std::byte* out, Size size) { return put_decimal<8, 4, 1>(out, size.units); }

// `text` has at most kTextBytesMax bytes.
inline std::byte* put_text(std::byte* out, std::string_view text) {
  *out = static_cast<std::byte>(text.size());
  if (!text.empty()) std::memcpy(out + 1, text.data(), text.size());
  return out + 1 + text.size();
}

inline std::byte* put_ns(std::byte* out, uint32_t ns) {
  std::memcpy(out, &ns, sizeof ns);
  return out + 3;
}

// Walks over a value, never reading outside it.
class ValueReader {
 public:
  ValueReader(const char* begin, const char* at, const char* end) : begin_(begin), at_(at), end_(end) {}

  // Eight bytes from the cursor on, zeros where the value has ended. A load that begins early enough to end with the
  // value, shifted, spares the branch of a short tail.
  [[nodiscard]] uint64_t peek() const {
    uint64_t word = 0;
    if (end_ - begin_ < 8) [[unlikely]] {
      std::memcpy(&word, at_, static_cast<size_t>(end_ - at_));
      return word;
    }
    const char* from = std::min(at_, end_ - 8);
    std::memcpy(&word, from, sizeof word);
    const auto surplus = static_cast<unsigned>(at_ - from);
    return surplus < 8 ? word >> (8 * surplus) : 0;
  }

  bool take_number(uint64_t& magnitude, bool& negative, unsigned& exponent) {
    if (at_ == end_) return false;
    const auto control = static_cast<uint8_t>(*at_++);
    const unsigned bytes = (control & 7u) + 1;
    if (static_cast<size_t>(end_ - at_) < bytes) return false;
    magnitude = peek() & (~uint64_t{0} >> (64 - 8 * bytes));
    at_ += bytes;
    negative = (control & 0x80u) != 0;
    exponent = control >> 3 & 15u;
    return true;
  }

  bool take_decimal(int64_t& value) {
    uint64_t magnitude = 0;
    bool negative = false;
    unsigned exponent = 0;
    if (!take_number(magnitude, negative, exponent)) return false;
    if (__builtin_mul_overflow(magnitude, static_cast<uint64_t>(kPow10[exponent]), &magnitude)) return false;
    if (magnitude > static_cast<uint64_t>(INT64_MAX) + (negative ? 1 : 0)) return false;
    value = static_cast<int64_t>(negative ? uint64_t{0} - magnitude : magnitude);
    return true;
  }

  bool take_byte(uint8_t& byte) {
    if (at_ == end_) return false;
    byte = static_cast<uint8_t>(*at_++);
    return true;
  }

  bool take_text(std::string_view& text) {
    if (at_ == end_) return false;
    const auto bytes = static_cast<uint8_t>(*at_++);
    if (static_cast<size_t>(end_ - at_) < bytes) return false;
    text = std::string_view(at_, bytes);
    at_ += bytes;
    return true;
  }

  bool take_time(int64_t timestamp_ms, bool has_ns, Timestamp& time) {
    uint64_t ns = 0;
    if (has_ns) {
      if (end_ - at_ < 3) return false;
      ns = peek() & 0xff'ffff;
      at_ += 3;
      if (ns >= static_cast<uint64_t>(kMillisecond.ns)) return false;
    }
    // The first ms of the range begins before the range does: added below zero, its time fits all the same.
    const bool below = timestamp_ms < 0;
    if (__builtin_mul_overflow(timestamp_ms + (below ? 1 : 0), kMillisecond.ns, &time.ns)) return false;
    const auto rest = static_cast<int64_t>(ns) - (below ? kMillisecond.ns : 0);
    return !__builtin_add_overflow(time.ns, rest, &time.ns);
  }

  // `time` less `base`, modulo 2^64, so that any two times have a difference.
  bool take_time_after(Timestamp base, Timestamp& time) {
    int64_t difference = 0;
    if (!take_decimal(difference)) return false;
    time.ns = static_cast<int64_t>(static_cast<uint64_t>(base.ns) + static_cast<uint64_t>(difference));
    return true;
  }

  [[nodiscard]] bool at_end() const { return at_ == end_; }

 private:
  const char* begin_;
  const char* at_;
  const char* end_;
};

inline int64_t time_difference(Timestamp a, Timestamp b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a.ns) - static_cast<uint64_t>(b.ns));
}

inline uint32_t ns_below_ms(Timestamp time) {
  const int64_t rest = time.ns % kMillisecond.ns;
  return static_cast<uint32_t>(rest < 0 ? rest + kMillisecond.ns : rest);
}

inline bool decode_trade_more(ValueReader& reader, TradeRow& row) {
  uint8_t flags = 0;
  if (!reader.take_byte(flags) || (flags & ~kMoreFlags) != 0) return false;
  if ((flags & (kMoreRef | kMoreRefText)) == (kMoreRef | kMoreRefText)) return false;
  row.has_ref_id = (flags & (kMoreRef | kMoreRefText)) != 0;
  row.ref_id = {};
  if ((flags & kMoreTape) != 0 && !reader.take_text(row.tape)) return false;
  if ((flags & kMoreAction) != 0 && !reader.take_text(row.action)) return false;
  if ((flags & kMoreRef) != 0 && (!reader.take_decimal(row.ref_id.number) || row.ref_id.number < 0)) return false;
  return (flags & kMoreRefText) == 0 || reader.take_text(row.ref_id.text);
}

inline bool decode_trade_body(ValueReader& reader, uint8_t flags, int64_t timestamp_ms, TradeRow& row) {
  if ((flags & (kTradeId | kTradeIdText)) == (kTradeId | kTradeIdText)) return false;
  if (!reader.take_time(timestamp_ms, (flags & kTradeNs) != 0, row.ts_event)) return false;
  if (!reader.take_decimal(row.price.units) || !reader.take_decimal(row.size.units)) return false;
  row.has_id = (flags & (kTradeId | kTradeIdText)) != 0;
  row.id = {};
  if ((flags & kTradeId) != 0) {
    if (!reader.take_decimal(row.id.number) || row.id.number < 0) return false;
  }
  row.has_ts_recv = (flags & kTradeRecv) != 0;
  row.venue = row.side = row.conditions = row.tape = row.action = {};
  row.has_ref_id = false;
  if ((flags & ~(kTradeNs | kTradeId)) != 0) {
    if ((flags & kTradeIdText) != 0 && !reader.take_text(row.id.text)) return false;
    if (row.has_ts_recv && !reader.take_time_after(row.ts_event, row.ts_recv)) return false;
    if ((flags & kTradeVenue) != 0 && !reader.take_text(row.venue)) return false;
    if ((flags & kTradeSide) != 0 && !reader.take_text(row.side)) return false;
    if ((flags & kTradeConditions) != 0 && !reader.take_text(row.conditions)) return false;
    if ((flags & kTradeMore) != 0 && !decode_trade_more(reader, row)) return false;
  }
  return reader.at_end();
}

inline bool decode_quote_body(ValueReader& reader, uint8_t flags, int64_t timestamp_ms, QuoteRow& row) {
  if ((flags & ~kQuoteFlags) != 0) return false;
  if (!reader.take_time(timestamp_ms, (flags & kQuoteNs) != 0, row.ts_event)) return false;
  row.has_bid = (flags & kQuoteBid) != 0;
  row.has_bid_size = (flags & kQuoteBidSize) != 0;
  row.has_ask = (flags & kQuoteAsk) != 0;
  row.has_ask_size = (flags & kQuoteAskSize) != 0;
  row.has_ts_recv = (flags & kQuoteRecv) != 0;
  row.venue = {};
  if (row.has_bid && !reader.take_decimal(row.bid.units)) return false;
  if (row.has_bid_size && !reader.take_decimal(row.bid_size.units)) return false;
  if (row.has_ask && !reader.take_decimal(row.ask.units)) return false;
  if (row.has_ask_size && !reader.take_decimal(row.ask_size.units)) return false;
  if (row.has_ts_recv && !reader.take_time_after(row.ts_event, row.ts_recv)) return false;
  if ((flags & kQuoteVenue) != 0 && !reader.take_text(row.venue)) return false;
  return reader.at_end();
}

}  // namespace record_codec

namespace record_codec {

// Null when a text is longer than kTextBytesMax.
inline std::byte* put_trade_more(std::byte* out, const TradeRow& row) {
  std::byte* at = out + 1;
  uint8_t flags = 0;
  const bool ref_text = row.has_ref_id && !row.ref_id.is_number();
  if (row.tape.size() > kTextBytesMax || row.action.size() > kTextBytesMax) return nullptr;
  if (ref_text && row.ref_id.text.size() > kTextBytesMax) return nullptr;
  if (row.tape.data() != nullptr) {
    flags |= kMoreTape;
    at = put_text(at, row.tape);
  }
  if (row.action.data() != nullptr) {
    flags |= kMoreAction;
    at = put_text(at, row.action);
  }
  if (ref_text) {
    flags |= kMoreRefText;
    at = put_text(at, row.ref_id.text);
  } else if (row.has_ref_id) {
    flags |= kMoreRef;
    at = put_number(at, static_cast<uint64_t>(row.ref_id.number), false, 0);
  }
  *out = std::byte{flags};
  return at;
}

}  // namespace record_codec

size_t encode_trade(const TradeRow& row, std::byte* out) {
  using namespace record_codec;
  std::byte* at = out + 2;
  uint8_t flags = 0;
  if (const uint32_t ns = ns_below_ms(row.ts_event); ns != 0) {
    flags |= kTradeNs;
    at = put_ns(at, ns);
  }
  at = put_price(at, row.price);
  at = put_size(at, row.size);
  if (row.has_id && row.id.is_number()) {
    flags |= kTradeId;
    at = put_number(at, static_cast<uint64_t>(row.id.number), false, 0);
  } else if (row.has_id) {
    if (row.id.text.size() > kTextBytesMax) return 0;
    flags |= kTradeIdText;
    at = put_text(at, row.id.text);
  }
  if (row.has_ts_recv) {
    flags |= kTradeRecv;
    const int64_t difference = time_difference(row.ts_recv, row.ts_event);
    at = put_number(at, magnitude_of(difference), difference < 0, 0);
  }
  if (row.venue.size() > kTextBytesMax || row.side.size() > kTextBytesMax || row.conditions.size() > kTextBytesMax) {
    return 0;
  }
  if (row.venue.data() != nullptr) {
    flags |= kTradeVenue;
    at = put_text(at, row.venue);
  }
  if (row.side.data() != nullptr) {
    flags |= kTradeSide;
    at = put_text(at, row.side);
  }
  if (row.conditions.data() != nullptr) {
    flags |= kTradeConditions;
    at = put_text(at, row.conditions);
  }
  if (row.tape.data() != nullptr || row.action.data() != nullptr || row.has_ref_id) {
    flags |= kTradeMore;
    at = put_trade_more(at, row);
    if (at == nullptr) return 0;
  }
  out[0] = std::byte{kTradeTag};
  out[1] = std::byte{flags};
  return static_cast<size_t>(at - out);
}

size_t encode_plain_trade(Timestamp ts_event, Price price, Size size, int64_t id, std::byte* out) {
  using namespace record_codec;
  std::byte* at = out + 2;
  uint8_t flags = kTradeId;
  if (const uint32_t ns = ns_below_ms(ts_event); ns != 0) {
    flags |= kTradeNs;
    at = put_ns(at, ns);
  }
  at = put_size(put_price(at, price), size);
  at = put_number(at, static_cast<uint64_t>(id), false, 0);
  out[0] = std::byte{kTradeTag};
  out[1] = std::byte{flags};
  return static_cast<size_t>(at - out);
}

size_t encode_quote(const QuoteRow& row, std::byte* out) {
  using namespace record_codec;
  std::byte* at = out + 2;
  uint8_t flags = 0;
  if (const uint32_t ns = ns_below_ms(row.ts_event); ns != 0) {
    flags |= kQuoteNs;
    at = put_ns(at, ns);
  }
  if (row.has_bid) {
    flags |= kQuoteBid;
    at = put_price(at, row.bid);
  }
  if (row.has_bid_size) {
    flags |= kQuoteBidSize;
    at = put_size(at, row.bid_size);
  }
  if (row.has_ask) {
    flags |= kQuoteAsk;
    at = put_price(at, row.ask);
  }
  if (row.has_ask_size) {
    flags |= kQuoteAskSize;
    at = put_size(at, row.ask_size);
  }
  if (row.has_ts_recv) {
    flags |= kQuoteRecv;
    const int64_t difference = time_difference(row.ts_recv, row.ts_event);
    at = put_number(at, magnitude_of(difference), difference < 0, 0);
  }
  if (row.venue.size() > kTextBytesMax) return 0;
  if (row.venue.data() != nullptr) {
    flags |= kQuoteVenue;
    at = put_text(at, row.venue);
  }
  out[0] = std::byte{kQuoteTag};
  out[1] = std::byte{flags};
  return static_cast<size_t>(at - out);
}

template <typename Row, typename Body>
bool decode_value(std::string_view value, uint8_t tag, int64_t timestamp_ms, Row& row, Body body) {
  if (value.size() < 2 || static_cast<uint8_t>(value[0]) != tag) return false;
  record_codec::ValueReader reader(value.data(), value.data() + 2, value.data() + value.size());
  return body(reader, static_cast<uint8_t>(value[1]), timestamp_ms, row);
}

bool decode_trade(std::string_view value, int64_t timestamp_ms, TradeRow& row) {
  return decode_value(value, kTradeTag, timestamp_ms, row, record_codec::decode_trade_body);
}

bool decode_quote(std::string_view value, int64_t timestamp_ms, QuoteRow& row) {
  return decode_value(value, kQuoteTag, timestamp_ms, row, record_codec::decode_quote_body);
}

bool TradeAppender::append(std::string_view symbol, int64_t timestamp_ms, std::string_view value) {
  using namespace record_codec;
  PENSTOCK_ASSERT(rows_ < rows_max_);
  // Nearly every trade has an id that is a number, and no field that may be absent: to look for those, and to make a
  // row of all fields first, takes as long as all the rest.
  if (optional_ || value.size() < 2 || static_cast<uint8_t>(value[0]) != kTradeTag ||
      (static_cast<uint8_t>(value[1]) | kTradeNs) != (kTradeNs | kTradeId)) [[unlikely]] {
    return append_any(symbol, timestamp_ms, value);
  }
  ValueReader reader(value.data(), value.data() + 2, value.data() + value.size());
  Timestamp time;
  int64_t price = 0;
  int64_t size = 0;
  int64_t id = 0;
  if (!reader.take_time(timestamp_ms, (static_cast<uint8_t>(value[1]) & kTradeNs) != 0, time)) return false;
  if (!reader.take_decimal(price) || !reader.take_decimal(size)) return false;
  if (!reader.take_decimal(id) || id < 0 || !reader.at_end()) return false;
  const SymbolCode code = symbols_.intern(symbol);
  if (code == kNoSymbol) return false;
  symbol_[rows_] = code;
  ts_event_[rows_] = time.ns;
  price_[rows_] = price;
  size_[rows_] = size;
  id_[rows_] = id;
  ++rows_;
  return true;
}

}  // namespace penstock::market

// The schemas that every room knows, and where their columns stand.
#pragma once

#include <cstdint>
#include <string_view>

#include "market/batch.h"

namespace penstock::market {

// A trade (also called a print), or what takes one back. `symbol, ts_event, price, size` are never null. `action` is
// null for a trade, kCancel or kCorrect for a message about the trade whose id is `ref_id`.
struct TradeColumn {
  enum : size_t { symbol, venue, ts_event, ts_recv, price, size, id, side, conditions, tape, action, ref_id, count };
};
inline constexpr std::string_view kCancel = "cancel";
inline constexpr std::string_view kCorrect = "correct";
[[nodiscard]] const SchemaPtr& trade_schema();

// A quote: the best bid and ask of a venue. `symbol, ts_event` are never null.
struct QuoteColumn {
  enum : size_t { symbol, venue, ts_event, ts_recv, bid, bid_size, ask, ask_size, count };
};
[[nodiscard]] const SchemaPtr& quote_schema();

// A record of a generic JSON stream. `key` is its id where the source names one, else null.
struct JsonColumn {
  enum : size_t { key, value, ts_recv, count };
};
[[nodiscard]] const SchemaPtr& json_schema();

// A bar over [start, start + every): see docs/formats/tables.md.
struct BarColumn {
  enum : size_t { symbol, every, start, open, high, low, close, volume, vwap, trades, revision, final, edge, count };
};
[[nodiscard]] const SchemaPtr& bar_schema();

// True for rows that are revisions of bars: columns symbol, every (texts), start (timestamp), revision (integer) and
// final (boolean). The store keeps every revision of a table of such rows, unless it has a key, as `<table>` +
// kRevisions, with a column kNewest of its own; a schema that has such a column is none of these.
[[nodiscard]] bool has_revisions(const Schema& schema);
inline constexpr std::string_view kRevisions = "_revisions";
inline constexpr std::string_view kNewest = "newest";

// A bar of quotes over [start, start + every): see docs/formats/tables.md.
struct QuoteBarColumn {
  enum : size_t {
    symbol,
    every,
    start,
    bid_open,
    bid_high,
    bid_low,
    bid_close,
    ask_open,
    ask_high,
    ask_low,
    ask_close,
    bid_size,
    ask_size,
    quotes,
    revision,
    final,
    edge,
    count
  };
};
[[nodiscard]] const SchemaPtr& quote_bar_schema();

// A record that could not be used, kept with its reason. `raw` is the record's own bytes.
struct QuarantineColumn {
  enum : size_t { stream, source, position, reason, raw, count };
};
[[nodiscard]] const SchemaPtr& quarantine_schema();

// A trade or a quote that came behind the watermark of its symbol, too late for its bar. `lateness_ns` is the watermark
// less ts_event. What only the other has is null.
struct LateColumn {
  enum : size_t {
    stream,
    symbol,
    venue,
    ts_event,
    price,
    size,
    id,
    watermark,
    lateness_ns,
    bid,
    bid_size,
    ask,
    ask_size,
    count
  };
};
[[nodiscard]] const SchemaPtr& late_schema();

// What a rule of a `check:` found. `record` is the row as JSON; the other columns: docs/formats/tables.md.
struct QualityColumn {
  enum : size_t { stream, rule, kind, action, symbol, ts_event, value, bound, record, count };
};
[[nodiscard]] const SchemaPtr& quality_schema();

}  // namespace penstock::market

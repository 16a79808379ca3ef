// Any bytes: a value decodes or is refused, and what decodes encodes to something that decodes to the same.
#include <cstdlib>
#include <cstring>

#include "market/record_codec.h"

using namespace penstock;
using namespace penstock::market;

namespace {
void require(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 8) return 0;
  int64_t ms = 0;
  std::memcpy(&ms, data, sizeof ms);
  ms %= INT64_MAX / kMillisecond.ns + 2;
  const std::string_view value(reinterpret_cast<const char*>(data + 8), size - 8);
  std::byte out[kTradeBytesMax];
  // Trades of the usual shape are read another way: the same bytes are refused, and the others give the same trade.
  static SymbolTable symbols;
  static SymbolCache cache(symbols);
  TradeAppender appender(cache);
  appender.begin(1);
  const bool appended = appender.append("A", ms, value);
  TradeRow whole;
  require(decode_trade(value, ms, whole) == appended || symbols.size() == SymbolTable::kSymbolsMax);
  if (appended) {
    const Batch batch = appender.finish();
    const TradeRow row = trade_row(batch, 0, symbols);
    require(row.ts_event == whole.ts_event && row.price == whole.price && row.size == whole.size &&
            row.has_id == whole.has_id && row.id == whole.id && row.conditions == whole.conditions);
  }
  if (TradeRow row; decode_trade(value, ms, row)) {
    const size_t bytes = encode_trade(row, out);
    TradeRow again;
    require(bytes != 0 && record_timestamp_ms(row.ts_event) == ms);
    require(decode_trade({reinterpret_cast<const char*>(out), bytes}, ms, again));
    require(again.ts_event == row.ts_event && again.price == row.price && again.size == row.size &&
            again.id == row.id && again.venue == row.venue && again.side == row.side &&
            again.conditions == row.conditions);
  }
  if (QuoteRow row; decode_quote(value, ms, row)) {
    const size_t bytes = encode_quote(row, out);
    QuoteRow again;
    require(bytes != 0 && decode_quote({reinterpret_cast<const char*>(out), bytes}, ms, again));
    require(again.ts_event == row.ts_event && again.has_bid == row.has_bid && again.venue == row.venue);
  }
  return 0;
}

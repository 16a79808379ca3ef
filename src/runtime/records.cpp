#include "runtime/records.h"

#include "market/record_codec.h"
#include "market/schema.h"

namespace penstock::runtime {
namespace {

constexpr log::Header kMarkHeader{market::kKindHeader, market::kMarkKind};
constexpr log::Header kRejectHeader{market::kKindHeader, market::kRejectKind};
constexpr log::Header kReprocessHeader{market::kKindHeader, market::kReprocessKind};

// Whether encode_plain_trade can write all rows.
bool has_plain_trades(const market::Batch& rows) {
  using Column = market::TradeColumn;
  for (const size_t column : {Column::venue, Column::ts_recv, Column::side, Column::conditions, Column::tape,
                              Column::action, Column::ref_id}) {
    if (!rows.columns[column].all_null) return false;
  }
  const market::Column& id = rows.columns[Column::id];
  return !id.all_null && id.valid.empty() && id.ids.all_numbers();
}

}  // namespace

size_t DecodedBatch::byte_size() const {
  size_t bytes = sizeof *this + rows.byte_size() + marks.size() * sizeof(SourceMark);
  for (const market::RejectRecord& reject : rejects) {
    bytes += sizeof reject + reject.source.size() + reject.position.size() + reject.reason.size() + reject.raw.size();
  }
  for (const market::ReprocessRecord& record : again) bytes += sizeof record + record.raw.size();
  return bytes;
}

Result<log::EncodedBatch> RecordWriter::encode(const market::Batch& rows) {
  switch (kind_) {
    case plan::RecordKind::trade: add_trades(rows); break;
    case plan::RecordKind::quote: add_quotes(rows); break;
    case plan::RecordKind::json: add_json(rows); break;
  }
  return builder_.finish(codec_);
}

// Null for a symbol that is too long for one.
const log::FramedKey* RecordWriter::framed_key(market::SymbolCode code) {
  if (code >= keys_.size()) keys_.resize(std::max<size_t>(code + 1, symbols_.size()));
  log::FramedKey& key = keys_[code];
  if (key.size == 0) [[unlikely]] {
    const std::string_view symbol = symbols_.text(code);
    if (symbol.size() > log::FramedKey::kBytesMax) return nullptr;
    key = log::FramedKey(symbol);
  }
  return &key;
}

// Trades without optional fields but an id that is a number: the way of nearly all, which spares looking for the
// others.
void RecordWriter::add_plain_trades(const market::Batch& rows) {
  const market::SymbolCode* const symbols = rows.columns[market::TradeColumn::symbol].codes.data();
  const int64_t* const times = rows.columns[market::TradeColumn::ts_event].i64.data();
  const int64_t* const prices = rows.columns[market::TradeColumn::price].i64.data();
  const int64_t* const sizes = rows.columns[market::TradeColumn::size].i64.data();
  const int64_t* const ids = rows.columns[market::TradeColumn::id].ids.numbers().data();
  for (size_t row = 0; row < rows.rows; ++row) {
    const Timestamp time{times[row]};
    const auto write = [&](std::byte* out) {
      return market::encode_plain_trade(time, market::Price{prices[row]}, market::Size{sizes[row]}, ids[row], out);
    };
    const int64_t ms = market::record_timestamp_ms(time);
    if (const log::FramedKey* key = framed_key(symbols[row])) [[likely]] {
      builder_.add_written(ms, *key, market::kPlainTradeBytesMax, write);
    } else {
      builder_.add_written(ms, symbols_.text(symbols[row]), market::kPlainTradeBytesMax, write);
    }
  }
}

void RecordWriter::add_trades(const market::Batch& rows) {
  if (has_plain_trades(rows)) return add_plain_trades(rows);
  const market::Column& symbol = rows.columns[market::TradeColumn::symbol];
  for (size_t row = 0; row < rows.rows; ++row) {
    const market::TradeRow trade = market::trade_row(rows, row, symbols_);
    builder_.add_written(market::record_timestamp_ms(trade.ts_event), symbols_.text(symbol.codes[row]),
                         market::kTradeBytesMax, [&](std::byte* out) {
                           const size_t bytes = market::encode_trade(trade, out);
                           PENSTOCK_ASSERT(bytes > 0);  // ingest rejects what does not fit before it comes here
                           return bytes;
                         });
  }
}

void RecordWriter::add_quotes(const market::Batch& rows) {
  const market::Column& symbol = rows.columns[market::QuoteColumn::symbol];
  for (size_t row = 0; row < rows.rows; ++row) {
    const market::QuoteRow quote = market::quote_row(rows, row, symbols_);
    builder_.add_written(market::record_timestamp_ms(quote.ts_event), symbols_.text(symbol.codes[row]),
                         market::kQuoteBytesMax, [&](std::byte* out) {
                           const size_t bytes = market::encode_quote(quote, out);
                           PENSTOCK_ASSERT(bytes > 0);
                           return bytes;
                         });
  }
}

void RecordWriter::add_json(const market::Batch& rows) {
  const market::Column& key = rows.columns[market::JsonColumn::key];
  const market::Column& value = rows.columns[market::JsonColumn::value];
  const market::Column& received = rows.columns[market::JsonColumn::ts_recv];
  for (size_t row = 0; row < rows.rows; ++row) {
    const int64_t ms = received.is_null(row) ? 0 : market::record_timestamp_ms(Timestamp{received.i64[row]});
    builder_.add(ms, key.is_null(row) ? std::nullopt : std::optional(key.text[row]), value.text[row]);
  }
}

Result<log::EncodedBatch> RecordWriter::encode_rejects(const std::vector<market::RejectRecord>& rejects,
                                                       int64_t timestamp_ms) {
  for (const market::RejectRecord& reject : rejects) {
    builder_.add(timestamp_ms, std::nullopt, market::encode_reject(reject), std::span(&kRejectHeader, 1));
  }
  return builder_.finish(codec_);
}

Result<log::EncodedBatch> RecordWriter::encode_reprocess(const std::vector<market::ReprocessRecord>& records,
                                                         int64_t timestamp_ms) {
  for (const market::ReprocessRecord& record : records) {
    builder_.add(timestamp_ms, std::nullopt, market::encode_reprocess(record), std::span(&kReprocessHeader, 1));
  }
  return builder_.finish(codec_);
}

Result<log::EncodedBatch> RecordWriter::encode_marks(const std::vector<market::MarkRecord>& marks,
                                                     int64_t timestamp_ms) {
  for (const market::MarkRecord& mark : marks) {
    builder_.add(timestamp_ms, std::nullopt, market::encode_mark(mark), std::span(&kMarkHeader, 1));
  }
  return builder_.finish(codec_);
}

RecordReader::Sources RecordReader::Sources::of(const plan::Plan& plan) {
  Sources sources;
  for (size_t i = 0; i < plan.sources.size(); ++i) sources.index.emplace(plan.sources[i].name, i);
  for (const plan::Topic& topic : plan.topics) sources.topic_kinds.emplace(topic.name, topic.kind);
  return sources;
}

RecordReader::RecordReader(const Sources& sources, const std::string& topic, market::SymbolTable& symbols)
    : sources_(sources),
      kind_(sources.topic_kinds.at(topic)),
      symbols_(symbols),
      trades_(symbols_),
      quotes_(symbols_) {}

Result<DecodedBatch> RecordReader::decode(const log::ReadBatch& batch, Offset from) {
  DecodedBatch decoded;
  decoded.base_offset = std::max(batch.base_offset, from);
  decoded.count = batch.base_offset.value + batch.count - decoded.base_offset.value;
  const auto capacity = static_cast<size_t>(batch.count);
  if (kind_ == plan::RecordKind::trade) trades_.begin(capacity);
  if (kind_ == plan::RecordKind::quote) quotes_.begin(capacity);
  if (kind_ == plan::RecordKind::json) decoded.rows = market::make_batch(market::json_schema());

  log::RecordIterator records(batch);
  for (log::RecordView record; records.next(record);) {
    if (record.offset < from) continue;
    if (const auto kind = log::find_header(record.headers, market::kKindHeader)) {
      PENSTOCK_TRY(decode_control(*kind, record, decoded));
      continue;
    }
    bool read = record.has_value;
    switch (kind_) {
      case plan::RecordKind::trade:
        read = read && record.has_key && trades_.append(record.key, record.timestamp_ms, record.value);
        break;
      case plan::RecordKind::quote:
        read = read && record.has_key && quotes_.append(record.key, record.timestamp_ms, record.value);
        break;
      case plan::RecordKind::json: append_json(record, decoded.rows); break;
    }
    // A record that another program wrote here, or a newer version: kept and said, like any other that cannot be used.
    if (!read) {
      decoded.rejects.push_back({"log", fmt::format("offset {}", record.offset.value),
                                 "not a record that this version of penstock can read", std::string(record.value)});
    }
  }
  PENSTOCK_TRY(records.status());
  if (kind_ == plan::RecordKind::trade) decoded.rows = trades_.finish();
  if (kind_ == plan::RecordKind::quote) decoded.rows = quotes_.finish();
  return decoded;
}

Status RecordReader::decode_control(std::string_view kind, const log::RecordView& record, DecodedBatch& decoded) const {
  if (kind == market::kMarkKind) {
    PENSTOCK_TRY_ASSIGN(const market::MarkRecord mark, market::decode_mark(record.value));
    if (const auto source = sources_.index.find(mark.source); source != sources_.index.end()) {
      decoded.marks.push_back({source->second, mark.time});
    }
    return {};
  }
  if (kind == market::kRejectKind) {
    PENSTOCK_TRY_ASSIGN(market::RejectRecord reject, market::decode_reject(record.value));
    decoded.rejects.push_back(std::move(reject));
    return {};
  }
  if (kind == market::kReprocessKind) {
    PENSTOCK_TRY_ASSIGN(market::ReprocessRecord again, market::decode_reprocess(record.value));
    decoded.again.push_back(std::move(again));
    return {};
  }
  return fail(ErrorKind::corrupt, "the record at offset {} is of the kind '{}', which this version does not know",
              record.offset.value, kind);
}

void RecordReader::append_json(const log::RecordView& record, market::Batch& rows) {
  market::Column& key = rows.columns[market::JsonColumn::key];
  market::Column& value = rows.columns[market::JsonColumn::value];
  key.text.append(record.key);
  key.valid.push_back(record.has_key ? 1 : 0);
  value.text.append(record.value);
  value.valid.push_back(record.has_value ? 1 : 0);
  rows.columns[market::JsonColumn::ts_recv].i64.push_back(record.timestamp_ms * kMillisecond.ns);
  ++rows.rows;
}

}  // namespace penstock::runtime

#include <algorithm>
#include <nlohmann/json.hpp>

#include "market/control_codec.h"
#include "market/record_codec.h"
#include "runtime/data_dir.h"
#include "runtime/inspect.h"
#include "runtime/log_access.h"

namespace penstock::runtime {
namespace {

constexpr size_t kFetchBytes = size_t{256} << 10;
constexpr Duration kFollowEvery{200 * kMillisecond.ns};

using Json = nlohmann::ordered_json;

// What the record is, told from its own bytes: the log stands without the pipeline file that wrote it.
void add_fields(Json& line, const log::RecordView& record) {
  if (const auto kind = log::find_header(record.headers, market::kKindHeader)) {
    line["kind"] = *kind;
    if (*kind == market::kMarkKind) {
      if (const auto mark = market::decode_mark(record.value)) {
        line["source"] = mark->source;
        line["time"] = mark->time == Timestamp::max()   ? "end"
                       : mark->time == Timestamp::min() ? "begin"
                                                        : format_rfc3339(mark->time);
      }
    } else if (*kind == market::kRejectKind) {
      if (const auto reject = market::decode_reject(record.value)) {
        line["source"] = reject->source;
        line["position"] = reject->position;
        line["reason"] = reject->reason;
        line["raw"] = reject->raw;
      }
    }
    if (*kind == market::kReprocessKind) {
      if (const auto again = market::decode_reprocess(record.value)) {
        line["stream"] = again->stream;
        line["position"] = again->position;
        line["reason"] = again->reason;
        line["raw"] = again->raw;
      }
    }
    return;
  }
  market::TradeRow trade;
  market::QuoteRow quote;
  if (record.has_value && market::decode_trade(record.value, record.timestamp_ms, trade)) {
    line["kind"] = "trade";
    line["symbol"] = record.key;
    line["ts_event"] = format_rfc3339(trade.ts_event);
    line["price"] = trade.price.to_string();
    line["size"] = trade.size.to_string();
    if (trade.has_id) line["id"] = market::to_string(trade.id);
    if (trade.venue.data() != nullptr) line["venue"] = trade.venue;
    if (trade.side.data() != nullptr) line["side"] = trade.side;
    if (trade.conditions.data() != nullptr) line["conditions"] = trade.conditions;
    if (trade.tape.data() != nullptr) line["tape"] = trade.tape;
    if (trade.action.data() != nullptr) line["action"] = trade.action;
    if (trade.has_ref_id) line["ref_id"] = market::to_string(trade.ref_id);
    if (trade.has_ts_recv) line["ts_recv"] = format_rfc3339(trade.ts_recv);
  } else if (record.has_value && market::decode_quote(record.value, record.timestamp_ms, quote)) {
    line["kind"] = "quote";
    line["symbol"] = record.key;
    line["ts_event"] = format_rfc3339(quote.ts_event);
    if (quote.has_bid) line["bid"] = quote.bid.to_string();
    if (quote.has_bid_size) line["bid_size"] = quote.bid_size.to_string();
    if (quote.has_ask) line["ask"] = quote.ask.to_string();
    if (quote.has_ask_size) line["ask_size"] = quote.ask_size.to_string();
    if (quote.venue.data() != nullptr) line["venue"] = quote.venue;
    if (quote.has_ts_recv) line["ts_recv"] = format_rfc3339(quote.ts_recv);
  } else {
    line["kind"] = "record";
    if (record.has_key) line["key"] = record.key;
    Json value = Json::parse(record.value, nullptr, /*allow_exceptions=*/false);
    if (value.is_discarded()) {
      line["value"] = record.value;
    } else {
      line["value"] = std::move(value);
    }
  }
}

struct TailedPartition {
  log::PartitionInfo info;
  std::unique_ptr<log::Reader> reader;
  Offset next;
};

Result<Offset> first_offset(TailedPartition& partition, const TailOptions& options) {
  if (options.from) return std::max(*options.from, partition.info.start);
  if (options.since) return partition.reader->offset_for(*options.since);
  const int64_t last = static_cast<int64_t>(std::min<uint64_t>(options.last, INT64_MAX));
  return std::max(partition.info.start, Offset{std::max<int64_t>(0, partition.info.end.value - last)});
}

}  // namespace

Status tail(io::FileSystem& files, const std::string& data_dir, const std::string& topic, const TailOptions& options,
            Clock& clock, const std::stop_token& stop, const store::ByteSink& sink) try {
  PENSTOCK_TRY_ASSIGN(const auto log, open_log(files, DataPaths{data_dir}));
  PENSTOCK_TRY_ASSIGN(const std::vector<log::PartitionInfo> infos, log->topics());
  std::vector<TailedPartition> partitions;
  std::string known;
  for (const log::PartitionInfo& info : infos) {
    if (info.id.partition == 0) known += (known.empty() ? "" : ", ") + info.id.topic;
    if (info.id.topic != topic || (options.partition && *options.partition != info.id.partition)) continue;
    TailedPartition& partition = partitions.emplace_back(info, nullptr, Offset{});
    PENSTOCK_TRY_ASSIGN(partition.reader, log->reader(info.id));
    PENSTOCK_TRY_ASSIGN(partition.next, first_offset(partition, options));
  }
  if (partitions.empty()) {
    return fail(ErrorKind::invalid, "there is no {} in {}; its topics are: {}",
                options.partition ? fmt::format("partition {} of a topic '{}'", *options.partition, topic)
                                  : fmt::format("topic '{}'", topic),
                data_dir, known);
  }
  uint64_t left = options.count.value_or(UINT64_MAX);
  while (left > 0 && !stop.stop_requested()) {
    bool any = false;
    for (TailedPartition& partition : partitions) {
      PENSTOCK_TRY_ASSIGN(const log::FetchResult fetched, partition.reader->fetch(partition.next, kFetchBytes));
      for (const log::ReadBatch& batch : fetched.batches) {
        log::RecordIterator records(batch);
        for (log::RecordView record; left > 0 && records.next(record);) {
          if (record.offset < partition.next) continue;
          Json line{{"partition", partition.info.id.partition},
                    {"offset", record.offset.value},
                    {"timestamp", format_rfc3339(Timestamp{record.timestamp_ms * kMillisecond.ns})}};
          add_fields(line, record);
          PENSTOCK_TRY(sink(line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"));
          --left;
          any = true;
        }
        PENSTOCK_TRY(records.status());
      }
      partition.next = fetched.next;
    }
    if (any) continue;
    if (!options.follow || !clock.wait_for(kFollowEvery, stop)) break;
  }
  return {};
} catch (const std::exception& e) {
  return fail(ErrorKind::io, "tail: {}", e.what());
}

}  // namespace penstock::runtime

// Between batches of rows and the log's records: how a topic's rows, marks and rejects are written and read back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "log/log.h"
#include "log/record_batch.h"
#include "market/batch.h"
#include "market/control_codec.h"
#include "market/record_codec.h"
#include "market/symbol_table.h"
#include "plan/plan.h"

namespace penstock::runtime {

struct SourceMark {
  size_t source = 0;  // into Plan::sources
  Timestamp time;
};

// The records of one log batch, whether just written or read back: the same either way.
struct DecodedBatch {
  Offset base_offset;
  int64_t count = 0;     // of records, control records included
  market::Batch rows;
  std::vector<market::RejectRecord> rejects;
  std::vector<SourceMark> marks;
  std::vector<market::ReprocessRecord> again;  // records of the quarantine that were sent again
  [[nodiscard]] size_t byte_size() const;
};

// Writes rows as records. One thread; keeps its buffers.
class RecordWriter {
 public:
  RecordWriter(plan::RecordKind kind, log::Codec codec, const market::SymbolTable& symbols)
      : kind_(kind), codec_(codec), symbols_(symbols) {}
  // Every row becomes one record, in order. `rows` must hold texts within market's record codec's bounds.
  [[nodiscard]] Result<log::EncodedBatch> encode(const market::Batch& rows);
  [[nodiscard]] Result<log::EncodedBatch> encode_rejects(const std::vector<market::RejectRecord>& rejects,
                                                         int64_t timestamp_ms);
  [[nodiscard]] Result<log::EncodedBatch> encode_reprocess(const std::vector<market::ReprocessRecord>& records,
                                                           int64_t timestamp_ms);
  [[nodiscard]] Result<log::EncodedBatch> encode_marks(const std::vector<market::MarkRecord>& marks,
                                                       int64_t timestamp_ms);

 private:
  void add_trades(const market::Batch& rows);
  void add_plain_trades(const market::Batch& rows);
  [[nodiscard]] const log::FramedKey* framed_key(market::SymbolCode code);
  void add_quotes(const market::Batch& rows);
  void add_json(const market::Batch& rows);

  plan::RecordKind kind_;
  log::Codec codec_;
  const market::SymbolTable& symbols_;
  log::RecordBatchBuilder builder_;
  std::vector<log::FramedKey> keys_;  // by symbol code; not made yet where its size is 0
};

// Reads a topic's batches back into rows. One thread.
class RecordReader {
 public:
  // What the reader needs of the plan: sources by name, and the kind of each topic.
  struct Sources {
    std::map<std::string, size_t, std::less<>> index;
    std::map<std::string, plan::RecordKind, std::less<>> topic_kinds;
    [[nodiscard]] static Sources of(const plan::Plan& plan);
  };
  RecordReader(const Sources& sources, const std::string& topic, market::SymbolTable& symbols);
  // The records of `batch` at and after `from`. A mark of a source that the plan no longer has is passed over.
  [[nodiscard]] Result<DecodedBatch> decode(const log::ReadBatch& batch, Offset from);

 private:
  [[nodiscard]] Status decode_control(std::string_view kind, const log::RecordView& record,
                                      DecodedBatch& decoded) const;
  static void append_json(const log::RecordView& record, market::Batch& rows);

  const Sources& sources_;
  plan::RecordKind kind_;
  market::SymbolCache symbols_;
  market::TradeAppender trades_;
  market::QuoteAppender quotes_;
};

}  // namespace penstock::runtime

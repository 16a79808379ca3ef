#include "runtime/ingest.h"

#include <algorithm>
#include <utility>

#include "base/kill_point.h"
#include "market/schema.h"
#include "runtime/scatter.h"

namespace penstock::runtime {
namespace {

// The log keeps the receive time of a json record as the record's own timestamp, in ms: the rows that are processed now
// must be those that a replay would read.
void floor_to_ms(market::Column& time) {
  for (int64_t& ns : time.i64) ns -= ((ns % kMillisecond.ns) + kMillisecond.ns) % kMillisecond.ns;
}

// Whether a text of this row is longer than the log's record codec keeps.
bool has_long_text(const market::Batch& rows, size_t row, const market::SymbolTable& symbols) {
  for (size_t c = 0; c < rows.columns.size(); ++c) {
    const market::Column& column = rows.columns[c];
    if (c == market::TradeColumn::symbol || column.is_null(row)) continue;
    size_t bytes = 0;
    if (column.type.kind == market::Kind::symbol) bytes = symbols.text(column.codes[row]).size();
    if (column.type.kind == market::Kind::id) bytes = column.ids[row].text.size();
    if (column.type.kind == market::Kind::text) bytes = column.text[row].size();
    if (bytes > market::kTextBytesMax) return true;
  }
  return false;
}

bool may_have_long_texts(const market::Batch& rows) {
  for (size_t c = 0; c < rows.columns.size(); ++c) {
    const market::Column& column = rows.columns[c];
    if (c == market::TradeColumn::symbol || column.all_null) continue;
    if (column.type.kind == market::Kind::symbol || column.type.kind == market::Kind::text) return true;
    if (column.type.kind == market::Kind::id && !column.ids.all_numbers()) return true;
  }
  return false;
}

// Moves the rows that the log's records cannot hold to the chunk's rejects.
void reject_long_texts(feed::Chunk& chunk, const market::SymbolTable& symbols) {
  if (!may_have_long_texts(chunk.rows)) return;
  std::vector<uint8_t> keep(chunk.rows.rows, 1);
  bool all = true;
  for (size_t row = 0; row < chunk.rows.rows; ++row) {
    if (!has_long_text(chunk.rows, row, symbols)) continue;
    keep[row] = 0;
    all = false;
    std::string raw;
    for (size_t c = 0; c < chunk.rows.columns.size(); ++c) {
      if (c > 0) raw += ',';
      raw += market::value_text(chunk.rows.columns[c], row, symbols).value_or("");
    }
    const market::Column& time = chunk.rows.columns[market::TradeColumn::ts_event];
    chunk.rejects.push_back({"at " + format_rfc3339(Timestamp{time.i64[row]}),
                             fmt::format("a text of more than {} bytes", market::kTextBytesMax),
                             raw.substr(0, feed::kRejectBytesMax)});
  }
  if (!all) chunk.rows = market::select_rows(chunk.rows, keep);
}

// A batch of rejects is closed when it has so many bytes: each may have 64 KiB and more, and the log bounds a batch.
constexpr size_t kRejectBatchBytesMax = size_t{4} << 20;
static_assert(kRejectBatchBytesMax + (size_t{1} << 20) < log::kRecordsBytesMax);

// What it takes in memory, and no less than in the log.
size_t reject_bytes(const market::RejectRecord& reject) {
  return sizeof reject + reject.source.size() + reject.position.size() + reject.reason.size() + reject.raw.size();
}

}  // namespace

struct Ingest::Scratch {
  explicit Scratch(const Ingest& ingest) {
    for (const TopicRoute* route : ingest.outputs_) {
      scatters.emplace_back(route->kind, static_cast<int32_t>(route->targets.size()), ingest.symbols_);
      writers.emplace_back(route->kind, ingest.codec_, ingest.symbols_);
    }
  }
  std::vector<Scatter> scatters;  // one an output
  std::vector<RecordWriter> writers;  // one an output
};

// One batch for one partition.
struct Ingest::Part {
  int32_t partition = 0;
  log::EncodedBatch encoded;
  DecodedBatch decoded;
  bool sequenced = true;  // not so for marks by a clock: nothing is lost or twice with them
};

struct Ingest::Prepared final : feed::PreparedChunk {
  size_t output = 0;
  std::vector<Part> parts;  // in the order of their append
  uint64_t position_end = 0;
};

Ingest::Ingest(std::string source_name, size_t source_index, std::vector<TopicRoute*> outputs, log::Log& log,
               log::Codec codec, market::SymbolTable& symbols, store::SourcePosition start)
    : source_name_(std::move(source_name)),
      source_index_(source_index),
      outputs_(std::move(outputs)),
      log_(log),
      codec_(codec),
      symbols_(symbols),
      producer_id_(producer_id(source_name_)),
      opening_(start.position == 0),
      next_sequence_(start.next_sequence),
      position_(std::move(start)) {}

Ingest::~Ingest() = default;

int64_t Ingest::producer_id(std::string_view source_name) {
  // FNV-1a: any stable hash will do; two sources of one pipeline have different names, and 63 bits to differ in.
  uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const char c : source_name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100'0000'01b3;
  return static_cast<int64_t>(hash >> 1);
}

Result<std::unique_ptr<feed::PreparedChunk>> Ingest::prepare(feed::Chunk&& chunk) {
  const TopicRoute& route = *outputs_[chunk.output];
  auto prepared = std::make_unique<Prepared>();
  prepared->output = chunk.output;
  prepared->position_end = chunk.position_end;

  std::unique_ptr<Scratch> scratch = take_scratch();
  Scatter& scatter = scratch->scatters[chunk.output];
  RecordWriter& writer = scratch->writers[chunk.output];

  if (route.kind == plan::RecordKind::json) {
    if (chunk.rows.rows > 0) floor_to_ms(chunk.rows.columns[market::JsonColumn::ts_recv]);
  } else {
    reject_long_texts(chunk, symbols_);
  }
  int64_t newest_ms = 0;
  if (chunk.rows.rows > 0) {
    std::vector<market::Batch> parts = scatter.split(std::move(chunk.rows));
    for (size_t p = 0; p < parts.size(); ++p) {
      if (parts[p].rows == 0) continue;
      PENSTOCK_TRY_ASSIGN(log::EncodedBatch encoded, writer.encode(parts[p]));
      newest_ms = std::max(newest_ms, encoded.max_timestamp_ms);
      DecodedBatch decoded;
      decoded.count = encoded.count;
      decoded.rows = std::move(parts[p]);
      prepared->parts.push_back({static_cast<int32_t>(p), std::move(encoded), std::move(decoded)});
    }
  }
  if (!chunk.rejects.empty()) {
    // Rejects have no symbol that could be trusted: they share the first partition.
    DecodedBatch decoded;
    size_t bytes = 0;
    for (size_t i = 0; i < chunk.rejects.size(); ++i) {
      feed::Reject& reject = chunk.rejects[i];
      decoded.rejects.push_back(
          {source_name_, std::move(reject.position), std::move(reject.reason), std::move(reject.raw)});
      bytes += reject_bytes(decoded.rejects.back());
      if (bytes < kRejectBatchBytesMax && i + 1 < chunk.rejects.size()) continue;
      PENSTOCK_TRY_ASSIGN(log::EncodedBatch encoded, writer.encode_rejects(decoded.rejects, newest_ms));
      decoded.count = encoded.count;
      prepared->parts.push_back({0, std::move(encoded), std::exchange(decoded, {})});
      bytes = 0;
    }
  }
  if (!chunk.marks.empty()) {
    std::vector<market::MarkRecord> marks;
    for (const feed::TimeMark& mark : chunk.marks) marks.push_back({source_name_, mark.time});
    PENSTOCK_TRY_ASSIGN(const log::EncodedBatch encoded, writer.encode_marks(marks, newest_ms));
    for (size_t p = 0; p < route.targets.size(); ++p) {
      DecodedBatch decoded;
      decoded.count = encoded.count;
      for (const feed::TimeMark& mark : chunk.marks) decoded.marks.push_back({source_index_, mark.time});
      prepared->parts.push_back({static_cast<int32_t>(p), encoded, std::move(decoded), !chunk.marks_by_clock});
    }
  }
  give_back(std::move(scratch));
  return prepared;
}

Status Ingest::publish(std::unique_ptr<feed::PreparedChunk> chunk) {
  auto& prepared = static_cast<Prepared&>(*chunk);
  if (opening_) {
    PENSTOCK_TRY(publish_opening());
    opening_ = false;
  }
  TopicRoute& route = *outputs_[prepared.output];
  {
    std::lock_guard lock(route.publishing);
    for (Part& part : prepared.parts) PENSTOCK_TRY(append_part(route, part));
  }
  std::lock_guard lock(mutex_);
  position_.position = prepared.position_end;
  position_.next_sequence = next_sequence_;
  return {};
}

Status Ingest::publish_opening() {
  for (TopicRoute* route : outputs_) {
    RecordWriter writer(route->kind, codec_, symbols_);
    PENSTOCK_TRY_ASSIGN(const log::EncodedBatch encoded, writer.encode_marks({{source_name_, Timestamp::min()}}, 0));
    std::lock_guard lock(route->publishing);
    for (size_t p = 0; p < route->targets.size(); ++p) {
      Part part{static_cast<int32_t>(p), encoded, {}};
      part.decoded.count = encoded.count;
      part.decoded.marks.push_back({source_index_, Timestamp::min()});
      PENSTOCK_TRY(append_part(*route, part));
    }
  }
  return {};
}

Status Ingest::append_part(TopicRoute& route, Part& part) {
  const TopicPartition to{route.topic, part.partition};
  int64_t& sequence = next_sequence_[to];
  log::ProducerStamp stamp;
  if (part.sequenced) {
    // A paced source cuts its records as the clock has it: of a batch the log may have a part.
    PENSTOCK_TRY_ASSIGN(const int64_t known, known_end(to));
    if (sequence < known && known < sequence + part.encoded.count) {
      PENSTOCK_TRY(drop_known(route, part, static_cast<size_t>(known - sequence)));
      sequence = known;
    }
    stamp = {producer_id_, 0, sequence};
  }
  PENSTOCK_TRY_ASSIGN(const log::Appended appended, log_.append(to, part.encoded, stamp));
  kill_point("after_append");
  if (part.sequenced) sequence += part.encoded.count;
  // What the log had already reaches the engine from there: the worker catches up before it takes hand-overs.
  if (appended.duplicate) return {};
  part.decoded.base_offset = appended.base_offset;
  const TopicRoute::Target& target = route.targets[static_cast<size_t>(part.partition)];
  if (!target.worker->hand_over(target.partition, std::move(part.decoded))) {
    return fail(ErrorKind::closed, "processing has stopped");
  }
  return {};
}

Result<int64_t> Ingest::known_end(const TopicPartition& partition) {
  const auto found = known_end_.find(partition);
  if (found != known_end_.end()) return found->second;
  PENSTOCK_TRY_ASSIGN(const int64_t next, log_.next_sequence(partition, producer_id_));
  known_end_.emplace(partition, next);
  return next;
}

Status Ingest::drop_known(const TopicRoute& route, Part& part, size_t count) const {
  DecodedBatch& decoded = part.decoded;
  RecordWriter writer(route.kind, codec_, symbols_);
  const auto first = static_cast<ptrdiff_t>(count);
  // A part holds one of the three.
  if (decoded.rows.rows > 0) {
    std::vector<uint8_t> keep(decoded.rows.rows, 1);
    std::fill_n(keep.begin(), count, uint8_t{0});
    decoded.rows = market::select_rows(decoded.rows, keep);
    PENSTOCK_TRY_ASSIGN(part.encoded, writer.encode(decoded.rows));
  } else if (!decoded.rejects.empty()) {
    decoded.rejects.erase(decoded.rejects.begin(), decoded.rejects.begin() + first);
    PENSTOCK_TRY_ASSIGN(part.encoded, writer.encode_rejects(decoded.rejects, part.encoded.base_timestamp_ms));
  } else {
    decoded.marks.erase(decoded.marks.begin(), decoded.marks.begin() + first);
    std::vector<market::MarkRecord> marks;
    for (const SourceMark& mark : decoded.marks) marks.push_back({source_name_, mark.time});
    PENSTOCK_TRY_ASSIGN(part.encoded, writer.encode_marks(marks, part.encoded.base_timestamp_ms));
  }
  decoded.count = part.encoded.count;
  return {};
}

store::SourcePosition Ingest::position() const {
  std::lock_guard lock(mutex_);
  return position_;
}

void Ingest::set_finished() {
  std::lock_guard lock(mutex_);
  position_.finished = true;
}

std::unique_ptr<Ingest::Scratch> Ingest::take_scratch() {
  {
    std::lock_guard lock(mutex_);
    if (!scratches_.empty()) {
      std::unique_ptr<Scratch> scratch = std::move(scratches_.back());
      scratches_.pop_back();
      return scratch;
    }
  }
  return std::make_unique<Scratch>(*this);
}

void Ingest::give_back(std::unique_ptr<Scratch> scratch) {
  std::lock_guard lock(mutex_);
  scratches_.push_back(std::move(scratch));
}

}  // namespace penstock::runtime

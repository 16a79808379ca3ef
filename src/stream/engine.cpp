#include "stream/engine.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>
#include <utility>

#include "market/schema.h"
#include "stream/blob.h"
#include "stream/stream_runner.h"
#include "stream/table_buffer.h"

namespace penstock::stream {
namespace {

using plan::Input;
using plan::Port;

constexpr std::string_view kEngineBlob = "engine";

// Who reads a port.
struct Readers {
  struct Table {
    size_t buffer = 0;
    size_t input = 0;
  };
  std::vector<Table> tables;
  std::vector<size_t> streams;  // into Plan::streams
};
struct StreamPorts {
  Readers rows;
  Readers late;
  Readers quarantine;
  Readers quality;
  Readers& of(Port port) {
    switch (port) {
      case Port::rows: return rows;
      case Port::late: return late;
      case Port::quarantine: return quarantine;
      case Port::quality: return quality;
    }
    return rows;
  }
};

class PartitionEngine final : public Engine {
 public:
  PartitionEngine(const plan::Plan& plan, size_t topic) : plan_(plan), topic_(topic) {
    counts_.streams.resize(plan.streams.size());
    runners_.resize(plan.streams.size());
    ports_.resize(plan.streams.size());
    for (const size_t source : plan.topics[topic].sources) marks_[plan.sources[source].name] = Timestamp::min();
  }

  Status build(market::SymbolTable& symbols) {
    std::string source;
    for (const auto& [name, mark] : marks_) source.append(source.empty() ? "" : ",").append(name);
    for (size_t i = 0; i < plan_.streams.size(); ++i) {
      const plan::Stream& stream = plan_.streams[i];
      if (stream.topic != topic_) continue;
      if (stream.input.from == Input::From::stream && stream.input.index >= i) {
        return fail(ErrorKind::invalid, "stream '{}' stands before the one it reads", stream.name);
      }
      PENSTOCK_TRY_ASSIGN(runners_[i], StreamRunner::create(stream, plan_.schema_of(stream.input), source, symbols));
      if (Readers* readers = readers_of(stream.input)) readers->streams.push_back(i);
    }
    for (size_t t = 0; t < plan_.tables.size(); ++t) add_table(t);
    return {};
  }

  Status process(const market::Batch& rows) override {
    counts_.records += rows.rows;
    const Flow flow{.batch = &rows, .origin_base = origin_};
    origin_ += rows.rows;
    state_changed_ = true;
    PENSTOCK_TRY(std::exchange(failed_, Status{}));
    return give(topic_ports_.rows, flow);
  }

  Status mark(size_t source, Timestamp time) override {
    const auto& sources = plan_.topics[topic_].sources;
    if (std::find(sources.begin(), sources.end(), source) == sources.end()) return {};
    Timestamp& own = marks_[plan_.sources[source].name];
    if (time == Timestamp::min()) {
      begin_again(own);
      return {};
    }
    if (time <= own) return {};
    own = time;
    state_changed_ = true;
    const Timestamp least = partition_mark();
    if (least <= mark_) return {};
    mark_ = least;
    const uint64_t origin = origin_++;
    for (size_t i = 0; i < runners_.size(); ++i) {
      if (runners_[i] == nullptr) continue;
      Status status = runners_[i]->mark(input_mark(plan_.streams[i].input), origin);
      if (!status) note_failure(i);
      if (status) status = hand_on(i);
      if (!status) {
        // Kept for callers that do not look at this one.
        failed_ = status;
        return status;
      }
    }
    return {};
  }

  void reject(RejectedRecord record) override {
    ++counts_.records;
    ++counts_.rejects;
    state_changed_ = true;
    rejects_.reset(market::quarantine_schema());
    auto& columns = rejects_.rows.columns;
    columns[market::QuarantineColumn::stream].text.append(plan_.topics[topic_].name);
    columns[market::QuarantineColumn::source].text.append(record.source);
    columns[market::QuarantineColumn::position].text.append(record.position);
    columns[market::QuarantineColumn::reason].text.append(record.reason);
    columns[market::QuarantineColumn::raw].text.append(record.raw);
    rejects_.rows.rows = 1;
    rejects_.origins.push_back(origin_++);
    for (const Readers::Table& reader : topic_ports_.quarantine.tables) {
      buffers_[reader.buffer].append(rejects_.flow(), reader.input);
    }
  }

  Status reprocess(const QuarantinedRecord& record) override {
    const auto stream = stream_named(record.stream);
    if (!stream) return {};
    state_changed_ = true;
    PENSTOCK_TRY(std::exchange(failed_, Status{}));
    const auto passed = runners_[*stream]->reprocess(record, origin_++);
    if (!passed) return std::unexpected(passed.error());
    if (!*passed) return {};
    market::Batch row = market::make_batch(market::quarantine_schema());
    row.columns[market::QuarantineColumn::stream].text.append(record.stream);
    row.columns[market::QuarantineColumn::source].text.append(record.source);
    row.columns[market::QuarantineColumn::position].text.append(record.position);
    row.columns[market::QuarantineColumn::reason].text.append(record.reason);
    row.columns[market::QuarantineColumn::raw].text.append(record.raw);
    row.rows = 1;
    for (const Readers::Table& reader : ports_[*stream].quarantine.tables) {
      const size_t table = buffers_[reader.buffer].table();
      auto removed = std::ranges::find(removed_rows_, table, &TableRows::table);
      if (removed == removed_rows_.end()) {
        removed_rows_.push_back({table, market::make_batch(market::quarantine_schema())});
        removed = std::prev(removed_rows_.end());
      }
      market::append_row(removed->rows, row, 0);
    }
    return hand_on(*stream);
  }

  Result<std::optional<std::string>> why_held(const QuarantinedRecord& record) override {
    const auto stream = stream_named(record.stream);
    if (!stream) return "is of a stream that the pipeline does not have, or that has no check";
    auto verdict = runners_[*stream]->would_pass(record);
    if (!verdict) return std::unexpected(std::move(verdict).error());
    return verdict->passes ? std::nullopt : std::optional(std::move(verdict->why_not));
  }

  std::vector<TableRows> take_removed_rows() override { return std::exchange(removed_rows_, {}); }

  std::vector<TableRows> take_rows() override {
    std::vector<TableRows> taken;
    for (TableBuffer& buffer : buffers_) {
      if (buffer.rows() != 0) taken.push_back({buffer.table(), buffer.take()});
    }
    return taken;
  }

  std::vector<TableRows> take_failure_rows() override { return std::exchange(failure_rows_, {}); }

  size_t pending_bytes() const override {
    size_t bytes = 0;
    for (const TableBuffer& buffer : buffers_) bytes += buffer.byte_size();
    return bytes;
  }

  StateChanges take_state_changes() override {
    StateChanges changes = std::exchange(obsolete_, {});
    if (!state_changed_) return changes;
    state_changed_ = false;
    for (const auto& runner : runners_) {
      if (runner != nullptr) runner->take_state(changes);
    }
    changes[std::string(kEngineBlob)] = encode_engine();
    return changes;
  }

  Status restore(const StateChanges& state) override;
  const EngineCounts& counts() const override { return counts_; }

  Timestamp watermark() const override {
    Timestamp least = mark_;
    for (const auto& runner : runners_) {
      if (runner != nullptr && runner->has_bars()) least = std::min(least, runner->output_mark());
    }
    return least;
  }

 private:
  void add_table(size_t t) {
    const plan::Table& table = plan_.tables[t];
    std::optional<size_t> buffer;
    const auto reader = [&](size_t input) {
      if (!buffer) {
        buffer = buffers_.size();
        // Rejects come to the built-in table beside its inputs.
        buffers_.emplace_back(t, table.schema, table.inputs.size() + 1);
      }
      return Readers::Table{*buffer, input};
    };
    bool topic_quarantine = false;
    for (size_t i = 0; i < table.inputs.size(); ++i) {
      if (Readers* readers = readers_of(table.inputs[i])) readers->tables.push_back(reader(i));
      const Input& input = table.inputs[i];
      topic_quarantine = topic_quarantine ||
                         (input.from == Input::From::topic && input.index == topic_ && input.port == Port::quarantine);
    }
    if (table.name == "quarantine" && !topic_quarantine) {
      topic_ports_.quarantine.tables.push_back(reader(table.inputs.size()));
    }
  }

  // Null when the input is of another topic.
  Readers* readers_of(const Input& input) {
    if (input.from == Input::From::topic) return input.index == topic_ ? &topic_ports_.of(input.port) : nullptr;
    return plan_.streams[input.index].topic == topic_ ? &ports_[input.index].of(input.port) : nullptr;
  }

  // Late rows are behind every mark, and quarantined ones have no time: of their ends alone is anything known.
  Timestamp input_mark(const Input& input) const {
    const Timestamp mark = input.from == Input::From::topic ? mark_ : runners_[input.index]->output_mark();
    if (input.port != Port::rows && mark != Timestamp::max()) return Timestamp::min();
    return mark;
  }

  // A source that begins (again) is awaited anew. Where all had ended, everything was closed: from now on only what was
  // closed then is.
  void begin_again(Timestamp& own) {
    if (own == Timestamp::min()) return;
    own = Timestamp::min();
    state_changed_ = true;
    if (mark_ != Timestamp::max()) return;
    mark_ = Timestamp::min();
    for (const auto& runner : runners_) {
      if (runner != nullptr) mark_ = std::max(mark_, runner->closed_mark());
    }
    for (size_t i = 0; i < runners_.size(); ++i) {
      if (runners_[i] != nullptr) runners_[i]->restore_mark(input_mark(plan_.streams[i].input));
    }
  }

  Timestamp partition_mark() const {
    Timestamp least = Timestamp::max();
    for (const auto& [source, mark] : marks_) least = std::min(least, mark);
    return least;
  }

  Status give(const Readers& readers, const Flow& flow) {
    if (flow.size() == 0) return {};
    for (const Readers::Table& reader : readers.tables) buffers_[reader.buffer].append(flow, reader.input);
    for (const size_t stream : readers.streams) {
      if (Status status = runners_[stream]->process(flow); !status) {
        note_failure(stream);
        return status;
      }
      PENSTOCK_TRY(hand_on(stream));
    }
    return {};
  }

  // Of this topic, with a check.
  std::optional<size_t> stream_named(const std::string& name) const {
    for (size_t i = 0; i < runners_.size(); ++i) {
      if (runners_[i] != nullptr && runners_[i]->has_check() && plan_.streams[i].name == name) return i;
    }
    return std::nullopt;
  }

  void note_failure(size_t stream) {
    const Flow failed = runners_[stream]->failed_rule();
    if (failed.batch->columns.empty() || failed.size() == 0) return;
    for (const Readers::Table& reader : ports_[stream].quality.tables) {
      market::Batch rows = market::make_batch(failed.batch->schema);
      append_flow(rows, failed);
      failure_rows_.push_back({buffers_[reader.buffer].table(), std::move(rows)});
    }
  }

  // Gives on what a runner's last call made.
  Status hand_on(size_t stream) {
    const StreamRunner& runner = *runners_[stream];
    counts_.streams[stream] = runner.counts();
    const Flow late = runner.late();
    const auto& late_ns = late.batch->columns[market::LateColumn::lateness_ns].i64;
    for (const int64_t lateness : late_ns) {
      const auto bound = std::lower_bound(kLatenessBoundsNs.begin(), kLatenessBoundsNs.end(), lateness);
      ++counts_.lateness[static_cast<size_t>(bound - kLatenessBoundsNs.begin())];
    }
    if (runner.has_bars()) counts_.bars += runner.rows().size();
    if (const auto* unknown = runner.unknown_conditions(); unknown != nullptr && !unknown->empty()) {
      for (const auto& [code, count] : *unknown) {
        const std::string key = plan_.streams[stream].name + " " + code;
        counts_.unknown_conditions[key] = unknown_before_[key] + count;
      }
    }
    PENSTOCK_TRY(give(ports_[stream].rows, runner.rows()));
    PENSTOCK_TRY(give(ports_[stream].late, late));
    PENSTOCK_TRY(give(ports_[stream].quarantine, runner.quarantine()));
    return give(ports_[stream].quality, runner.quality());
  }

  std::string encode_engine() const;
  Status decode_engine(std::string_view blob);

  // Constant after build().
  const plan::Plan& plan_;
  const size_t topic_;
  std::vector<StreamPorts> ports_;  // as Plan::streams
  StreamPorts topic_ports_;

  std::vector<std::unique_ptr<StreamRunner>> runners_;  // as Plan::streams; null for those of other topics
  std::vector<TableBuffer> buffers_;
  std::map<std::string, Timestamp> marks_;  // by source
  Timestamp mark_ = Timestamp::min();  // the least of them
  uint64_t origin_ = 0;
  EngineCounts counts_;
  std::map<std::string, uint64_t> unknown_before_;  // what was restored of counts_.unknown_conditions
  MadeRows rejects_;
  Status failed_;
  std::vector<TableRows> failure_rows_;
  std::vector<TableRows> removed_rows_;
  bool state_changed_ = false;
  StateChanges obsolete_;  // deletions of blobs of streams that the plan no longer has
};

std::string PartitionEngine::encode_engine() const {
  BlobWriter out;
  out.put(counts_.records);
  out.put(counts_.rejects);
  out.put(counts_.bars);
  out.put(counts_.lateness.size());
  for (const uint64_t count : counts_.lateness) out.put(count);
  out.put_signed(mark_.ns);
  out.put(marks_.size());
  for (const auto& [source, mark] : marks_) {
    out.put_text(source);
    out.put_signed(mark.ns);
  }
  std::vector<size_t> streams;
  for (size_t i = 0; i < runners_.size(); ++i) {
    if (runners_[i] != nullptr) streams.push_back(i);
  }
  out.put(counts_.unknown_conditions.size());
  for (const auto& [code, count] : counts_.unknown_conditions) {
    out.put_text(code);
    out.put(count);
  }
  out.put(streams.size());
  for (const size_t i : streams) {
    const StreamCounts& c = counts_.streams[i];
    out.put_text(plan_.streams[i].name);
    for (const uint64_t count : {c.in, c.out, c.late, c.duplicates, c.quarantined, c.filtered}) out.put(count);
  }
  return out.sealed();
}

Status PartitionEngine::decode_engine(std::string_view blob) {
  PENSTOCK_TRY_ASSIGN(BlobReader in, BlobReader::open(kEngineBlob, blob));
  counts_.records = in.get();
  counts_.rejects = in.get();
  counts_.bars = in.get();
  if (in.get() != counts_.lateness.size()) {
    return fail(ErrorKind::corrupt, "state '{}' is malformed", kEngineBlob);
  }
  for (uint64_t& count : counts_.lateness) count = in.get();
  mark_ = Timestamp{in.get_signed()};
  for (uint64_t left = in.get(); left > 0 && in.ok(); --left) {
    const auto source = marks_.find(std::string(in.get_text()));
    const Timestamp mark{in.get_signed()};
    if (source != marks_.end()) source->second = mark;
  }
  for (uint64_t left = in.get(); left > 0 && in.ok(); --left) {
    const std::string code(in.get_text());
    counts_.unknown_conditions[code] = unknown_before_[code] = in.get();
  }
  for (uint64_t left = in.get(); left > 0 && in.ok(); --left) {
    const std::string_view name = in.get_text();
    StreamCounts c;
    for (uint64_t* count : {&c.in, &c.out, &c.late, &c.duplicates, &c.quarantined, &c.filtered}) *count = in.get();
    for (size_t i = 0; i < runners_.size(); ++i) {
      if (runners_[i] == nullptr || plan_.streams[i].name != name) continue;
      runners_[i]->restore_counts(c);
      counts_.streams[i] = c;
    }
  }
  PENSTOCK_TRY(in.finish(kEngineBlob));
  // A source that the plan has got since then has no mark yet: what is closed stays closed all the same.
  mark_ = std::max(mark_, partition_mark());
  for (size_t i = 0; i < runners_.size(); ++i) {
    if (runners_[i] != nullptr) runners_[i]->restore_mark(input_mark(plan_.streams[i].input));
  }
  return {};
}

Status PartitionEngine::restore(const StateChanges& state) {
  PENSTOCK_ASSERT(counts_.records == 0);
  // Streams' blobs, those of one stream by ascending number.
  struct Part {
    std::string name;
    std::string_view kind;
    std::string_view journal;  // of a rule's, between the stream and the number
    size_t stream = 0;
    uint64_t number = 0;
    const std::string* blob = nullptr;
  };
  std::vector<Part> parts;
  for (const auto& [name, blob] : state) {
    if (blob.empty()) continue;
    if (name == kEngineBlob) {
      PENSTOCK_TRY(decode_engine(blob));
      continue;
    }
    const size_t first = name.find('/');
    const size_t last = name.rfind('/');
    Part part{.name = name, .kind = std::string_view(name).substr(0, first), .blob = &blob};
    const bool known = first != std::string::npos && last > first &&
                       (part.kind == "bars" || part.kind == "indicators" || part.kind == "dedup" ||
                        part.kind == "check" || part.kind == "held") &&
                       std::from_chars(name.data() + last + 1, name.data() + name.size(), part.number).ptr ==
                           name.data() + name.size();
    if (!known) {
      return fail(ErrorKind::corrupt, "state '{}' is of no kind that this version of penstock knows", name);
    }
    std::string_view stream = std::string_view(name).substr(first + 1, last - first - 1);
    if (const size_t slash = stream.find('/'); part.kind == "check" && slash != std::string_view::npos) {
      part.journal = stream.substr(slash + 1);
      stream = stream.substr(0, slash);
    }
    for (; part.stream < runners_.size(); ++part.stream) {
      if (runners_[part.stream] != nullptr && plan_.streams[part.stream].name == stream) break;
    }
    if (part.stream == runners_.size() ||
        ((part.kind == "check" || part.kind == "held") && !runners_[part.stream]->has_check()) ||
        (part.kind == "indicators" && !runners_[part.stream]->has_indicators())) {
      obsolete_[name] = "";
    } else {
      parts.push_back(std::move(part));
    }
  }
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
    return std::tie(a.stream, a.kind, a.number) < std::tie(b.stream, b.kind, b.number);
  });
  for (const Part& part : parts) {
    StreamRunner& runner = *runners_[part.stream];
    PENSTOCK_TRY(part.kind == "bars"         ? runner.restore_bars(part.name, *part.blob)
                 : part.kind == "indicators" ? runner.restore_indicators(part.name, *part.blob)
                 : part.kind == "check"      ? runner.restore_check(part.name, part.journal, part.number, *part.blob)
                 : part.kind == "held"       ? runner.restore_held(part.name, part.number, *part.blob)
                                             : runner.restore_dedup(part.name, part.number, *part.blob));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(const plan::Plan& plan, size_t topic, market::SymbolTable& symbols) {
  if (topic >= plan.topics.size()) return fail(ErrorKind::invalid, "the plan has no topic {}", topic);
  auto engine = std::make_unique<PartitionEngine>(plan, topic);
  PENSTOCK_TRY(engine->build(symbols));
  return engine;
}

}  // namespace penstock::stream

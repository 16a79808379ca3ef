#include "runtime/repair.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "log/embedded/embedded_log.h"
#include "market/schema.h"
#include "runtime/data_dir.h"
#include "runtime/log_access.h"
#include "runtime/partition_open.h"
#include "runtime/records.h"
#include "runtime/scatter.h"
#include "runtime/standing_trades.h"
#include "store/duckdb/duckdb_store.h"
#include "stream/engine.h"
#include "stream/window_clock.h"

namespace penstock::runtime {
namespace {

using market::BarColumn;
using market::TradeColumn;

constexpr size_t kReadBytes = size_t{4} << 20;

// A bar as text, to compare what is stored with what is made: open, high, low, close, volume, vwap, trades.
using BarValues = std::array<std::string, 7>;
struct BarKey {
  std::string every;
  int64_t start = 0;
  auto operator<=>(const BarKey&) const = default;
};
struct StoredBar {
  int64_t revision = 0;
  BarValues values;
};

std::string without_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

// The bars of trades that the stream makes; null: none.
const plan::Bars* bars_of(const plan::Stream& stream) {
  for (const plan::Step& step : stream.steps) {
    if (const auto* bars = std::get_if<plan::Bars>(&step.what)) return bars->of_quotes ? nullptr : bars;
  }
  return nullptr;
}

// Of the bars that the step makes. With a session there is always the one of its day.
std::vector<Duration> intervals_of(const plan::Bars& bars) {
  std::vector<Duration> intervals = bars.every;
  if (bars.calendar != nullptr && (intervals.empty() || intervals.back() < kDay)) intervals.push_back(kDay);
  return intervals;
}

bool reads_rows(const plan::Input& input) {
  return input.from == plan::Input::From::stream && input.port == plan::Port::rows;
}

// A plan whose only table is the rows of one stream, and in which no stream runs that this one does not need.
plan::Plan only_stream(plan::Plan plan, size_t stream, market::SchemaPtr rows) {
  std::vector<bool> needed(plan.streams.size(), false);
  needed[stream] = true;
  for (size_t at = stream; plan.streams[at].input.from == plan::Input::From::stream;) {
    at = plan.streams[at].input.index;
    needed[at] = true;
  }
  for (size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i]) plan.streams[i].topic = plan.topics.size();
  }
  plan.streams[stream].output = rows;
  plan::Table table;
  table.name = "rows";
  table.inputs = {{plan::Input::From::stream, stream, plan::Port::rows}};
  table.schema = std::move(rows);
  plan.tables = {std::move(table)};
  return plan;
}

// What the `bars:` step of the stream reads.
plan::Plan before_bars(const plan::Plan& plan, size_t stream) {
  plan::Plan before = plan;
  market::SchemaPtr rows = plan.schema_of(plan.streams[stream].input);
  std::vector<plan::Step>& steps = before.streams[stream].steps;
  std::erase_if(steps, [](const plan::Step& step) { return std::holds_alternative<plan::Bars>(step.what); });
  for (const plan::Step& step : steps) {
    if (step.output != nullptr) rows = step.output;
  }
  return only_stream(std::move(before), stream, std::move(rows));
}

// The `bars:` step of the stream alone, over trades that stand and come in order: nothing is late, nothing is revised.
plan::Plan bars_alone(const plan::Plan& plan, size_t stream) {
  plan::Plan alone = plan;
  plan::Stream& only = alone.streams[stream];
  std::erase_if(only.steps, [](const plan::Step& step) { return !std::holds_alternative<plan::Bars>(step.what); });
  auto& bars = std::get<plan::Bars>(only.steps.front().what);
  bars.lateness = Duration{0};
  bars.revise_for = Duration{0};
  bars.early.reset();
  only.input = {plan::Input::From::topic, only.topic, plan::Port::rows};
  alone.topics[only.topic].schema = StandingTrades::schema();
  return only_stream(std::move(alone), stream, market::bar_schema());
}

// Up to where the pipeline is with a symbol's bars.
struct Progress {
  Timestamp closed = Timestamp::min();   // windows that end by then are closed
  Timestamp settled = Timestamp::min();  // and those that end by then are past revising
};

// The bars of the symbol that one stream makes of all that the log holds.
struct MadeBars {
  std::vector<market::Batch> rows;
  Progress progress;
  uint64_t records = 0;
  uint64_t unmatched = 0;
};

class Repair {
 public:
  Repair(const plan::Plan& plan, const RepairOptions& options, DataDir data_dir)
      : plan_(plan), options_(options), data_dir_(std::move(data_dir)) {}

  [[nodiscard]] Status open(io::FileSystem& files) {
    PENSTOCK_TRY_ASSIGN(log_, open_log(files, data_dir_.paths()));
    const store::DuckDbOptions options{.memory_bytes_max = plan_.store.memory_bytes_max, .symbols = &symbols_};
    PENSTOCK_TRY_ASSIGN(store_, store::open_duckdb_store(data_dir_.paths().store(), options, table_specs(plan_)));
    PENSTOCK_TRY_ASSIGN(committed_, store_->load_committed());
    return {};
  }

  [[nodiscard]] Result<Repaired> run() {
    Repaired done;
    std::vector<std::pair<size_t, market::Batch>> changes;
    std::vector<bool> changed(plan_.streams.size(), false);
    for (size_t t = 0; t < plan_.tables.size(); ++t) {
      const std::vector<size_t> streams = bar_streams(plan_.tables[t]);
      if (streams.empty()) continue;
      PENSTOCK_TRY_ASSIGN(market::Batch rows, repair_table(t, streams, done.tables.emplace_back(), done));
      if (rows.rows == 0) continue;
      for (const size_t stream : streams) changed[stream] = true;
      changes.emplace_back(t, std::move(rows));
    }
    if (done.tables.empty()) {
      return fail(ErrorKind::not_found, "{}: no table is made of {}", plan_.file,
                  options_.stream.empty() ? "bars of trades" : "a stream of bars '" + options_.stream + "'");
    }
    PENSTOCK_TRY_ASSIGN(const auto transaction, store_->begin());
    for (const auto& [table, rows] : changes) PENSTOCK_TRY(transaction->append(table, rows));
    PENSTOCK_TRY(transaction->commit());
    note_not_rebuilt(std::move(changed), done);
    return done;
  }

 private:
  // The streams of bars of trades that the table holds, those that --stream asks for.
  [[nodiscard]] std::vector<size_t> bar_streams(const plan::Table& table) const {
    std::vector<size_t> streams;
    if (table.schema != market::bar_schema()) return streams;
    for (const plan::Input& input : table.inputs) {
      if (!reads_rows(input)) continue;
      const plan::Stream& stream = plan_.streams[input.index];
      const bool of_trades = plan_.topics[stream.topic].kind == plan::RecordKind::trade;
      if (bars_of(stream) == nullptr || !of_trades) continue;
      if (options_.stream.empty() || stream.name == options_.stream) streams.push_back(input.index);
    }
    return streams;
  }

  // Follows what was changed through the plan: a stream stands behind those it reads.
  void note_not_rebuilt(std::vector<bool> changed, Repaired& done) const {
    std::vector<bool> stale(plan_.streams.size(), false);
    for (size_t i = 0; i < plan_.streams.size(); ++i) {
      const plan::Input& input = plan_.streams[i].input;
      if (input.from != plan::Input::From::stream) continue;
      stale[i] = stale[input.index] || (changed[input.index] && input.port == plan::Port::rows);
      if (stale[i]) done.not_rebuilt.push_back("stream '" + plan_.streams[i].name + "'");
    }
    for (const plan::Table& table : plan_.tables) {
      const bool is_stale = std::ranges::any_of(table.inputs, [&](const plan::Input& input) {
        // What a step refuses or finds is of records, and stays as it was.
        return reads_rows(input) && stale[input.index];
      });
      if (is_stale) done.not_rebuilt.push_back("table " + table.name);
    }
  }

  [[nodiscard]] Result<market::Batch> repair_table(size_t table, const std::vector<size_t>& streams,
                                                   RepairedTable& done, Repaired& all) {
    done.table = plan_.tables[table].name;
    PENSTOCK_TRY_ASSIGN(auto stored, stored_bars(plan_.tables[table]));
    market::Batch out = market::make_batch(market::bar_schema());
    // Another input may have made what these do not make.
    const bool whole = streams.size() == plan_.tables[table].inputs.size();
    for (const size_t stream : streams) {
      PENSTOCK_TRY_ASSIGN(const MadeBars* const made, made_bars(stream, all));
      const plan::Bars& bars = *bars_of(plan_.streams[stream]);
      done.records += made->records;
      done.unmatched += made->unmatched;
      for (const market::Batch& rows : made->rows) compare(rows, bars, made->progress, stored, out, done);
    }
    for (const size_t stream : streams) {
      const plan::Bars& bars = *bars_of(plan_.streams[stream]);
      const std::vector<Duration> intervals = intervals_of(bars);
      for (auto bar = stored.begin(); whole && bar != stored.end();) {
        const auto at = std::next(bar);
        const bool of_stream = std::ranges::any_of(
            intervals, [&](const Duration every) { return format_duration(every) == bar->first.every; });
        if (of_stream && bar->second.values.back() != "0" &&
            !left_alone(bar->first, bars, made_.at(stream).progress, done)) {
          ++done.removed;
          append_removed(bar->first, bar->second, out);
          stored.erase(bar);
        }
        bar = at;
      }
    }
    return out;
  }

  // Appends to `out` the bars that are not as they are stored, and takes those that were made out of `stored`.
  void compare(const market::Batch& rows, const plan::Bars& bars, const Progress& progress,
               std::map<BarKey, StoredBar>& stored, market::Batch& out, RepairedTable& done) const {
    for (size_t row = 0; row < rows.rows; ++row) {
      const Timestamp start{rows.columns[BarColumn::start].i64[row]};
      if (start < options_.from || start >= options_.to) continue;
      const BarKey key{market::value_text(rows.columns[BarColumn::every], row, symbols_).value_or(""), start.ns};
      const auto before = stored.find(key);
      if (left_alone(key, bars, progress, done)) {
        if (before != stored.end()) stored.erase(before);
        continue;
      }
      ++done.bars;
      int64_t revision = 0;
      if (before != stored.end()) {
        const bool same = before->second.values == values_of(rows, row);
        revision = before->second.revision + 1;
        const bool was_there = before->second.values.back() != "0";
        stored.erase(before);
        if (same) {
          ++done.same;
          continue;
        }
        ++(was_there ? done.changed : done.added);
      } else {
        ++done.added;
      }
      market::append_row(out, rows, row);
      out.columns[BarColumn::revision].i64.back() = revision;
    }
  }

  // Whether the pipeline may still change the bar, which is counted then.
  [[nodiscard]] static bool left_alone(const BarKey& key, const plan::Bars& bars, const Progress& progress,
                                       RepairedTable& done) {
    stream::WindowClock clock(bars.calendar);
    int64_t end = INT64_MIN;
    for (const Duration every : intervals_of(bars)) {
      if (format_duration(every) != key.every || clock.find(key.start) != stream::WindowClock::Place::inside) continue;
      end = clock.bounds(key.start, every.ns, bars.calendar != nullptr && every >= kDay).end;
    }
    if (Timestamp{end} <= progress.settled) return false;
    LeftAlone& left = Timestamp{end} <= progress.closed ? done.revisable : done.open;
    ++left.bars;
    left.intervals.insert(key.every);
    return true;
  }

  // Made once, however many tables hold them.
  [[nodiscard]] Result<const MadeBars*> made_bars(size_t stream, Repaired& all) {
    if (const auto made = made_.find(stream); made != made_.end()) return &made->second;
    const size_t topic = plan_.streams[stream].topic;
    const plan::Bars& bars = *bars_of(plan_.streams[stream]);
    const plan::Plan before = before_bars(plan_, stream);
    const market::SchemaPtr rows = before.tables.front().schema;
    // A bar that starts before `to` has trades of at most its length behind.
    PENSTOCK_TRY_ASSIGN(StandingTrades trades,
                        StandingTrades::create(rows, plan_.streams[stream].name, symbols_, options_.from,
                                               options_.to + std::max(bars.every.back(), kDay)));
    MadeBars made;
    PENSTOCK_TRY(read_log(before, stream, trades, made, all));
    trades.apply();
    made.unmatched = trades.unmatched();

    const plan::Plan alone = bars_alone(plan_, stream);
    PENSTOCK_TRY_ASSIGN(const auto engine, stream::Engine::create(alone, topic, symbols_));
    const auto take = [&] {
      for (stream::TableRows& taken : engine->take_rows()) made.rows.push_back(std::move(taken.rows));
    };
    const auto give = [&](const market::Batch& batch) -> Status {
      PENSTOCK_TRY(engine->process(batch));
      take();
      return {};
    };
    PENSTOCK_TRY(trades.give_to(give));
    for (const size_t source : plan_.topics[topic].sources) PENSTOCK_TRY(engine->mark(source, Timestamp::max()));
    take();
    return &made_.emplace(stream, std::move(made)).first->second;
  }

  // Everything that the log holds of the symbol, through the steps before the bars.
  [[nodiscard]] Status read_log(const plan::Plan& before, size_t stream, StandingTrades& trades, MadeBars& made,
                                Repaired& all) {
    const size_t topic = plan_.streams[stream].topic;
    const TopicPartition id{plan_.topics[topic].name, partition_for(options_.symbol, plan_.topics[topic].partitions)};
    PENSTOCK_TRY_ASSIGN(const log::PartitionInfo info, log_->info(id));
    PENSTOCK_TRY_ASSIGN(const auto reader, log_->reader(id));
    if (info.start > Offset{0}) {
      PENSTOCK_TRY_ASSIGN(const Offset begin, reader->offset_for(options_.from));
      if (begin == info.start) {
        return fail(ErrorKind::not_found,
                    "{}-{}: the log begins at offset {}: it may have deleted records of this range, and bars cannot be "
                    "made without them. Begin the range later",
                    id.topic, id.partition, info.start.value);
      }
      all.cut_logs.emplace_back(id, info.start);
    }
    PENSTOCK_TRY_ASSIGN(const auto engine, stream::Engine::create(before, topic, symbols_));
    const RecordReader::Sources sources = RecordReader::Sources::of(plan_);
    RecordReader decoder(sources, id.topic, symbols_);
    const auto committed = committed_.offsets.find(id);
    const Offset processed = committed == committed_.offsets.end() ? Offset{0} : committed->second;
    int64_t newest = INT64_MIN;  // of what the pipeline has processed
    for (Offset at = info.start; at < info.end;) {
      PENSTOCK_TRY_ASSIGN(log::FetchResult fetched, reader->fetch(at, kReadBytes));
      if (fetched.batches.empty()) break;
      for (const log::ReadBatch& batch : fetched.batches) {
        PENSTOCK_TRY_ASSIGN(DecodedBatch decoded, decoder.decode(batch, at));
        decoded.rows = of_symbol(std::move(decoded.rows));
        decoded.rejects.clear();
        made.records += decoded.rows.rows;
        PENSTOCK_TRY(give_to_engine(*engine, id, decoded));
        const bool counts = decoded.base_offset.value + decoded.count <= processed.value;
        for (const stream::TableRows& taken : engine->take_rows()) {
          PENSTOCK_TRY(same_symbol(taken.rows, plan_.streams[stream].name));
          trades.take(taken.rows);
          if (counts) newest = std::max(newest, newest_of(taken.rows, *bars_of(plan_.streams[stream])));
        }
      }
      at = fetched.next;
    }
    if (made.records == 0) {
      return fail(ErrorKind::not_found, "the log of {}-{} has no record of {}", id.topic, id.partition,
                  options_.symbol);
    }
    PENSTOCK_TRY_ASSIGN(made.progress, progress_of(id, stream, newest));
    return {};
  }

  [[nodiscard]] market::Batch of_symbol(market::Batch rows) {
    const market::SymbolCode symbol = symbols_.intern(options_.symbol);
    std::vector<uint8_t> keep(rows.rows, 0);
    size_t count = 0;
    for (size_t row = 0; row < rows.rows; ++row) {
      keep[row] = rows.columns[TradeColumn::symbol].codes[row] == symbol ? 1 : 0;
      count += keep[row];
    }
    return count == rows.rows ? std::move(rows) : market::select_rows(rows, keep);
  }

  // The store is asked for the symbol by its name, which must be the log's.
  [[nodiscard]] Status same_symbol(const market::Batch& rows, const std::string& stream) {
    const auto field = rows.schema->find("symbol");
    const market::SymbolCode symbol = symbols_.intern(options_.symbol);
    for (size_t row = 0; field && row < rows.rows; ++row) {
      if (rows.columns[*field].is_null(row) || rows.columns[*field].codes[row] == symbol) continue;
      return fail(ErrorKind::invalid, "stream '{}' makes '{}' of the symbol {}: such bars cannot be repaired", stream,
                  symbols_.text(rows.columns[*field].codes[row]), options_.symbol);
    }
    return {};
  }

  // The newest time of a trade that moves the symbol's bars on.
  [[nodiscard]] int64_t newest_of(const market::Batch& rows, const plan::Bars& bars) const {
    stream::WindowClock clock(bars.calendar);
    const auto times = rows.schema->find("ts_event");
    const auto actions = rows.schema->find("action");
    int64_t newest = INT64_MIN;
    for (size_t row = 0; times && row < rows.rows; ++row) {
      if (rows.columns[*times].is_null(row)) continue;
      if (actions && !rows.columns[*actions].is_null(row)) continue;
      const int64_t ts = rows.columns[*times].i64[row];
      if (ts > newest && clock.find(ts) == stream::WindowClock::Place::inside) newest = ts;
    }
    return newest;
  }

  // Up to where the last commit was with the bars of the symbol, whose newest trade by then was at `newest`.
  [[nodiscard]] Result<Progress> progress_of(const TopicPartition& id, size_t stream, int64_t newest) {
    const auto state = committed_.state.find(id);
    if (state == committed_.state.end()) return Progress{};
    // Without streams an engine has the partition's own mark as its watermark, and no interval holds that back.
    plan::Plan marks = plan_;
    marks.streams.clear();
    marks.tables.clear();
    PENSTOCK_TRY_ASSIGN(const auto engine, stream::Engine::create(marks, plan_.streams[stream].topic, symbols_));
    PENSTOCK_TRY(engine->restore(state->second));
    Timestamp mark = engine->watermark();
    for (size_t at = stream;; at = plan_.streams[at].input.index) {
      const plan::Input& input = plan_.streams[at].input;
      // Of what is late or quarantined nothing is promised before the end.
      if (input.port != plan::Port::rows && mark != Timestamp::max()) mark = Timestamp::min();
      if (input.from == plan::Input::From::topic) break;
    }
    const plan::Bars& bars = *bars_of(plan_.streams[stream]);
    Progress progress{mark, mark};
    if (mark == Timestamp::max()) return progress;
    progress.closed = std::max(mark - bars.lateness, Timestamp{newest} - bars.lateness);
    progress.settled = progress.closed - bars.revise_for;
    return progress;
  }

  [[nodiscard]] BarValues values_of(const market::Batch& rows, size_t row) const {
    BarValues values;
    constexpr std::array kColumns{BarColumn::open,   BarColumn::high, BarColumn::low,   BarColumn::close,
                                  BarColumn::volume, BarColumn::vwap, BarColumn::trades};
    for (size_t i = 0; i < kColumns.size(); ++i) {
      values[i] = without_zeros(market::value_text(rows.columns[kColumns[i]], row, symbols_).value_or(""));
    }
    return values;
  }

  // The newest revisions of the symbol's closed bars in the range.
  [[nodiscard]] Result<std::map<BarKey, StoredBar>> stored_bars(const plan::Table& of) {
    const std::string& table = of.name;
    // Where the table has a key, the newest rows are all there are.
    const std::string sql = fmt::format(
        "SELECT every, epoch_ns(start), revision, open, high, low, close, volume, vwap, trades FROM {}{} WHERE symbol "
        "= "
        "{} AND final AND epoch_ns(start) >= {} AND epoch_ns(start) < {} ORDER BY revision{}",
        table, of.key.empty() ? market::kRevisions : "", quoted(options_.symbol), options_.from.ns, options_.to.ns,
        of.key.empty() ? ", rowid" : "");
    std::string csv;
    PENSTOCK_TRY(store_->query(sql, store::Format::csv,
                               {.time_max = kDay, .rows_max = UINT64_MAX, .bytes_max = UINT64_MAX},
                               [&](std::string_view bytes) -> Status {
                                 csv += bytes;
                                 return {};
                               }));
    std::map<BarKey, StoredBar> bars;
    std::istringstream lines(csv);
    std::string line;
    std::getline(lines, line);  // the names
    while (std::getline(lines, line)) {
      if (line.ends_with('\r')) line.pop_back();
      std::vector<std::string> fields(1);
      for (const char c : line) {
        if (c == ',') {
          fields.emplace_back();
        } else {
          fields.back() += c;
        }
      }
      // Lengths of bars and numbers: nothing that would be quoted.
      if (fields.size() != 10) return fail(ErrorKind::corrupt, "the table {} gave a row that is none: {}", table, line);
      StoredBar bar;
      BarKey key{fields[0], 0};
      std::from_chars(fields[1].data(), fields[1].data() + fields[1].size(), key.start);
      std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), bar.revision);
      for (size_t i = 0; i < bar.values.size(); ++i) bar.values[i] = without_zeros(fields[3 + i]);
      bars[key] = std::move(bar);  // by revision: the last is the newest
    }
    return bars;
  }

  void append_removed(const BarKey& key, const StoredBar& bar, market::Batch& out) {
    market::Batch row = market::make_batch(market::bar_schema());
    auto& columns = row.columns;
    for (const size_t column :
         {BarColumn::open, BarColumn::high, BarColumn::low, BarColumn::close, BarColumn::vwap, BarColumn::edge}) {
      columns[column].all_null = true;
    }
    columns[BarColumn::symbol].codes.push_back(symbols_.intern(options_.symbol));
    columns[BarColumn::every].codes.push_back(symbols_.intern(key.every));
    columns[BarColumn::start].i64.push_back(key.start);
    columns[BarColumn::volume].i128.push_back(0);
    columns[BarColumn::trades].i64.push_back(0);
    columns[BarColumn::revision].i64.push_back(bar.revision + 1);
    columns[BarColumn::final].u8.push_back(1);
    row.rows = 1;
    market::append_row(out, row, 0);
  }

  const plan::Plan& plan_;
  const RepairOptions& options_;
  DataDir data_dir_;
  market::SymbolTable symbols_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<store::Store> store_;
  store::Committed committed_;
  std::map<size_t, MadeBars> made_;  // by stream
};

}  // namespace

Result<Repaired> repair(const plan::Plan& plan, const RepairOptions& options, io::FileSystem& files) {
  if (options.from >= options.to) {
    return fail(ErrorKind::invalid, "the range from {} to {} is empty", format_rfc3339(options.from),
                format_rfc3339(options.to));
  }
  PENSTOCK_TRY_ASSIGN(DataDir data_dir, DataDir::acquire(files, options.data_dir));
  Repair work(plan, options, std::move(data_dir));
  PENSTOCK_TRY(work.open(files));
  return work.run();
}

}  // namespace penstock::runtime

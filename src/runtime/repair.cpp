#include "runtime/repair.h"

#include <fmt/core.h>

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
#include "store/duckdb/duckdb_store.h"
#include "stream/engine.h"

namespace penstock::runtime {
namespace {

using market::BarColumn;
using market::TradeColumn;

constexpr size_t kReadBytes = size_t{4} << 20;
// Nothing is late, and every trade is kept until all cancels and corrections are in.
constexpr Duration kWaitForAll{INT64_MAX / 4};

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

const plan::Bars* bars_of(const plan::Stream& stream) {
  for (const plan::Step& step : stream.steps) {
    if (const auto* bars = std::get_if<plan::Bars>(&step.what)) return bars;
  }
  return nullptr;
}

// The plan of one stream of bars that waits for everything, its table `table` alone.
plan::Plan waiting(plan::Plan plan, size_t stream, const plan::Table& table) {
  for (plan::Step& step : plan.streams[stream].steps) {
    if (auto* bars = std::get_if<plan::Bars>(&step.what)) {
      bars->lateness = kWaitForAll;
      bars->revise_for = Duration{1};
      bars->early.reset();
      bars->kept_max = SIZE_MAX;
    }
  }
  plan::Table only = table;
  std::erase_if(only.inputs, [&](const plan::Input& input) {
    return input.from != plan::Input::From::stream || input.index != stream || input.port != plan::Port::rows;
  });
  plan.tables = {std::move(only)};
  return plan;
}

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

  [[nodiscard]] Result<std::vector<RepairedTable>> run() {
    std::vector<RepairedTable> done;
    std::vector<std::pair<size_t, market::Batch>> changes;
    for (size_t t = 0; t < plan_.tables.size(); ++t) {
      for (const plan::Input& input : plan_.tables[t].inputs) {
        if (input.from != plan::Input::From::stream || input.port != plan::Port::rows) continue;
        const plan::Stream& stream = plan_.streams[input.index];
        if (bars_of(stream) == nullptr || plan_.tables[t].schema != market::bar_schema()) continue;
        if (!options_.stream.empty() && stream.name != options_.stream) continue;
        PENSTOCK_TRY_ASSIGN(market::Batch rows, repair_table(t, input.index, done.emplace_back()));
        if (rows.rows > 0) changes.emplace_back(t, std::move(rows));
      }
    }
    if (done.empty()) {
      return fail(ErrorKind::not_found, "{}: no table is made of {}", plan_.file,
                  options_.stream.empty() ? "bars of trades" : "a stream of bars '" + options_.stream + "'");
    }
    PENSTOCK_TRY_ASSIGN(const auto transaction, store_->begin());
    for (const auto& [table, rows] : changes) PENSTOCK_TRY(transaction->append(table, rows));
    PENSTOCK_TRY(transaction->commit());
    return done;
  }

 private:
  [[nodiscard]] Result<market::Batch> repair_table(size_t table, size_t stream, RepairedTable& done) {
    done.table = plan_.tables[table].name;
    const plan::Topic& topic = plan_.topics[plan_.streams[stream].topic];
    const TopicPartition id{topic.name, partition_for(options_.symbol, topic.partitions)};
    PENSTOCK_TRY_ASSIGN(const Timestamp settled, settled_before(id, plan_.streams[stream].topic));
    const plan::Plan plan = waiting(plan_, stream, plan_.tables[table]);
    PENSTOCK_TRY_ASSIGN(const auto engine, stream::Engine::create(plan, plan_.streams[stream].topic, symbols_));
    PENSTOCK_TRY(read_log(id, *engine, done));
    for (const size_t source : topic.sources) PENSTOCK_TRY(engine->mark(source, Timestamp::max()));
    PENSTOCK_TRY_ASSIGN(auto stored, stored_bars(plan_.tables[table].name));

    market::Batch out = market::make_batch(market::bar_schema());
    for (stream::TableRows& made : engine->take_rows()) {
      const auto& columns = made.rows.columns;
      for (size_t row = 0; row < made.rows.rows; ++row) {
        const Timestamp start{columns[BarColumn::start].i64[row]};
        if (start < options_.from || start >= options_.to) continue;
        if (start >= settled) {
          ++done.open;
          continue;
        }
        ++done.bars;
        const BarKey key{market::value_text(columns[BarColumn::every], row, symbols_).value_or(""), start.ns};
        const auto before = stored.find(key);
        int64_t revision = 0;
        if (before != stored.end()) {
          const bool same = before->second.values == values_of(made.rows, row);
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
        market::append_row(out, made.rows, row);
        out.columns[BarColumn::revision].i64.back() = revision;
      }
    }
    for (const auto& [key, bar] : stored) {
      if (bar.values.back() == "0" || Timestamp{key.start} >= settled) continue;
      ++done.removed;
      append_removed(key, bar, out);
    }
    return out;
  }

  // Bars that start before it are past what the pipeline itself changes.
  [[nodiscard]] Result<Timestamp> settled_before(const TopicPartition& id, size_t topic) {
    const auto state = committed_.state.find(id);
    if (state == committed_.state.end()) return Timestamp::min();
    PENSTOCK_TRY_ASSIGN(const auto engine, stream::Engine::create(plan_, topic, symbols_));
    PENSTOCK_TRY(engine->restore(state->second));
    return engine->watermark();
  }

  // Trades first, then what takes them back, so that the order in which they came does not matter.
  [[nodiscard]] Status read_log(const TopicPartition& id, stream::Engine& engine, RepairedTable& done) {
    PENSTOCK_TRY_ASSIGN(const log::PartitionInfo info, log_->info(id));
    PENSTOCK_TRY_ASSIGN(const auto reader, log_->reader(id));
    PENSTOCK_TRY_ASSIGN(const Offset begin, reader->offset_for(options_.from));
    if (begin == info.start && info.start > Offset{0}) {
      return fail(ErrorKind::not_found,
                  "{}-{}: the log begins at offset {}: it may have deleted records of this range, and bars cannot be "
                  "made without them. Begin the range later",
                  id.topic, id.partition, info.start.value);
    }
    const RecordReader::Sources sources = RecordReader::Sources::of(plan_);
    RecordReader decoder(sources, id.topic, symbols_);
    const market::SymbolCode symbol = symbols_.intern(options_.symbol);
    std::vector<market::Batch> later;
    for (Offset at = begin; at < info.end;) {
      PENSTOCK_TRY_ASSIGN(log::FetchResult fetched, reader->fetch(at, kReadBytes));
      if (fetched.batches.empty()) break;
      for (const log::ReadBatch& batch : fetched.batches) {
        PENSTOCK_TRY_ASSIGN(const DecodedBatch decoded, decoder.decode(batch, at));
        const market::Batch& rows = decoded.rows;
        if (rows.rows == 0) continue;
        std::vector<uint8_t> trades(rows.rows, 0);
        std::vector<uint8_t> events(rows.rows, 0);
        uint64_t count = 0;
        for (size_t row = 0; row < rows.rows; ++row) {
          if (rows.columns[TradeColumn::symbol].codes[row] != symbol) continue;
          const Timestamp time{rows.columns[TradeColumn::ts_event].i64[row]};
          const bool is_trade = rows.columns[TradeColumn::action].is_null(row);
          if (is_trade && time < options_.from) continue;
          (is_trade ? trades : events)[row] = 1;
          ++count;
        }
        if (count == 0) continue;
        done.records += count;
        PENSTOCK_TRY(engine.process(market::select_rows(rows, trades)));
        market::Batch rest = market::select_rows(rows, events);
        if (rest.rows > 0) later.push_back(std::move(rest));
      }
      at = fetched.next;
    }
    if (done.records == 0) {
      return fail(ErrorKind::not_found, "the log of {}-{} has no record of {} from {} on", id.topic, id.partition,
                  options_.symbol, format_rfc3339(options_.from));
    }
    for (const market::Batch& rows : later) PENSTOCK_TRY(engine.process(rows));
    return {};
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
  [[nodiscard]] Result<std::map<BarKey, StoredBar>> stored_bars(const std::string& table) {
    const std::string sql = fmt::format(
        "SELECT every, epoch_ns(start), revision, open, high, low, close, volume, vwap, trades FROM {}{} WHERE symbol "
        "= "
        "{} AND final AND epoch_ns(start) >= {} AND epoch_ns(start) < {} ORDER BY revision, rowid",
        table, market::kRevisions, quoted(options_.symbol), options_.from.ns, options_.to.ns);
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
};

}  // namespace

Result<std::vector<RepairedTable>> repair(const plan::Plan& plan, const RepairOptions& options, io::FileSystem& files) {
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

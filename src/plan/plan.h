// The plan: what a pipeline file means, typed and checked. Immutable once made; every room reads it or a part of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "market/batch.h"
#include "market/calendar.h"
#include "market/reference.h"
#include "market/sale_conditions.h"
#include "market/time_zone.h"
#include "plan/checks.h"
#include "plan/expression.h"
#include "plan/indicators.h"

namespace penstock::plan {

// Where something stands in the pipeline file, for messages: `file:line:column`, both from 1.
struct Location {
  std::string file;
  int line = 0;
  int column = 0;
  [[nodiscard]] std::string to_string() const;
};

enum class Codec : uint8_t { none, lz4, zstd };
enum class Fsync : uint8_t { always, interval, never };

struct LogSpec {
  Codec codec = Codec::none;
  Fsync fsync = Fsync::interval;
  Duration fsync_interval = kSecond;
  int32_t partitions = 4;
  int64_t segment_bytes_max = int64_t{1} << 30;
  std::optional<Duration> retention_time;   // nothing older is promised to be there
  std::optional<int64_t> retention_bytes;   // of one partition
};

struct StoreSpec {
  int64_t memory_bytes_max = int64_t{512} << 20;  // of the store's own cache
  Duration commit_interval = kSecond;
};

// What a topic's records are.
enum class RecordKind : uint8_t { trade, quote, json };

// `type: file`. Formats are told by the name's end unless stated: .csv .jsonl .ndjson .json .parquet, with .gz or .zst.
struct FileSource {
  std::string path;
  std::string format;  // "", "csv", "jsonl", "parquet"
  std::string compression;  // "", "none", "gzip", "zstd"
  std::map<std::string, std::string> columns;  // canonical name -> name in the file; one left out keeps its own name
  TimeUnit time_unit = TimeUnit::detect;
  std::optional<double> pace;  // 1 is the recorded pace, 2 twice as fast; none: as fast as it goes
  std::optional<std::string> symbol;  // for files of one symbol that have no such column
  std::optional<std::string> venue;
  char delimiter = ',';
};

// `type: http`. Polls `url` and takes the records at `records` (a path such as `results`; empty: the answer itself).
struct HttpSource {
  std::string url;
  std::string records;
  std::string id;  // path in a record; seen ids are dropped and counted; empty: none
  Duration interval = kSecond;
  Duration timeout{10 * kSecond.ns};
  std::map<std::string, std::string> headers;
  int64_t response_bytes_max = int64_t{16} << 20;
  Duration backoff_min{500 * kMillisecond.ns};
  Duration backoff_max = kMinute;
  std::optional<int64_t> polls_max;  // stops after so many successful polls; none: goes on
};

// `type: simulated`: a seeded market. Writes trades to `topic` and quotes to `quotes_topic` (empty: none).
struct SimulatedSource {
  uint64_t seed = 1;
  std::vector<std::string> symbols;  // stated, or `symbol_count` invented ones
  int32_t symbol_count = 20;
  double trades_per_second = 200;  // over all symbols, on the average of a session
  std::optional<double> pace = 1.0;  // simulated seconds a real one; none: as fast as it goes
  std::optional<Timestamp> start;  // of the simulated time; none: now
  std::optional<Duration> duration;  // of the simulated time; none: without end
  double late_fraction = 0.001;
  double duplicate_fraction = 0.0005;
  double cancel_fraction = 0;
  double correct_fraction = 0;
  std::string quotes_topic;
  struct Halt {
    std::string symbol;
    Duration after;  // from the start
    Duration length;
  };
  std::vector<Halt> halts;
};

struct Source {
  std::string name;
  std::string topic;
  RecordKind kind = RecordKind::trade;  // of `topic`
  std::variant<FileSource, HttpSource, SimulatedSource> options;
  Location location;
};

struct Topic {
  std::string name;
  RecordKind kind = RecordKind::trade;
  market::SchemaPtr schema;
  int32_t partitions = 1;
  std::vector<size_t> sources;  // into Plan::sources: those that write it
};

// One step of a stream. Steps are applied in the order of Stream::steps, which is the order of the list below whatever
// the order in the file.
struct Filter {  // `where:`
  Expression condition;  // boolean; a row where it is false or null is dropped and counted as filtered
};
struct Project {  // `select:`
  std::vector<Expression> columns;  // one a field of Step::output
};
struct Dedup {  // `dedup:`: per symbol (trades, quotes) or overall (json)
  std::vector<size_t> columns;  // in the step's input: equal in all of them means duplicate
  Duration within = kDay;  // of event time behind the newest: how long a record is remembered
};
struct Bars {  // `bars:`
  bool of_quotes = false;  // else of trades
  std::vector<Duration> every;  // ascending, distinct
  Duration lateness{2 * kSecond.ns};
  Duration revise_for{
      0};  // how long behind its end, beyond the lateness, a bar is emitted anew when a trade changes it
  std::optional<Duration> early;  // provisional bars of open windows, at most one in so much event time
  const market::Calendar* calendar = nullptr;  // `session:`; null: windows at multiples of their length, always
  std::string conditions_name;
  // `conditions:`; null: every trade counts. Shared with the operators, which may outlive the plan's copies.
  std::shared_ptr<const market::SaleConditions> conditions;
  market::FormT form_t = market::FormT::table;
  market::VwapRule vwap = market::VwapRule::high_low;
  size_t kept_max = size_t{1} << 20;  // trades of a partition that can be taken back; not in the file
};
struct Step {
  std::variant<Filter, Project, Dedup, Check, Bars, Indicators> what;
  market::SchemaPtr output;  // of the rows that go on
  Location location;
};

// Where a stream or table reads: a topic, or a stream's rows, late rows, quarantine, or what its checks found.
enum class Port : uint8_t { rows, late, quarantine, quality };
struct Input {
  enum class From : uint8_t { topic, stream } from = From::topic;
  size_t index = 0;  // into Plan::topics or Plan::streams
  Port port = Port::rows;
};

struct Stream {
  std::string name;
  Input input;
  std::vector<Step> steps;
  market::SchemaPtr output;  // of its rows
  size_t topic = 0;  // into Plan::topics: where its rows come from in the end
  Location location;
};

struct Table {
  std::string name;  // `trades`, or with a schema `spark_streams.created_users`
  std::vector<Input> inputs;  // all of one schema
  market::SchemaPtr schema;
  std::vector<size_t> key;  // columns; a later row of the same key replaces the earlier one
  Location location;
};

// `reference:`: splits, dividends and tickers, by which tables of bars are also shown adjusted.
struct Reference {
  std::string factors_path;  // empty: none
  std::string symbol_changes_path;  // empty: none
  std::string time_zone_name;  // whose days the dates are
  // Shared with the store's room, as the files may be large. Both set.
  std::shared_ptr<const market::Reference> data;
  std::shared_ptr<const market::Adjustments> adjustments;
  std::shared_ptr<const market::TimeZone> time_zone;
};

// A test written in the file: rows in, rows out. Values are kept as text and read by the column's type.
struct TestCase {
  using Row = std::map<std::string, std::optional<std::string>>;  // nullopt: null
  std::string name;
  struct Given {
    size_t topic = 0;
    std::vector<Row> rows;  // canonical column names; for json topics the key `value`
  };
  std::vector<Given> given;
  struct Expected {
    Input from;  // a stream's port; unused where `table` is stated
    std::optional<size_t> table;  // `quarantine`, `late` or `quality`: the built-in table, into Plan::tables
    std::string name;  // as written, `bars.late`
    std::vector<Row> rows;  // only the columns named in a row are compared
  };
  std::vector<Expected> expect;
  Location location;
};

// A value that must not be shown: it came from the environment, or from --set under a name like a password's.
struct Secret {
  std::string name;  // of its variable
  std::string value;
};

struct Plan {
  std::string name;
  std::string file;
  LogSpec log;
  StoreSpec store;
  std::vector<Source> sources;
  std::vector<Topic> topics;
  std::vector<Stream> streams;  // each after those it reads
  // Those of the file, and the built-in ones: `quarantine` takes every quarantine port and every reject, `late` every
  // late port, and `quality` every quality port, that no table of the file reads.
  std::vector<Table> tables;
  std::optional<Reference> reference;
  std::vector<TestCase> tests;
  std::vector<Secret> secrets;
  // Values that the file asks for and nothing gives: see Variables::allow_unset.
  struct Unset {
    Location location;
    std::string name;
  };
  std::vector<Unset> unset;
  // Of the rows that come from there.
  [[nodiscard]] const market::SchemaPtr& schema_of(const Input& input) const;
  // `text` with every secret in it replaced by `${NAME}`. Whatever is printed of a plan goes through this.
  [[nodiscard]] std::string redact(std::string_view text) const;
};
[[nodiscard]] std::string redact(std::string_view text, const std::vector<Secret>& secrets);

}  // namespace penstock::plan

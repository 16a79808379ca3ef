#include "store/duckdb/transaction.h"

#include <algorithm>
#include <numeric>

#include "base/kill_point.h"
#include "store/duckdb/newest_rows.h"

namespace penstock::store::duck {
namespace {

std::unexpected<Error> appender_error(duckdb_appender appender, std::string_view what) {
  const ErrorData error(duckdb_appender_error_data(appender));
  return engine_error(ErrorKind::io, what, error ? duckdb_error_data_message(error.get()) : nullptr);
}

// Opens an appender whose rows, of `columns`, delete the rows of `table` that equal them in all of these columns.
duckdb_state open_deleter(duckdb_connection connection, const std::string& table,
                          const std::vector<std::string>& columns, const std::vector<LogicalType>& types,
                          Appender& appender) {
  std::string condition;
  std::vector<const char*> names;
  std::vector<duckdb_logical_type> raw;
  for (size_t i = 0; i < columns.size(); ++i) {
    condition += fmt::format("{0}stored.{1} = gone.{1}", i > 0 ? " AND " : "", quote_name(columns[i]));
    names.push_back(columns[i].c_str());
    raw.push_back(types[i].get());
  }
  const std::string sql = fmt::format("DELETE FROM {} AS stored USING gone WHERE {}", table, condition);
  return duckdb_appender_create_query(connection, sql.c_str(), raw.size(), raw.data(), "gone", names.data(),
                                      appender.out());
}

// Opens an appender whose rows, of all columns of `table`, each delete one row that is equal to it.
duckdb_state open_remover(duckdb_connection connection, const std::string& table,
                          const std::vector<std::string>& columns, const std::vector<LogicalType>& types,
                          Appender& appender) {
  std::string names;
  std::string same;
  std::vector<const char*> name_texts;
  std::vector<duckdb_logical_type> raw;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string name = quote_name(columns[i]);
    names += (i > 0 ? ", " : "") + name;
    same += fmt::format("{0}stored.{1} IS NOT DISTINCT FROM gone.{1}", i > 0 ? " AND " : "", name);
    name_texts.push_back(columns[i].c_str());
    raw.push_back(types[i].get());
  }
  // Equal rows are numbered, and so many go as there are rows to remove.
  const std::string sql = fmt::format(
      "DELETE FROM {0} WHERE rowid IN (SELECT stored.place FROM"
      " (SELECT rowid AS place, row_number() OVER (PARTITION BY {1} ORDER BY rowid) AS nth, {1}"
      " FROM {0} AS stored SEMI JOIN gone ON {2}) AS stored"
      " JOIN (SELECT {1}, count(*) AS many FROM gone GROUP BY ALL) AS gone ON {2} AND stored.nth <= gone.many)",
      table, names, same);
  return duckdb_appender_create_query(connection, sql.c_str(), raw.size(), raw.data(), "gone", name_texts.data(),
                                      appender.out());
}

// `rows` without all columns but those of kBarKey.
market::Batch keys_of(const market::Batch& rows) {
  market::Schema schema;
  std::vector<size_t> places;
  for (const std::string_view name : kBarKey) {
    places.push_back(rows.schema->find(name).value());
    schema.fields.push_back(rows.schema->fields[places.back()]);
  }
  market::Batch keys{.schema = std::make_shared<const market::Schema>(std::move(schema)), .columns = {}, .rows = 0};
  for (const size_t place : places) keys.columns.push_back(rows.columns[place]);
  keys.rows = rows.rows;
  return keys;
}

Status append_all(ChunkFiller& filler, const Appender& appender, const market::Batch& rows, const OpenTable& table) {
  const std::string what = fmt::format("writing to table {}", table.spec.name);
  const size_t piece = duckdb_vector_size();
  for (size_t begin = 0; begin < rows.rows; begin += piece) {
    PENSTOCK_TRY(filler.fill(rows, begin, std::min(piece, rows.rows - begin)));
    if (duckdb_append_data_chunk(appender.get(), filler.chunk()) != DuckDBSuccess) {
      return appender_error(appender.get(), what);
    }
  }
  return {};
}

// Rows of a store's own table, one value at a time: they are few.
class OwnRows {
 public:
  explicit OwnRows(std::string what) : what_(std::move(what)) {}
  [[nodiscard]] Status open_insert(duckdb_connection connection, const char* table) {
    return check(duckdb_appender_create_ext(connection, nullptr, "penstock", table, appender_.out()));
  }
  // Deletes the rows that equal an appended one in all `columns`.
  [[nodiscard]] Status open_delete(duckdb_connection connection, const char* table,
                                   const std::vector<std::pair<std::string, duckdb_type>>& columns) {
    std::vector<std::string> names;
    std::vector<LogicalType> types;
    for (const auto& [name, type] : columns) {
      names.push_back(name);
      types.emplace_back(duckdb_create_logical_type(type));
    }
    return check(open_deleter(connection, std::string("penstock.") + table, names, types, appender_));
  }
  OwnRows& text(std::string_view value) {
    return note(duckdb_append_varchar_length(appender_.get(), value.data(), value.size()));
  }
  OwnRows& blob(std::string_view value) {
    return note(duckdb_append_blob(appender_.get(), value.data(), value.size()));
  }
  OwnRows& int32(int32_t value) { return note(duckdb_append_int32(appender_.get(), value)); }
  OwnRows& int64(int64_t value) { return note(duckdb_append_int64(appender_.get(), value)); }
  OwnRows& uint64(uint64_t value) { return note(duckdb_append_uint64(appender_.get(), value)); }
  OwnRows& boolean(bool value) { return note(duckdb_append_bool(appender_.get(), value)); }
  [[nodiscard]] Status end_row() {
    note(duckdb_appender_end_row(appender_.get()));
    return check(ok_ ? DuckDBSuccess : DuckDBError);
  }
  [[nodiscard]] Status close() { return check(duckdb_appender_close(appender_.get())); }

 private:
  OwnRows& note(duckdb_state state) {
    ok_ = ok_ && state == DuckDBSuccess;
    return *this;
  }
  [[nodiscard]] Status check(duckdb_state state) {
    if (state == DuckDBSuccess) return {};
    return appender_error(appender_.get(), what_);
  }
  std::string what_;
  Appender appender_;
  bool ok_ = true;
};

}  // namespace

Result<OpenTable> OpenTable::make(TableSpec spec) {
  PENSTOCK_TRY_ASSIGN(TableName name, parse_table_name(spec.name));
  const bool revisions = keeps_revisions(spec);
  return OpenTable{.spec = std::move(spec), .name = std::move(name), .revisions = revisions};
}

Status OpenTable::find_provisional(duckdb_connection connection) {
  if (!revisions) return {};
  return for_each_row(connection,
                      fmt::format("SELECT 1 FROM {} WHERE final IS DISTINCT FROM true LIMIT 1", written().quoted()),
                      "looking for bars that are not final", [&](const Row&) { has_provisional = true; });
}

Result<std::unique_ptr<Transaction>> DuckDbTransaction::begin(duckdb_connection connection,
                                                              std::vector<OpenTable>& tables,
                                                              const market::SymbolTable* symbols,
                                                              std::atomic<bool>& busy) {
  if (busy.exchange(true)) {
    return fail(ErrorKind::invalid, "the store has a transaction open already: commit or drop it first");
  }
  if (Status begun = run(connection, "BEGIN TRANSACTION", "beginning a commit"); !begun) {
    busy = false;
    return std::unexpected(std::move(begun).error());
  }
  return std::unique_ptr<Transaction>(new DuckDbTransaction(connection, tables, symbols, busy));
}

DuckDbTransaction::DuckDbTransaction(duckdb_connection connection, std::vector<OpenTable>& tables,
                                     const market::SymbolTable* symbols, std::atomic<bool>& busy)
    : connection_(connection), tables_(tables), symbols_(symbols), busy_(busy), writers_(tables.size()) {}

DuckDbTransaction::~DuckDbTransaction() {
  if (open_) roll_back();
  busy_ = false;
}

void DuckDbTransaction::roll_back() {
  open_ = false;
  // An appender flushes what it holds when it is destroyed, so that it must be emptied first.
  for (const auto& writer : writers_) {
    if (!writer) continue;
    duckdb_appender_clear(writer->appender.get());
    if (writer->deleter) duckdb_appender_clear(writer->deleter.get());
  }
  writers_.clear();
  // Fails only where DuckDB has rolled back by itself.
  static_cast<void>(run(connection_, "ROLLBACK", "rolling back a commit"));
}

Status DuckDbTransaction::check_usable() const {
  if (!open_) return fail(ErrorKind::closed, "the transaction is over: begin another");
  if (failed_) return fail(ErrorKind::closed, "the transaction failed earlier: drop it and begin another");
  return {};
}

Result<DuckDbTransaction::Writer*> DuckDbTransaction::writer(size_t table) {
  if (writers_[table]) return writers_[table].get();
  const OpenTable& open = tables_[table];
  const market::SchemaPtr& schema = open.spec.schema;
  std::vector<size_t> all(schema->fields.size());
  std::iota(all.begin(), all.end(), size_t{0});
  const std::string what = fmt::format("writing to table {}", open.spec.name);
  std::unique_ptr<Writer> made(
      new Writer{ChunkFiller(open.spec.name, schema, std::move(all), symbols_), {}, nullptr, {}, {}});
  const TableName written = open.written();
  if (duckdb_appender_create_ext(connection_, nullptr, written.schema.c_str(), written.table.c_str(),
                                 made->appender.out()) != DuckDBSuccess) {
    return appender_error(made->appender.get(), what);
  }
  if (open.revisions) {
    // All but `newest`, which has a default.
    for (const market::Field& field : schema->fields) {
      if (duckdb_appender_add_column(made->appender.get(), field.name.c_str()) != DuckDBSuccess) {
        return appender_error(made->appender.get(), what);
      }
    }
  }
  if (!open.spec.key.empty()) {
    made->keys = std::make_unique<ChunkFiller>(open.spec.name, schema, open.spec.key, symbols_);
    std::vector<std::string> names;
    for (const size_t column : open.spec.key) names.push_back(schema->fields[column].name);
    if (open_deleter(connection_, open.name.quoted(), names, made->keys->types(), made->deleter) != DuckDBSuccess) {
      return appender_error(made->deleter.get(), what);
    }
  }
  writers_[table] = std::move(made);
  return writers_[table].get();
}

void DuckDbTransaction::note_touched(Writer& to, OpenTable& open, const market::Batch& rows) {
  const market::Column& revision = rows.columns[rows.schema->find("revision").value()];
  const market::Column& final = rows.columns[rows.schema->find("final").value()];
  std::vector<uint8_t> touched(rows.rows, 0);
  for (size_t row = 0; row < rows.rows; ++row) {
    if (final.is_null(row) || final.u8[row] == 0) open.has_provisional = true;
    touched[row] = revision.is_null(row) || revision.i64[row] != 0;
  }
  const bool all = open.has_provisional || !open.spec.bars_come_once;
  if (!all && std::ranges::find(touched, uint8_t{1}) == touched.end()) return;
  market::Batch keys = keys_of(rows);
  to.touched.push_back(all ? std::move(keys) : market::select_rows(keys, touched));
}

Status DuckDbTransaction::mark_older(const Writer& from, const OpenTable& open) {
  if (from.touched.empty()) return {};
  const market::SchemaPtr& schema = from.touched.front().schema;
  ChunkFiller filler(open.spec.name, schema, {0, 1, 2}, symbols_);
  std::vector<const char*> names;
  for (const market::Field& field : schema->fields) names.push_back(field.name.c_str());
  const std::vector<LogicalType> types = filler.types();
  std::vector<duckdb_logical_type> raw;
  for (const LogicalType& type : types) raw.push_back(type.get());
  const std::string sql = mark_older_sql(open.name, "touched_bars");
  Appender appender;
  if (duckdb_appender_create_query(connection_, sql.c_str(), raw.size(), raw.data(), "touched_bars", names.data(),
                                   appender.out()) != DuckDBSuccess) {
    return appender_error(appender.get(), fmt::format("revising bars of table {}", open.spec.name));
  }
  Status done;
  for (const market::Batch& keys : from.touched) {
    if (done) done = append_all(filler, appender, keys, open);
  }
  if (done && duckdb_appender_close(appender.get()) != DuckDBSuccess) {
    done = appender_error(appender.get(), fmt::format("revising bars of table {}", open.spec.name));
  }
  // Else it would run with what it holds when it is destroyed.
  if (!done) duckdb_appender_clear(appender.get());
  return done;
}

Status DuckDbTransaction::append_rows(Writer& to, OpenTable& open, const market::Batch& rows) {
  if (open.revisions) note_touched(to, open, rows);
  if (!to.keys) return append_all(to.rows, to.appender, rows, open);
  // The rows of these keys go, those that this transaction appended before too, and then the newest come.
  const std::vector<uint8_t> keep = newest_of_each_key(rows, open.spec.key);
  const bool unique = std::ranges::find(keep, uint8_t{0}) == keep.end();
  const market::Batch distinct = unique ? market::Batch{} : market::select_rows(rows, keep);
  const market::Batch& newest = unique ? rows : distinct;
  PENSTOCK_TRY(append_all(*to.keys, to.deleter, newest, open));
  if (duckdb_appender_flush(to.deleter.get()) != DuckDBSuccess) {
    return appender_error(to.deleter.get(), fmt::format("replacing rows of table {}", open.spec.name));
  }
  PENSTOCK_TRY(append_all(to.rows, to.appender, newest, open));
  if (duckdb_appender_flush(to.appender.get()) != DuckDBSuccess) {
    return appender_error(to.appender.get(), fmt::format("writing to table {}", open.spec.name));
  }
  return {};
}

Status DuckDbTransaction::append(size_t table, const market::Batch& rows) {
  PENSTOCK_TRY(check_usable());
  PENSTOCK_ASSERT(table < tables_.size());
  OpenTable& open = tables_[table];
  PENSTOCK_ASSERT(rows.schema->fields.size() == open.spec.schema->fields.size());
  if (rows.rows == 0) return {};
  failed_ = true;  // until it went well
  for (const size_t column : open.spec.key) {
    for (size_t row = 0; row < rows.rows; ++row) {
      if (!rows.columns[column].is_null(row)) continue;
      return fail(ErrorKind::invalid,
                  "table {}: column {} is part of the key and null in a row: filter such rows out, or use another key",
                  open.spec.name, open.spec.schema->fields[column].name);
    }
  }
  PENSTOCK_TRY_ASSIGN(Writer* const to, writer(table));
  PENSTOCK_TRY(append_rows(*to, open, rows));
  failed_ = false;
  return {};
}

Status DuckDbTransaction::remove(size_t table, const market::Batch& rows) {
  PENSTOCK_TRY(check_usable());
  PENSTOCK_ASSERT(table < tables_.size());
  const OpenTable& open = tables_[table];
  const market::SchemaPtr& schema = open.spec.schema;
  PENSTOCK_ASSERT(rows.schema->fields.size() == schema->fields.size());
  if (rows.rows == 0) return {};
  failed_ = true;  // until it went well
  const std::string what = fmt::format("removing rows of table {}", open.spec.name);
  if (writers_[table] && duckdb_appender_flush(writers_[table]->appender.get()) != DuckDBSuccess) {
    return appender_error(writers_[table]->appender.get(), fmt::format("writing to table {}", open.spec.name));
  }
  std::vector<size_t> all(schema->fields.size());
  std::iota(all.begin(), all.end(), size_t{0});
  ChunkFiller filler(open.spec.name, schema, std::move(all), symbols_);
  std::vector<std::string> names;
  for (const market::Field& field : schema->fields) names.push_back(field.name);
  Appender remover;
  if (open_remover(connection_, open.name.quoted(), names, filler.types(), remover) != DuckDBSuccess) {
    return appender_error(remover.get(), what);
  }
  PENSTOCK_TRY(append_all(filler, remover, rows, open));
  if (duckdb_appender_close(remover.get()) != DuckDBSuccess) return appender_error(remover.get(), what);
  failed_ = false;
  return {};
}

Status DuckDbTransaction::set_offset(const TopicPartition& partition, Offset next) {
  PENSTOCK_TRY(check_usable());
  offsets_[partition] = next;
  return {};
}

Status DuckDbTransaction::set_source(const std::string& source, const SourcePosition& position) {
  PENSTOCK_TRY(check_usable());
  sources_[source] = position;
  return {};
}

Status DuckDbTransaction::set_state(const TopicPartition& partition,
                                    const std::map<std::string, std::string>& changes) {
  PENSTOCK_TRY(check_usable());
  auto& state = state_[partition];
  for (const auto& [name, value] : changes) state[name] = value;
  return {};
}

Status DuckDbTransaction::write_offsets() {
  if (offsets_.empty()) return {};
  OwnRows gone("replacing offsets");
  PENSTOCK_TRY(
      gone.open_delete(connection_, "offsets", {{"topic", DUCKDB_TYPE_VARCHAR}, {"partition", DUCKDB_TYPE_INTEGER}}));
  for (const auto& [id, next] : offsets_) PENSTOCK_TRY(gone.text(id.topic).int32(id.partition).end_row());
  PENSTOCK_TRY(gone.close());
  OwnRows rows("writing offsets");
  PENSTOCK_TRY(rows.open_insert(connection_, "offsets"));
  for (const auto& [id, next] : offsets_)
    PENSTOCK_TRY(rows.text(id.topic).int32(id.partition).int64(next.value).end_row());
  return rows.close();
}

Status DuckDbTransaction::write_sources() {
  if (sources_.empty()) return {};
  for (const auto& [table, column] : {std::pair{"sources", "name"}, std::pair{"sequences", "source"}}) {
    OwnRows gone("replacing source positions");
    PENSTOCK_TRY(gone.open_delete(connection_, table, {{column, DUCKDB_TYPE_VARCHAR}}));
    for (const auto& [name, position] : sources_) PENSTOCK_TRY(gone.text(name).end_row());
    PENSTOCK_TRY(gone.close());
  }
  OwnRows rows("writing source positions");
  PENSTOCK_TRY(rows.open_insert(connection_, "sources"));
  for (const auto& [name, position] : sources_) {
    PENSTOCK_TRY(
        rows.text(name).uint64(position.position).boolean(position.finished).text(position.identity).end_row());
  }
  PENSTOCK_TRY(rows.close());
  OwnRows sequences("writing source sequences");
  PENSTOCK_TRY(sequences.open_insert(connection_, "sequences"));
  for (const auto& [name, position] : sources_) {
    for (const auto& [id, next] : position.next_sequence) {
      PENSTOCK_TRY(sequences.text(name).text(id.topic).int32(id.partition).int64(next).end_row());
    }
  }
  return sequences.close();
}

Status DuckDbTransaction::write_state() {
  if (state_.empty()) return {};
  OwnRows gone("replacing state");
  PENSTOCK_TRY(gone.open_delete(
      connection_, "state",
      {{"topic", DUCKDB_TYPE_VARCHAR}, {"partition", DUCKDB_TYPE_INTEGER}, {"name", DUCKDB_TYPE_VARCHAR}}));
  for (const auto& [id, blobs] : state_) {
    for (const auto& [name, value] : blobs) PENSTOCK_TRY(gone.text(id.topic).int32(id.partition).text(name).end_row());
  }
  PENSTOCK_TRY(gone.close());
  OwnRows rows("writing state");
  PENSTOCK_TRY(rows.open_insert(connection_, "state"));
  for (const auto& [id, blobs] : state_) {
    for (const auto& [name, value] : blobs) {
      if (!value.empty()) PENSTOCK_TRY(rows.text(id.topic).int32(id.partition).text(name).blob(value).end_row());
    }
  }
  return rows.close();
}

Status DuckDbTransaction::write_all() {
  for (size_t i = 0; i < writers_.size(); ++i) {
    if (writers_[i] && duckdb_appender_close(writers_[i]->appender.get()) != DuckDBSuccess) {
      return appender_error(writers_[i]->appender.get(), fmt::format("appending to table {}", tables_[i].spec.name));
    }
    if (writers_[i]) PENSTOCK_TRY(mark_older(*writers_[i], tables_[i]));
  }
  PENSTOCK_TRY(write_offsets());
  PENSTOCK_TRY(write_sources());
  PENSTOCK_TRY(write_state());
  kill_point("store.before_commit");
  return run(connection_, "COMMIT", "committing to the store");
}

Status DuckDbTransaction::commit() {
  PENSTOCK_TRY(check_usable());
  if (Status written = write_all(); !written) {
    roll_back();
    return written;
  }
  open_ = false;
  writers_.clear();
  kill_point("store.after_commit");
  return {};
}

}  // namespace penstock::store::duck

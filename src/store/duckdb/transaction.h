// One commit being made, in one DuckDB transaction.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/duckdb/chunk_filler.h"
#include "store/duckdb/tables.h"
#include "store/store.h"

namespace penstock::store::duck {

struct OpenTable {
  TableSpec spec;
  TableName name;                // of the view, where it keeps revisions
  bool revisions = false;
  bool has_provisional = false;  // a bar that is not final was ever appended; of the writer's thread
  [[nodiscard]] TableName written() const { return revisions ? revisions_of(name) : name; }
  [[nodiscard]] static Result<OpenTable> make(TableSpec spec);
  // Sets has_provisional from what the table, which is there, holds.
  [[nodiscard]] Status find_provisional(duckdb_connection connection);
};

// Borrows the writer's connection and the tables from the store, which outlives it; `busy` is true as long as it lives.
class DuckDbTransaction final : public Transaction {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Transaction>> begin(duckdb_connection connection,
                                                                  std::vector<OpenTable>& tables,
                                                                  const market::SymbolTable* symbols,
                                                                  std::atomic<bool>& busy);
  ~DuckDbTransaction() override;
  Status append(size_t table, const market::Batch& rows) override;
  Status remove(size_t table, const market::Batch& rows) override;
  Status set_offset(const TopicPartition& partition, Offset next) override;
  Status set_source(const std::string& source, const SourcePosition& position) override;
  Status set_state(const TopicPartition& partition, const std::map<std::string, std::string>& changes) override;
  Status commit() override;

 private:
  struct Writer {
    ChunkFiller rows;
    Appender appender;
    std::unique_ptr<ChunkFiller> keys;  // of a table with a key
    Appender deleter;  // deletes the rows of the keys appended to it
    std::vector<market::Batch> touched;  // kBarKey of bars that may have older rows
  };
  DuckDbTransaction(duckdb_connection connection, std::vector<OpenTable>& tables, const market::SymbolTable* symbols,
                    std::atomic<bool>& busy);
  [[nodiscard]] Result<Writer*> writer(size_t table);
  [[nodiscard]] Status append_rows(Writer& to, OpenTable& open, const market::Batch& rows);
  // Notes the bars of `rows` that may have older rows in the table, or in `rows`.
  void note_touched(Writer& to, OpenTable& open, const market::Batch& rows);
  [[nodiscard]] Status mark_older(const Writer& from, const OpenTable& open);
  [[nodiscard]] Status check_usable() const;
  [[nodiscard]] Status write_all();
  [[nodiscard]] Status write_offsets();
  [[nodiscard]] Status write_sources();
  [[nodiscard]] Status write_state();
  void roll_back();

  duckdb_connection connection_;
  std::vector<OpenTable>& tables_;
  const market::SymbolTable* symbols_;
  std::atomic<bool>& busy_;
  bool open_ = true;  // neither committed nor rolled back
  bool failed_ = false;  // an append failed: what is in the transaction is not whole
  std::vector<std::unique_ptr<Writer>> writers_;
  // Written at commit: few rows, of which only the last value counts.
  std::map<TopicPartition, Offset> offsets_;
  std::map<std::string, SourcePosition> sources_;
  std::map<TopicPartition, std::map<std::string, std::string>> state_;
};

}  // namespace penstock::store::duck

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
  TableName name;
};

// Borrows the writer's connection and the tables from the store, which outlives it; `busy` is true as long as it lives.
class DuckDbTransaction final : public Transaction {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Transaction>> begin(duckdb_connection connection,
                                                                  const std::vector<OpenTable>& tables,
                                                                  const market::SymbolTable* symbols,
                                                                  std::atomic<bool>& busy);
  ~DuckDbTransaction() override;
  Status append(size_t table, const market::Batch& rows) override;
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
  };
  DuckDbTransaction(duckdb_connection connection, const std::vector<OpenTable>& tables,
                    const market::SymbolTable* symbols, std::atomic<bool>& busy);
  [[nodiscard]] Result<Writer*> writer(size_t table);
  [[nodiscard]] Status append_rows(Writer& to, const OpenTable& open, const market::Batch& rows);
  [[nodiscard]] Status check_usable() const;
  [[nodiscard]] Status write_all();
  [[nodiscard]] Status write_offsets();
  [[nodiscard]] Status write_sources();
  [[nodiscard]] Status write_state();
  void roll_back();

  duckdb_connection connection_;
  const std::vector<OpenTable>& tables_;
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

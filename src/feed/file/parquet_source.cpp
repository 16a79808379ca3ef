#include "feed/file/parquet_source.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/logging.h"
#include "feed/file/file_open.h"
#include "feed/file/ordered_run.h"
#include "feed/file/pacer.h"
#include "feed/file/parquet_scan.h"
#include "market/schema.h"

namespace penstock::feed::file {
namespace {

// A row counts as so many bytes of `chunk_bytes`.
constexpr uint64_t kBytesPerRow = 64;
constexpr uint64_t kPacedPieceRows = 1024;

class ParquetWorker final : public PieceWorker {
 public:
  ParquetWorker(std::unique_ptr<ParquetPart> part, uint64_t file_rows, SourceStats& stats)
      : part_(std::move(part)), file_rows_(file_rows), stats_(stats) {}

  Result<bool> take() override { return part_->take(bounds_); }

  Result<Decoded> decode(uint64_t) override {
    PENSTOCK_TRY(part_->decode(false, rows_));
    Chunk chunk{
        .rows = std::move(rows_.rows), .rejects = std::move(rows_.rejects), .position_end = bounds_.position_end};
    stats_.records.fetch_add(chunk.rows.rows, std::memory_order_relaxed);
    stats_.rejects.fetch_add(chunk.rejects.size(), std::memory_order_relaxed);
    if (file_rows_ > 0) {
      const uint64_t rows = bounds_.position_end - bounds_.position;
      stats_.bytes.fetch_add(stats_.bytes_total * rows / file_rows_, std::memory_order_relaxed);
    }
    if (bounds_.last) chunk.marks.push_back({Timestamp::max()});
    return Decoded{.chunk = std::move(chunk), .failure = {}};
  }

  void work_ahead() override { part_->work_ahead(); }

 private:
  std::unique_ptr<ParquetPart> part_;
  uint64_t file_rows_;
  SourceStats& stats_;
  ParquetBounds bounds_;
  DecodedRows rows_;
};

class ParquetSource final : public Source {
 public:
  ParquetSource(FileOptions options, std::vector<FieldSpec> specs, market::SymbolTable& symbols, Clock& clock)
      : options_(std::move(options)), specs_(std::move(specs)), symbols_(symbols), clock_(clock) {}

  Status open(io::FileSystem& files, ParquetReaderChoice choice) {
    PENSTOCK_TRY_ASSIGN(auto file, open_regular_file(options_.path, files));
    PENSTOCK_TRY_ASSIGN(stats_.bytes_total, file->size());
    const ParquetRequest request{options_, specs_, symbols_};
    std::string reason;
    if (choice != ParquetReaderChoice::duckdb) {
      auto native = open_native_parquet(request, std::move(file));
      if (native) {
        file_ = std::move(*native);
        return {};
      }
      if (choice == ParquetReaderChoice::native || native.error().kind != ErrorKind::invalid) {
        return with_context(std::move(native).error(), options_.path);
      }
      reason = std::move(native).error().message;
    }
    PENSTOCK_TRY_ASSIGN(file_, open_duckdb_parquet(request));
    if (!reason.empty()) log_info("feed", "{}: read by DuckDB, which is slower, because {}", options_.path, reason);
    return {};
  }

  std::vector<market::SchemaPtr> outputs() const override { return {schema_of(options_.record)}; }
  bool deterministic() const override { return true; }
  const SourceStats& stats() const override { return stats_; }

  Status run(uint64_t position, Emitter& emitter, std::stop_token stop) override {
    try {
      uint64_t piece_rows = std::max<uint64_t>(1, options_.chunk_bytes / kBytesPerRow);
      if (options_.pace) piece_rows = std::min(piece_rows, kPacedPieceRows);
      if (position > file_->rows()) {
        return fail(ErrorKind::invalid,
                    "{}: cannot go on at row {}: it has only {}; it is not the file that was read before",
                    options_.path, position, file_->rows());
      }
      PENSTOCK_TRY_ASSIGN(auto scan, file_->scan(position, piece_rows));
      if (options_.pace) return run_paced(*scan, position, emitter, stop);

      LineNumbers numbers;
      std::vector<std::unique_ptr<PieceWorker>> workers;
      const int threads =
          options_.threads > 0 ? options_.threads : static_cast<int>(std::thread::hardware_concurrency());
      for (int i = 0; i < std::clamp(threads, 1, kFileThreadsMax); ++i) {
        workers.push_back(std::make_unique<ParquetWorker>(scan->make_part(), file_->rows(), stats_));
      }
      return run_in_order(workers, emitter, stop, numbers);
    } catch (const std::exception& e) {
      return fail(ErrorKind::io, "{}: {}", options_.path, e.what());
    }
  }

 private:
  Status run_paced(ParquetScan& scan, uint64_t position, Emitter& emitter, const std::stop_token& stop) {
    Pacer pacer(*options_.pace, schema_of(options_.record), position, clock_, emitter, stop);
    const std::unique_ptr<ParquetPart> part = scan.make_part();
    ParquetBounds bounds;
    DecodedRows rows;
    for (;;) {
      PENSTOCK_TRY_ASSIGN(const bool more, part->take(bounds));
      if (!more || stop.stop_requested()) return {};
      PENSTOCK_TRY(part->decode(true, rows));
      stats_.records.fetch_add(rows.rows.rows, std::memory_order_relaxed);
      stats_.rejects.fetch_add(rows.rejects.size(), std::memory_order_relaxed);
      const PacedPiece paced{.rows = std::move(rows.rows),
                             .time_column = market::TradeColumn::ts_event,
                             .row_positions = std::move(rows.row_positions),
                             .rejects = std::move(rows.rejects),
                             .reject_rows = std::move(rows.reject_rows),
                             .position_end = bounds.position_end};
      PENSTOCK_TRY_ASSIGN(const bool all, pacer.emit(paced));
      if (!all) return {};
      if (bounds.last) return pacer.emit_end(bounds.position_end);
    }
  }

  const FileOptions options_;
  const std::vector<FieldSpec> specs_;
  market::SymbolTable& symbols_;
  Clock& clock_;
  SourceStats stats_;
  std::unique_ptr<ParquetFile> file_;  // borrows the options, the specs and the symbols
};

}  // namespace

Result<std::unique_ptr<Source>> make_parquet_source(FileOptions options, market::SymbolTable& symbols, Clock& clock,
                                                    io::FileSystem& files, ParquetReaderChoice choice) {
  PENSTOCK_TRY_ASSIGN(std::vector<FieldSpec> specs, make_field_specs(options));
  auto source = std::make_unique<ParquetSource>(std::move(options), std::move(specs), symbols, clock);
  PENSTOCK_TRY(source->open(files, choice));
  return source;
}

}  // namespace penstock::feed::file

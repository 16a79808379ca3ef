#include "feed/file/parquet_source.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "feed/file/file_open.h"
#include "feed/file/ordered_run.h"
#include "feed/file/pacer.h"
#include "feed/file/parquet_decoder.h"
#include "feed/file/parquet_reader.h"
#include "market/schema.h"

namespace penstock::feed::file {
namespace {

// A row counts as so many bytes of `chunk_bytes`.
constexpr uint64_t kBytesPerRow = 64;
constexpr uint64_t kPacedPieceRows = 1024;

class ParquetWorker final : public PieceWorker {
 public:
  ParquetWorker(ParquetReader& reader, ParquetDecoder decoder, const ParquetLayout& layout, SourceStats& stats)
      : reader_(reader), decoder_(std::move(decoder)), layout_(layout), stats_(stats) {}

  Result<bool> take() override { return reader_.next(piece_); }

  Result<Decoded> decode(uint64_t) override {
    decoder_.decode(piece_, false, rows_);
    Chunk chunk{
        .rows = std::move(rows_.rows), .rejects = std::move(rows_.rejects), .position_end = piece_.position_end};
    stats_.records.fetch_add(chunk.rows.rows, std::memory_order_relaxed);
    stats_.rejects.fetch_add(chunk.rejects.size(), std::memory_order_relaxed);
    if (layout_.rows > 0) {
      const uint64_t rows = piece_.position_end - piece_.position;
      stats_.bytes.fetch_add(stats_.bytes_total * rows / layout_.rows, std::memory_order_relaxed);
    }
    if (piece_.last) chunk.marks.push_back({Timestamp::max()});
    piece_.runs.clear();
    return Decoded{.chunk = std::move(chunk), .failure = {}};
  }

 private:
  ParquetReader& reader_;  // shared; used under the run's lock only
  ParquetDecoder decoder_;
  const ParquetLayout& layout_;
  SourceStats& stats_;
  ParquetPiece piece_;
  DecodedRows rows_;
};

class ParquetSource final : public Source {
 public:
  ParquetSource(FileOptions options, ParquetLayout layout, uint64_t size, std::vector<FieldSpec> specs,
                market::SymbolTable& symbols, Clock& clock)
      : options_(std::move(options)),
        layout_(std::move(layout)),
        specs_(std::move(specs)),
        symbols_(symbols),
        clock_(clock) {
    stats_.bytes_total = size;
  }

  std::vector<market::SchemaPtr> outputs() const override { return {schema_of(options_.record)}; }
  bool deterministic() const override { return true; }
  const SourceStats& stats() const override { return stats_; }

  Status run(uint64_t position, Emitter& emitter, std::stop_token stop) override {
    try {
      PENSTOCK_TRY_ASSIGN(auto reader, ParquetReader::open(options_.path));
      uint64_t piece_rows = std::max<uint64_t>(1, options_.chunk_bytes / kBytesPerRow);
      if (options_.pace) piece_rows = std::min(piece_rows, kPacedPieceRows);
      PENSTOCK_TRY(reader->start(layout_, position, piece_rows));
      if (options_.pace) return run_paced(*reader, position, emitter, stop);

      LineNumbers numbers;
      std::vector<std::unique_ptr<PieceWorker>> workers;
      const int threads =
          options_.threads > 0 ? options_.threads : static_cast<int>(std::thread::hardware_concurrency());
      for (int i = 0; i < std::clamp(threads, 1, kFileThreadsMax); ++i) {
        workers.push_back(std::make_unique<ParquetWorker>(*reader, make_decoder(), layout_, stats_));
      }
      return run_in_order(workers, emitter, stop, numbers);
    } catch (const std::exception& e) {
      return fail(ErrorKind::io, "{}: {}", options_.path, e.what());
    }
  }

 private:
  ParquetDecoder make_decoder() {
    std::vector<size_t> given;
    for (const ParquetColumn& column : layout_.columns) given.push_back(column.field);
    return {BatchBuilder(options_.record, specs_, std::move(given), options_.time_unit, symbols_), layout_,
            options_.time_unit};
  }

  Status run_paced(ParquetReader& reader, uint64_t position, Emitter& emitter, const std::stop_token& stop) {
    Pacer pacer(*options_.pace, schema_of(options_.record), position, clock_, emitter, stop);
    ParquetDecoder decoder = make_decoder();
    ParquetPiece piece;
    DecodedRows rows;
    for (;;) {
      PENSTOCK_TRY_ASSIGN(const bool more, reader.next(piece));
      if (!more || stop.stop_requested()) return {};
      decoder.decode(piece, true, rows);
      stats_.records.fetch_add(rows.rows.rows, std::memory_order_relaxed);
      stats_.rejects.fetch_add(rows.rejects.size(), std::memory_order_relaxed);
      const PacedPiece paced{.rows = std::move(rows.rows),
                             .time_column = market::TradeColumn::ts_event,
                             .row_positions = std::move(rows.row_positions),
                             .rejects = std::move(rows.rejects),
                             .reject_rows = std::move(rows.reject_rows),
                             .position_end = piece.position_end};
      PENSTOCK_TRY_ASSIGN(const bool all, pacer.emit(paced));
      if (!all) return {};
      if (piece.last) return pacer.emit_end(piece.position_end);
    }
  }

  const FileOptions options_;
  const ParquetLayout layout_;
  const std::vector<FieldSpec> specs_;
  market::SymbolTable& symbols_;
  Clock& clock_;
  SourceStats stats_;
};

}  // namespace

Result<std::unique_ptr<Source>> make_parquet_source(FileOptions options, market::SymbolTable& symbols, Clock& clock,
                                                    io::FileSystem& files) {
  PENSTOCK_TRY_ASSIGN(std::vector<FieldSpec> specs, make_field_specs(options));
  PENSTOCK_TRY_ASSIGN(auto file, open_regular_file(options.path, files));
  PENSTOCK_TRY_ASSIGN(const uint64_t size, file->size());
  PENSTOCK_TRY_ASSIGN(auto reader, ParquetReader::open(options.path));
  PENSTOCK_TRY_ASSIGN(ParquetLayout layout, reader->read_layout(specs));
  return std::make_unique<ParquetSource>(std::move(options), std::move(layout), size, std::move(specs), symbols, clock);
}

}  // namespace penstock::feed::file

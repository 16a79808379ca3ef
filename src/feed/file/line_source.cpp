#include "feed/file/line_source.h"

#include <fmt/core.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "feed/file/csv_decoder.h"
#include "feed/file/jsonl_decoder.h"
#include "feed/file/line_decoder.h"
#include "feed/file/line_reader.h"
#include "feed/file/ordered_run.h"
#include "feed/file/pacer.h"
#include "market/schema.h"

namespace penstock::feed::file {
namespace {

// A paced run decodes little at a time, so that it holds little.
constexpr size_t kPacedPieceBytes = 64 * 1024;

// The number of lines before the place where a run begins: counted when a reject first needs it, as on a large file
// that takes seconds. Thread-safe.
class LineBase {
 public:
  LineBase(const LineFile& file, uint64_t position, std::optional<uint64_t> known, io::FileSystem& files)
      : file_(file), position_(position), known_(known), files_(files) {}

  [[nodiscard]] Result<uint64_t> get() {
    std::lock_guard lock(mutex_);
    if (!known_) {
      PENSTOCK_TRY_ASSIGN(known_, count_lines_before(file_, position_, files_));
    }
    return *known_;
  }

 private:
  const LineFile& file_;
  const uint64_t position_;
  std::mutex mutex_;
  std::optional<uint64_t> known_;  // guarded by mutex_
  io::FileSystem& files_;
};

std::string line_position(uint64_t line) { return fmt::format("line {}", line + 1); }

std::vector<Reject> place_rejects(std::vector<LineReject>&& rejects, uint64_t lines_before) {
  std::vector<Reject> placed;
  placed.reserve(rejects.size());
  for (LineReject& reject : rejects) {
    placed.push_back({line_position(lines_before + reject.line), std::move(reject.reason), std::move(reject.raw)});
  }
  return placed;
}

class LineWorker final : public PieceWorker {
 public:
  LineWorker(LineReader& reader, LineBase& base, LineNumbers& numbers, std::unique_ptr<LineDecoder> decoder,
             SourceStats& stats)
      : reader_(reader), base_(base), numbers_(numbers), decoder_(std::move(decoder)), stats_(stats) {}

  Result<bool> take() override {
    begin_ = 0;
    lines_done_ = 0;
    lines_before_.reset();
    auto more = reader_.next(piece_);
    stats_.bytes.store(reader_.bytes_consumed(), std::memory_order_relaxed);
    return more;
  }

  Result<Decoded> decode(uint64_t index) override {
    const bool first = begin_ == 0;
    decoder_->decode(piece_, begin_, false, lines_);
    begin_ = lines_.bytes_end;
    Chunk chunk{.rows = std::move(lines_.rows),
                .position_end = lines_.whole ? piece_.position_end : piece_.position + begin_};
    if (!lines_.rejects.empty()) {
      if (!lines_before_) {
        const std::optional<uint64_t> before = numbers_.before(index);
        if (!before) return fail(ErrorKind::cancelled, "reading the file was given up");
        PENSTOCK_TRY_ASSIGN(const uint64_t base, base_.get());
        lines_before_ = base + *before;
      }
      chunk.rejects = place_rejects(std::move(lines_.rejects), *lines_before_ + lines_done_);
    }
    lines_done_ += lines_.lines;
    // Others need not wait for the parts that are left: their lines can be counted.
    if (first) numbers_.post(index, lines_.whole ? lines_done_ : lines_done_ + count_lines_left());
    stats_.records.fetch_add(chunk.rows.rows, std::memory_order_relaxed);
    stats_.rejects.fetch_add(chunk.rejects.size(), std::memory_order_relaxed);
    Decoded decoded{.chunk = {}, .failure = {}, .more = !lines_.whole};
    if (lines_.whole) {
      if (piece_.last && !piece_.failure) chunk.marks.push_back({Timestamp::max()});
      decoded.failure = piece_.failure;
    }
    if (chunk.rows.rows > 0 || !chunk.rejects.empty() || !chunk.marks.empty()) decoded.chunk = std::move(chunk);
    return decoded;
  }

 private:
  uint64_t count_lines_left() const {
    return count_newlines(piece_.lines.substr(begin_)) + (piece_.tail_kind == LinePiece::Tail::long_line ? 1 : 0);
  }

  LineReader& reader_;  // shared; used under the run's lock only
  LineBase& base_;
  LineNumbers& numbers_;
  std::unique_ptr<LineDecoder> decoder_;
  SourceStats& stats_;
  LinePiece piece_;
  size_t begin_ = 0;                      // of what is left of the piece
  uint64_t lines_done_ = 0;               // of the piece
  std::optional<uint64_t> lines_before_;  // the piece, in the file: known once a reject needed it
  DecodedLines lines_;
};

class LineSource final : public Source {
 public:
  LineSource(FileOptions options, Format format, LineFile file, std::vector<FieldSpec> specs,
             market::SymbolTable& symbols, Clock& clock, io::FileSystem& files)
      : options_(std::move(options)),
        format_(format),
        file_(std::move(file)),
        specs_(std::move(specs)),
        symbols_(symbols),
        clock_(clock),
        files_(files) {
    stats_.bytes_total = file_.size;
  }

  std::vector<market::SchemaPtr> outputs() const override { return {schema_of(options_.record)}; }
  bool deterministic() const override { return true; }
  const SourceStats& stats() const override { return stats_; }

  Status run(uint64_t position, Emitter& emitter, std::stop_token stop) override {
    try {
      position = std::max(position, file_.begin);
      PENSTOCK_TRY_ASSIGN(StreamAt at, open_stream_at(file_, position, files_));
      if (position == file_.begin) at.lines_before = file_.begin_line;
      LineBase base(file_, position, at.lines_before, files_);
      const size_t piece_bytes =
          options_.pace ? std::min(kPacedPieceBytes, options_.chunk_bytes) : options_.chunk_bytes;
      LineReader reader(std::move(at.stream), position, piece_bytes);
      if (options_.pace) return run_paced(reader, base, emitter, stop);

      LineNumbers numbers;
      std::vector<std::unique_ptr<PieceWorker>> workers;
      workers.reserve(static_cast<size_t>(thread_count()));
      for (int i = 0; i < thread_count(); ++i) {
        workers.push_back(std::make_unique<LineWorker>(reader, base, numbers, make_decoder(), stats_));
      }
      return run_in_order(workers, emitter, stop, numbers);
    } catch (const std::exception& e) {
      return fail(ErrorKind::io, "{}: {}", file_.path, e.what());
    }
  }

 private:
  int thread_count() const {
    if (options_.threads > 0) return options_.threads;
    return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kFileThreadsMax);
  }

  std::unique_ptr<LineDecoder> make_decoder() {
    if (options_.record == FileRecord::json) {
      return make_json_value_decoder(specs_, options_.time_unit, file_.changed);
    }
    if (format_ == Format::jsonl) {
      std::vector<size_t> given;
      for (size_t field = 0; field < specs_.size(); ++field) {
        if (!specs_[field].constant) given.push_back(field);
      }
      return make_jsonl_decoder(BatchBuilder(options_.record, specs_, std::move(given), options_.time_unit, symbols_));
    }
    std::vector<size_t> given;
    for (const CsvLayout::Used& used : file_.layout.used) given.push_back(used.field);
    return make_csv_decoder(BatchBuilder(options_.record, specs_, std::move(given), options_.time_unit, symbols_),
                            file_.layout, options_.delimiter);
  }

  Status run_paced(LineReader& reader, LineBase& base, Emitter& emitter, const std::stop_token& stop) {
    Pacer pacer(*options_.pace, schema_of(options_.record), reader.position(), clock_, emitter, stop);
    const std::unique_ptr<LineDecoder> decoder = make_decoder();
    LinePiece piece;
    DecodedLines lines;
    uint64_t lines_before = 0;
    for (;;) {
      if (lines.whole) {
        PENSTOCK_TRY_ASSIGN(const bool more, reader.next(piece));
        if (!more) return {};
        lines.bytes_end = 0;
      }
      if (stop.stop_requested()) return {};
      decoder->decode(piece, lines.bytes_end, true, lines);
      PacedPiece paced{.rows = std::move(lines.rows),
                       .time_column = market::TradeColumn::ts_event,
                       .position_end = lines.whole ? piece.position_end : piece.position + lines.bytes_end};
      for (const uint64_t byte : lines.row_bytes) paced.row_positions.push_back(piece.position + byte);
      if (!lines.rejects.empty()) {
        for (const LineReject& reject : lines.rejects) paced.reject_rows.push_back(reject.before_row);
        PENSTOCK_TRY_ASSIGN(const uint64_t first, base.get());
        paced.rejects = place_rejects(std::move(lines.rejects), first + lines_before);
      }
      lines_before += lines.lines;
      stats_.bytes.store(reader.bytes_consumed(), std::memory_order_relaxed);
      stats_.records.fetch_add(paced.rows.rows, std::memory_order_relaxed);
      stats_.rejects.fetch_add(paced.rejects.size(), std::memory_order_relaxed);
      PENSTOCK_TRY_ASSIGN(const bool all, pacer.emit(paced));
      if (!all) return {};
      if (!lines.whole) continue;
      if (piece.failure) return std::unexpected(*piece.failure);
      if (piece.last) return pacer.emit_end(piece.position_end);
    }
  }

  const FileOptions options_;
  const Format format_;
  const LineFile file_;
  const std::vector<FieldSpec> specs_;
  market::SymbolTable& symbols_;
  Clock& clock_;
  io::FileSystem& files_;
  SourceStats stats_;
};

static_assert(size_t{market::TradeColumn::ts_event} == size_t{market::QuoteColumn::ts_event});

}  // namespace

Result<std::unique_ptr<Source>> make_line_source(FileOptions options, FileShape shape, market::SymbolTable& symbols,
                                                 Clock& clock, io::FileSystem& files) {
  PENSTOCK_TRY_ASSIGN(std::vector<FieldSpec> specs, make_field_specs(options));
  PENSTOCK_TRY_ASSIGN(LineFile file, open_line_file(options, shape, files, specs));
  return std::make_unique<LineSource>(std::move(options), shape.format, std::move(file), std::move(specs), symbols,
                                      clock, files);
}

}  // namespace penstock::feed::file

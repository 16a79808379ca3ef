#include <utility>

#include "feed/file/duckdb_parquet_decoder.h"
#include "feed/file/duckdb_parquet_reader.h"
#include "feed/file/parquet_scan.h"

namespace penstock::feed::file {
namespace {

class Part final : public ParquetPart {
 public:
  Part(DuckdbReader& reader, DuckdbDecoder decoder) : reader_(reader), decoder_(std::move(decoder)) {}

  Result<bool> take(ParquetBounds& bounds) override {
    PENSTOCK_TRY_ASSIGN(const bool more, reader_.next(piece_));
    bounds = {piece_.position, piece_.position_end, piece_.last};
    return more;
  }
  Status decode(bool keep_positions, DecodedRows& out) override {
    decoder_.decode(piece_, keep_positions, out);
    piece_.runs.clear();
    return {};
  }

 private:
  DuckdbReader& reader_;
  DuckdbDecoder decoder_;
  DuckdbPiece piece_;
};

class Scan final : public ParquetScan {
 public:
  Scan(std::unique_ptr<DuckdbReader> reader, const DuckdbLayout& layout, const ParquetRequest& request)
      : reader_(std::move(reader)), layout_(layout), request_(request) {}

  std::unique_ptr<ParquetPart> make_part() override {
    std::vector<size_t> given;
    for (const DuckdbColumn& column : layout_.columns) given.push_back(column.field);
    const TimeUnit time_unit = request_.options.time_unit;
    BatchBuilder builder(request_.options.record, request_.specs, std::move(given), time_unit, request_.symbols);
    return std::make_unique<Part>(*reader_, DuckdbDecoder(std::move(builder), layout_, time_unit));
  }

 private:
  std::unique_ptr<DuckdbReader> reader_;
  const DuckdbLayout& layout_;
  ParquetRequest request_;
};

class File final : public ParquetFile {
 public:
  File(DuckdbLayout layout, const ParquetRequest& request) : layout_(std::move(layout)), request_(request) {}

  uint64_t rows() const override { return layout_.rows; }
  Result<std::unique_ptr<ParquetScan>> scan(uint64_t position, uint64_t piece_rows) override {
    PENSTOCK_TRY_ASSIGN(auto reader, DuckdbReader::open(request_.options.path));
    PENSTOCK_TRY(reader->start(layout_, position, piece_rows));
    return std::make_unique<Scan>(std::move(reader), layout_, request_);
  }

 private:
  DuckdbLayout layout_;
  ParquetRequest request_;
};

}  // namespace

Result<std::unique_ptr<ParquetFile>> open_duckdb_parquet(const ParquetRequest& request) {
  PENSTOCK_TRY_ASSIGN(auto reader, DuckdbReader::open(request.options.path));
  PENSTOCK_TRY_ASSIGN(DuckdbLayout layout, reader->read_layout(request.specs));
  return std::make_unique<File>(std::move(layout), request);
}

}  // namespace penstock::feed::file

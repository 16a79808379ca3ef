#include <algorithm>
#include <utility>

#include "feed/file/parquet_batch.h"
#include "feed/file/parquet_columns.h"
#include "feed/file/parquet_cursor.h"
#include "feed/file/parquet_loader.h"
#include "feed/file/parquet_metadata.h"
#include "feed/file/parquet_scan.h"

namespace penstock::feed::file {
namespace {

// A page that is loaded ahead adds to what is held in memory, so larger ones are not.
constexpr uint32_t kAheadBytesMax = uint32_t{4} << 20;

// What is read, constant once the file is open.
struct Layout {
  std::unique_ptr<io::File> file;
  std::vector<ParquetColumn> columns;
  std::vector<ParquetRowGroup> groups;
  uint64_t data_end = 0;
  uint64_t rows = 0;
};

// Claims the rows of pieces. Used by one thread at a time.
class PieceCutter {
 public:
  PieceCutter(const Layout& layout, const std::string& path, uint64_t piece_rows)
      : layout_(layout), path_(path), piece_rows_(piece_rows) {
    for (size_t i = 0; i < layout.columns.size(); ++i) {
      cursors_.emplace_back(*layout.file, layout.columns[i], layout.groups, i, layout.data_end);
    }
  }

  Status seek(uint64_t position) {
    position_ = position;
    for (ColumnCursor& cursor : cursors_) PENSTOCK_TRY(placed(cursor.seek(position)));
    return {};
  }

  Result<bool> next(ParquetPiece& piece) {
    if (done_) return false;
    const uint64_t end = std::min(layout_.rows, (position_ / piece_rows_ + 1) * piece_rows_);
    piece.columns.resize(cursors_.size());
    piece.ahead.resize(cursors_.size());
    for (size_t i = 0; i < cursors_.size(); ++i) {
      piece.columns[i].clear();
      PENSTOCK_TRY(placed(cursors_[i].take(end - position_, piece.columns[i])));
      piece.ahead[i] = cursors_[i].ahead();
    }
    piece.bounds = {position_, end, end == layout_.rows};
    position_ = end;
    done_ = piece.bounds.last;
    return true;
  }

 private:
  Status placed(Status status) const {
    if (status) return status;
    Error error = std::move(status).error();
    return fail(error.kind == ErrorKind::invalid ? ErrorKind::corrupt : error.kind,
                "{}: the Parquet data cannot be read from row {} on: {}", path_, position_ + 1, error.message);
  }

  const Layout& layout_;
  const std::string& path_;
  const uint64_t piece_rows_;
  std::vector<ColumnCursor> cursors_;
  uint64_t position_ = 0;
  bool done_ = false;
};

class Part final : public ParquetPart {
 public:
  Part(PieceCutter& cutter, const Layout& layout, const ParquetRequest& request)
      : cutter_(cutter),
        columns_(layout.columns),
        path_(request.options.path),
        loader_(*layout.file),
        maker_(request, layout.columns) {}

  Result<bool> take(ParquetBounds& bounds) override {
    PENSTOCK_TRY_ASSIGN(const bool more, cutter_.next(piece_));
    bounds = piece_.bounds;
    return more;
  }

  Status decode(bool keep_positions, DecodedRows& out) override {
    Status status = load_pages();
    if (status) status = maker_.make(piece_, keep_positions, out);
    piece_.columns.clear();
    if (status) return {};
    Error error = std::move(status).error();
    return fail(error.kind == ErrorKind::invalid ? ErrorKind::corrupt : error.kind,
                "{}: the Parquet data cannot be read in the rows {} to {}: {}", path_, piece_.bounds.position + 1,
                piece_.bounds.position_end, error.message);
  }

  // The pages that the next pieces need are loaded by one part while the others go on with the pieces at hand: else all
  // would wait for the largest page whenever a row group begins.
  void work_ahead() override {
    for (size_t i = 0; i < piece_.ahead.size(); ++i) {
      ParquetPage* page = piece_.ahead[i].get();
      if (page == nullptr || page->place.header.uncompressed_bytes > kAheadBytesMax) continue;
      if (load_if_first(*page, i)) break;
    }
    piece_.ahead.clear();
  }

 private:
  // Pages are loaded by the part that comes first.
  Status load_pages() {
    for (size_t i = 0; i < columns_.size(); ++i) {
      for (const PageRows& run : piece_.columns[i]) load_if_first(*run.page, i);
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      for (const PageRows& run : piece_.columns[i]) {
        run.page->once.wait();
        PENSTOCK_TRY(run.page->status);
      }
    }
    return {};
  }

  bool load_if_first(ParquetPage& page, size_t column) {
    if (!page.once.claim()) return false;
    loader_.load(page, columns_[column], maker_.converter(column));
    return true;
  }

  PieceCutter& cutter_;  // shared; used by one part at a time
  const std::vector<ParquetColumn>& columns_;
  const std::string& path_;
  PageLoader loader_;
  ParquetBatchMaker maker_;
  ParquetPiece piece_;
};

class Scan final : public ParquetScan {
 public:
  Scan(const Layout& layout, const ParquetRequest& request, uint64_t piece_rows)
      : layout_(layout), request_(request), cutter_(layout, request.options.path, piece_rows) {}

  Status seek(uint64_t position) { return cutter_.seek(position); }
  std::unique_ptr<ParquetPart> make_part() override { return std::make_unique<Part>(cutter_, layout_, request_); }

 private:
  const Layout& layout_;
  ParquetRequest request_;
  PieceCutter cutter_;
};

class File final : public ParquetFile {
 public:
  File(Layout layout, const ParquetRequest& request) : layout_(std::move(layout)), request_(request) {}

  uint64_t rows() const override { return layout_.rows; }
  Result<std::unique_ptr<ParquetScan>> scan(uint64_t position, uint64_t piece_rows) override {
    auto scan = std::make_unique<Scan>(layout_, request_, piece_rows);
    PENSTOCK_TRY(scan->seek(position));
    return scan;
  }

 private:
  Layout layout_;
  ParquetRequest request_;
};

// DuckDB takes columns out of such a path.
bool is_hive_path(const std::string& path) {
  const size_t folder_end = path.rfind('/');
  return folder_end != std::string::npos && path.find('=') < folder_end;
}

Status check_chunks(const Layout& layout) {
  for (const ParquetRowGroup& group : layout.groups) {
    for (size_t i = 0; i < layout.columns.size(); ++i) {
      const ParquetColumn& column = layout.columns[i];
      const ParquetChunk& chunk = group.chunks[i];
      if (chunk.physical != column.physical) return fail(ErrorKind::invalid, "the Parquet footer contradicts itself");
      if (!is_known_codec(chunk.codec)) {
        return fail(ErrorKind::invalid, "the compression of its column '{}' is not common", column.name);
      }
      for (int encoding = 0; encoding < 32; ++encoding) {
        if ((chunk.encodings >> encoding & 1) == 0) continue;
        // These two are also those of levels, which are in every list.
        const auto known = static_cast<ParquetEncoding>(encoding);
        if (known == ParquetEncoding::rle || known == ParquetEncoding::bit_packed) continue;
        if (!is_known_encoding(column, known)) {
          return fail(ErrorKind::invalid, "the encoding of its column '{}' is not common", column.name);
        }
      }
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ParquetFile>> open_native_parquet(const ParquetRequest& request,
                                                         std::unique_ptr<io::File> file) {
  if (is_hive_path(request.options.path)) return fail(ErrorKind::invalid, "its path has columns in it");
  PENSTOCK_TRY_ASSIGN(const ParquetFooter footer, read_parquet_footer(*file));
  PENSTOCK_TRY_ASSIGN(const ParquetSchema schema, read_parquet_schema(footer));
  Layout layout{.file = std::move(file), .columns = {}, .groups = {}, .data_end = footer.position};
  PENSTOCK_TRY_ASSIGN(layout.columns, choose_parquet_columns(schema, request.specs));
  std::vector<size_t> leaves;
  for (const ParquetColumn& column : layout.columns) leaves.push_back(column.leaf);
  PENSTOCK_TRY_ASSIGN(layout.groups, read_parquet_row_groups(footer, schema, leaves));
  layout.rows = static_cast<uint64_t>(schema.rows);
  PENSTOCK_TRY(check_chunks(layout));
  return std::make_unique<File>(std::move(layout), request);
}

}  // namespace penstock::feed::file

#include "feed/file/parquet_cursor.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace penstock::feed::file {
namespace {

// Most headers are within the first; statistics of long texts make some longer.
constexpr size_t kHeaderFirstBytes = 256;
constexpr size_t kHeaderBytesMax = size_t{1} << 20;

}  // namespace

ColumnCursor::ColumnCursor(io::File& file, const ParquetColumn& column, const std::vector<ParquetRowGroup>& groups,
                           size_t index, uint64_t data_end)
    : file_(file), column_(column), groups_(groups), index_(index), data_end_(data_end) {
  if (column.physical == ParquetPhysical::boolean) booleans_ = std::make_shared<ParquetDictionary>();
}

Status ColumnCursor::seek(uint64_t row) {
  size_t group = 0;
  while (group < groups_.size() && row >= static_cast<uint64_t>(groups_[group].rows)) {
    row -= static_cast<uint64_t>(groups_[group++].rows);
  }
  if (group == groups_.size()) return {};
  PENSTOCK_TRY(enter_group(group));
  // Pages before the row are passed over, not loaded.
  while (row > 0) {
    PENSTOCK_TRY(next_page());
    page_row_ = static_cast<size_t>(std::min<uint64_t>(row, page_->rows()));
    row -= page_row_;
  }
  return {};
}

Status ColumnCursor::take(uint64_t rows, std::vector<PageRows>& out) {
  while (rows > 0) {
    if (page_ == nullptr || page_row_ == page_->rows()) PENSTOCK_TRY(next_page());
    const size_t count = static_cast<size_t>(std::min<uint64_t>(rows, page_->rows() - page_row_));
    out.push_back({page_, page_row_, page_row_ + count});
    page_row_ += count;
    rows -= count;
  }
  return {};
}

std::shared_ptr<ParquetPage> ColumnCursor::ahead() {
  const bool more = group_left_ > 0 || group_ + 1 < groups_.size();
  if (ahead_ == nullptr && more) {
    // What is wrong is said when the page is taken.
    if (auto found = find_page()) ahead_ = std::move(*found);
  }
  return ahead_;
}

Status ColumnCursor::enter_group(size_t group) {
  group_ = group;
  group_left_ = static_cast<uint64_t>(groups_[group].rows);
  position_ = groups_[group].chunks[index_].position;
  dictionary_ = booleans_;
  return {};
}

Status ColumnCursor::next_page() {
  if (ahead_ != nullptr) {
    page_ = std::exchange(ahead_, nullptr);
  } else {
    PENSTOCK_TRY_ASSIGN(page_, find_page());
  }
  page_row_ = 0;
  return {};
}

Result<std::shared_ptr<ParquetPage>> ColumnCursor::find_page() {
  // Only the first page of all is looked for without having entered its group.
  if (group_left_ == 0) PENSTOCK_TRY(enter_group(position_ == 0 ? 0 : group_ + 1));
  const ParquetCodec codec = groups_[group_].chunks[index_].codec;
  for (;;) {
    PENSTOCK_TRY_ASSIGN(const ParquetPageHeader header, read_header());
    const PagePlace place{header, codec, position_ + header.header_bytes};
    if (header.bytes > data_end_ - place.position) return fail(ErrorKind::corrupt, "a page reaches into the footer");
    switch (header.kind) {
      case ParquetPageKind::other: break;
      case ParquetPageKind::dictionary:
        PENSTOCK_TRY(check(header));
        if (dictionary_ != nullptr) return fail(ErrorKind::corrupt, "a second dictionary in one column");
        dictionary_ = std::make_shared<ParquetDictionary>();
        dictionary_->place = place;
        break;
      case ParquetPageKind::data:
      case ParquetPageKind::data_v2: {
        PENSTOCK_TRY(check(header));
        if (header.values == 0) break;
        if (header.values > group_left_) return fail(ErrorKind::corrupt, "a page has more rows than its row group");
        auto page = std::make_shared<ParquetPage>();
        page->place = place;
        const bool indexes =
            header.encoding == ParquetEncoding::plain_dictionary || header.encoding == ParquetEncoding::rle_dictionary;
        if (indexes && dictionary_ == nullptr)
          return fail(ErrorKind::corrupt, "a page needs a dictionary that is not there");
        if (indexes || booleans_ != nullptr) page->dictionary = dictionary_;
        position_ = place.position + header.bytes;
        group_left_ -= header.values;
        return page;
      }
    }
    position_ = place.position + header.bytes;
  }
}

Status ColumnCursor::check(const ParquetPageHeader& header) const {
  if (header.uncompressed_bytes > kParquetPageBytesMax || header.bytes > kParquetPageBytesMax ||
      header.values > kParquetPageValuesMax) {
    return fail(ErrorKind::corrupt, "a page of {} values and {} bytes is larger than the maximum of {} and {}",
                header.values, std::max(header.bytes, header.uncompressed_bytes), kParquetPageValuesMax,
                kParquetPageBytesMax);
  }
  const bool plain = header.encoding == ParquetEncoding::plain || header.encoding == ParquetEncoding::plain_dictionary;
  const bool known = header.kind == ParquetPageKind::dictionary ? plain : is_known_encoding(column_, header.encoding);
  if (!known) {
    return fail(ErrorKind::corrupt, "a page of the column {} has the encoding {}, which the footer does not list",
                quote_for_message(column_.name), static_cast<int>(header.encoding));
  }
  return {};
}

Result<ParquetPageHeader> ColumnCursor::read_header() {
  for (size_t size = kHeaderFirstBytes; size <= kHeaderBytesMax; size *= 16) {
    if (position_ >= data_end_) break;
    header_bytes_.resize(static_cast<size_t>(std::min<uint64_t>(size, data_end_ - position_)));
    PENSTOCK_TRY_ASSIGN(const size_t count, file_.read_at(position_, std::as_writable_bytes(std::span(header_bytes_))));
    if (count < header_bytes_.size()) return fail(ErrorKind::corrupt, "the file ends inside of a page header");
    PENSTOCK_TRY_ASSIGN(const auto header, parse_parquet_page_header(header_bytes_));
    if (header) return *header;
    if (header_bytes_.size() < size) break;
  }
  return fail(ErrorKind::corrupt, "a page header does not end");
}

}  // namespace penstock::feed::file

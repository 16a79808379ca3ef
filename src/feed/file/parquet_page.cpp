#include "feed/file/parquet_page.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "feed/file/line_decoder.h"

namespace penstock::feed::file {

Result<TextValues> TextValues::open(std::span<const uint8_t> bytes, size_t count) {
  TextValues texts;
  if (count > bytes.size() / kLengthBytes) return fail(ErrorKind::corrupt, "a page of texts ends early");
  texts.bytes_ = reinterpret_cast<const char*>(bytes.data());
  texts.begins_.resize(count + 1);
  size_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    texts.begins_[i] = static_cast<uint32_t>(at);
    uint32_t length = 0;
    if (bytes.size() - at < kLengthBytes) return fail(ErrorKind::corrupt, "a page of texts ends early");
    std::memcpy(&length, bytes.data() + at, sizeof length);
    at += kLengthBytes;
    if (length > bytes.size() - at) return fail(ErrorKind::corrupt, "a page of texts ends early");
    at += length;
  }
  texts.begins_[count] = static_cast<uint32_t>(at);
  texts.check_utf8();
  return texts;
}

Result<TextValues> TextValues::open_lengths_first(std::span<const uint8_t> bytes, size_t count) {
  TextValues texts;
  std::vector<int64_t> lengths(count);
  PENSTOCK_TRY_ASSIGN(const size_t begin, read_delta_integers(bytes, lengths));
  const std::span<const uint8_t> rest = bytes.subspan(begin);
  texts.bytes_ = reinterpret_cast<const char*>(rest.data());
  texts.begins_.reserve(count + 1);
  texts.gap_ = 0;
  size_t at = 0;
  for (const int64_t length : lengths) {
    texts.begins_.push_back(static_cast<uint32_t>(at));
    if (length < 0 || static_cast<uint64_t>(length) > rest.size() - at) {
      return fail(ErrorKind::corrupt, "a page of texts ends early");
    }
    at += static_cast<size_t>(length);
  }
  texts.begins_.push_back(static_cast<uint32_t>(at));
  texts.check_utf8();
  return texts;
}

void TextValues::check_utf8() {
  const auto goes_on = [&](uint32_t at) { return (static_cast<uint8_t>(bytes_[at]) & 0xc0) == 0x80; };
  // Checked as one: the lengths of short texts are ASCII, which joins nothing to a character, and where no lengths are
  // between the texts, none may begin inside of one.
  if (file::is_utf8({bytes_, begins_.back()}) &&
      (gap_ > 0 || std::none_of(begins_.begin(), begins_.end() - 1, goes_on))) {
    return;
  }
  for (size_t i = 0; i < size(); ++i) {
    if (file::is_utf8((*this)[i])) continue;
    not_utf8_.resize(size());
    not_utf8_[i] = 1;
  }
}

size_t ParquetPage::rank(size_t row) const {
  if (valid.empty()) return row;
  const size_t mark = row / kRankEvery;
  size_t values = ranks[mark];
  for (size_t at = mark * kRankEvery; at < row; ++at) values += valid[at];
  return values;
}

bool is_known_encoding(const ParquetColumn& column, ParquetEncoding encoding) {
  switch (encoding) {
    case ParquetEncoding::plain: return true;
    case ParquetEncoding::plain_dictionary:
    case ParquetEncoding::rle_dictionary: return column.physical != ParquetPhysical::boolean;
    case ParquetEncoding::rle: return column.physical == ParquetPhysical::boolean;
    case ParquetEncoding::delta_binary_packed:
      return column.physical == ParquetPhysical::int32 || column.physical == ParquetPhysical::int64;
    case ParquetEncoding::delta_length_byte_array: return column.physical == ParquetPhysical::byte_array;
    case ParquetEncoding::byte_stream_split: return column.width > 0;
    case ParquetEncoding::bit_packed: return false;
  }
  return false;
}

}  // namespace penstock::feed::file

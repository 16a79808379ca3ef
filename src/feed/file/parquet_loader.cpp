#include "feed/file/parquet_loader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

namespace penstock::feed::file {
namespace {

constexpr size_t kLevelLengthBytes = 4;

std::unexpected<Error> ends_early() { return fail(ErrorKind::corrupt, "a page ends early"); }

void append_text(std::vector<uint8_t>& to, std::string_view text) {
  const auto length = static_cast<uint32_t>(text.size());
  const size_t at = to.size();
  to.resize(at + TextValues::kLengthBytes + text.size());
  std::memcpy(to.data() + at, &length, sizeof length);
  std::memcpy(to.data() + at + TextValues::kLengthBytes, text.data(), text.size());
}

PaddedBytes padded(const std::vector<uint8_t>& bytes) {
  PaddedBytes copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return copy;
}

// Integers as the texts of PLAIN that SQL would print them as.
PaddedBytes print_integers(const ParquetColumn& column, const uint8_t* fixed, size_t count) {
  std::vector<int64_t> integers(count);
  widen_integers(column, fixed, count, integers.data());
  std::vector<uint8_t> texts;
  texts.reserve(count * (TextValues::kLengthBytes + 8));
  for (const int64_t integer : integers) {
    char text[24];
    const bool is_unsigned = column.bits == 64 && !column.is_signed;
    const auto [end, error] = is_unsigned ? std::to_chars(text, text + sizeof text, static_cast<uint64_t>(integer))
                                          : std::to_chars(text, text + sizeof text, integer);
    append_text(texts, {text, static_cast<size_t>(end - text)});
  }
  return padded(texts);
}

// What was split into streams, of which the n-th has the n-th byte of each value, put together again.
PaddedBytes join_streams(std::span<const uint8_t> bytes, size_t width) {
  PaddedBytes joined(bytes.size());
  const size_t count = bytes.size() / width;
  for (size_t stream = 0; stream < width; ++stream) {
    const uint8_t* from = bytes.data() + stream * count;
    uint8_t* to = joined.data() + stream;
    for (size_t i = 0; i < count; ++i) to[i * width] = from[i];
  }
  return joined;
}

// One bit a row, the first the highest of its byte: how levels were packed before runs were.
void read_old_levels(std::span<const uint8_t> bytes, std::vector<uint8_t>& valid) {
  for (size_t row = 0; row < valid.size(); ++row) valid[row] = bytes[row / 8] >> (7 - row % 8) & 1;
}

Status read_levels(std::span<const uint8_t> bytes, bool as_runs, size_t rows, std::vector<uint8_t>& valid) {
  if (as_runs) {
    PENSTOCK_TRY_ASSIGN(const PackedIntegers levels, PackedIntegers::open(bytes, 1, rows));
    uint32_t constant = 0;
    if (levels.is_constant(constant)) {
      if (constant > 1) return fail(ErrorKind::corrupt, "a column that is not nested has levels of one that is");
      if (constant == 0) valid.assign(rows, 0);
      return {};
    }
    valid.resize(rows);
    PackedIntegers::Cursor cursor(levels, 0);
    uint32_t block[256];
    for (size_t row = 0; row < rows; row += std::size(block)) {
      const size_t count = std::min(std::size(block), rows - row);
      cursor.read(block, count);
      for (size_t i = 0; i < count; ++i) valid[row + i] = static_cast<uint8_t>(block[i]);
    }
  } else {
    if ((rows + 7) / 8 > bytes.size()) return ends_early();
    valid.resize(rows);
    read_old_levels(bytes, valid);
  }
  const auto [least, most] = std::ranges::minmax(valid);
  if (most > 1) return fail(ErrorKind::corrupt, "a column that is not nested has levels of one that is");
  if (least == 1) valid.clear();
  return {};
}

// How many values there are, and where to begin to count them.
size_t index_values(ParquetPage& page) {
  if (page.valid.empty()) return page.rows();
  uint32_t values = 0;
  for (size_t row = 0; row < page.rows(); ++row) {
    if (row % ParquetPage::kRankEvery == 0) page.ranks.push_back(values);
    values += page.valid[row];
  }
  page.ranks.push_back(values);  // a rank may be asked for behind the last row
  return values;
}

}  // namespace

void PageLoader::load(ParquetPage& page, const ParquetColumn& column, ColumnConverter& converter) {
  try {
    page.status = load_page(page, column, converter);
  } catch (const std::bad_alloc&) {
    page.status = fail(ErrorKind::full, "out of memory: a page needs {} bytes", page.place.header.uncompressed_bytes);
  } catch (const std::exception& e) {
    page.status = fail(ErrorKind::io, "{}", e.what());
  }
  page.once.finish();
}

Status PageLoader::load_page(ParquetPage& page, const ParquetColumn& column, ColumnConverter& converter) {
  if (page.dictionary != nullptr) PENSTOCK_TRY(await_dictionary(*page.dictionary, column, converter));
  PENSTOCK_TRY_ASSIGN(page.bytes, read(page.place));
  const ParquetPageHeader& header = page.place.header;
  std::span<const uint8_t> bytes = page.bytes.span();
  std::span<const uint8_t> levels;
  bool as_runs = true;
  if (header.kind == ParquetPageKind::data_v2) {
    levels = bytes.subspan(header.repetition_bytes, header.definition_bytes);
    bytes = bytes.subspan(size_t{header.repetition_bytes} + header.definition_bytes);
  } else if (column.optional) {
    as_runs = header.level_encoding == ParquetEncoding::rle;
    size_t length = (page.rows() + 7) / 8;
    if (as_runs) {
      uint32_t stated = 0;
      if (bytes.size() < kLevelLengthBytes) return ends_early();
      std::memcpy(&stated, bytes.data(), sizeof stated);
      bytes = bytes.subspan(kLevelLengthBytes);
      length = stated;
    }
    if (length > bytes.size()) return ends_early();
    levels = bytes.first(length);
    bytes = bytes.subspan(length);
  }
  if (column.optional) PENSTOCK_TRY(read_levels(levels, as_runs, page.rows(), page.valid));
  return load_values(page, column, bytes);
}

Status PageLoader::load_values(ParquetPage& page, const ParquetColumn& column, std::span<const uint8_t> bytes) {
  const size_t count = index_values(page);
  const bool boolean = column.physical == ParquetPhysical::boolean;
  if (count == 0) return {};  // then the page may end where the values would begin
  switch (page.place.header.encoding) {
    case ParquetEncoding::plain_dictionary:
    case ParquetEncoding::rle_dictionary:
    case ParquetEncoding::rle: {
      page.kind = ParquetPage::Kind::indexes;
      int bits = 1;
      if (boolean) {
        uint32_t length = 0;
        if (bytes.size() < kLevelLengthBytes) return ends_early();
        std::memcpy(&length, bytes.data(), sizeof length);
        bytes = bytes.subspan(kLevelLengthBytes);
        if (length > bytes.size()) return ends_early();
        bytes = bytes.first(length);
      } else {
        if (bytes.empty()) return ends_early();
        bits = bytes[0];
        bytes = bytes.subspan(1);
      }
      PENSTOCK_TRY_ASSIGN(page.indexes, PackedIntegers::open(bytes, bits, count));
      return {};
    }
    case ParquetEncoding::plain:
      if (boolean) {
        page.kind = ParquetPage::Kind::indexes;
        PENSTOCK_TRY_ASSIGN(page.indexes, PackedIntegers::open_unframed(bytes, 1, count));
        return {};
      }
      if (column.physical == ParquetPhysical::byte_array) {
        page.kind = ParquetPage::Kind::texts;
        PENSTOCK_TRY_ASSIGN(page.texts, TextValues::open(bytes, count));
        return {};
      }
      if (count > bytes.size() / column.width) return ends_early();
      page.fixed = bytes.data();
      break;
    case ParquetEncoding::byte_stream_split: {
      if (count != bytes.size() / column.width || bytes.size() % column.width != 0) return ends_early();
      PaddedBytes joined = join_streams(bytes, column.width);
      page.bytes = std::move(joined);
      page.fixed = page.bytes.data();
      break;
    }
    case ParquetEncoding::delta_length_byte_array: {
      page.kind = ParquetPage::Kind::texts;
      PENSTOCK_TRY_ASSIGN(page.texts, TextValues::open_lengths_first(bytes, count));
      return {};
    }
    case ParquetEncoding::delta_binary_packed: {
      PaddedBytes unpacked(count * sizeof(int64_t));
      auto* integers = reinterpret_cast<int64_t*>(unpacked.data());
      PENSTOCK_TRY(read_delta_integers(bytes, {integers, count}));
      // As PLAIN would have them.
      if (column.width == sizeof(int32_t)) {
        for (size_t i = 0; i < count; ++i)
          std::memcpy(unpacked.data() + i * sizeof(int32_t), &integers[i], sizeof(int32_t));
      }
      page.bytes = std::move(unpacked);
      page.fixed = page.bytes.data();
      break;
    }
    case ParquetEncoding::bit_packed: return fail(ErrorKind::corrupt, "a page has an encoding that is none of values");
  }
  page.kind = ParquetPage::Kind::fixed;
  if (!column.is_printed()) return {};
  page.bytes = print_integers(column, page.fixed, count);
  page.kind = ParquetPage::Kind::texts;
  PENSTOCK_TRY_ASSIGN(page.texts, TextValues::open(page.bytes.span(), count));
  return {};
}

Status PageLoader::await_dictionary(ParquetDictionary& dictionary, const ParquetColumn& column,
                                    ColumnConverter& converter) {
  if (!dictionary.once.claim()) {
    dictionary.once.wait();
    return dictionary.status;
  }
  try {
    dictionary.status = load_dictionary(dictionary, column);
    if (dictionary.status) converter.convert(dictionary);
  } catch (const std::bad_alloc&) {
    dictionary.status =
        fail(ErrorKind::full, "out of memory: a dictionary needs {} bytes", dictionary.place.header.uncompressed_bytes);
  } catch (const std::exception& e) {
    dictionary.status = fail(ErrorKind::io, "{}", e.what());
  }
  dictionary.once.finish();
  return dictionary.status;
}

Status PageLoader::load_dictionary(ParquetDictionary& dictionary, const ParquetColumn& column) {
  if (column.physical == ParquetPhysical::boolean) {
    std::vector<uint8_t> texts;
    append_text(texts, "false");
    append_text(texts, "true");
    dictionary.bytes = padded(texts);
    dictionary.count = 2;
    PENSTOCK_TRY_ASSIGN(dictionary.texts, TextValues::open(dictionary.bytes.span(), dictionary.count));
    return {};
  }
  PENSTOCK_TRY_ASSIGN(dictionary.bytes, read(dictionary.place));
  dictionary.count = dictionary.place.header.values;
  if (column.physical != ParquetPhysical::byte_array) {
    if (dictionary.count > dictionary.bytes.size() / column.width) return ends_early();
    dictionary.fixed = dictionary.bytes.data();
    if (!column.is_printed()) return {};
    dictionary.bytes = print_integers(column, dictionary.fixed, dictionary.count);
    dictionary.fixed = nullptr;
  }
  PENSTOCK_TRY_ASSIGN(dictionary.texts, TextValues::open(dictionary.bytes.span(), dictionary.count));
  return {};
}

Result<PaddedBytes> PageLoader::read(const PagePlace& place) {
  const ParquetPageHeader& header = place.header;
  // Levels of the second version are stored as they are, before the rest.
  const size_t plain =
      header.kind == ParquetPageKind::data_v2 ? size_t{header.repetition_bytes} + header.definition_bytes : size_t{0};
  if (plain > header.bytes || plain > header.uncompressed_bytes) return ends_early();
  const bool compressed = place.codec != ParquetCodec::none && header.compressed;
  if (!compressed) {
    PaddedBytes bytes(header.bytes);
    PENSTOCK_TRY(read_at(place.position, bytes.span()));
    return bytes;
  }
  PaddedBytes bytes(header.uncompressed_bytes);
  if (stored_.size() < header.bytes) stored_ = PaddedBytes(header.bytes);
  const std::span<uint8_t> stored = stored_.span().first(header.bytes);
  PENSTOCK_TRY(read_at(place.position, stored));
  if (plain > 0) std::memcpy(bytes.data(), stored.data(), plain);
  const std::span<uint8_t> rest = bytes.span().subspan(plain);
  // A page without values may have nothing to decompress.
  if (!rest.empty()) PENSTOCK_TRY(decompressor_.decompress(place.codec, stored.subspan(plain), rest));
  return bytes;
}

Status PageLoader::read_at(uint64_t position, std::span<uint8_t> bytes) {
  PENSTOCK_TRY_ASSIGN(const size_t count, file_.read_at(position, std::as_writable_bytes(bytes)));
  if (count < bytes.size()) return fail(ErrorKind::corrupt, "the file ends inside of a page");
  return {};
}

}  // namespace penstock::feed::file

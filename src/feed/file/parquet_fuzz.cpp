// Any bytes as a Parquet file, or as the pages of a column in a sound one: nothing crashes, and what is read does not
// depend on the chunk size.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "feed/file/file_testing.h"
#include "feed/file/parquet_source.h"
#include "feed/file/parquet_testing.h"
#include "market/symbol_table.h"

namespace {

using namespace penstock;
using namespace penstock::feed::file;

void check(const std::string& content, const feed::FileOptions& options) {
  static market::SymbolTable symbols;
  // A reject says what the row holds, so that a small file of few values could make texts without end.
  constexpr size_t kRowsMax = 20'000;
  MemoryFiles files;
  files.contents[options.path] = content;
  std::vector<KeepingEmitter> seen;
  for (const size_t rows : {size_t{7}, kRowsMax}) {
    feed::FileOptions chosen = options;
    chosen.chunk_bytes = rows * 64;
    auto source = make_parquet_source(chosen, symbols, system_clock(), files, ParquetReaderChoice::native);
    if (!source) return;
    seen.emplace_back(symbols);
    const Status status = (*source)->run(0, seen.back(), {});
    PENSTOCK_ASSERT(status.has_value() == (seen.back().marks().size() == 1));
    if (!status) return;
  }
  PENSTOCK_ASSERT(seen[0].rows() == seen[1].rows());
  PENSTOCK_ASSERT(seen[0].rejects() == seen[1].rejects());
}

// `pages` as the one column of a file, of a type and codec by choice.
void check_pages(const std::string& pages, uint8_t choice, uint8_t rows) {
  constexpr int32_t kPhysical[] = {0, 1, 2, 4, 5, 6, 6, 7};
  constexpr int32_t kCodecs[] = {0, 1, 2, 6, 7};
  const int32_t physical = kPhysical[choice % 8];
  CraftedColumn column = craft_column("x", physical, (choice & 8) != 0, kCodecs[(choice >> 4) % 5]);
  if (physical == 6) column.schema.i32(6, 0);
  if (physical == 7)
    column.schema = ThriftWriter().i32(1, 7).i32(2, 5).i32(3, 1).binary(4, "x").i32(6, 5).i32(7, 2).i32(8, 9);
  column.encodings = {0};
  column.pages = pages;
  feed::FileOptions options{.path = "fuzz.parquet", .columns = {{"price", "x"}, {"size", "x"}}, .threads = 1};
  if (physical == 0 || physical == 1 || physical == 2 || physical == 6) {
    for (const char* field : {"symbol", "ts_event", "id", "venue", "conditions"}) options.columns[field] = "x";
  } else {
    options.columns["ts_event"] = "x";
    options.symbol = "A";
  }
  check(craft_parquet(rows, {column}), options);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  // The last bytes choose, behind those of a file's own end.
  const uint8_t choice = data[size - 1];
  if (text.ends_with("PAR1")) {
    check(text, {.path = "fuzz.parquet", .columns = {}, .threads = 1});
  } else {
    check_pages(text.substr(0, size - 2), choice, data[size - 2]);
  }
  return 0;
}

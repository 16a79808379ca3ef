// What must hold for every file, checked by the fuzz targets.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "feed/file/file_source.h"
#include "feed/file/file_testing.h"
#include "market/symbol_table.h"

namespace penstock::feed::file {

inline void check_file(const std::string& path, const std::string& content, size_t chunk_bytes) {
  static market::SymbolTable symbols;
  MemoryFiles files;
  files.contents[path] = content;
  std::vector<KeepingEmitter> seen;
  for (const size_t bytes : {chunk_bytes, size_t{1} << 20}) {
    auto source = make_file_source({.path = path, .threads = 1, .chunk_bytes = bytes}, symbols, system_clock(), files);
    if (!source) return;
    seen.emplace_back(symbols);
    const Status status = (*source)->run(0, seen.back(), {});
    PENSTOCK_ASSERT(status.has_value());
    PENSTOCK_ASSERT(seen.back().marks().size() == 1);
    PENSTOCK_ASSERT((*source)->stats().records == seen.back().rows().size());
  }
  PENSTOCK_ASSERT(seen[0].rows() == seen[1].rows());
  PENSTOCK_ASSERT(seen[0].rejects() == seen[1].rejects());
  // Every line with a printable byte is a row or a reject, but for the header of a CSV file.
  size_t lines = 0;
  bool printable = false;
  for (const char c : content + "\n") {
    if (c == '\n') {
      lines += printable ? 1 : 0;
      printable = false;
    } else {
      printable = printable || (c > ' ' && c <= '~');
    }
  }
  PENSTOCK_ASSERT(seen[0].rows().size() + seen[0].rejects().size() + 1 >= lines);
}

}  // namespace penstock::feed::file

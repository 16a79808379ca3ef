// The source of a CSV or JSON-lines file.
#pragma once

#include <memory>

#include "base/clock.h"
#include "feed/file/file_open.h"
#include "feed/file/file_source.h"
#include "feed/source.h"
#include "io/file_system.h"
#include "market/symbol_table.h"

namespace penstock::feed::file {

// The arguments are borrowed as by make_file_source.
[[nodiscard]] Result<std::unique_ptr<Source>> make_line_source(FileOptions options, FileShape shape,
                                                               market::SymbolTable& symbols, Clock& clock,
                                                               io::FileSystem& files);

}  // namespace penstock::feed::file

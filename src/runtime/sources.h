// From a source of the plan to the feed that reads it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "feed/source.h"
#include "io/http_client.h"
#include "market/symbol_table.h"
#include "plan/plan.h"

namespace penstock::runtime {

// Borrows `symbols`, `clock` and `client`.
[[nodiscard]] Result<std::unique_ptr<feed::Source>> make_source(const plan::Source& source,
                                                                market::SymbolTable& symbols, Clock& clock,
                                                                io::HttpClient& client);
// What a resume position of this source is of: changes when the source would no longer give the same records.
[[nodiscard]] Result<std::string> source_identity(const plan::Source& source);
// Indices into Plan::topics, in the order of the feed's outputs.
[[nodiscard]] std::vector<size_t> source_topics(const plan::Plan& plan, const plan::Source& source);

}  // namespace penstock::runtime

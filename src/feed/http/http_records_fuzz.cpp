// Any bytes as an answer, with paths taken from their beginning: whatever comes, each record is a stretch of the body
// that is JSON by itself, and every record is either given or a fault.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "feed/http/json_records.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock::feed::http;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto next_line = [&text] {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
  };
  const std::string_view records = next_line();
  const std::string_view id = next_line();
  const JsonRecords found = take_records(text, records, id);
  for (const auto& record : found.records) {
    PENSTOCK_ASSERT(record.value.data() >= text.data() &&
                    record.value.data() + record.value.size() <= text.data() + text.size());
    PENSTOCK_ASSERT(nlohmann::json::accept(record.value));
    PENSTOCK_ASSERT(record.key.empty() == id.empty());
  }
  for (const auto& fault : found.faults) {
    PENSTOCK_ASSERT(!fault.reason.empty());
    PENSTOCK_ASSERT(fault.number != 0 || (found.records.empty() && found.faults.size() == 1));
  }
  return 0;
}

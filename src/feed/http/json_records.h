// Takes the records out of a JSON answer, each with its own text exactly as it came.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::feed::http {

struct JsonRecord {
  std::string_view value;  // one JSON value, as received; borrows the body
  std::string key;         // its id; empty when none was asked for
};

// Something that is no record. `number` counts the records of the answer from 1; 0 is the answer as a whole.
struct JsonFault {
  size_t number = 0;
  std::string reason;
  std::string_view raw;
};

struct JsonRecords {
  std::vector<JsonRecord> records;
  std::vector<JsonFault> faults;
};

// A longer id is a fault: ids are remembered.
inline constexpr size_t kIdBytesMax = 1024;

// The records at `records_path` (names joined by dots; empty: the answer itself): each element of an array, or the one
// object. `id_path` is the place of the id in a record, a text or an integer; empty: none. A body that is not wholly
// JSON in UTF-8 is one fault and gives no record.
[[nodiscard]] JsonRecords take_records(std::string_view body, std::string_view records_path, std::string_view id_path);

}  // namespace penstock::feed::http

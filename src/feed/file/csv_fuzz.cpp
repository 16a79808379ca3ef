// Any bytes as a CSV file: nothing crashes, no line is lost, and the chunk size changes nothing.
#include <cstddef>
#include <cstdint>
#include <string>

#include "feed/file/file_fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock;
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const uint8_t choice = data[size - 1];
  const std::string header = "symbol,ts_event,price,size,id,side,conditions\n";
  // The last byte chooses: a header of our own, or the input's.
  feed::file::check_file("fuzz.csv", (choice & 1) != 0 ? header + text : text, 1 + choice % 64);
  return 0;
}

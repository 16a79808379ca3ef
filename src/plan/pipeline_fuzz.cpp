// Any bytes as a pipeline file: a plan that can be explained, or diagnostics that each have a place.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "plan/explain.h"
#include "plan/load.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const plan::Loaded loaded = plan::load_text(text, "fuzz.yaml", {.set = {}, .use_environment = false});
  if (loaded.plan.has_value() != loaded.diagnostics.empty()) __builtin_trap();
  for (const plan::Diagnostic& diagnostic : loaded.diagnostics) {
    if (diagnostic.location.line < 1 || diagnostic.location.column < 1 || diagnostic.message.empty()) __builtin_trap();
  }
  if (loaded.plan && plan::explain(*loaded.plan).empty()) __builtin_trap();
  return 0;
}

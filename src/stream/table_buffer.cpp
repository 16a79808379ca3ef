#include "stream/table_buffer.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace penstock::stream {

void TableBuffer::append(const Flow& flow, size_t input) {
  append_flow(rows_, flow);
  if (!several_) return;
  const size_t count = flow.size();
  for (size_t i = 0; i < count; ++i) places_.push_back({flow.origin(flow.row(i)), input});
}

market::Batch TableBuffer::take() {
  market::Batch taken = std::exchange(rows_, market::make_batch(schema_));
  const std::vector<Place> places = std::exchange(places_, {});
  if (std::is_sorted(places.begin(), places.end())) return taken;
  std::vector<uint32_t> order(places.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return places[a] < places[b]; });
  return gather_rows(taken, order);
}

}  // namespace penstock::stream

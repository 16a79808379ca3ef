// Distinct integer types for ids and positions, so that an offset is never taken for a position.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace penstock {

template <typename Tag, typename Int = int64_t>
struct StrongInt {
  Int value{};
  constexpr StrongInt() = default;
  constexpr explicit StrongInt(Int v) : value(v) {}
  friend constexpr auto operator<=>(StrongInt, StrongInt) = default;
};

// A record's place in its partition: 0, 1, 2, ...
using Offset = StrongInt<struct OffsetTag>;
constexpr Offset operator+(Offset offset, int64_t count) { return Offset{offset.value + count}; }

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

}  // namespace penstock

// The log records that are no data: time marks and rejects, told apart from data by the record header
// `penstock.kind`. Their values are length-prefixed fields after a version byte: docs/formats/record.md.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace penstock::market {

inline constexpr std::string_view kKindHeader = "penstock.kind";
inline constexpr std::string_view kMarkKind = "mark";
inline constexpr std::string_view kRejectKind = "reject";

struct MarkRecord {
  std::string source;
  Timestamp time;
};
struct RejectRecord {
  std::string source;
  std::string position;
  std::string reason;
  std::string raw;
};

[[nodiscard]] std::string encode_mark(const MarkRecord& mark);
[[nodiscard]] Result<MarkRecord> decode_mark(std::string_view value);
[[nodiscard]] std::string encode_reject(const RejectRecord& reject);
[[nodiscard]] Result<RejectRecord> decode_reject(std::string_view value);

}  // namespace penstock::market

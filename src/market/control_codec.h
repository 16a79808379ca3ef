// The log records that are no data: time marks, rejects and records sent again, told apart from data by the record
// header `penstock.kind`. Their values are length-prefixed fields after a version byte: docs/formats/record.md.
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
inline constexpr std::string_view kReprocessKind = "reprocess";

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

// A row of the quarantine, sent through its stream again.
struct ReprocessRecord {
  std::string stream;
  std::string source;
  std::string position;
  std::string reason;
  std::string raw;
};

[[nodiscard]] std::string encode_mark(const MarkRecord& mark);
[[nodiscard]] Result<MarkRecord> decode_mark(std::string_view value);
[[nodiscard]] std::string encode_reject(const RejectRecord& reject);
[[nodiscard]] Result<RejectRecord> decode_reject(std::string_view value);
[[nodiscard]] std::string encode_reprocess(const ReprocessRecord& record);
[[nodiscard]] Result<ReprocessRecord> decode_reprocess(std::string_view value);

}  // namespace penstock::market

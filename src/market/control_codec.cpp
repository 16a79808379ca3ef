#include "market/control_codec.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace penstock::market {
namespace {

constexpr char kVersion = 1;

void put_field(std::string& out, std::string_view field) {
  const auto length = static_cast<uint32_t>(field.size());
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(length >> shift & 0xff));
  out.append(field);
}

// Takes the next field off `rest`; false when it is cut.
bool take_field(std::string_view& rest, std::string& out) {
  if (rest.size() < 4) return false;
  uint32_t length = 0;
  for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<uint8_t>(rest[i]);
  if (rest.size() - 4 < length) return false;
  out.assign(rest.substr(4, length));
  rest.remove_prefix(4 + size_t{length});
  return true;
}

template <size_t Count>
Status decode_fields(std::string_view value, std::string_view what, const std::array<std::string*, Count>& fields) {
  if (value.empty() || value[0] != kVersion) {
    return fail(ErrorKind::corrupt, "a {} record of version {}; this version of penstock reads version {}", what,
                value.empty() ? -1 : static_cast<int>(value[0]), static_cast<int>(kVersion));
  }
  value.remove_prefix(1);
  for (std::string* field : fields) {
    if (!take_field(value, *field)) return fail(ErrorKind::corrupt, "a {} record is cut short", what);
  }
  return {};
}

}  // namespace

std::string encode_mark(const MarkRecord& mark) {
  std::string out(1, kVersion);
  put_field(out, mark.source);
  put_field(out, std::to_string(mark.time.ns));
  return out;
}

Result<MarkRecord> decode_mark(std::string_view value) {
  MarkRecord mark;
  std::string time;
  PENSTOCK_TRY(decode_fields(value, "mark", std::array{&mark.source, &time}));
  const auto [end, error] = std::from_chars(time.data(), time.data() + time.size(), mark.time.ns);
  if (error != std::errc{} || end != time.data() + time.size()) {
    return fail(ErrorKind::corrupt, "a mark record holds '{}' where its time belongs", time);
  }
  return mark;
}

std::string encode_reject(const RejectRecord& reject) {
  std::string out(1, kVersion);
  for (const std::string* field : {&reject.source, &reject.position, &reject.reason, &reject.raw}) {
    put_field(out, *field);
  }
  return out;
}

Result<RejectRecord> decode_reject(std::string_view value) {
  RejectRecord reject;
  PENSTOCK_TRY(
      decode_fields(value, "reject", std::array{&reject.source, &reject.position, &reject.reason, &reject.raw}));
  return reject;
}

std::string encode_reprocess(const ReprocessRecord& record) {
  std::string out(1, kVersion);
  for (const std::string* field : {&record.stream, &record.source, &record.position, &record.reason, &record.raw}) {
    put_field(out, *field);
  }
  return out;
}

Result<ReprocessRecord> decode_reprocess(std::string_view value) {
  ReprocessRecord record;
  PENSTOCK_TRY(decode_fields(
      value, "reprocess", std::array{&record.stream, &record.source, &record.position, &record.reason, &record.raw}));
  return record;
}

}  // namespace penstock::market

#include "feed/file/thrift_reader.h"

#include <limits>

namespace penstock::feed::file {
namespace {

int64_t from_zigzag(uint64_t value) { return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1); }

bool is_boolean(ThriftType type) { return type == ThriftType::boolean_true || type == ThriftType::boolean_false; }

}  // namespace

uint8_t ThriftReader::byte() {
  if (!ok()) return 0;
  if (at_ == bytes_.size()) {
    fail(Failure::ended);
    return 0;
  }
  return bytes_[at_++];
}

uint64_t ThriftReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t next = byte();
    value |= uint64_t{next & 0x7fu} << shift;
    if ((next & 0x80) == 0) return ok() ? value : 0;
  }
  fail(Failure::malformed);
  return 0;
}

void ThriftReader::advance(uint64_t count) {
  if (!ok()) return;
  if (count > bytes_.size() - at_) return fail(Failure::ended);
  at_ += static_cast<size_t>(count);
}

bool ThriftReader::next_field(Field& field) {
  const uint8_t head = byte();
  const auto type = static_cast<ThriftType>(head & 0x0f);
  if (!ok() || type == ThriftType::stop) return false;
  const int delta = head >> 4;
  const int64_t id = delta != 0 ? field.id + delta : from_zigzag(varint());
  if (type > ThriftType::uuid || id < 0 || id > std::numeric_limits<int16_t>::max()) fail(Failure::malformed);
  if (!ok()) return false;
  field = {static_cast<int16_t>(id), type};
  return true;
}

bool ThriftReader::boolean(const Field& field) {
  if (!is_boolean(field.type)) fail(Failure::malformed);
  return ok() && field.type == ThriftType::boolean_true;
}

int64_t ThriftReader::integer(const Field& field) {
  switch (field.type) {
    case ThriftType::i8: return static_cast<int8_t>(byte());
    case ThriftType::i16:
    case ThriftType::i32:
    case ThriftType::i64: return from_zigzag(varint());
    default: fail(Failure::malformed); return 0;
  }
}

int32_t ThriftReader::small_integer(const Field& field) {
  const int64_t value = integer(field);
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
    fail(Failure::malformed);
    return 0;
  }
  return static_cast<int32_t>(value);
}

std::string_view ThriftReader::binary(const Field& field) {
  if (field.type != ThriftType::binary) fail(Failure::malformed);
  return binary_element();
}

bool ThriftReader::structure(const Field& field) {
  if (field.type != ThriftType::structure) fail(Failure::malformed);
  return ok();
}

size_t ThriftReader::list(const Field& field, ThriftType element) {
  if (field.type != ThriftType::list) fail(Failure::malformed);
  const uint8_t head = byte();
  const uint64_t size = head >> 4 == 15 ? varint() : head >> 4;
  // An empty list may name any type. Each element takes a byte at least.
  if (size > 0 && static_cast<ThriftType>(head & 0x0f) != element) fail(Failure::malformed);
  if (size > bytes_.size() - at_) fail(Failure::ended);
  return ok() ? static_cast<size_t>(size) : 0;
}

int64_t ThriftReader::integer_element() { return from_zigzag(varint()); }

std::string_view ThriftReader::binary_element() {
  const uint64_t size = varint();
  const size_t begin = at_;
  advance(size);
  if (!ok()) return {};
  return {reinterpret_cast<const char*>(bytes_.data()) + begin, static_cast<size_t>(size)};
}

void ThriftReader::skip_value(ThriftType type, int depth) {
  if (depth == 0) return fail(Failure::malformed);
  switch (type) {
    case ThriftType::boolean_true:
    case ThriftType::boolean_false: return;  // a field's value is its type
    case ThriftType::i8: return advance(1);
    case ThriftType::i16:
    case ThriftType::i32:
    case ThriftType::i64: static_cast<void>(varint()); return;
    case ThriftType::real: return advance(8);
    case ThriftType::binary: return advance(varint());
    case ThriftType::uuid: return advance(16);
    case ThriftType::list:
    case ThriftType::set: {
      const uint8_t head = byte();
      const uint64_t size = head >> 4 == 15 ? varint() : head >> 4;
      const auto element = static_cast<ThriftType>(head & 0x0f);
      if (size > bytes_.size() - at_) return fail(Failure::ended);
      for (uint64_t i = 0; i < size && ok(); ++i) {
        if (is_boolean(element)) {
          advance(1);
        } else {
          skip_value(element, depth - 1);
        }
      }
      return;
    }
    case ThriftType::map: {
      const uint64_t size = varint();
      if (size == 0) return;
      const uint8_t types = byte();
      if (size > bytes_.size() - at_) return fail(Failure::ended);
      for (uint64_t i = 0; i < size && ok(); ++i) {
        for (const int part : {types >> 4, types & 0x0f}) {
          const auto element = static_cast<ThriftType>(part);
          if (is_boolean(element)) {
            advance(1);
          } else {
            skip_value(element, depth - 1);
          }
        }
      }
      return;
    }
    case ThriftType::structure: {
      Field field;
      while (next_field(field)) skip_value(field.type, depth - 1);
      return;
    }
    default: fail(Failure::malformed);
  }
}

}  // namespace penstock::feed::file

#include "stream/id_set.h"

#include <algorithm>

namespace penstock::stream {
namespace {

uint64_t take_varint(const std::string& bytes, size_t& at) {
  uint64_t value = 0;
  for (unsigned shift = 0; at < bytes.size() && shift < 64; shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes[at++]);
    value |= uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) break;
  }
  return value;
}

// A gap is at most 2^63, from -1 to the greatest id; doubled it takes 65 bits. So the gap less one is what is written.
uint64_t run_head(int64_t begin, int64_t before, bool longer) {
  const uint64_t gap = static_cast<uint64_t>(begin) - static_cast<uint64_t>(before) - 1;
  return gap << 1 | (longer ? 1 : 0);
}

}  // namespace

void IdSet::flush_run() {
  if (begin_ < 0) return;
  if (index_.empty() || runs_.size() - index_.back().at >= kIndexBytes) index_.push_back({written_last_, runs_.size()});
  put_varint(runs_, run_head(begin_, written_last_, last_ > begin_));
  if (last_ > begin_) put_varint(runs_, static_cast<uint64_t>(last_ - begin_));
  written_last_ = last_;
  begin_ = -1;
}

bool IdSet::contains(int64_t id) const {
  if (id > last_) return false;
  if (begin_ >= 0 && id >= begin_) return true;
  if (id <= written_last_) {
    auto from = std::upper_bound(index_.begin(), index_.end(), id,
                                 [](int64_t value, const Index& entry) { return value <= entry.before; });
    if (from != index_.begin()) {
      --from;
      int64_t end = from->before;
      for (size_t at = from->at; at < runs_.size() && end < id;) {
        const uint64_t head = take_varint(runs_, at);
        const int64_t begin = end + 1 + static_cast<int64_t>(head >> 1);
        end = begin + ((head & 1) != 0 ? static_cast<int64_t>(take_varint(runs_, at)) : 0);
        if (id >= begin && id <= end) return true;
      }
    }
  }
  return extra_.contains(static_cast<uint64_t>(id) + 1);
}

void IdSet::save(BlobWriter& out, bool whole) {
  flush_run();
  if (whole) {
    out.put(0);
    out.put_text(runs_);
    out.put(extra_.size());
    extra_.for_each([&](uint64_t id) { out.put(id - 1); });
  } else {
    out.put(static_cast<uint64_t>(saved_last_) + 1);
    out.put_text(std::string_view(runs_).substr(saved_));
    out.put(new_extra_.size());
    for (const int64_t id : new_extra_) out.put(static_cast<uint64_t>(id));
  }
  new_extra_.clear();
  saved_ = runs_.size();
  saved_last_ = written_last_;
}

bool IdSet::load(BlobReader& in, bool whole) {
  if (whole) *this = IdSet{};
  const uint64_t base = in.get();
  const std::string runs(in.get_text());
  if (!in.ok() || base > uint64_t{1} << 63) return false;
  auto end = static_cast<int64_t>(base - 1);
  for (size_t at = 0; at < runs.size();) {
    const uint64_t head = take_varint(runs, at);
    const uint64_t more = (head & 1) != 0 ? take_varint(runs, at) : 0;
    int64_t begin = 0;
    int64_t last = 0;
    if (__builtin_add_overflow(end, static_cast<int64_t>(head >> 1), &begin) ||
        __builtin_add_overflow(begin, 1, &begin) || more > static_cast<uint64_t>(INT64_MAX) ||
        __builtin_add_overflow(begin, static_cast<int64_t>(more), &last)) {
      return false;
    }
    if (begin <= last_) return false;  // runs are written in order, so this one is there twice
    if (begin == last_ + 1 && begin_ >= 0) {
      last_ = last;
    } else {
      flush_run();
      begin_ = begin;
      last_ = last;
    }
    end = last;
  }
  const uint64_t extras = in.get();
  for (uint64_t i = 0; i < extras && in.ok(); ++i) {
    const uint64_t id = in.get();
    if (id > static_cast<uint64_t>(INT64_MAX)) return false;
    extra_.insert(id + 1);
  }
  flush_run();
  new_extra_.clear();
  saved_ = runs_.size();
  saved_last_ = written_last_;
  return in.ok();
}

}  // namespace penstock::stream

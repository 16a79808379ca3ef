#include "log/embedded/producer_state.h"

#include <algorithm>
#include <charconv>

namespace penstock::log {
namespace {

constexpr std::string_view kFirstLine = "penstock-producers 1\n";
// The last number of a producer's line: a sum of these.
constexpr int64_t kAfterHole = 1;
constexpr int64_t kModulo = 2;
// Stands in a snapshot for every producer that it does not name. No producer has this id.
constexpr int64_t kOthers = -1;

// Takes the number before the next `separator` off `text`.
bool take_number(std::string_view& text, char separator, int64_t& value) {
  const size_t at = text.find(separator);
  if (at == std::string_view::npos) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + at, value);
  if (error != std::errc{} || end != text.data() + at) return false;
  text.remove_prefix(at + 1);
  return true;
}

uint32_t checksum(std::string_view text) { return crc32c(std::as_bytes(std::span(text))); }

}  // namespace

Result<ProducerState::Verdict> ProducerState::judge(const ProducerStamp& stamp, int32_t count) const {
  if (stamp.producer_id < 0) return Verdict::append;
  if (stamp.sequence < 0 || stamp.epoch < 0) {
    return fail(ErrorKind::invalid, "producer {} appends with epoch {} and sequence {}: neither may be negative",
                stamp.producer_id, stamp.epoch, stamp.sequence);
  }
  const auto found = producers_.find(stamp.producer_id);
  if (found == producers_.end() && producers_.size() >= kProducersMax) {
    return fail(ErrorKind::full, "a partition remembers at most {} producers: producer {} is one too many",
                kProducersMax, stamp.producer_id);
  }
  if (found != producers_.end() && stamp.epoch < found->second.epoch) {
    return fail(ErrorKind::invalid, "producer {} has epoch {} by now: an instance of epoch {} may not append any more",
                stamp.producer_id, found->second.epoch, stamp.epoch);
  }
  const bool begins = found == producers_.end() || stamp.epoch > found->second.epoch;
  // It may have appended what is lost: where it goes on then is all that is known of it.
  if (found == producers_.end() && incomplete_) return Verdict::append;
  const int64_t next = begins ? 0 : next_of(found->second, stamp.sequence);
  if (stamp.sequence == next) return Verdict::append;
  if (stamp.sequence + count <= next) return Verdict::duplicate;
  if (stamp.sequence > next && !begins && found->second.after_hole) return Verdict::append;
  return fail(ErrorKind::invalid, "producer {} appends sequences {} to {} where {} is next: {}", stamp.producer_id,
              stamp.sequence, stamp.sequence + count - 1, next,
              stamp.sequence < next ? "a part of them is there already" : "those between are missing");
}

// The next sequence of a producer that is asked about `sequence`: where only its remainder is known, the nearest one.
int64_t ProducerState::next_of(const Producer& producer, int64_t sequence) {
  const int64_t next = producer.next_sequence;
  if (!producer.modulo || sequence <= next) return next;
  return next + (sequence - next + kSequenceModulus / 2) / kSequenceModulus * kSequenceModulus;
}

std::optional<Offset> ProducerState::offset_of(const ProducerStamp& stamp) const {
  const auto found = producers_.find(stamp.producer_id);
  if (found == producers_.end()) return std::nullopt;
  for (const Producer::Batch& batch : found->second.batches) {
    if (batch.sequence == stamp.sequence) return batch.base_offset;
  }
  return std::nullopt;
}

void ProducerState::appended(const ProducerStamp& stamp, int32_t count, Offset base_offset) {
  if (stamp.producer_id < 0) return;
  Producer& producer = producers_[stamp.producer_id];
  if (stamp.epoch > producer.epoch) producer.batches.clear();
  producer.epoch = stamp.epoch;
  producer.next_sequence = stamp.sequence + count;
  producer.after_hole = false;
  producer.modulo = false;
  producer.batches.push_back({stamp.sequence, base_offset});
  if (producer.batches.size() > kBatchesRemembered) producer.batches.pop_front();
}

void ProducerState::scanned(const BatchHeader& header) {
  if (header.producer_id < 0 || header.base_sequence < 0) return;
  // The least sequence, not before the next one, that is what the file says modulo 2^31.
  const auto found = producers_.find(header.producer_id);
  const bool begins = found == producers_.end() || header.producer_epoch > found->second.epoch;
  const int64_t next = begins ? 0 : found->second.next_sequence;
  const int64_t ahead = (header.base_sequence - next % kSequenceModulus + kSequenceModulus) % kSequenceModulus;
  const bool modulo = found == producers_.end() ? incomplete_ : found->second.modulo;
  appended({header.producer_id, header.producer_epoch, next + ahead}, header.record_count, Offset{header.base_offset});
  producers_[header.producer_id].modulo = modulo;
}

void ProducerState::hole() {
  for (auto& [id, producer] : producers_) producer.after_hole = true;
  incomplete_ = true;
}

int64_t ProducerState::next_sequence(int64_t producer_id) const {
  const auto found = producers_.find(producer_id);
  return found == producers_.end() ? 0 : found->second.next_sequence;
}

std::string ProducerState::snapshot() const {
  std::string text(kFirstLine);
  for (const auto& [id, producer] : producers_) {
    text += fmt::format("{} {} {} {}\n", id, producer.epoch, producer.next_sequence,
                        (producer.after_hole ? kAfterHole : 0) + (producer.modulo ? kModulo : 0));
  }
  if (incomplete_) text += fmt::format("{} 0 0 {}\n", kOthers, kAfterHole);
  text += fmt::format("crc {}\n", checksum(text));
  return text;
}

Result<ProducerState> ProducerState::from_snapshot(std::string_view text) {
  const size_t crc_line = text.rfind("crc ");
  std::string_view rest = crc_line == std::string_view::npos ? std::string_view() : text.substr(crc_line + 4);
  int64_t crc = 0;
  if (!take_number(rest, '\n', crc) || !rest.empty() || checksum(text.substr(0, crc_line)) != crc ||
      !text.starts_with(kFirstLine)) {
    return fail(ErrorKind::corrupt, "the producers' snapshot does not check out");
  }
  ProducerState state;
  rest = text.substr(kFirstLine.size(), crc_line - kFirstLine.size());
  while (!rest.empty()) {
    int64_t id = 0;
    int64_t epoch = 0;
    int64_t next = 0;
    int64_t flags = 0;
    if (!take_number(rest, ' ', id) || !take_number(rest, ' ', epoch) || !take_number(rest, ' ', next) ||
        !take_number(rest, '\n', flags)) {
      return fail(ErrorKind::corrupt, "the producers' snapshot does not read");
    }
    if (id == kOthers) {
      state.incomplete_ = true;
      continue;
    }
    state.producers_[id] = {static_cast<int16_t>(epoch), next, (flags & kAfterHole) != 0, (flags & kModulo) != 0, {}};
  }
  return state;
}

}  // namespace penstock::log

// Making and opening a partition: its folder's files, recovery of the newest segment, the producers, the flush note.
#include <array>
#include <charconv>

#include "base/logging.h"
#include "log/embedded/partition.h"

namespace penstock::log {
namespace {

constexpr size_t kSnapshotBytesMax = size_t{16} << 20;
constexpr size_t kFlushNoteBytesMax = 128;

// 16 bytes from the topic's name, in base64 as Kafka writes a topic's id: the same name is the same topic.
std::string topic_id(std::string_view topic) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<uint8_t, 18> bytes{};  // the last two stay 0: they are the padding of the text
  for (size_t half = 0; half < 2; ++half) {
    uint64_t hash = 0xcbf29ce484222325 + half;
    for (const char c : topic) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    for (size_t i = 0; i < 8; ++i) bytes[8 * half + i] = static_cast<uint8_t>(hash >> (8 * i));
  }
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x80);  // a UUID of version 8: made from something known
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const uint32_t three =
        static_cast<uint32_t>(bytes[i]) << 16 | static_cast<uint32_t>(bytes[i + 1]) << 8 | bytes[i + 2];
    for (const int shift : {18, 12, 6, 0}) text += kDigits[(three >> shift) & 63];
  }
  text.resize(22);
  return text;
}

// What the file `flushed` says: so many bytes of that segment are on the device.
std::string flush_note(Offset base_offset, uint64_t bytes) {
  std::string text = fmt::format("penstock-flushed 1\n{} {}\n", base_offset.value, bytes);
  text += fmt::format("crc {}\n", crc32c(std::as_bytes(std::span(text))));
  return text;
}

}  // namespace

Result<std::unique_ptr<Partition>> Partition::open(io::FileSystem& files, const std::string& folder, TopicPartition id,
                                                   const EmbeddedOptions& options, std::vector<RecoveryCut>& cuts) {
  auto partition = std::unique_ptr<Partition>(new Partition(files, folder, std::move(id), options));
  if (!options.read_only) PENSTOCK_TRY(partition->create_files());
  PENSTOCK_TRY(partition->open_segments(cuts));
  return partition;
}

Status Partition::create_files() {
  PENSTOCK_TRY(files_.create_directories(folder_));
  const std::string metadata = folder_ + "/partition.metadata";
  PENSTOCK_TRY_ASSIGN(const bool there, files_.exists(metadata));
  if (!there) {
    PENSTOCK_TRY(write_file(folder_ + "/leader-epoch-checkpoint", "0\n1\n0 0\n", true));
    PENSTOCK_TRY(write_file(metadata, fmt::format("version: 0\ntopic_id: {}", topic_id(id_.topic)), true));
    PENSTOCK_TRY(files_.sync_directory(folder_));
  }
  return {};
}

Result<std::vector<Offset>> Partition::list_segments() {
  PENSTOCK_TRY_ASSIGN(const std::vector<std::string> names, files_.list(folder_));
  std::vector<Offset> bases;
  for (const std::string_view name : names) {
    int64_t base = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), base);
    const std::string_view extension(end, static_cast<size_t>(name.data() + name.size() - end));
    if (error == std::errc{} && extension == ".log") bases.emplace_back(base);
  }
  return bases;
}

Status Partition::open_segments(std::vector<RecoveryCut>& cuts) {
  PENSTOCK_TRY_ASSIGN(std::vector<Offset> bases, list_segments());
  if (bases.empty()) {
    if (options_.read_only) return fail(ErrorKind::not_found, "{} has no segment", folder_);
    PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> first, Segment::create(files_, folder_, Offset{0}));
    segments_.push_back(first);
    folder_changed_ = true;
    if (options_.fsync == Fsync::always) return sync_unsynced();
    return {};
  }
  for (size_t i = 0; i + 1 < bases.size(); ++i) {
    PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> segment,
                        Segment::open_complete(files_, folder_, bases[i], options_.read_only));
    segments_.push_back(std::move(segment));
  }
  PENSTOCK_TRY(drop_unused_newest(bases));
  PENSTOCK_TRY(load_producers(bases));
  // A hole before the newest segment: records were lost, and sequences with them.
  if (!segments_.empty() && segments_.back()->end_offset() < bases.back()) producers_.hole();
  Segment::Scan found;
  PENSTOCK_TRY_ASSIGN(std::shared_ptr<Segment> newest,
                      Segment::open_newest(files_, folder_, bases.back(), flushed_bytes(bases.back()),
                                           options_.read_only, producers_, found));
  if (found.bytes_file > found.bytes_whole && !options_.read_only) {
    PENSTOCK_TRY(newest->cut(found.bytes_whole));
    cuts.push_back({id_, newest->end_offset(), found.bytes_file - found.bytes_whole, found.why});
    log_warning("log", "{}: the last {} bytes were {}, left by a crash; they were cut, and {}-{} goes on at offset {}",
                newest->path(), found.bytes_file - found.bytes_whole, found.why, id_.topic, id_.partition,
                newest->end_offset().value);
  }
  segments_.push_back(newest);
  if (options_.read_only) return {};
  // What an earlier process wrote may not be on the device yet, names included: the next flush takes care of it.
  unsynced_.push_back(std::move(newest));
  folder_changed_ = true;
  if (options_.fsync == Fsync::always) return sync_unsynced();
  return {};
}

Status Partition::drop_unused_newest(std::vector<Offset>& bases) {
  // A roll that failed half-way (a full disk) leaves an empty segment, and appends went on in the one before it.
  if (segments_.empty()) return {};
  const Segment& before = *segments_.back();
  PENSTOCK_TRY_ASSIGN(const auto file, files_.open(segment_path(folder_, bases.back(), "log"), io::OpenMode::read));
  PENSTOCK_TRY_ASSIGN(const uint64_t size, file->size());
  if (size == 0 && (before.end_offset() > bases.back() || !before.damage().empty())) {
    if (!options_.read_only) PENSTOCK_TRY(remove_segment(bases.back()));
    bases.pop_back();
    segments_.pop_back();
    return {};
  }
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (segments_[i]->end_offset() > bases[i + 1]) {
      return fail(ErrorKind::corrupt,
                  "{} holds records up to offset {}, but the next segment begins at {}: take one away",
                  segments_[i]->path(), segments_[i]->end_offset().value - 1, bases[i + 1].value);
    }
  }
  return {};
}

Status Partition::load_producers(const std::vector<Offset>& bases) {
  const std::string path = segment_path(folder_, bases.back(), kProducersExtension);
  PENSTOCK_TRY_ASSIGN(const bool there, files_.exists(path));
  if (there) {
    PENSTOCK_TRY_ASSIGN(const auto file, files_.open(path, io::OpenMode::read));
    PENSTOCK_TRY_ASSIGN(const uint64_t size, file->size());
    if (size <= kSnapshotBytesMax) {
      std::string text(size, '\0');
      PENSTOCK_TRY(file->read_at(0, std::as_writable_bytes(std::span(text))));
      if (auto state = ProducerState::from_snapshot(text)) {
        producers_ = std::move(*state);
        return {};
      }
    }
  } else if (bases.size() == 1 && bases.front() == Offset{0}) {
    return {};
  }
  if (options_.read_only) return {};
  // The snapshot is lost: the headers of all older segments tell the same, as far as they are there.
  log_warning("log", "{} is missing or damaged: the producers of {}-{} are read from the segments again", path,
              id_.topic, id_.partition);
  if (bases.front() > Offset{0}) {
    log_warning("log",
                "{}-{} begins at offset {}, so that producers of older records are not known: each is taken at its "
                "word for where it goes on",
                id_.topic, id_.partition, bases.front().value);
    producers_.hole();
  }
  Offset expected = bases.front();
  for (const std::shared_ptr<Segment>& segment : segments_) {
    if (segment->base_offset() > expected) producers_.hole();
    expected = segment->end_offset();
    std::array<std::byte, kBatchHeaderBytes> bytes;
    for (uint64_t position = 0; position < segment->bytes();) {
      PENSTOCK_TRY_ASSIGN(const size_t read, segment->file().read_at(position, bytes));
      BatchHeader header;
      if (read < bytes.size() || !read_header(bytes, header)) {
        return fail(ErrorKind::corrupt, "{} holds no batch at byte {}", segment->path(), position);
      }
      producers_.scanned(header);
      position += header.total_bytes();
    }
  }
  return write_file(path, producers_.snapshot(), true);
}

uint64_t Partition::flushed_bytes(Offset base_offset) {
  const auto file = files_.open(folder_ + "/flushed", io::OpenMode::read);
  if (!file) return 0;
  std::string text(kFlushNoteBytesMax, '\0');
  const auto read = (*file)->read_at(0, std::as_writable_bytes(std::span(text)));
  if (!read) return 0;
  text.resize(*read);
  const size_t second_line = text.find('\n') + 1;
  const size_t crc_line = text.find("crc ");
  int64_t base = 0;
  uint64_t bytes = 0;
  if (second_line == 0 || crc_line == std::string::npos || crc_line < second_line) return 0;
  const char* const end = text.data() + crc_line;
  const auto [space, error] = std::from_chars(text.data() + second_line, end, base);
  if (error != std::errc{} || space == end) return 0;
  std::from_chars(space + 1, end, bytes);
  return text == flush_note(Offset{base}, bytes) && base == base_offset.value ? bytes : 0;
}

Status Partition::note_flushed(const Segment& segment, uint64_t bytes) {
  // Not durable itself: an older note, or none, costs time at the next open, and a torn one does not check out.
  PENSTOCK_TRY(write_file(folder_ + "/flushed", flush_note(segment.base_offset(), bytes), false));
  flushed_base_ = segment.base_offset();
  flushed_bytes_ = bytes;
  return {};
}

}  // namespace penstock::log

// For tests of the file source: files in memory, and an emitter that keeps what it is given as readable text.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "feed/file/file_source.h"
#include "feed/source.h"
#include "io/file_system.h"
#include "market/batch.h"
#include "market/schema.h"

namespace penstock::feed::file {

// Read-only files whose content the test states. A read past `fail_reads_at` fails.
class MemoryFiles final : public io::FileSystem {
 public:
  std::map<std::string, std::string> contents;  // not to be changed while a source is open
  uint64_t fail_reads_at = ~uint64_t{0};

  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode) override {
    const auto found = contents.find(path);
    if (found == contents.end()) return fail(ErrorKind::not_found, "{}: No such file or directory", path);
    return std::make_unique<MemoryFile>(found->second, fail_reads_at);
  }
  Status create_directories(const std::string&) override { return read_only(); }
  Result<std::vector<std::string>> list(const std::string&) override { return std::unexpected(read_only().error()); }
  Result<bool> exists(const std::string& path) override { return contents.contains(path); }
  Status rename(const std::string&, const std::string&) override { return read_only(); }
  Status remove(const std::string&) override { return read_only(); }
  Status sync_directory(const std::string&) override { return read_only(); }

 private:
  static Status read_only() { return fail(ErrorKind::io, "the files of this test are read-only"); }

  class MemoryFile final : public io::File {
   public:
    using io::File::write_at;
    MemoryFile(const std::string& content, uint64_t fail_at) : content_(content), fail_at_(fail_at) {}
    Result<size_t> read_at(uint64_t position, std::span<std::byte> bytes) override {
      if (position >= content_.size()) return size_t{0};
      const size_t count = std::min<size_t>(bytes.size(), content_.size() - position);
      if (position + count > fail_at_) return fail(ErrorKind::io, "Input/output error");
      std::memcpy(bytes.data(), content_.data() + position, count);
      return count;
    }
    Status write_at(uint64_t, std::span<const std::byte>) override { return read_only(); }
    Status sync() override { return read_only(); }
    void start_writeback(uint64_t, uint64_t) override {}
    Status truncate(uint64_t) override { return read_only(); }
    Result<uint64_t> size() override { return content_.size(); }

   private:
    const std::string& content_;
    uint64_t fail_at_;
  };
};

// What a chunk said, as text: rows `AAPL|2024-01-02T00:00:00Z|...` with `-` for null, rejects `line 3: reason: raw`.
struct SeenChunk {
  std::vector<std::string> rows;
  std::vector<std::string> rejects;
  std::vector<Timestamp> marks;
  uint64_t position_end = 0;
};

class KeepingEmitter final : public Emitter {
 public:
  explicit KeepingEmitter(const market::SymbolTable& symbols) : symbols_(symbols) {}

  std::vector<SeenChunk> chunks;
  size_t fail_publish_at = ~size_t{0};  // the chunk whose publish fails

  [[nodiscard]] std::vector<std::string> rows() const { return joined(&SeenChunk::rows); }
  [[nodiscard]] std::vector<std::string> rejects() const { return joined(&SeenChunk::rejects); }
  [[nodiscard]] std::vector<Timestamp> marks() const {
    std::vector<Timestamp> all;
    for (const SeenChunk& chunk : chunks) all.insert(all.end(), chunk.marks.begin(), chunk.marks.end());
    return all;
  }

  Result<std::unique_ptr<PreparedChunk>> prepare(Chunk&& chunk) override {
    SeenChunk seen{.marks = {}, .position_end = chunk.position_end};
    for (size_t row = 0; row < chunk.rows.rows; ++row) {
      std::string text;
      for (size_t c = 0; c < chunk.rows.columns.size(); ++c) {
        const auto value = market::value_text(chunk.rows.columns[c], row, symbols_);
        // What a trade seldom has is shown where it is there.
        if (!value && c >= market::TradeColumn::tape) continue;
        text += (text.empty() ? "" : "|") + value.value_or("-");
      }
      seen.rows.push_back(std::move(text));
    }
    for (const Reject& reject : chunk.rejects) {
      seen.rejects.push_back(reject.position + ": " + reject.reason + ": " + reject.raw);
    }
    for (const TimeMark& mark : chunk.marks) seen.marks.push_back(mark.time);
    auto prepared = std::make_unique<Prepared>();
    prepared->seen = std::move(seen);
    return prepared;
  }
  Status publish(std::unique_ptr<PreparedChunk> chunk) override {
    if (chunks.size() == fail_publish_at) return fail(ErrorKind::full, "the disk is full");
    chunks.push_back(std::move(static_cast<Prepared&>(*chunk).seen));
    return {};
  }

 private:
  struct Prepared final : PreparedChunk {
    SeenChunk seen;
  };
  [[nodiscard]] std::vector<std::string> joined(std::vector<std::string> SeenChunk::* member) const {
    std::vector<std::string> all;
    for (const SeenChunk& chunk : chunks) all.insert(all.end(), (chunk.*member).begin(), (chunk.*member).end());
    return all;
  }

  const market::SymbolTable& symbols_;
};

}  // namespace penstock::feed::file

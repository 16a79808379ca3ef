#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "base/clock.h"
#include "feed/file/file_testing.h"

namespace penstock::feed::file {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string input = text;
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Frames of 4 KiB of text each, with checksums.
std::string zstd(const std::string& text) {
  constexpr size_t kFrameBytes = 4096;
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string out;
  for (size_t at = 0; at == 0 || at < text.size(); at += kFrameBytes) {
    const std::string part = text.substr(at, kFrameBytes);
    std::string frame(ZSTD_compressBound(part.size()), '\0');
    frame.resize(ZSTD_compress2(context, frame.data(), frame.size(), part.data(), part.size()));
    out += frame;
  }
  ZSTD_freeCCtx(context);
  return out;
}

// The same tests for both, as the parameter says.
class CompressedSource : public testing::TestWithParam<std::string> {
 protected:
  std::string compress(const std::string& text) { return GetParam() == "gz" ? gzip(text) : zstd(text); }

  struct Seen {
    Status status;
    KeepingEmitter emitter;
  };
  Seen read(const std::string& content, size_t chunk_bytes = 500, uint64_t position = 0, int threads = 2) {
    const std::string path = "trades.csv." + GetParam();
    files_.contents[path] = content;
    Seen seen{{}, KeepingEmitter(symbols_)};
    auto source =
        make_file_source({.path = path, .threads = threads, .chunk_bytes = chunk_bytes}, symbols_, clock_, files_);
    if (source) {
      seen.status = (*source)->run(position, seen.emitter, {});
    } else {
      seen.status = std::unexpected(source.error());
    }
    return seen;
  }
  static std::string lines(int count) {
    std::string text = "symbol,ts_event,price,size,id\n";
    uint64_t random = 1;
    for (int i = 0; i < count; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      text += i % 50 == 7 ? "bad line\n" : fmt::format("S{},{},{}.5,1,{}\n", random >> 61, i, i, random >> 20);
    }
    return text;
  }

  market::SymbolTable symbols_;
  ManualClock clock_{Timestamp{0}};
  MemoryFiles files_;
};

INSTANTIATE_TEST_SUITE_P(, CompressedSource, testing::Values("gz", "zst"),
                         [](const auto& which) { return which.param; });

TEST_P(CompressedSource, SeveralMembersGiveWhatThePlainFileGives) {
  const std::string text = lines(2000);
  files_.contents["plain.csv"] = text;
  KeepingEmitter plain(symbols_);
  auto source = make_file_source({.path = "plain.csv", .threads = 1}, symbols_, clock_, files_);
  ASSERT_TRUE(source && (*source)->run(0, plain, {}));
  EXPECT_EQ(plain.rows().size(), 1960u);
  EXPECT_EQ(plain.rejects().size(), 40u);

  // One member, members cut in the middle of lines, and an empty one among them.
  for (const std::string& content : {compress(text), compress(text.substr(0, 12)) + compress(text.substr(12, 9001)) +
                                                         compress("") + compress(text.substr(9013))}) {
    for (const size_t chunk_bytes : {size_t{100}, size_t{4096}, size_t{1} << 20}) {
      const Seen seen = read(content, chunk_bytes);
      ASSERT_TRUE(seen.status) << seen.status.error().message;
      EXPECT_EQ(seen.emitter.rows(), plain.rows());
      EXPECT_EQ(seen.emitter.rejects(), plain.rejects());
      EXPECT_THAT(seen.emitter.marks(), ElementsAre(Timestamp::max()));
    }
  }
}

TEST_P(CompressedSource, ResumedAtAnyChunkItGivesTheRestExactly) {
  const std::string content = compress(lines(300));
  const Seen whole = read(content);
  ASSERT_TRUE(whole.status);
  ASSERT_GT(whole.emitter.chunks.size(), 8u);
  for (size_t done = 0; done < whole.emitter.chunks.size(); ++done) {
    const Seen rest = read(content, 500, whole.emitter.chunks[done].position_end);
    ASSERT_TRUE(rest.status);
    std::vector<std::string> rows;
    std::vector<std::string> rejects;
    for (size_t i = done + 1; i < whole.emitter.chunks.size(); ++i) {
      rows.insert(rows.end(), whole.emitter.chunks[i].rows.begin(), whole.emitter.chunks[i].rows.end());
      rejects.insert(rejects.end(), whole.emitter.chunks[i].rejects.begin(), whole.emitter.chunks[i].rejects.end());
    }
    EXPECT_EQ(rest.emitter.rows(), rows);
    EXPECT_EQ(rest.emitter.rejects(), rejects);
  }
}

// What a cut file gives at least: the rows before the cut, a reject that says so, no end, and an error.
TEST_P(CompressedSource, AFileCutAnywhereGivesTheRowsBeforeTheCutARejectAndAnError) {
  const std::string text = lines(2000);
  const std::string content = compress(text);
  const Seen whole = read(content);
  const std::vector<std::string> all = whole.emitter.rows();
  size_t with_rows = 0;
  for (size_t cut = 0; cut < content.size(); cut += 1 + content.size() / 40) {
    const Seen seen = read(content.substr(0, cut));
    ASSERT_FALSE(seen.status) << cut;
    EXPECT_THAT(seen.emitter.marks(), IsEmpty());
    if (seen.emitter.chunks.empty()) continue;  // cut within the header: the file is not even opened
    EXPECT_EQ(seen.status.error().kind, ErrorKind::corrupt);
    EXPECT_THAT(seen.status.error().message, HasSubstr("ends early, at byte " + std::to_string(cut)));
    const std::vector<std::string> rows = seen.emitter.rows();
    ASSERT_LE(rows.size(), all.size());
    EXPECT_TRUE(std::equal(rows.begin(), rows.end(), all.begin()));
    EXPECT_THAT(seen.emitter.rejects().back(), HasSubstr("ends early"));
    if (!rows.empty()) ++with_rows;

    // Read again from where it stopped, it does not repeat the reject.
    const Seen again = read(content.substr(0, cut), 500, seen.emitter.chunks.back().position_end);
    ASSERT_FALSE(again.status);
    EXPECT_EQ(again.status.error().kind, ErrorKind::corrupt);
    EXPECT_THAT(again.emitter.rejects(), IsEmpty());
    EXPECT_THAT(again.emitter.rows(), IsEmpty());
  }
  EXPECT_GT(with_rows, 0u);
}

TEST_P(CompressedSource, DamageNeverPassesForTheEnd) {
  const std::string text = lines(2000);
  const std::string content = compress(text);
  for (size_t at = 0; at < content.size(); at += 1 + content.size() / 60) {
    std::string damaged = content;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    const Seen seen = read(damaged);
    // A header's unused byte may change without harm; then all rows are there.
    if (seen.status) {
      EXPECT_EQ(seen.emitter.rows().size(), 1960u) << at;
    } else {
      EXPECT_THAT(seen.emitter.marks(), IsEmpty());
    }
  }
}

TEST_P(CompressedSource, WhatIsNotCompressedOrEmptyIsAnError) {
  const Seen plain = read("symbol,ts_event,price,size\nA,1,1,1\n");
  ASSERT_FALSE(plain.status);
  EXPECT_EQ(plain.status.error().kind, ErrorKind::corrupt);
  const Seen nothing = read("");
  ASSERT_FALSE(nothing.status);
  const Seen empty = read(compress(""));
  ASSERT_FALSE(empty.status);
  EXPECT_THAT(empty.status.error().message, HasSubstr("is empty"));
}

}  // namespace
}  // namespace penstock::feed::file

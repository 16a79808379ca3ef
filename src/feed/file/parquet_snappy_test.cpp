#include "feed/file/parquet_snappy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "feed/file/parquet_encoding.h"

namespace penstock::feed::file {
namespace {

// Compressed bytes together with what they stand for.
struct Stream {
  std::string body;
  std::string plain;

  void literal(const std::string& text) {
    const size_t code = text.size() - 1;
    if (code < 60) {
      body += static_cast<char>(code << 2);
    } else {
      const size_t bytes = code < 0x100 ? 1 : code < 0x1'0000 ? 2 : code < 0x100'0000 ? 3 : 4;
      body += static_cast<char>((59 + bytes) << 2);
      for (size_t i = 0; i < bytes; ++i) body += static_cast<char>(code >> (8 * i));
    }
    body += text;
    plain += text;
  }
  // Of the three forms the shortest that can, or a longer one.
  void copy(size_t length, size_t offset, int form) {
    if (form == 1 && length >= 4 && length <= 11 && offset < 2048) {
      body += static_cast<char>(offset >> 8 << 5 | (length - 4) << 2 | 1);
      body += static_cast<char>(offset);
    } else {
      const bool wide = form == 3 || offset > 0xffff;
      body += static_cast<char>((length - 1) << 2 | (wide ? 3 : 2));
      for (int i = 0; i < (wide ? 4 : 2); ++i) body += static_cast<char>(offset >> (8 * i));
    }
    for (size_t i = 0; i < length; ++i) plain += plain[plain.size() - offset];
  }
  [[nodiscard]] std::string done() const {
    std::string text;
    size_t size = plain.size();
    for (; size >= 0x80; size >>= 7) text += static_cast<char>(size | 0x80);
    return text + static_cast<char>(size) + body;
  }
};

// In memory of their own, so that a sanitizer sees what leaves the padding.
PaddedBytes padded(const std::string& text) {
  PaddedBytes bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

bool decompress(const std::string& compressed, std::string& out) {
  const PaddedBytes from = padded(compressed);
  PaddedBytes to(out.size());
  const bool ok = snappy_decompress(from.span(), to.span());
  out.assign(reinterpret_cast<const char*>(to.data()), to.size());
  return ok;
}

Stream random_stream(uint64_t seed, int parts) {
  std::mt19937_64 random(seed);
  Stream stream;
  for (int part = 0; part < parts; ++part) {
    if (stream.plain.empty() || random() % 2 == 0) {
      const size_t most = random() % 50 == 0 ? 100'000 : random() % 4 == 0 ? 200 : 8;
      std::string text(1 + random() % most, '\0');
      std::ranges::generate(text, [&] { return static_cast<char>(random()); });
      stream.literal(text);
    } else {
      const size_t near = std::min<size_t>(stream.plain.size(), random() % 3 == 0 ? 100'000 : 20);
      stream.copy(1 + random() % (random() % 2 == 0 ? 64 : 11), 1 + random() % near,
                  1 + static_cast<int>(random() % 3));
    }
  }
  return stream;
}

TEST(SnappyDecompress, GivesWhatLiteralsAndCopiesOfEveryFormStandFor) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Stream stream = random_stream(seed, 1 + static_cast<int>(seed * 2));
    std::string out(stream.plain.size(), '\0');
    ASSERT_TRUE(decompress(stream.done(), out)) << seed;
    ASSERT_EQ(out, stream.plain) << seed;
  }
  std::string nothing;
  EXPECT_TRUE(decompress(Stream().done(), nothing));
}

TEST(SnappyDecompress, EveryOffsetAndLengthFromTheFirstByteOn) {
  for (size_t offset = 1; offset <= 40; ++offset) {
    for (size_t length = 1; length <= 64; ++length) {
      Stream stream;
      for (size_t i = 0; i < offset; ++i) stream.literal(std::string(1, static_cast<char>('a' + i)));
      stream.copy(length, offset, 2);
      stream.copy(length, 1, 2);
      stream.copy(length, offset, 1);
      std::string out(stream.plain.size(), '\0');
      ASSERT_TRUE(decompress(stream.done(), out));
      ASSERT_EQ(out, stream.plain) << offset << ' ' << length;
    }
  }
}

TEST(SnappyDecompress, RefusesWhatIsCutOrOfAnotherSizeOrRefersToNothing) {
  const Stream stream = random_stream(7, 40);
  const std::string whole = stream.done();
  for (size_t size = 0; size < whole.size(); ++size) {
    std::string out(stream.plain.size(), '\0');
    ASSERT_FALSE(decompress(whole.substr(0, size), out)) << size;
  }
  std::string longer(stream.plain.size() + 1, '\0');
  EXPECT_FALSE(decompress(whole, longer));
  std::string out(5, '\0');
  EXPECT_FALSE(decompress(std::string("\x05\x00"
                                      "a"
                                      "\x01\x02",
                                      5),
                          out));  // two bytes back, where one is
  EXPECT_FALSE(decompress(std::string("\x05\x00"
                                      "a"
                                      "\x01\x00",
                                      5),
                          out));  // an offset of nothing
  EXPECT_TRUE(decompress(std::string("\x05\x00"
                                     "a"
                                     "\x01\x01",
                                     5),
                         out));
  EXPECT_EQ(out, "aaaaa");
}

// Whatever the bytes: no memory but their own is touched.
TEST(SnappyDecompress, AnyWrongByteIsSurvived) {
  const Stream stream = random_stream(11, 60);
  const std::string whole = stream.done();
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {1, 0x80, 0xff}) {
      std::string wrong = whole;
      wrong[at] = static_cast<char>(wrong[at] ^ flip);
      std::string out(stream.plain.size(), '\0');
      if (decompress(wrong, out)) {
        EXPECT_EQ(out.size(), stream.plain.size());
      }
    }
  }
}

}  // namespace
}  // namespace penstock::feed::file

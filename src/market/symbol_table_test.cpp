#include "market/symbol_table.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace penstock::market {
namespace {

TEST(SymbolTable, GivesEachTextOneCodeInOrderOfFirstSight) {
  SymbolTable table;
  EXPECT_EQ(table.intern("AAPL"), 0u);
  EXPECT_EQ(table.intern(""), 1u);
  EXPECT_EQ(table.intern("AAPL"), 0u);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.text(0), "AAPL");
  EXPECT_EQ(table.text(1), "");
}

TEST(SymbolTable, TextsThatShareEightBytesOrEndInZerosAreTold) {
  SymbolTable table;
  SymbolCache cache(table);
  const std::vector<std::string> texts{"ABCDEFGH",
                                       "ABCDEFGHI",
                                       "ABCDEFGHJ",
                                       "A",
                                       std::string("A\0", 2),
                                       std::string("\0", 1),
                                       "",
                                       std::string(100'000, 'x')};
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(cache.intern(texts[i]), i);
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(cache.intern(texts[i]), i);
    EXPECT_EQ(table.intern(texts[i]), i);
    EXPECT_EQ(table.text(static_cast<SymbolCode>(i)), texts[i]);
  }
}

TEST(SymbolTable, ViewsAndCodesStayValidWhileItGrows) {
  SymbolTable table;
  SymbolCache cache(table);
  const std::string_view first = table.text(table.intern("first"));
  for (int i = 0; i < 20'000; ++i) (void)cache.intern("symbol" + std::to_string(i));
  EXPECT_EQ(first, "first");
  EXPECT_EQ(table.size(), 20'001u);
  for (int i = 0; i < 20'000; i += 997) {
    const std::string text = "symbol" + std::to_string(i);
    EXPECT_EQ(cache.intern(text), static_cast<SymbolCode>(i + 1));
    EXPECT_EQ(table.text(static_cast<SymbolCode>(i + 1)), text);
  }
}

TEST(SymbolTable, ThreadsThatInternTheSameTextsAgree) {
  SymbolTable table;
  constexpr size_t kTexts = 5'000;
  std::vector<std::vector<SymbolCode>> codes(4, std::vector<SymbolCode>(kTexts));
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < codes.size(); ++t) {
      threads.emplace_back([&, t] {
        SymbolCache cache(table);
        // Each thread begins elsewhere, so that they meet at unknown texts.
        for (size_t i = 0; i < kTexts; ++i) {
          const size_t text = (i + t * 1'250) % kTexts;
          codes[t][text] = cache.intern("s" + std::to_string(text));
        }
      });
    }
  }
  EXPECT_EQ(table.size(), kTexts);
  for (size_t t = 1; t < codes.size(); ++t) EXPECT_EQ(codes[t], codes[0]);
  for (size_t i = 0; i < kTexts; ++i) EXPECT_EQ(table.text(codes[0][i]), "s" + std::to_string(i));
}

}  // namespace
}  // namespace penstock::market

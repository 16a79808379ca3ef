#include "market/sale_conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace penstock::market {
namespace {

constexpr uint8_t kHigh = kUpdatesHighLow;
constexpr uint8_t kOpen = kUpdatesOpenClose;
constexpr uint8_t kVolume = kUpdatesVolume;
constexpr uint8_t kVwap = kUpdatesVwap;

Verdict us(std::string_view conditions, std::string_view tape, FormT form_t = FormT::table,
           VwapRule vwap = VwapRule::high_low) {
  return SaleConditions::us_equity().judge(conditions, tape, form_t, vwap);
}

// Of a regular table: without a word on vwap, and judged by VwapRule::volume, so that the bits are those of the row.
uint8_t plain(std::string_view conditions, std::string_view tape) {
  return us(conditions, tape, FormT::table, VwapRule::volume).updates & (kHigh | kOpen | kVolume);
}

std::unique_ptr<const SaleConditions> table_of(std::string_view csv) {
  auto table = SaleConditions::parse(csv, "t.csv");
  EXPECT_TRUE(table) << table.error().message;
  return table ? std::move(*table) : nullptr;
}

std::string error_of(std::string_view csv) {
  const auto table = SaleConditions::parse(csv, "t.csv");
  EXPECT_FALSE(table);
  return table ? "" : table.error().message;
}

std::string read_file(const std::string& name) {
  const auto path = std::filesystem::path(__FILE__).parent_path() / "../../pipelines/conditions" / name;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(SaleConditions, EveryRowOfTheUsTableIsAsThePlansHaveIt) {
  struct Expected {
    std::string_view codes;
    std::string_view tapes;
    uint8_t updates;
  };
  const Expected table[] = {
      {"@DFKLOX56", "ABC", kHigh | kOpen | kVolume},
      {"E", "AB", kHigh | kOpen | kVolume},
      {"ABSY12", "C", kHigh | kOpen | kVolume},
      {"B", "AB", kVolume},
      {"W", "C", kVolume},
      {"CNTUHIV7", "ABC", kVolume},
      {"G4PRZ", "ABC", kHigh | kVolume},
      {"3", "C", kHigh | kVolume},
      {"MQ", "ABC", 0},
      {"9", "ABC", kHigh | kOpen},
  };
  size_t rows = 0;
  for (const auto& [codes, tapes, updates] : table) {
    for (const char& code : codes) {
      for (const char& tape : tapes) {
        const Verdict verdict = us({&code, 1}, {&tape, 1});
        EXPECT_FALSE(verdict.unknown) << code << " on tape " << tape;
        EXPECT_EQ(plain({&code, 1}, {&tape, 1}), updates) << code << " on tape " << tape;
        ++rows;
      }
    }
  }
  // And nothing else is known.
  size_t known = 0;
  for (int c = 33; c < 127; ++c) {
    const char code = static_cast<char>(c);
    if (code == ',' || code == ';') continue;
    for (const char* tape : {"A", "B", "C"}) {
      if (!us({&code, 1}, tape).unknown) ++known;
    }
  }
  EXPECT_EQ(known, rows);
}

TEST(SaleConditions, TheMostRestrictiveOfSeveralCodesWins) {
  EXPECT_EQ(us("@FTI", "C").updates, kVolume);
  EXPECT_EQ(us("@4", "C").updates, kHigh | kVolume | kVwap);
  EXPECT_EQ(us("9Z", "A").updates, kHigh);
  EXPECT_EQ(us("I9", "A").updates, 0);
  EXPECT_EQ(us("IM", "A").updates, 0);
}

TEST(SaleConditions, ATradeWithoutConditionsIsRegular) {
  for (const std::string_view none :
       {std::string_view(), std::string_view(""), std::string_view("  "), std::string_view(" ,; ")}) {
    EXPECT_EQ(us(none, "A").updates, kUpdatesAll);
    EXPECT_FALSE(us(none, "").unknown);
  }
}

TEST(SaleConditions, CodesMayStandBackToBackOrSeparatedOrInPlacesOfFour) {
  for (const auto* text : {"@FTI", "@ F T I", "@,F,T,I", "@;F; T, I", "@FTI ", "@ TI", "@\tTI"}) {
    const Verdict verdict = us(text, "C");
    EXPECT_EQ(verdict.updates, kVolume) << text;
    EXPECT_FALSE(verdict.unknown) << text;
  }
}

TEST(SaleConditions, ACodeMayMeanAnotherThingOnTheOtherTape) {
  EXPECT_EQ(us("B", "A").updates, kVolume);
  EXPECT_EQ(us("B", "B").updates, kVolume);
  EXPECT_EQ(us("B", "CTA").updates, kVolume);
  EXPECT_EQ(us("B", "C").updates, kUpdatesAll);
  EXPECT_EQ(us("B", "UTP").updates, kUpdatesAll);
}

TEST(SaleConditions, WithoutATapeTheRowsOfEveryTapeCount) {
  for (const std::string_view tape : {"", "N", "cta"}) {
    EXPECT_EQ(us("B", tape).updates, kVolume);
    EXPECT_EQ(us("W", tape).updates, kVolume);
    EXPECT_EQ(us("3", tape).updates, kHigh | kVolume | kVwap);
    EXPECT_FALSE(us("E", tape).unknown);
  }
}

TEST(SaleConditions, AnUnknownCodeCountsAsRegularAndIsNamed) {
  const Verdict verdict = us("@!?", "A");
  EXPECT_EQ(verdict.updates, kUpdatesAll);
  EXPECT_TRUE(verdict.unknown);
  EXPECT_EQ(verdict.unknown_code, "!");
  EXPECT_EQ(us("!I", "A").updates, kVolume);
  EXPECT_TRUE(us("W", "A").unknown) << "a code of the other tape";
  EXPECT_TRUE(us("\xff", "A").unknown);
}

TEST(SaleConditions, FormTIsAsTheTableSaysOrRegularOrNothing) {
  EXPECT_EQ(us("@T", "C", FormT::table).updates, kVolume);
  EXPECT_EQ(us("@T", "C", FormT::include).updates, kUpdatesAll);
  EXPECT_EQ(us("@T", "C", FormT::exclude).updates, 0);
  EXPECT_EQ(us("@TI", "C", FormT::include).updates, kVolume) << "still an odd lot";
  EXPECT_EQ(us("@U", "C", FormT::table).updates, kVolume);
  EXPECT_EQ(us("@U", "C", FormT::include).updates, us("@Z", "C").updates) << "still out of sequence";
  EXPECT_EQ(us("@U", "C", FormT::exclude).updates, 0);
  EXPECT_EQ(us("@I", "C", FormT::exclude).updates, kVolume) << "not of extended hours";
}

TEST(SaleConditions, VwapFollowsTheHighAndLowOrTheVolumeAndNeverWithoutVolume) {
  EXPECT_EQ(us("I", "A", FormT::table, VwapRule::high_low).updates, kVolume);
  EXPECT_EQ(us("I", "A", FormT::table, VwapRule::volume).updates, kVolume | kVwap);
  EXPECT_EQ(us("Z", "A", FormT::table, VwapRule::high_low).updates, kHigh | kVolume | kVwap);
  for (const VwapRule rule : {VwapRule::high_low, VwapRule::volume}) {
    EXPECT_EQ(us("9", "A", FormT::table, rule).updates, kHigh | kOpen);
    EXPECT_EQ(us("M", "A", FormT::table, rule).updates, 0);
  }
}

TEST(SaleConditions, TheTableForUsersIsTheBuiltInOne) {
  std::string file = read_file("us-equity.csv");
  while (file.starts_with('#')) file.erase(0, file.find('\n') + 1);
  EXPECT_EQ(file, SaleConditions::us_equity_csv());
}

TEST(SaleConditionsOfUsers, OptionalColumnsMayBeThereInAnyOrder) {
  const auto table = table_of(
      "\xEF\xBB\xBF# mine\r\n\r\nnote , code,tape,volume,open_close,high_low,vwap\r\n"
      "\"a, \"\"b\"\"\",x,*,yes,no,no,yes\r\n  ,y,UTP,yes,yes,yes,no\r\nplain, z ,A,yes,yes,yes,\r\n");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->judge("x", "A", FormT::table, VwapRule::high_low).updates, kVolume | kVwap);
  EXPECT_EQ(table->judge("y", "C", FormT::table, VwapRule::volume).updates, kHigh | kOpen | kVolume);
  EXPECT_EQ(table->judge("z", "A", FormT::table, VwapRule::volume).updates, kUpdatesAll);
  EXPECT_TRUE(table->judge("z", "B", FormT::table, VwapRule::volume).unknown);
}

TEST(SaleConditionsOfUsers, CodesOfSeveralLettersStandSeparated) {
  const auto table =
      table_of("tape,code,high_low,open_close,volume\n*,12,no,no,yes\n*,37,no,no,no\n*,1,yes,no,yes\n*,2,no,yes,yes\n");
  ASSERT_TRUE(table);
  const auto judge = [&](std::string_view text) { return table->judge(text, "", FormT::table, VwapRule::high_low); };
  EXPECT_EQ(judge("12").updates, kVolume);
  EXPECT_EQ(judge("12,37").updates, 0);
  EXPECT_EQ(judge("1 2").updates, kVolume);
  EXPECT_EQ(judge("1").updates, kHigh | kVolume | kVwap);
  EXPECT_EQ(judge("21").updates, kVolume) << "no code, but both of its letters are";
  EXPECT_FALSE(judge("21").unknown);
  EXPECT_EQ(judge("1237").updates, kUpdatesAll);
  EXPECT_EQ(judge("1;1237,37").unknown_code, "1237");
}

TEST(SaleConditionsOfUsers, ARowDoesNotHoldForATradeWithACodeOfUnless) {
  const auto table =
      table_of("tape,code,high_low,open_close,volume,unless\n*,F,no,no,yes,T|U\n*,T,yes,yes,yes,\n*,U,yes,yes,no,\n");
  ASSERT_TRUE(table);
  const auto judge = [&](std::string_view text) { return table->judge(text, "", FormT::table, VwapRule::high_low); };
  EXPECT_EQ(judge("F").updates, kVolume);
  EXPECT_EQ(judge("FT").updates, kUpdatesAll);
  EXPECT_EQ(judge("T F").updates, kUpdatesAll);
  EXPECT_EQ(judge("F,U").updates, kHigh | kOpen);
}

TEST(SaleConditionsOfUsers, ATableOfNumbersReadsFlagsAsHexOrDecimal) {
  const auto table = table_of(
      "tape,code,high_low,open_close,volume,extended,unless\n*,0x20,no,no,yes,,0x2000\n*,0x2000,yes,yes,yes,yes,\n"
      "A,0x4000000,no,no,no,,\n*,0x8000000000000000,no,yes,yes,,\n");
  ASSERT_TRUE(table);
  const auto judge = [&](std::string_view text, FormT form_t = FormT::table) {
    return table->judge(text, "A", form_t, VwapRule::high_low);
  };
  EXPECT_EQ(judge("").updates, kUpdatesAll);
  EXPECT_EQ(judge("0").updates, kUpdatesAll);
  for (const auto* flags : {"0x20", "0X20", "32", "0x00000020", " 32 "}) EXPECT_EQ(judge(flags).updates, kVolume);
  EXPECT_EQ(judge("0x2020").updates, kUpdatesAll);
  EXPECT_EQ(judge("0x2000,0x20").updates, kUpdatesAll);
  EXPECT_EQ(judge("0x2020", FormT::exclude).updates, 0);
  EXPECT_EQ(judge("0x4000020").updates, 0);
  EXPECT_EQ(judge("0x8000000000000000").updates, kOpen | kVolume);
  EXPECT_FALSE(judge("0x4000020").unknown);
  EXPECT_TRUE(table->judge("0x4000000", "B", FormT::table, VwapRule::high_low).unknown);
  for (const auto* unknown : {"0x21", "1", "F", "0x", "0xG", "0x10000000000000000", "-1", "2020h"}) {
    EXPECT_TRUE(judge(unknown).unknown) << unknown;
    EXPECT_EQ(judge(unknown).unknown_code, unknown);
  }
  EXPECT_EQ(judge("1").updates, kUpdatesAll);
  EXPECT_EQ(judge("0x21").updates, kVolume);
  EXPECT_EQ(judge("x,0x20").updates, kVolume);
}

TEST(SaleConditionsOfUsers, TheTableOfLeanKnowsEveryFlag) {
  const auto table = table_of(read_file("lean.csv"));
  ASSERT_TRUE(table);
  for (int bit = 0; bit < 64; ++bit) {
    const auto verdict = table->judge(fmt::format("{:#x}", uint64_t{1} << bit), "", FormT::table, VwapRule::high_low);
    EXPECT_EQ(verdict.unknown, bit > 32) << bit;
  }
}

struct Wrong {
  std::string_view what;
  std::string_view csv;  // after the header, if it begins with a line end
  std::string_view message;
};

class WrongTable : public testing::TestWithParam<Wrong> {};

TEST_P(WrongTable, SaysWhereAndWhatToWrite) {
  std::string csv(GetParam().csv);
  if (csv.starts_with('\n')) csv = "tape,code,high_low,open_close,volume,vwap,extended,unless" + csv;
  const std::string message = error_of(csv);
  EXPECT_EQ(message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongTable,
    testing::Values(
        Wrong{"Empty", "", "t.csv:1: there is no header: write tape,code,high_low,open_close,volume"},
        Wrong{"UnknownColumn", "tape,code,hi_low\n",
              "t.csv:1: unknown column 'hi_low'; did you mean 'high_low'?; there are tape, code, high_low, open_close, "
              "volume, vwap, extended, unless, note"},
        Wrong{"TwoColumns", "tape,code,tape\n", "t.csv:1: column 'tape' stands twice: leave one of them"},
        Wrong{"MissingColumn", "# x\ntape,code,high_low,volume\n",
              "t.csv:2: column 'open_close' is missing: write tape,code,high_low,open_close,volume"},
        Wrong{"NoRow", "\n", "t.csv:1: there is no row: write one for each code, like *,T,no,no,yes"},
        Wrong{"NeitherYesNorNo", "\n*,T,no,No,yes,,,\n", "t.csv:2: open_close is 'No': write yes or no"},
        Wrong{"EmptyYesOrNo", "\n*,T,no,,yes,,,\n", "t.csv:2: open_close is '': write yes or no"},
        Wrong{"WrongVwap", "\n*,T,no,no,yes,1,,\n", "t.csv:2: vwap is '1': write yes or no"},
        Wrong{"VwapWithoutVolume", "\n*,T,yes,yes,no,yes,,\n",
              "t.csv:2: vwap is yes where volume is no: what is not in the volume cannot be in the vwap; write no"},
        Wrong{"UnknownTape", "\nD,T,no,no,yes,,,\n",
              "t.csv:2: tape 'D' is unknown: write A, B, CTA (both), C or UTP (tape C), or * (all)"},
        Wrong{"DuplicateRow", "\nCTA,T,no,no,yes,,,\nC,T,no,no,yes,,,\nB,T,no,no,yes,,,\n",
              "t.csv:4: tape B, code T has a row already, line 2: leave one of them"},
        Wrong{"DuplicateFlag", "\n*,0x20,no,no,yes,,,\n*,0x020,no,no,yes,,,\n",
              "t.csv:3: tape *, code 0x020 has a row already, line 2: leave one of them"},
        Wrong{"LetterAmongNumbers", "\n*,0x20,no,no,yes,,,\n*,32,no,no,yes,,,\n",
              "t.csv:3: code '32' is no flag, but '0x20' (line 2) is one: a table has codes or flags (0x20), not both"},
        Wrong{"NumberAmongLetters", "\n*,F,no,no,yes,,,\n*,0x20,no,no,yes,,,\n",
              "t.csv:3: code '0x20' is a flag, but 'F' (line 2) is none: a table has codes or flags (0x20), not both"},
        Wrong{"TwoFlags", "\n*,0x30,no,no,yes,,,\n",
              "t.csv:2: '0x30' is not one flag: write it as hex with one bit, like 0x20"},
        Wrong{"NoFlag", "\n*,0x,no,no,yes,,,\n",
              "t.csv:2: '0x' is not one flag: write it as hex with one bit, like 0x20"},
        Wrong{"UnlessIsNoFlag", "\n*,0x20,no,no,yes,,,T\n",
              "t.csv:2: 'T' is not one flag: write it as hex with one bit, like 0x20"},
        Wrong{"UnlessWithoutARow", "\n*,F,no,no,yes,,,T\n*,A,no,no,yes,,,\n",
              "t.csv:2: unless 'T': no row has that code; write one, or several like A|B"},
        Wrong{
            "ExtendedAsNoCode", "\nA,F,no,no,yes,,,\n*,T,no,no,yes,,F,\n",
            "t.csv:3: extended is 'F': write yes, no, or the code of a row of the same tapes, as which it counts when "
            "extended hours are included"},
        Wrong{"NoCode", "\n*,,no,no,yes,,,\n",
              "t.csv:2: code is empty: a trade without conditions is regular and needs no row"},
        Wrong{"SeparatorInACode", "\n*,\"a,b\",no,no,yes,,,\n",
              "t.csv:2: code 'a,b' holds a blank, comma or semicolon, which stand between codes"},
        Wrong{"FewFields", "\n*,T,no,no\n",
              "t.csv:2: 4 fields, but the header has 8: a comma inside one needs quotes, \"a, b\""},
        Wrong{"OpenQuote", "\n*,\"T,no,no,yes,,,\n",
              "t.csv:2: a quote does not end: write \" at its end, and \"\" for a quote inside"}),
    [](const auto& test) { return std::string(test.param.what); });

TEST(SaleConditionsOfUsers, TheNumberOfRowsIsBounded) {
  std::string csv = "tape,code,high_low,open_close,volume\n";
  for (size_t i = 0; i < SaleConditions::kRowsMax; ++i) csv += fmt::format("*,c{},no,no,yes\n", i);
  EXPECT_TRUE(SaleConditions::parse(csv, "t.csv"));
  EXPECT_THAT(error_of(csv + "*,x,no,no,yes\n"), testing::HasSubstr("t.csv:4098: more than 4096 rows"));
}

}  // namespace
}  // namespace penstock::market

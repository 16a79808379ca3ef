#include "feed/http/json_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace penstock::feed::http {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> values(const JsonRecords& found) {
  std::vector<std::string> all;
  for (const auto& record : found.records)
    all.push_back(record.key.empty() ? std::string(record.value) : record.key + "=" + std::string(record.value));
  return all;
}

// The one fault of an answer as a whole.
std::string whole_fault(std::string_view body, std::string_view records = "", std::string_view id = "") {
  const JsonRecords found = take_records(body, records, id);
  EXPECT_TRUE(found.records.empty());
  if (found.faults.size() != 1 || found.faults[0].number != 0) return "not one fault of the whole";
  EXPECT_EQ(found.faults[0].raw, body);
  return found.faults[0].reason;
}

TEST(JsonRecords, AnArrayGivesItsElementsAndAnObjectItself) {
  EXPECT_THAT(values(take_records(R"([{"a":1}, {"a":2}])", "", "")), ElementsAre(R"({"a":1})", R"({"a":2})"));
  EXPECT_THAT(values(take_records(R"( {"a":1} )", "", "")), ElementsAre(R"({"a":1})"));
  EXPECT_THAT(values(take_records(R"({"x":{"y":[1, "two" ,null,[3 ]]}})", "x.y", "")),
              ElementsAre("1", "\"two\"", "null", "[3 ]"));
  EXPECT_THAT(values(take_records(R"({"x":{"y":{"a":1}}})", "x.y", "")), ElementsAre(R"({"a":1})"));
  EXPECT_THAT(values(take_records(R"({"results":[]})", "results", "")), ElementsAre());
}

TEST(JsonRecords, TheTextIsKeptByteForByte) {
  const std::string record =
      "{ \"n\" : 1.10000000000000000000001,\n\t\"s\":\"Gr\xC3\xB8n \\u00f8\", \"big\":123456789012345678901234567890 }";
  EXPECT_THAT(values(take_records("{\"r\":[ " + record + " ]}", "r", "")), ElementsAre(record));
  EXPECT_THAT(values(take_records("\xEF\xBB\xBF" + record, "", "")), ElementsAre(record));
}

TEST(JsonRecords, IdsAreTextsOrIntegers) {
  EXPECT_THAT(values(take_records(
                  R"([{"l":{"u":"a\u00f8"}},{"l":{"u":17}},{"l":{"u":-123456789012345678901234567890}}])", "", "l.u")),
              ElementsAre("a\xC3\xB8={\"l\":{\"u\":\"a\\u00f8\"}}", R"(17={"l":{"u":17}})",
                          R"(-123456789012345678901234567890={"l":{"u":-123456789012345678901234567890}})"));
}

TEST(JsonRecords, ARecordWithoutAUsableIdIsAFaultAndTheOthersStay) {
  const std::string body = R"([{"id":1},{"no":1},{"id":1.5},{"id":null},{"id":""},{"id":[1]},7,{"id":"x"}])";
  const JsonRecords found = take_records(body, "", "id");
  EXPECT_THAT(values(found), ElementsAre(R"(1={"id":1})", R"(x={"id":"x"})"));
  std::vector<size_t> numbers;
  for (const auto& fault : found.faults) {
    numbers.push_back(fault.number);
    EXPECT_THAT(fault.reason, HasSubstr("'id'"));
  }
  EXPECT_THAT(numbers, ElementsAre(2, 3, 4, 5, 6, 7));
  EXPECT_EQ(found.faults[0].raw, R"({"no":1})");
}

TEST(JsonRecords, AnIdThatIsTooLongIsAFault) {
  const auto with_id = [](size_t size) {
    return take_records("{\"id\":\"" + std::string(size, 'x') + "\"}", "", "id");
  };
  EXPECT_EQ(with_id(kIdBytesMax).records.size(), 1u);
  EXPECT_EQ(with_id(kIdBytesMax + 1).faults.size(), 1u);
}

TEST(JsonRecords, NamesWrittenWithEscapesAreFound) {
  EXPECT_THAT(values(take_records(R"({"res\u0075lts":[{"\u0069d":5}]})", "results", "id")),
              ElementsAre(R"(5={"\u0069d":5})"));
}

TEST(JsonRecords, WhatIsNotWhollyJsonGivesNoRecord) {
  for (const std::string body : {"", " ", "<html>", "[{\"a\":1}", "[{\"a\":1},]", "[1] 2", "{\"a\":tru}",
                                 "[{\"a\":1},{\"b\":\"\xff\"}]", "{'a':1}", "[01]", "[\"\n\"]", "[\"\\ud800\"]"})
    EXPECT_EQ(whole_fault(body), "the answer is not JSON in UTF-8") << body;
}

TEST(JsonRecords, APathThatLeadsNowhereSaysSo) {
  EXPECT_THAT(whole_fault(R"({"error":"no"})", "results"), HasSubstr("nothing at 'results'"));
  EXPECT_THAT(whole_fault(R"({"a":[1]})", "a.b"), HasSubstr("nothing at 'a.b'"));
  EXPECT_THAT(whole_fault(R"({"a":5})", "a"), HasSubstr("neither an array nor an object"));
  EXPECT_THAT(whole_fault(R"({"a":null})", "a"), HasSubstr("neither an array nor an object"));
  EXPECT_THAT(whole_fault("5"), HasSubstr("neither an object nor an array"));
}

TEST(JsonRecords, DeepNestingIsAnsweredNotSuffered) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  const JsonRecords found = take_records(deep, "", "");
  EXPECT_EQ(found.records.size() + found.faults.size(), 1u);
  const JsonRecords deep_id = take_records("[{\"id\":" + deep + "}]", "", "id");
  EXPECT_EQ(deep_id.records.size(), 0u);
}

TEST(JsonRecords, RealRandomUserAnswersGiveTheirUser) {
  const char* folder = std::getenv("PENSTOCK_TEST_DATA");
  if (folder == nullptr) GTEST_SKIP() << "PENSTOCK_TEST_DATA is not set";
  const std::vector<std::pair<std::string, std::string>> files{{"one-a.json", "4bbbf423-b3dd-409f-b35b-53957fc1b362"},
                                                               {"one-b.json", "c38f4a89-31ac-4cae-84b8-e2fc84a0abc6"}};
  for (const auto& [name, uuid] : files) {
    std::ifstream file(std::string(folder) + "/randomuser/" + name, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    const std::string body = text.str();
    const JsonRecords found = take_records(body, "results", "login.uuid");
    ASSERT_EQ(found.records.size(), 1u) << name;
    EXPECT_EQ(found.records[0].key, uuid);
    // From the first brace inside the array to the last before its end, nothing changed.
    const size_t begin = body.find('{', body.find('['));
    const size_t end = body.rfind('}', body.find("],\n")) + 1;
    EXPECT_EQ(found.records[0].value, std::string_view(body).substr(begin, end - begin));
  }
}

}  // namespace
}  // namespace penstock::feed::http

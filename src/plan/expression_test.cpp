// The expression language, as a table of expressions and their values over one trade and one JSON record.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "market/schema.h"
#include "plan/compile.h"
#include "plan/evaluate.h"
#include "plan/functions.h"
#include "plan/test_case.h"

namespace penstock::plan {
namespace {

struct Rows {
  market::SymbolTable symbols;
  market::Batch batch;
};

Plan plan_of(market::SchemaPtr schema) {
  Plan plan;
  plan.topics.push_back({.name = "t", .schema = std::move(schema)});
  return plan;
}

void add(Rows& rows, const Plan& plan, std::vector<TestCase::Row> given) {
  auto built = build_rows(plan, {.topic = 0, .rows = std::move(given)}, rows.symbols);
  ASSERT_TRUE(built);
  ASSERT_TRUE(built->rejects.empty()) << built->rejects[0].reason;
  rows.batch = std::move(built->rows);
}

// The value for each row as text, `null` for null, `error` for a row that failed.
std::vector<std::string> values(const std::string& text, Rows& rows) {
  const auto expression = compile_expression(text, *rows.batch.schema);
  if (!expression) return {"at " + std::to_string(expression.error().offset) + ": " + expression.error().message};
  RowErrors errors;
  const auto column = evaluate(*expression, rows.batch, rows.symbols, &errors);
  EXPECT_TRUE(column);
  std::vector<std::string> out;
  for (size_t r = 0; r < rows.batch.rows; ++r) {
    out.push_back(market::value_text(*column, r, rows.symbols).value_or("null"));
    if (!errors.failed.empty() && errors.failed[r] != 0) out.back() = "error";
  }
  return out;
}

struct Case {
  const char* expression;
  const char* value;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.expression; }

class OfATrade : public testing::TestWithParam<Case> {};
TEST_P(OfATrade, Is) {
  Rows rows;
  add(rows, plan_of(market::trade_schema()),
      {{{"symbol", "AAPL"},
        {"ts_event", "2024-02-29T14:31:05.25Z"},
        {"price", "123.45"},
        {"size", "100"},
        {"id", "42"},
        {"venue", std::nullopt}}});
  EXPECT_THAT(values(GetParam().expression, rows), testing::ElementsAre(GetParam().value)) << GetParam().expression;
}

INSTANTIATE_TEST_SUITE_P(
    Numbers, OfATrade,
    testing::Values(Case{"1 + 2 * 3", "7"}, Case{"(1 + 2) * 3", "9"}, Case{"-2 + 1", "-1"}, Case{"2 - -3", "5"},
                    Case{"7 / 2", "3.5"}, Case{"7 div 2", "3"}, Case{"-7 div 2", "-3"}, Case{"7 % 3", "1"},
                    Case{"-7 % 3", "-1"}, Case{"1 / 0", "null"}, Case{"1 div 0", "null"}, Case{"1.0 / 0", "null"},
                    Case{"price % 0", "null"}, Case{"0.1 + 0.2", "0.3"}, Case{"0.1 + 0.2 = 0.3", "true"},
                    Case{"price", "123.45"}, Case{"price * 2", "246.9"}, Case{"price * size", "12345"},
                    Case{"price + 0.000000001", "123.450000001"}, Case{"price / 7", "17.635714286"},
                    Case{"price * size / size", "123.45"}, Case{"1.0 / 3", "0.333333333"},
                    Case{"-2.0 / 3", "-0.666666667"}, Case{"9223372036854775807 + 1", "error"},
                    Case{"9223372036854775807 * 2", "error"}, Case{"-9223372036854775808", "-9223372036854775808"},
                    Case{"-9223372036854775808 div -1", "error"}, Case{"1e2 + 1", "101"}, Case{"abs(-1.5)", "1.5"},
                    Case{"round(2.5)", "3"}, Case{"round(-2.5)", "-3"}, Case{"round(price, 1)", "123.5"},
                    Case{"round(1.005, 2)", "1.01"}, Case{"floor(-1.5)", "-2"}, Case{"ceil(-1.5)", "-1"},
                    Case{"floor(price)", "123"}, Case{"ceil(price)", "124"}, Case{"least(3, 1, 2)", "1"},
                    Case{"greatest(3, null, 4)", "4"}, Case{"greatest(price, 200)", "200"},
                    Case{"least('b', 'a')", "a"}, Case{"99999999999999999999 + 1", "100000000000000000000"},
                    Case{"null + 1", "null"}, Case{"- -9223372036854775808", "error"},
                    Case{"cast('461168601842768668601842768601842738790000004' as decimal(38, 0))", "error"}));

INSTANTIATE_TEST_SUITE_P(
    Logic, OfATrade,
    testing::Values(
        Case{"price > 0", "true"}, Case{"price > 0 and size > 0", "true"}, Case{"price >= 123.45", "true"},
        Case{"price > 123.4500000001", "false"}, Case{"0 < price", "true"}, Case{"price > 1e2", "true"},
        Case{"price between 100 and 200", "true"}, Case{"price not between 100 and 200", "false"},
        Case{"5 between 6 and null", "false"}, Case{"5 between 4 and null", "null"}, Case{"symbol = 'AAPL'", "true"},
        Case{"symbol <> 'MSFT'", "true"}, Case{"'AAPL' = symbol", "true"}, Case{"symbol < 'B'", "true"},
        Case{"symbol in ('MSFT', 'AAPL')", "true"}, Case{"symbol not in ('MSFT')", "true"},
        Case{"1 in (2, null)", "null"}, Case{"1 in (1, null)", "true"}, Case{"price in (1, 123.45)", "true"},
        Case{"venue is null", "true"}, Case{"venue is not null", "false"}, Case{"venue = 'X'", "null"},
        Case{"null and false", "false"}, Case{"null and true", "null"}, Case{"null or true", "true"},
        Case{"null or false", "null"}, Case{"not null", "null"}, Case{"not true or true", "true"},
        Case{"true = false", "false"}, Case{"symbol like 'A%'", "true"}, Case{"symbol like '_A_L'", "true"},
        Case{"symbol like '_AL'", "false"}, Case{"'a%b' like 'a\\%b'", "true"}, Case{"'axb' like 'a\\%b'", "false"},
        Case{"'' like '%'", "true"}, Case{"case when price > 100 then 'high' else 'low' end", "high"},
        Case{"case symbol when 'MSFT' then 1 when 'AAPL' then 2 end", "2"}, Case{"case when false then 1 end", "null"},
        Case{"if(size = 100, 'round', 'odd')", "round"}, Case{"coalesce(venue, symbol, 'x')", "AAPL"},
        Case{"nullif(size, 100)", "null"}, Case{"nullif(size, 1)", "100"}, Case{"id = '42'", "true"},
        Case{"cast(id as bigint) = 42", "true"}, Case{"case when true then 1 else cast('x' as bigint) end", "1"},
        Case{"false and cast('x' as bigint) = 1", "false"}, Case{"coalesce(1, cast('x' as bigint))", "1"},
        Case{"true and cast('x' as bigint) = 1", "error"}));

INSTANTIATE_TEST_SUITE_P(
    Text, OfATrade,
    testing::Values(Case{"'it''s'", "it's"}, Case{"concat('a', 1, ' ', price, null)", "null"},
                    Case{"concat('a', 1, ' ', price)", "a1 123.45"}, Case{"concat_ws('-', 'a', null, 'b')", "a-b"},
                    Case{"symbol || '.' || id", "AAPL.42"}, Case{"'a' || null", "null"}, Case{"upper('grün')", "GRÜN"},
                    Case{"lower('ÄX')", "äx"}, Case{"trim('  a b ')", "a b"}, Case{"ltrim(' a ')", "a "},
                    Case{"rtrim(' a ')", " a"}, Case{"length('grün')", "4"}, Case{"substring('abcdef', 2, 3)", "bcd"},
                    Case{"substring('abcdef', -2)", "ef"}, Case{"substring('abcdef', 0, 2)", "ab"},
                    Case{"substring('abc', -5, 3)", "a"}, Case{"substring('grün', 3, 1)", "ü"},
                    Case{"substring('abc', -9223372036854775808, 9223372036854775807)", "abc"},
                    Case{"left('grün', 3)", "grü"}, Case{"right('grün', 2)", "ün"},
                    Case{"replace('aXbX', 'X', '--')", "a--b--"}, Case{"replace('abc', '')", "abc"},
                    Case{"starts_with(symbol, 'AA')", "true"}, Case{"endswith(symbol, 'PL')", "true"},
                    Case{"contains(symbol, 'Z')", "false"}, Case{"split_part('a,b,c', ',', 2)", "b"},
                    Case{"split_part('a,b,c', ',', -1)", "c"}, Case{"split_part('a', ',', 2)", ""},
                    Case{"split_part('a', ',', 0)", "error"}, Case{"lpad('7', 3, '0')", "007"},
                    Case{"rpad('abc', 2)", "ab"}, Case{"lpad('a', 9999999, 'x')", "error"}));

INSTANTIATE_TEST_SUITE_P(
    Casts, OfATrade,
    testing::Values(Case{"cast('12' as bigint)", "12"}, Case{"cast(' 12 ' as bigint)", "12"},
                    Case{"cast('1.5' as bigint)", "error"}, Case{"try_cast('1.5' as bigint)", "null"},
                    Case{"cast(1.9 as bigint)", "1"}, Case{"cast('1.25' as price)", "1.25"},
                    Case{"cast('123456789012345678901234567890' as price)", "error"},
                    Case{"cast('0.0000000001' as price)", "error"}, Case{"cast(price / 7 as decimal(10, 2))", "17.64"},
                    Case{"cast(1234.5 as decimal(4, 1))", "error"}, Case{"cast(1234.5 as decimal(4))", "1234.5"},
                    Case{"cast(0.1e0 + 0.2e0 as price)", "0.3"}, Case{"cast(price as double)", "123.45"},
                    Case{"cast(price as text)", "123.45"}, Case{"cast(true as bigint)", "1"},
                    Case{"cast('yes' as boolean)", "true"}, Case{"cast('maybe' as boolean)", "error"},
                    Case{"cast(ts_event as text)", "2024-02-29T14:31:05.250Z"},
                    Case{"cast('2024-01-02' as timestamp)", "2024-01-02T00:00:00Z"},
                    Case{"cast(1e300 as bigint)", "error"}, Case{"cast(1e300 as price)", "error"},
                    Case{"cast(null as price)", "null"}));

INSTANTIATE_TEST_SUITE_P(
    Times, OfATrade,
    testing::Values(Case{"date_trunc('minute', ts_event)", "2024-02-29T14:31:00Z"},
                    Case{"date_trunc('MONTH', ts_event)", "2024-02-01T00:00:00Z"},
                    Case{"date_trunc('week', ts_event)", "2024-02-26T00:00:00Z"},
                    Case{"date_trunc('quarter', ts_event)", "2024-01-01T00:00:00Z"},
                    Case{"date_trunc('hour', timestamp '1969-12-31T23:59:59Z')", "1969-12-31T23:00:00Z"},
                    Case{"extract(year from ts_event)", "2024"}, Case{"extract(doy from ts_event)", "60"},
                    Case{"extract(week from ts_event)", "9"}, Case{"extract(dow from ts_event)", "5"},
                    Case{"extract(second from ts_event)", "5.25"}, Case{"hour(ts_event)", "14"},
                    Case{"epoch_ms(ts_event)", "1709217065250"}, Case{"epoch_ns(timestamp '1970-01-01')", "0"},
                    Case{"unix_seconds(timestamp '1969-12-31T23:59:59.5Z')", "-1"},
                    Case{"time_bucket('5m', ts_event)", "2024-02-29T14:30:00Z"},
                    Case{"to_timestamp('1709217065')", "2024-02-29T14:31:05Z"},
                    Case{"to_timestamp(1709217065250)", "2024-02-29T14:31:05.250Z"},
                    Case{"to_timestamp('soon')", "error"},
                    Case{"extract(hour from timestamp '1677-09-21T00:12:44Z')", "0"},
                    Case{"date_trunc('day', timestamp '1677-09-21T00:12:44Z')", "1677-09-21T00:12:44Z"},
                    Case{"timestamp_micros(1)", "1970-01-01T00:00:00.000001Z"},
                    Case{"timestamp_seconds(9223372036854775807)", "error"}, Case{"ts_event > '2024-01-01'", "true"},
                    Case{"ts_event < timestamp '2024-02-29T14:31:05.25Z'", "false"}));

class OfARecord : public testing::TestWithParam<Case> {};
TEST_P(OfARecord, Is) {
  Rows rows;
  add(rows, plan_of(market::json_schema()),
      {{{"key", "k"},
        {"value",
         R"({ "name": {"first": "Zo\u00eb", "last" : "A\"B"}, "n": 1.10, "big": 123456789012345678901234567890, "t": true,
          "none": null, "items": [ {"x": 1}, {"x": [2, 3]} ], "odd name": {"y": "\ud83d\ude00"}, "key": "inner", "n": 2, "empty": ""})"}}});
  EXPECT_THAT(values(GetParam().expression, rows), testing::ElementsAre(GetParam().value)) << GetParam().expression;
}

INSTANTIATE_TEST_SUITE_P(
    Paths, OfARecord,
    testing::Values(
        Case{"name.first || ''", "Zoë"}, Case{"upper(name.first)", "ZOË"},
        Case{"concat(name.last, '/', n)", "A\"B/1.10"}, Case{"cast(n as text)", "1.10"},
        Case{"cast(n as price) + 1", "2.1"}, Case{"cast(big as text)", "123456789012345678901234567890"},
        Case{"cast(big as price)", "error"}, Case{"cast(t as boolean)", "true"}, Case{"none is null", "true"},
        Case{"nowhere.at.all is null", "true"}, Case{"n.deeper is null", "true"},
        Case{"cast(items[0].x as bigint)", "1"}, Case{"items[1].x", "[2, 3]"}, Case{"items[1].x[1]", "3"},
        Case{"items[2] is null", "true"}, Case{"\"odd name\".y || '!'", "😀!"}, Case{"key", "k"},
        Case{"value.key", "\"inner\""}, Case{"name", R"({"first": "Zo\u00eb", "last" : "A\"B"})"},
        Case{"length(empty)", "0"}, Case{"coalesce(none, name.first)", "\"Zo\\u00eb\""},
        Case{"coalesce(none, 'x')", "x"}, Case{"cast(name as bigint)", "error"}, Case{"name.first like 'Z%'", "true"},
        Case{"n = 1",
             "at 2: a JSON value has no type to compare by; write cast(... as text), as bigint, as price, ..."}));

TEST(Json, ARecordThatIsNoJsonGivesNulls) {
  Rows rows;
  add(rows, plan_of(market::json_schema()),
      {{{"value", "{\"a\": "}},
       {{"value", "nonsense"}},
       {{"value", "[1]"}},
       {{"value", "7"}},
       {{"value", "{\"a\": 5}"}}});
  EXPECT_THAT(values("a || ''", rows), testing::ElementsAre("null", "null", "null", "null", "5"));
}

TEST(Columns, AreEvaluatedRowByRowWithNullsWhereTheyAre) {
  Rows rows;
  const auto row = [](const char* symbol, const char* price, std::optional<std::string> side) {
    return TestCase::Row{{"symbol", symbol},
                         {"ts_event", "2024-01-02T00:00:00Z"},
                         {"price", price},
                         {"size", "2"},
                         {"side", std::move(side)}};
  };
  add(rows, plan_of(market::trade_schema()),
      {row("A", "1", "buy"), row("B", "-2", std::nullopt), row("C", "3", "sell")});
  EXPECT_THAT(values("price * size", rows), testing::ElementsAre("2", "-4", "6"));
  EXPECT_THAT(values("side = 'buy'", rows), testing::ElementsAre("true", "null", "false"));
  EXPECT_THAT(values("side = 'buy' or price < 0", rows), testing::ElementsAre("true", "true", "false"));
  EXPECT_THAT(values("coalesce(side, symbol)", rows), testing::ElementsAre("buy", "B", "sell"));
  EXPECT_THAT(values("case when price > 0 then price end", rows), testing::ElementsAre("1", "null", "3"));
  EXPECT_THAT(values("greatest(price, 2)", rows), testing::ElementsAre("2", "2", "3"));
  EXPECT_THAT(values("venue", rows), testing::ElementsAre("null", "null", "null"));
  EXPECT_THAT(values("venue is null", rows), testing::ElementsAre("true", "true", "true"));
  EXPECT_THAT(values("7", rows), testing::ElementsAre("7", "7", "7"));
  EXPECT_THAT(values("cast(case when symbol = 'B' then 'x' else '1' end as bigint)", rows),
              testing::ElementsAre("1", "error", "1"));
  const auto condition = compile_expression("side = 'buy'", *rows.batch.schema);
  ASSERT_TRUE(condition);
  EXPECT_THAT(*evaluate_condition(*condition, rows.batch, rows.symbols), testing::ElementsAre(1, 0, 0));
}

TEST(Documents, NameEveryFunction) {
  std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "../../docs/formats/pipeline.md");
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_TRUE(file);
  // Those of a family are written together, as `timestamp_seconds/_millis` and `year month day`.
  for (const std::string& name : function_names()) {
    const size_t underscore = name.rfind('_');
    const bool family =
        name.starts_with("timestamp_") && text.str().find("/" + name.substr(underscore)) != std::string::npos;
    EXPECT_TRUE(family || text.str().find(name) != std::string::npos) << name << " is not in docs/formats/pipeline.md";
  }
}

TEST(FailedRows, SayWhatFailedWithTheValueCutBetweenCharacters) {
  Rows rows;
  std::string umlauts = "x";
  for (int i = 0; i < 100; ++i) umlauts += "ü";
  add(rows, plan_of(market::json_schema()),
      {{{"value", "{\"a\": \"" + umlauts + "\"}"}}, {{"value", "{\"a\": \"7\"}"}}});
  const auto expression = compile_expression("cast(a as price) + cast(a as bigint)", *rows.batch.schema);
  ASSERT_TRUE(expression);
  RowErrors errors;
  ASSERT_TRUE(evaluate(*expression, rows.batch, rows.symbols, &errors));
  ASSERT_EQ(errors.items.size(), 1u);
  EXPECT_EQ(errors.items[0].row, 0u);
  EXPECT_EQ(errors.items[0].reason, "cast to price: '" + umlauts.substr(0, 79) + "...': not a number");
  EXPECT_THAT(errors.failed, testing::ElementsAre(1, 0));
}

TEST(Columns, ABatchOfNoRowsGivesNone) {
  Rows rows;
  rows.batch = market::make_batch(market::trade_schema());
  for (const char* text :
       {"1", "price > 0", "null", "concat('a', symbol)", "case when true then 1 end", "'x' = null"}) {
    EXPECT_TRUE(values(text, rows).empty()) << text;
  }
}

struct Wrong {
  const char* expression;
  size_t offset;
  const char* message;
};
void PrintTo(const Wrong& w, std::ostream* out) { *out << w.expression; }
class Refused : public testing::TestWithParam<Wrong> {};
TEST_P(Refused, AtItsPlaceWithAReason) {
  const auto compiled = compile_expression(GetParam().expression, *market::trade_schema());
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().offset, GetParam().offset) << compiled.error().message;
  EXPECT_THAT(compiled.error().message, testing::HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    Expressions, Refused,
    testing::Values(Wrong{"", 0, "empty"}, Wrong{"prise > 0", 0, "did you mean 'price'?"},
                    Wrong{"price >", 7, "ends where a value belongs"},
                    Wrong{"price > 'a'", 6, "price cannot be compared with one of type text"},
                    Wrong{"1 + symbol", 4, "takes numbers"}, Wrong{"uper(symbol)", 0, "did you mean 'upper'?"},
                    Wrong{"upper(price)", 6, "cast(... as text)"}, Wrong{"upper()", 0, "takes 1 argument"},
                    Wrong{"'abc", 0, "not closed"}, Wrong{"1 < 2 < 3", 6, "do not chain"},
                    Wrong{"cast(1 as bigit)", 0, "did you mean 'bigint'?"},
                    Wrong{"price and true", 0, "takes true or false"}, Wrong{"price ; 1", 6, "means nothing"},
                    Wrong{"(1", 2, "')'"}, Wrong{"1 2", 2, "operator"}, Wrong{"price.x", 0, "has no fields"},
                    Wrong{"case when true then 1 else 'a' end", 0, "either"},
                    Wrong{"cast(ts_event as bigint)", 0, "epoch_ns"},
                    Wrong{"price * size * price * size * price", 28, "at most 38"},
                    Wrong{"date_trunc('minut', ts_event)", 11, "did you mean 'minute'?"},
                    Wrong{"1x", 0, "runs into a name"}, Wrong{"round(price, size)", 13, "written number"},
                    Wrong{"timestamp 'now'", 0, "not a time"}));

TEST(Bounds, DeepAndLongExpressionsAreRefusedNotRun) {
  const auto refused = [](const std::string& text) {
    const auto compiled = compile_expression(text, *market::trade_schema());
    return compiled ? "" : compiled.error().message;
  };
  EXPECT_THAT(refused(std::string(10'000, '(') + "1" + std::string(10'000, ')')), testing::HasSubstr("nested"));
  std::string minuses;
  for (int i = 0; i < 10'000; ++i) minuses += "- ";
  EXPECT_THAT(refused(minuses + "1"), testing::HasSubstr("more than"));
  std::string sum = "1";
  for (int i = 0; i < 10'000; ++i) sum += "+1";
  EXPECT_THAT(refused(sum), testing::HasSubstr("nested"));
  EXPECT_THAT(refused(std::string(kExpressionBytesMax + 1, ' ')), testing::HasSubstr("bytes"));
  std::string nested = "1";
  for (int i = 0; i < 60; ++i) nested = "case " + nested + " when 1 then 1 when 2 then 2 when 3 then 3 end";
  EXPECT_THAT(refused(nested), testing::HasSubstr("more than 20000 parts"));
  std::string chain = "price > 0";
  for (int i = 0; i < 1'000; ++i) chain += " and size > 0";
  EXPECT_EQ(refused(chain), "");
}

}  // namespace
}  // namespace penstock::plan

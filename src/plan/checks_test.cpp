// The rules of `check:` as the file writes them: what is read, and what is wrong is said at its place.
#include "plan/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "market/schema.h"
#include "plan/explain.h"
#include "plan/load.h"

namespace penstock::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kHead =
    "name: p\nsources:\n  s: {type: file, path: a.csv, topic: trades}\n"
    "  q: {type: file, path: q.csv, records: quotes, topic: quotes}\n";

// The rule `r` of a stream of `from`; it stands in line 8, behind 7 columns.
std::string file_with(const std::string& rule, const std::string& from = "trades") {
  return kHead + "streams:\n  a: {from: trades, bars: {every: 1m}}\n  c: {from: " + from +
         ", check: {\n    r: " + rule + "}}\n";
}

Plan plan_of(const std::string& text) {
  auto plan = parse_plan(text, "p.yaml", {.set = {}, .use_environment = false});
  if (!plan) throw std::runtime_error(plan.error().message);
  return *std::move(plan);
}

CheckRule rule_of(const std::string& rule, const std::string& from = "trades") {
  const Plan plan = plan_of(file_with(rule, from));
  return std::get<Check>(plan.streams.back().steps.back().what).rules.at(0);
}

template <typename Kind>
Kind kind_of(const std::string& rule, const std::string& from = "trades") {
  return std::get<Kind>(rule_of(rule, from).kind);
}

TEST(Checks, AnExpressionAloneIsARuleThatQuarantines) {
  const CheckRule rule = rule_of("price > 0 and size > 0");
  EXPECT_EQ(rule.action, CheckAction::quarantine);
  EXPECT_EQ(kind_name(rule.kind), "sql");
  EXPECT_EQ(std::get<SqlCheck>(rule.kind).columns,
            (std::vector<size_t>{market::TradeColumn::price, market::TradeColumn::size}));
  EXPECT_EQ(rule_of("{sql: size >= 1, action: flag}").action, CheckAction::flag);
  EXPECT_EQ(rule_of("{sql: size >= 1}").action, CheckAction::quarantine);
}

TEST(Checks, EveryKindHasItsDefaultsAndItsAction) {
  using enum CheckAction;
  struct Case {
    std::string rule;
    std::string from;
    CheckAction action;
    std::string described;
  };
  const Case cases[] = {
      {"{positive: true}", "trades", quarantine, "positive of price, size"},
      {"{gap: true}", "trades", flag, "gap of id by symbol and venue"},
      {"{duplicate: {}}", "trades", quarantine, "duplicate by symbol, venue, id within 1d"},
      {"{out_of_order: true}", "trades", flag, "out_of_order by more than 0s"},
      {"{future: true}", "trades", quarantine, "future by more than 5s"},
      {"{stale: true}", "trades", flag, "stale after 2m and 5 usual gaps"},
      {"{mad: true}", "trades", flag, "mad of price: factor 10, window 50, floor 0.5%"},
      {"{erroneous: {}}", "trades", flag, "erroneous of price: 10% up to 25, 5% up to 50, 3% above, confirmed by 3"},
      {"{luld: true}", "trades", flag, "luld of price: band 5%, reference 5m"},
      {"{crossed: true}", "quotes", flag, "crossed"},
      {"{locked: {}}", "quotes", flag, "locked"},
      {"{bar_invariants: true}", "a", fail, "bar_invariants"},
      {"{completeness: XNYS}", "a", flag, "completeness in the sessions of XNYS"},
      {"{cross_source: true}", "trades", flag, "cross_source of price: 1% within 1s"}};
  for (const Case& each : cases) {
    const CheckRule rule = rule_of(each.rule, each.from);
    const Plan plan = plan_of(file_with(each.rule, each.from));
    EXPECT_EQ(rule.action, each.action) << each.rule;
    EXPECT_EQ(describe(rule.kind, *plan.streams.back().output), each.described);
    EXPECT_THAT(explain(plan),
                HasSubstr(fmt::format("check r: {}, action {}\n", each.described, to_string(each.action))));
  }
}

TEST(Checks, SettingsAreReadExactly) {
  EXPECT_EQ(kind_of<PositiveCheck>("{positive: [ask, bid_size]}", "quotes").columns,
            (std::vector<size_t>{market::QuoteColumn::ask, market::QuoteColumn::bid_size}));
  EXPECT_EQ(kind_of<PositiveCheck>("{positive: volume}", "a").columns, std::vector<size_t>{market::BarColumn::volume});
  EXPECT_EQ(kind_of<GapCheck>("{gap: trades}", "a").id, size_t{market::BarColumn::trades});
  EXPECT_EQ(kind_of<DuplicateCheck>("{duplicate: id, within: 2h}").within, Duration{2 * kHour.ns});
  EXPECT_EQ(kind_of<OutOfOrderCheck>("{out_of_order: 250ms}").behind, Duration{250 * kMillisecond.ns});
  EXPECT_EQ(kind_of<FutureCheck>("{future: 0s}").ahead, Duration{0});
  const auto stale = kind_of<StaleCheck>("{stale: 30s, session: XLON, factor: 2.5}");
  EXPECT_EQ(stale.silence, Duration{30 * kSecond.ns});
  EXPECT_EQ(stale.session, "XLON");
  EXPECT_EQ(stale.factor, Ratio{2'500'000});
  const auto outlier = kind_of<OutlierCheck>("{mad: 3, window: 9, floor: 0.25%, of: close}", "a");
  EXPECT_EQ(outlier.factor, Ratio{3'000'000});
  EXPECT_EQ(outlier.window, 9);
  EXPECT_EQ(outlier.floor, Ratio{2'500});
  EXPECT_EQ(outlier.price, size_t{market::BarColumn::close});
  const auto erroneous =
      kind_of<ErroneousCheck>("{erroneous: {bands: [{up_to: 1.5, band: 0.2}, {band: 0.0001%}], confirm: 1}}");
  ASSERT_EQ(erroneous.bands.size(), 2u);
  EXPECT_EQ(erroneous.bands[0].up_to, 1'500'000'000);
  EXPECT_EQ(erroneous.bands[0].width, Ratio{200'000});
  EXPECT_EQ(erroneous.bands[1].up_to, std::nullopt);
  EXPECT_EQ(erroneous.bands[1].width, Ratio{1});
  EXPECT_EQ(erroneous.confirm, 1);
  const auto luld = kind_of<LuldCheck>("{luld: {band: 10%, reference: 30s}}");
  EXPECT_EQ(luld.band, Ratio{100'000});
  EXPECT_EQ(luld.reference, Duration{30 * kSecond.ns});
  const auto cross = kind_of<CrossSourceCheck>("{cross_source: 0.5%, within: 2s}");
  EXPECT_EQ(cross.deviation, Ratio{5'000});
  EXPECT_EQ(cross.within, Duration{2 * kSecond.ns});
}

struct Case {
  std::string name;
  std::string from;
  std::string rule;
  std::string position;  // line:column in the whole file
  std::string message;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class WrongCheck : public testing::TestWithParam<Case> {};
TEST_P(WrongCheck, IsSaidAtItsPlace) {
  const Loaded loaded =
      load_text(file_with(GetParam().rule, GetParam().from), "p.yaml", {.set = {}, .use_environment = false});
  ASSERT_EQ(loaded.diagnostics.size(), 1u) << testing::PrintToString(loaded.diagnostics.size());
  EXPECT_THAT(loaded.diagnostics[0].to_string(), testing::StartsWith("p.yaml:" + GetParam().position + ": "));
  EXPECT_THAT(loaded.diagnostics[0].message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Rules, WrongCheck,
    testing::Values(
        Case{"NoKind", "trades", "{}", "8:8", "names no kind of check; there are sql, positive"},
        Case{"UnknownKind", "trades", "{outof_order: 0s}", "8:9", "did you mean 'out_of_order'?"},
        Case{"TwoKinds", "trades", "{mad: 3, luld: true}", "8:17", "write a rule for each"},
        Case{"UnknownSetting", "trades", "{mad: 3, windw: 9}", "8:17", "did you mean 'window'?"},
        Case{"SettingOfAnother", "trades", "{gap: id, window: 9}", "8:18", "has no key 'window'"},
        Case{"UnknownAction", "trades", "{gap: id, action: flags}", "8:26", "did you mean 'flag'?"},
        Case{"MissingColumn", "trades", "prise > 0", "8:8", "did you mean 'price'?"},
        Case{"MissingColumnInSql", "trades", "{sql: prise > 0, action: flag}", "8:14", "did you mean 'price'?"},
        Case{"MissingIdColumn", "trades", "{gap: ids}", "8:14", "did you mean 'id'?"},
        Case{"GapOfQuotes", "quotes", "{gap: true}", "8:14", "there is no column 'id'"},
        Case{"MissingNumber", "trades", "{positive: [price, sise]}", "8:27", "did you mean 'size'?"},
        Case{"PositiveText", "trades", "{positive: venue}", "8:19", "no column 'venue' of numbers"},
        Case{"PositiveTwice", "trades", "{positive: [price, price]}", "8:27", "named twice"},
        Case{"CrossedTrades", "trades", "{crossed: true}", "8:18", "needs a column 'bid' of type price"},
        Case{"BarInvariantsOfTrades", "quotes", "{bar_invariants: true}", "8:25", "needs a column 'open'"},
        Case{"CompletenessOfTrades", "trades", "{completeness: XNYS}", "8:23", "needs a column 'every'"},
        Case{"OutlierOfNothing", "trades", "{mad: 3, of: prices}", "8:21", "did you mean 'price'?"},
        Case{"OutlierOfText", "trades", "{mad: 3, of: venue}", "8:21", "it is of type text"},
        Case{"DefaultsOnly", "quotes", "{crossed: 3}", "8:18", "takes no setting: write true"},
        Case{"BadRatio", "trades", "{mad: much}", "8:14", "a percentage such as 5%"},
        Case{"TooFineRatio", "trades", "{luld: {band: 0.0000001}}", "8:22", "at most 6 digits"},
        Case{"NegativeRatio", "trades", "{cross_source: -1%}", "8:23", "from 0 to 1000"},
        Case{"BadDuration", "trades", "{future: 5sec}", "8:17", "such as 250ms"},
        Case{"WindowTooSmall", "trades", "{mad: 3, window: 2}", "8:25", "from 3 to 1000"},
        Case{"UnknownSession", "trades", "{stale: 2m, session: XNYC}", "8:29", "did you mean 'XNYS'?"},
        Case{"NoSession", "a", "{completeness: true}", "8:23", "name of a calendar, such as XNYS"},
        Case{"StaleQuarantine", "trades", "{stale: 2m, action: quarantine}", "8:28", "must be flag or fail"},
        Case{"BandsWithoutEnd", "trades", "{erroneous: {bands: [{up_to: 5, band: 1%}]}}", "8:37",
             "holds for all prices above"},
        Case{"BandsOutOfOrder", "trades",
             "{erroneous: {bands: [{up_to: 5, band: 1%}, {up_to: 5, band: 2%}, {band: 1%}]}}", "8:59",
             "above that of the band before it"},
        Case{"BandWithoutWidth", "trades", "{erroneous: {bands: [{up_to: 5}]}}", "8:29", "needs 'band'"}),
    [](const testing::TestParamInfo<Case>& tested) { return tested.param.name; });

TEST(Checks, ARuleNameMayNotLookLikeAReason) {
  const auto plan = parse_plan(kHead + "streams:\n  c: {from: trades, check: {\"a: b\": price > 0}}\n", "p.yaml",
                               {.set = {}, .use_environment = false});
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, HasSubstr("p.yaml:6:29: the rule name 'a: b'"));
}

TEST(Checks, RulesThatKeepSomethingOfASymbolNeedAllItsRecordsInOnePartition) {
  const std::string text =
      "name: p\nsources:\n  s: {type: file, path: a.jsonl, records: json, topic: t}\ntopics: {t: {partitions: 2}}\n"
      "streams:\n  a:\n    from: t\n    select: {symbol: cast(s as text), price: cast(p as price)}\n    check: {";
  const auto errors = [](const std::string& file) {
    const auto plan = parse_plan(file, "p.yaml", {.set = {}, .use_environment = false});
    return plan ? std::string() : plan.error().message;
  };
  EXPECT_EQ(errors(text + "p: {positive: price}}\n"), "");
  EXPECT_THAT(errors(text + "o: {mad: true}}\n"), HasSubstr("`topics: {t: {partitions: 1}}`"));
}

TEST(Checks, ThePortOfQualityIsThereWhereThereAreRules) {
  const std::string streams = kHead + "streams:\n  a: {from: trades}\n  c: {from: trades, check: {r: price > 0}}\n";
  const Plan plan = plan_of(streams + "tables:\n  mine: {from: c.quality}\n");
  EXPECT_EQ(plan.tables[0].schema, market::quality_schema());
  EXPECT_EQ(plan.tables.back().name, "quality");
  EXPECT_TRUE(plan.tables.back().inputs.empty());
  EXPECT_EQ(plan_of(streams).tables.back().inputs.size(), 1u);
  const auto none =
      parse_plan(streams + "tables:\n  t: {from: a.quality}\n", "p.yaml", {.set = {}, .use_environment = false});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("p.yaml:9:13: 'from' of table 't': only a stream with `check`"));
}

TEST(Checks, RatiosAreShownAsTheyAreMeant) {
  EXPECT_EQ(to_string(Ratio{50'000}), "0.05");
  EXPECT_EQ(percent_text(Ratio{50'000}), "5%");
  EXPECT_EQ(percent_text(Ratio{1}), "0.0001%");
  EXPECT_EQ(to_string(Ratio{10 * Ratio::kOne}), "10");
}

}  // namespace
}  // namespace penstock::plan

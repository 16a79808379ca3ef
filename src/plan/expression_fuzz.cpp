// Any text as an expression over trades and over JSON records: refused with a place inside the text, or evaluated.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "market/schema.h"
#include "plan/compile.h"
#include "plan/evaluate.h"
#include "plan/test_case.h"

namespace {

using namespace penstock;

struct World {
  market::SymbolTable symbols;
  market::Batch trades;
  market::Batch records;

  World() {
    plan::Plan plan;
    plan.topics.push_back({.name = "trades", .schema = market::trade_schema()});
    plan.topics.push_back({.name = "records", .schema = market::json_schema()});
    const plan::TestCase::Row trade{
        {"symbol", "A"}, {"ts_event", "2024-01-02T14:30:00.5Z"}, {"price", "9223372036"}, {"size", "-1"}, {"id", "7"}};
    plan::TestCase::Row other = trade;
    other["side"] = "buy";
    other["id"] = "x";
    trades = plan::build_rows(plan, {.topic = 0, .rows = {trade, other}}, symbols)->rows;
    records =
        plan::build_rows(
            plan,
            {.topic = 1, .rows = {{{"value", R"({"a":{"b":[1,"\ud83d",null]},"c":"x"})"}}, {{"value", "{\"a\":"}}}},
            symbols)
            ->rows;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World world;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const market::Batch* batch : {&world.trades, &world.records}) {
    const auto compiled = plan::compile_expression(text, *batch->schema);
    if (!compiled) {
      if (compiled.error().offset > size || compiled.error().message.empty()) __builtin_trap();
      continue;
    }
    plan::RowErrors errors;
    const auto column = plan::evaluate(*compiled, *batch, world.symbols, &errors);
    if (!column || column->type != compiled->type) __builtin_trap();
    for (size_t row = 0; row < batch->rows; ++row) (void)market::value_text(*column, row, world.symbols);
  }
  return 0;
}

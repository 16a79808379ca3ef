#include "stream/engine_testing.h"

#include <cstdlib>

namespace penstock::stream::testing {

PlanMaker::PlanMaker() {
  plan.name = "test";
  plan.sources.push_back({.name = "feed", .topic = "trades"});
  plan.topics.push_back({.name = "trades", .schema = market::trade_schema(), .sources = {0}});
  plan.streams.push_back({.name = "s", .output = market::trade_schema()});
  refresh();
}

void PlanMaker::refresh() {
  const auto input = [](plan::Port port) { return plan::Input{plan::Input::From::stream, 0, port}; };
  plan.tables.clear();
  plan.tables.push_back({.name = "rows", .inputs = {input(plan::Port::rows)}, .schema = plan.streams[0].output});
  plan.tables.push_back(
      {.name = "quarantine", .inputs = {input(plan::Port::quarantine)}, .schema = market::quarantine_schema()});
  plan.tables.push_back({.name = "late", .inputs = {input(plan::Port::late)}, .schema = market::late_schema()});
}

PlanMaker& PlanMaker::dedup(std::vector<size_t> columns, Duration within) {
  plan.streams[0].steps.push_back(
      {.what = plan::Dedup{.columns = std::move(columns), .within = within}, .output = market::trade_schema()});
  return *this;
}

PlanMaker& PlanMaker::bars(const Bars& bars) {
  plan.streams[0].steps.push_back({.what = plan::Bars{.every = bars.every,
                                                      .lateness = bars.lateness,
                                                      .revise_for = bars.revise_for,
                                                      .early = bars.early,
                                                      .calendar = bars.calendar,
                                                      .conditions = bars.conditions},
                                   .output = market::bar_schema()});
  plan.streams[0].output = market::bar_schema();
  refresh();
  return *this;
}

PlanMaker& PlanMaker::second_source() {
  plan.sources.push_back({.name = "feed2", .topic = "trades"});
  plan.topics[0].sources.push_back(1);
  return *this;
}

Partition::Partition(const plan::Plan& plan) : Partition(plan, {}) {}

Partition::Partition(const plan::Plan& plan, const std::vector<std::string>& first) : plan_(plan) {
  for (const std::string& symbol : first) (void)symbols.intern(symbol);
  auto made = Engine::create(plan, 0, symbols);
  EXPECT_TRUE(made) << made.error().message;
  engine = std::move(*made);
}

market::Batch trade_batch(const std::vector<TestTrade>& trades, market::SymbolTable& symbols) {
  using market::TradeColumn;
  market::Batch batch = market::make_batch(market::trade_schema());
  for (const TestTrade& trade : trades) {
    market::Batch one = market::make_batch(market::trade_schema());
    for (market::Column& column : one.columns) column.all_null = true;
    const auto column = [&](size_t index) -> market::Column& {
      one.columns[index].all_null = false;
      return one.columns[index];
    };
    int64_t price = 0;
    int64_t size = 0;
    EXPECT_EQ(market::parse_decimal(trade.price, market::kPriceScale, price), market::DecimalError::ok);
    EXPECT_EQ(market::parse_decimal(trade.size, market::kSizeScale, size), market::DecimalError::ok);
    column(TradeColumn::symbol).codes.push_back(symbols.intern(trade.symbol));
    column(TradeColumn::ts_event).i64.push_back(trade.ts_ms * kMillisecond.ns);
    column(TradeColumn::price).i64.push_back(price);
    column(TradeColumn::size).i64.push_back(size);
    if (!trade.id.empty()) column(TradeColumn::id).ids.append(market::parse_id(trade.id));
    if (!trade.venue.empty()) column(TradeColumn::venue).codes.push_back(symbols.intern(trade.venue));
    if (!trade.conditions.empty()) column(TradeColumn::conditions).text.append(trade.conditions);
    if (!trade.tape.empty()) column(TradeColumn::tape).codes.push_back(symbols.intern(trade.tape));
    if (!trade.action.empty()) column(TradeColumn::action).codes.push_back(symbols.intern(trade.action));
    if (!trade.ref_id.empty()) column(TradeColumn::ref_id).ids.append(market::parse_id(trade.ref_id));
    one.rows = 1;
    append_row(batch, one, 0);
  }
  return batch;
}

std::string line_of(const market::Batch& batch, size_t row, const market::SymbolTable& symbols) {
  std::string line;
  for (size_t c = 0; c < batch.columns.size(); ++c) {
    const auto value = value_text(batch.columns[c], row, symbols);
    // The edge of a session is shown where there is one.
    if (!value && batch.schema->fields[c].name == "edge") continue;
    if (c != 0) line += '|';
    line += value.value_or("null");
  }
  return line;
}

void Partition::trades(const std::vector<TestTrade>& trades) {
  const Status status = engine->process(trade_batch(trades, symbols));
  EXPECT_TRUE(status) << status.error().message;
}

void Partition::mark_ms(int64_t ms, size_t source) {
  EXPECT_TRUE(engine->mark(source, Timestamp{ms * kMillisecond.ns}));
}

void Partition::collect() {
  for (const TableRows& rows : engine->take_rows()) {
    for (size_t row = 0; row < rows.rows.rows; ++row) lines_[rows.table].push_back(line_of(rows.rows, row, symbols));
  }
}

std::vector<std::string> Partition::take(size_t table) {
  collect();
  const auto& lines = lines_[table];
  std::vector<std::string> out(lines.begin() + static_cast<ptrdiff_t>(taken_[table]), lines.end());
  taken_[table] = lines.size();
  return out;
}

std::string Partition::everything() {
  collect();
  std::string out;
  for (const auto& [table, lines] : lines_) {
    for (const std::string& line : lines) out += std::to_string(table) + ": " + line + "\n";
  }
  return out;
}

void Partition::commit(StateChanges& state) {
  for (auto& [name, value] : engine->take_state_changes()) {
    if (value.empty()) {
      state.erase(name);
    } else {
      state[name] = std::move(value);
    }
  }
}

void expect_accounted(const EngineCounts& counts) {
  for (const StreamCounts& c : counts.streams) {
    EXPECT_EQ(c.in, c.out + c.late + c.duplicates + c.quarantined + c.filtered);
  }
}

uint64_t test_seed() {
  const char* seed = std::getenv("PENSTOCK_TEST_SEED");
  const uint64_t value = seed == nullptr ? 42 : std::strtoull(seed, nullptr, 10);
  ::testing::Test::RecordProperty("seed", std::to_string(value));
  return value;
}

}  // namespace penstock::stream::testing

#include "runtime/standing_trades.h"

#include <algorithm>
#include <unordered_set>

#include "market/schema.h"

namespace penstock::runtime {
namespace {

market::SymbolCode code_at(const market::Batch& rows, std::optional<size_t> column, size_t row) {
  if (!column || rows.columns[*column].is_null(row)) return market::kNoSymbol;
  return rows.columns[*column].codes[row];
}

bool within_a_day(int64_t a, int64_t b) { return Timestamp{std::max(a, b)} - kDay < Timestamp{std::min(a, b)}; }

}  // namespace

const market::SchemaPtr& StandingTrades::schema() {
  static const market::SchemaPtr schema =
      std::make_shared<const market::Schema>(market::Schema{{{"symbol", {market::Kind::symbol}},
                                                             {"ts_event", {market::Kind::timestamp}},
                                                             {"price", market::kPriceType},
                                                             {"size", market::kSizeType},
                                                             {"id", {market::Kind::id}},
                                                             {"conditions", {market::Kind::text}},
                                                             {"tape", {market::Kind::symbol}}}});
  return schema;
}

StandingTrades::StandingTrades(Columns columns, market::SymbolTable& symbols, Timestamp from, Timestamp to)
    : columns_(columns),
      symbols_(&symbols),
      cancel_(symbols.intern(market::kCancel)),
      correct_(symbols.intern(market::kCorrect)),
      from_(from.ns),
      to_(to.ns) {}

Result<StandingTrades> StandingTrades::create(const market::SchemaPtr& schema, const std::string& stream,
                                              market::SymbolTable& symbols, Timestamp from, Timestamp to) {
  Columns columns;
  PENSTOCK_TRY_ASSIGN(columns.trade, stream::TradeFields::of(*schema, stream));
  columns.conditions = schema->find("conditions", market::Kind::text);
  columns.tape = schema->find("tape", market::Kind::symbol);
  columns.ref_id = schema->find("ref_id", market::Kind::id);
  return StandingTrades(columns, symbols, from, to);
}

// --- what the log has ------------------------------------------------------------------------------------------------

int64_t StandingTrades::id_of(const market::Column& column, size_t row) {
  if (column.is_null(row)) return kNoId;
  const market::Id id = column.ids[row];
  if (id.is_number()) return id.number;
  const auto [known, added] = text_ids_.try_emplace(std::string(id.text), -2 - static_cast<int64_t>(text_ids_.size()));
  if (added) id_texts_.push_back(&known->first);
  return known->second;
}

uint32_t StandingTrades::conditions_of(const market::Batch& rows, size_t row) {
  std::string text;
  if (columns_.conditions && !rows.columns[*columns_.conditions].is_null(row)) {
    text = rows.columns[*columns_.conditions].text[row];
  }
  const auto [known, added] = conditions_.try_emplace(std::move(text), static_cast<uint32_t>(conditions_.size()));
  if (added) condition_texts_.push_back(&known->first);
  return known->second;
}

StandingTrades::Print StandingTrades::print_of(const market::Batch& rows, size_t row) {
  const stream::TradeFields& fields = columns_.trade;
  return {.ts = rows.columns[fields.ts_event].i64[row],
          .price = rows.columns[fields.price].i64[row],
          .size = rows.columns[fields.size].i64[row],
          .id = fields.id ? id_of(rows.columns[*fields.id], row) : kNoId,
          .conditions = conditions_of(rows, row),
          .tape = code_at(rows, columns_.tape, row),
          .symbol = rows.columns[fields.symbol].codes[row]};
}

void StandingTrades::take(const market::Batch& rows) {
  const stream::TradeFields& fields = columns_.trade;
  for (size_t row = 0; row < rows.rows; ++row) {
    bool whole = true;
    for (const size_t field : {fields.symbol, fields.ts_event, fields.price, fields.size}) {
      whole = whole && !rows.columns[field].is_null(row);
    }
    if (!whole) continue;
    const market::SymbolCode venue = code_at(rows, fields.venue, row);
    if (const market::SymbolCode action = code_at(rows, fields.action, row); action != market::kNoSymbol) {
      if (action != cancel_ && action != correct_) continue;
      Event event{.at = named_.size(), .venue = venue, .corrects = action == correct_, .print = print_of(rows, row)};
      if (columns_.ref_id) event.target = id_of(rows.columns[*columns_.ref_id], row);
      if (event.target == kNoId) event.target = event.print.id;
      events_.push_back(event);
      continue;
    }
    const int64_t ts = rows.columns[fields.ts_event].i64[row];
    const bool inside = ts >= from_ && ts < to_;
    const int64_t id = fields.id ? id_of(rows.columns[*fields.id], row) : kNoId;
    if (id != kNoId) named_.push_back({id, ts, venue, inside ? static_cast<uint32_t>(prints_.size()) : kOutside});
    if (!inside) continue;
    prints_.push_back(print_of(rows, row));
    PENSTOCK_ASSERT(prints_.size() < kOutside);
  }
}

// --- what takes them back --------------------------------------------------------------------------------------------

bool StandingTrades::fits(market::SymbolCode venue, const Named& trade) const {
  return venue == market::kNoSymbol || trade.venue == market::kNoSymbol || venue == trade.venue;
}

void StandingTrades::apply() {
  std::unordered_set<int64_t> wanted;
  for (const Event& event : events_) {
    wanted.insert(event.target);
    wanted.insert(event.print.id);
  }
  wanted.erase(kNoId);
  size_t next = 0;
  for (size_t i = 0;; ++i) {
    for (; next < events_.size() && events_[next].at == i; ++next) {
      if (events_[next].target == kNoId) {
        ++unmatched_;
        continue;
      }
      std::vector<std::pair<int64_t, uint32_t>> known;
      if (!apply_event(events_[next], known)) waiting_[events_[next].target].push_back(next);
      for (const auto& [id, named] : known) know(id, named);
    }
    if (i == named_.size()) break;
    if (wanted.contains(named_[i].id)) know(named_[i].id, static_cast<uint32_t>(i));
  }
  for (const auto& [id, events] : waiting_) unmatched_ += events.size();
}

void StandingTrades::know(int64_t id, uint32_t named) {
  // A correction that waited may be what another waits for, and so on.
  std::vector<std::pair<int64_t, uint32_t>> known{{id, named}};
  for (size_t i = 0; i < known.size(); ++i) {
    by_id_[known[i].first].push_back(known[i].second);
    const auto waiting = waiting_.extract(known[i].first);
    if (waiting.empty()) continue;
    std::vector<size_t> still;
    for (const size_t event : waiting.mapped()) {
      if (!apply_event(events_[event], known)) still.push_back(event);
    }
    if (!still.empty()) waiting_[events_[still.front()].target] = std::move(still);
  }
}

bool StandingTrades::apply_event(const Event& event, std::vector<std::pair<int64_t, uint32_t>>& known) {
  const auto of_id = by_id_.find(event.target);
  if (of_id == by_id_.end()) return false;
  std::optional<uint32_t> found;
  for (auto at = of_id->second.rbegin(); at != of_id->second.rend(); ++at) {
    if (!fits(event.venue, named_[*at])) continue;
    if (!found) found = *at;
    if (named_[*at].venue != named_[*found].venue && within_a_day(named_[*at].ts, named_[*found].ts)) {
      ++unmatched_;
      return true;
    }
  }
  if (!found) return false;
  const Named trade = named_[*found];
  Print* const print = trade.print == kOutside ? nullptr : &prints_[trade.print];
  if (print != nullptr && !print->stands) return true;
  if (!event.corrects) {
    if (print != nullptr) print->stands = false;
    return true;
  }
  const int64_t own = event.print.id;
  if (own != kNoId && own != trade.id) {
    const auto same = by_id_.find(own);
    const bool came_before = same != by_id_.end() && std::ranges::any_of(same->second, [&](uint32_t other) {
                               return fits(trade.venue, named_[other]) && within_a_day(named_[other].ts, trade.ts);
                             });
    if (came_before) return true;
    known.emplace_back(own, *found);
  }
  if (print != nullptr) {
    print->price = event.print.price;
    print->size = event.print.size;
    print->conditions = event.print.conditions;
    print->tape = event.print.tape;
  }
  return true;
}

// --- what stands -----------------------------------------------------------------------------------------------------

Status StandingTrades::give_to(const std::function<Status(const market::Batch&)>& taker) const {
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < prints_.size(); ++i) {
    if (prints_[i].stands) order.push_back(i);
  }
  std::ranges::stable_sort(order, {}, [this](uint32_t i) { return prints_[i].ts; });
  for (size_t begin = 0; begin < order.size(); begin += kRows) {
    market::Batch batch = market::make_batch(schema());
    for (size_t i = begin; i < std::min(order.size(), begin + kRows); ++i) append_print(prints_[order[i]], batch);
    PENSTOCK_TRY(taker(batch));
  }
  return {};
}

void StandingTrades::append_print(const Print& print, market::Batch& batch) const {
  market::Id id;
  if (print.id >= 0) id.number = print.id;
  if (print.id < kNoId) id.text = *id_texts_[static_cast<size_t>(kNoId - 1 - print.id)];
  batch.columns[0].codes.push_back(print.symbol);
  batch.columns[1].i64.push_back(print.ts);
  batch.columns[2].i64.push_back(print.price);
  batch.columns[3].i64.push_back(print.size);
  batch.columns[4].ids.append(id);
  batch.columns[4].valid.push_back(print.id == kNoId ? 0 : 1);
  batch.columns[5].text.append(*condition_texts_[print.conditions]);
  batch.columns[6].codes.push_back(print.tape);
  batch.columns[6].valid.push_back(print.tape == market::kNoSymbol ? 0 : 1);
  ++batch.rows;
}

}  // namespace penstock::runtime

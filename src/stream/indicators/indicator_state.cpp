// What is remembered of bars as blobs: one a shard of symbols, written when a bar of any of them came. Results are not
// in them: they are computed again from the same values in the same order. See docs/formats/state.md.
#include <algorithm>
#include <cstring>

#include "stream/blob.h"
#include "stream/indicators/indicator_step.h"

namespace penstock::stream {
namespace {

constexpr uint64_t kPresent = 1;
constexpr uint64_t kFinal = 2;

void put_double(BlobWriter& out, double value) {
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  out.put_raw({raw, sizeof raw});
}

double get_double(BlobReader& in) {
  double value = 0;
  const std::string_view raw = in.get_raw(sizeof value);
  if (raw.size() == sizeof value) std::memcpy(&value, raw.data(), sizeof value);
  return value;
}

}  // namespace

void IndicatorStep::take_state(const std::string& prefix, StateChanges& changes) {
  for (size_t shard = 0; shard < kShards; ++shard) {
    const auto& indexes = shards_[shard];
    if (std::none_of(indexes.begin(), indexes.end(), [this](uint32_t i) { return series_[i].dirty; })) continue;
    BlobWriter out;
    out.put_text(definition_);
    out.put(indexes.size());
    for (const uint32_t index : indexes) {
      Series& series = series_[index];
      series.dirty = false;
      out.put_text(symbols_.text(series.symbol));
      out.put_text(symbols_.text(series.every));
      out.put_signed(series.settled);
      const size_t settled = series.bars.rows() - (series.results.rows() - 1);
      out.put(settled);
      for (size_t c = 0; c < columns_.bar_columns(); ++c) {
        for (size_t row = 0; row < settled; ++row) put_double(out, series.bars.column(c)[row]);
      }
      for (size_t c = 0; c < columns_.carries; ++c) put_double(out, series.results.column(c)[0]);
      out.put(series.kept.size());
      size_t row = settled;
      for (const Kept& kept : series.kept) {
        out.put_signed(kept.start);
        out.put((kept.present ? kPresent : 0) | (kept.final ? kFinal : 0));
        out.put_signed(kept.revision);
        if (!kept.present) continue;
        out.put_signed(kept.close);
        for (size_t c = 0; c < columns_.values.size(); ++c) put_double(out, series.bars.column(c)[row]);
        ++row;
      }
    }
    changes[prefix + std::to_string(shard)] = out.sealed();
  }
}

Status IndicatorStep::restore(const std::string& name, std::string_view blob) {
  PENSTOCK_TRY_ASSIGN(BlobReader in, BlobReader::open(name, blob));
  if (in.get_text() != definition_ && in.ok()) {
    return fail(ErrorKind::invalid,
                "stream '{}': its state is of other indicators: put those back, or give the stream another name",
                stream_);
  }
  const auto malformed = [&] { return fail(ErrorKind::corrupt, "state '{}' is malformed", name); };
  const uint64_t count = in.get();
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const market::SymbolCode symbol = symbols_.intern(in.get_text());
    const market::SymbolCode every = symbols_.intern(in.get_text());
    if (symbol == market::kNoSymbol || every == market::kNoSymbol) {
      return fail(ErrorKind::full, "state '{}' names more than {} symbols", name, market::SymbolTable::kSymbolsMax);
    }
    const size_t before = series_.size();
    Series& series = series_of(symbol, every);
    series.settled = in.get_signed();
    const uint64_t settled = in.get();
    if (series_.size() == before || settled > columns_.look_back) return malformed();
    for (uint64_t row = 0; row < settled; ++row) series.bars.insert(row);
    for (size_t c = 0; c < columns_.bar_columns(); ++c) {
      for (size_t row = 0; row < settled; ++row) series.bars.column(c)[row] = get_double(in);
    }
    for (size_t c = 0; c < columns_.carries; ++c) series.results.column(c)[0] = get_double(in);
    const uint64_t kept_count = in.get();
    if (kept_count > kKeptMax) return malformed();
    for (uint64_t k = 0; k < kept_count && in.ok(); ++k) {
      Kept& kept = series.kept.emplace_back();
      kept.start = in.get_signed();
      const uint64_t flags = in.get();
      kept.present = (flags & kPresent) != 0;
      kept.final = (flags & kFinal) != 0;
      kept.revision = in.get_signed();
      if (k != 0 && series.kept[k - 1].start >= kept.start) return malformed();
      if (!kept.present) continue;
      kept.close = in.get_signed();
      const size_t result = series.results.rows();
      series.bars.insert(series.bars.rows());
      series.results.insert(result);
      const size_t row = series.bar_of(result);
      for (size_t c = 0; c < columns_.values.size(); ++c) series.bars.column(c)[row] = get_double(in);
      for (const Formula& formula : formulas_) formula.compute({series.bars, row, series.results, result});
    }
  }
  return in.finish(name);
}

}  // namespace penstock::stream

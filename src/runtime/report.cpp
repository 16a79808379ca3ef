#include "runtime/report.h"

#include <algorithm>

namespace penstock::runtime {
namespace {

// 12477 as `12,477`.
std::string grouped(uint64_t value) {
  std::string digits = std::to_string(value);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

bool has_reader(const plan::Plan& plan, size_t stream) {
  return std::ranges::any_of(plan.streams, [&](const plan::Stream& s) {
    return s.input.from == plan::Input::From::stream && s.input.index == stream && s.input.port == plan::Port::rows;
  });
}

// From the topic to `leaf`; empty when the way leads over a late or quarantine port, whose records are accounted for
// where they left the main way.
std::vector<size_t> path_to(const plan::Plan& plan, size_t leaf) {
  std::vector<size_t> path{leaf};
  while (plan.streams[path.back()].input.from == plan::Input::From::stream) {
    const plan::Input& input = plan.streams[path.back()].input;
    if (input.port != plan::Port::rows) return {};
    // A stream over bars counts bars, not trades: it is no part of the trades' way.
    const auto& steps = plan.streams[input.index].steps;
    if (!steps.empty() && std::holds_alternative<plan::Bars>(steps.back().what)) return {};
    path.push_back(input.index);
  }
  std::ranges::reverse(path);
  return path;
}

}  // namespace

std::vector<PathBalance> balance(const plan::Plan& plan, const RunReport& report) {
  std::vector<PathBalance> paths;
  for (size_t leaf = 0; leaf < plan.streams.size(); ++leaf) {
    const bool makes_bars =
        !plan.streams[leaf].steps.empty() && std::holds_alternative<plan::Bars>(plan.streams[leaf].steps.back().what);
    if (!makes_bars && has_reader(plan, leaf)) continue;
    const std::vector<size_t> streams = path_to(plan, leaf);
    if (streams.empty()) continue;
    const size_t topic = plan.streams[streams.front()].topic;
    PathBalance path;
    path.path = plan.topics[topic].name;
    // Of the first stream, not of the topic: a stream that was added to the pipeline later has not seen all of it.
    path.in = report.streams[streams.front()].in + report.topics[topic].counts.rejects;
    path.quarantined = report.topics[topic].counts.rejects;
    for (const size_t stream : streams) {
      const stream::StreamCounts& counts = report.streams[stream];
      path.path += " -> " + plan.streams[stream].name;
      path.late += counts.late;
      path.duplicates += counts.duplicates;
      path.quarantined += counts.quarantined;
      path.filtered += counts.filtered;
      path.rows = counts.out;
    }
    paths.push_back(std::move(path));
  }
  return paths;
}

Status check_balance(const std::vector<PathBalance>& paths) {
  for (const PathBalance& path : paths) {
    if (path.balances()) continue;
    return fail(ErrorKind::corrupt,
                "the records of {} do not add up: in {} but rows {} + late {} + duplicates {} + quarantined {} + "
                "filtered {}. This is a bug of penstock; the log still has every record",
                path.path, path.in, path.rows, path.late, path.duplicates, path.quarantined, path.filtered);
  }
  return {};
}

void add_counts(stream::EngineCounts& total, const stream::EngineCounts& more) {
  total.records += more.records;
  total.rejects += more.rejects;
  total.bars += more.bars;
  for (size_t i = 0; i < total.lateness.size(); ++i) total.lateness[i] += more.lateness[i];
  for (const auto& [code, count] : more.unknown_conditions) total.unknown_conditions[code] += count;
  if (total.streams.size() < more.streams.size()) total.streams.resize(more.streams.size());
  for (size_t i = 0; i < more.streams.size(); ++i) {
    stream::StreamCounts& sum = total.streams[i];
    const stream::StreamCounts& part = more.streams[i];
    sum.in += part.in;
    sum.out += part.out;
    sum.late += part.late;
    sum.duplicates += part.duplicates;
    sum.quarantined += part.quarantined;
    sum.filtered += part.filtered;
  }
}

std::string summary(const plan::Plan& plan, const RunReport& report) {
  std::string text;
  for (const SourceReport& source : report.sources) {
    text += fmt::format("source {}: {} records, {} rejected", source.name, grouped(source.records),
                        grouped(source.rejects));
    if (source.duplicates > 0) text += fmt::format(", {} seen before", grouped(source.duplicates));
    if (source.requests > 0) {
      text += fmt::format(", {} requests, {} retries", grouped(source.requests), grouped(source.retries));
    }
    text += source.simulated ? " (SIMULATED: no real market)\n" : "\n";
  }
  for (const PathBalance& path : balance(plan, report)) {
    text += fmt::format("{}: in {} = rows {} + late {} + duplicates {} + quarantined {}", path.path, grouped(path.in),
                        grouped(path.rows), grouped(path.late), grouped(path.duplicates), grouped(path.quarantined));
    if (path.filtered > 0) text += fmt::format(" + filtered {}", grouped(path.filtered));
    text += '\n';
  }
  for (const TopicReport& topic : report.topics) {
    for (const auto& [code, count] : topic.counts.unknown_conditions) {
      text += fmt::format("unknown sale condition {}: {} trades, counted as regular\n", code, grouped(count));
    }
  }
  for (const auto& [table, rows] : report.table_rows) text += fmt::format("table {}: {} rows\n", table, grouped(rows));
  return text;
}

}  // namespace penstock::runtime

#include "serve/pipeline_status.h"

#include <nlohmann/json.hpp>

namespace penstock::serve {
namespace {

using Json = nlohmann::ordered_json;

Json time_json(std::optional<Timestamp> time) { return time ? Json(format_rfc3339(*time)) : Json(nullptr); }

// A name or message may come from a file or a peer: bytes that are no UTF-8 are shown as U+FFFD.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string to_json(const PipelineStatus& status) {
  Json sources = Json::array();
  for (const auto& s : status.sources)
    sources.push_back({{"name", s.name},
                       {"type", s.type},
                       {"topic", s.topic},
                       {"state", s.state},
                       {"simulated", s.simulated},
                       {"records", s.records},
                       {"rejects", s.rejects},
                       {"duplicates", s.duplicates},
                       {"bytes", s.bytes},
                       {"bytes_total", s.bytes_total},
                       {"requests", s.requests},
                       {"retries", s.retries}});
  Json streams = Json::array();
  for (const auto& s : status.streams)
    streams.push_back({{"name", s.name},
                       {"in", s.in},
                       {"out", s.out},
                       {"late", s.late},
                       {"duplicates", s.duplicates},
                       {"quarantined", s.quarantined},
                       {"filtered", s.filtered}});
  Json topics = Json::array();
  for (const auto& t : status.topics) {
    Json partitions = Json::array();
    for (const auto& p : t.partitions)
      partitions.push_back({{"partition", p.partition},
                            {"start", p.start},
                            {"end", p.end},
                            {"committed", p.committed},
                            {"bytes", p.bytes},
                            {"watermark", time_json(p.watermark)}});
    topics.push_back({{"name", t.name}, {"kind", t.kind}, {"partitions", std::move(partitions)}});
  }
  Json tables = Json::array();
  for (const auto& t : status.tables) tables.push_back({{"name", t.name}, {"rows", t.rows}});
  const Json whole = {{"name", status.name},
                      {"version", status.version},
                      {"state", status.state},
                      {"simulated", status.simulated},
                      {"started", time_json(status.started)},
                      {"now", time_json(status.now)},
                      {"uptime_seconds", static_cast<double>((status.now - status.started).ns) / 1e9},
                      {"watermark", time_json(status.watermark)},
                      {"committed", time_json(status.committed)},
                      {"sources", std::move(sources)},
                      {"streams", std::move(streams)},
                      {"topics", std::move(topics)},
                      {"tables", std::move(tables)}};
  return dump(whole);
}

std::string error_json(std::string_view message) { return dump({{"error", message}}); }

}  // namespace penstock::serve

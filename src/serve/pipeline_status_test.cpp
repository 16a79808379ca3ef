#include "serve/pipeline_status.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace penstock::serve {
namespace {

using nlohmann::json;

TEST(PipelineStatus, EveryNumberStandsUnderItsName) {
  PipelineStatus status;
  status.name = "demo";
  status.version = "0.1.0";
  status.state = "running";
  status.simulated = true;
  status.started = Timestamp{1'000'000'000};
  status.now = Timestamp{3'500'000'000};
  status.watermark = Timestamp{2'000'000'000};
  status.sources.push_back({"market", "simulated", "trades", "running", true, 1, 2, 3, 4, 5, 6, 7});
  status.streams.push_back({"bars", 21, 1, 2, 3, 4, 11});
  status.topics.push_back(
      {"trades", "trade", {{1, 10, 20, 15, 400, Timestamp{2'000'000'000}}, {2, 0, 0, 0, 0, std::nullopt}}});
  status.tables.push_back({"bars", uint64_t{1} << 53});
  const json expected = json::parse(R"({
    "name": "demo", "version": "0.1.0", "state": "running", "simulated": true,
    "started": "1970-01-01T00:00:01Z", "now": "1970-01-01T00:00:03.500Z", "uptime_seconds": 2.5,
    "watermark": "1970-01-01T00:00:02Z", "committed": null,
    "sources": [{"name": "market", "type": "simulated", "topic": "trades", "state": "running", "simulated": true,
      "records": 1, "rejects": 2, "duplicates": 3, "bytes": 4, "bytes_total": 5, "requests": 6, "retries": 7}],
    "streams": [{"name": "bars", "in": 21, "out": 1, "late": 2, "duplicates": 3, "quarantined": 4, "filtered": 11}],
    "topics": [{"name": "trades", "kind": "trade", "partitions": [
      {"partition": 1, "start": 10, "end": 20, "committed": 15, "bytes": 400, "watermark": "1970-01-01T00:00:02Z"},
      {"partition": 2, "start": 0, "end": 0, "committed": 0, "bytes": 0, "watermark": null}]}],
    "tables": [{"name": "bars", "rows": 9007199254740992}]})");
  EXPECT_EQ(json::parse(to_json(status)), expected);
}

TEST(PipelineStatus, BytesThatAreNoTextDoNotBreakTheJson) {
  EXPECT_EQ(error_json("bad \xff byte\n\"quoted\""), "{\"error\":\"bad \xEF\xBF\xBD byte\\n\\\"quoted\\\"\"}");
}

}  // namespace
}  // namespace penstock::serve

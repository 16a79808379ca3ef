// Polls a url that answers in JSON, and gives each record of an answer as a row {key, value, ts_recv} of the json
// schema, its text exactly as received.
//
// Each poll that is answered (200 or 304) is numbered from 1; the number is the source's position, and the rejects'
// (`poll 12 record 3`). Between answers it waits `interval`, from one poll's beginning to the next's. It asks only for
// what is new where the server allows (ETag, Last-Modified).
//
// What fails is tried again, and counted in stats().retries: no connection, a time-out, an answer that is cut or too
// large, 408, 429 and 5xx after a growing, jittered pause (or Retry-After, if that is longer); what trying again will
// hardly mend (401, 404, ...) after backoff_max. Only a url that is none ends the source.
//
// Not deterministic: what a url answers tomorrow is not what it answered today.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/time.h"
#include "feed/source.h"
#include "io/http_client.h"

namespace penstock::feed {

struct HttpOptions {
  std::string name;  // of the source, for the log
  std::string url;
  std::string records;  // path to the records, names joined by dots; empty: the answer itself
  std::string id;  // path in a record; an id seen before is dropped and counted; empty: none
  Duration interval = kSecond;
  Duration timeout{10 * kSecond.ns};  // of one request
  std::map<std::string, std::string> headers;
  int64_t response_bytes_max = int64_t{16} << 20;
  Duration backoff_min{500 * kMillisecond.ns};
  Duration backoff_max = kMinute;
  std::optional<int64_t> polls_max;  // ends after so many answered polls, counting those before a restart
};

// Ids remembered for `id`; older ones are forgotten. At 36 bytes each (a UUID) some 30 MB.
inline constexpr size_t kRememberedIdsMax = 200'000;
// A Retry-After beyond this is not waited for in one go.
inline constexpr Duration kRetryAfterMax = kHour;

struct HttpStats : SourceStats {
  std::atomic<uint64_t> not_modified{0};  // 304
  std::atomic<uint64_t> refused{0};    // answers that trying again will hardly mend
  std::atomic<uint64_t> too_large{0};  // answers of more than response_bytes_max
};

// `invalid` when an option is out of its range or the url is none. Borrows `clock` and `client`. Its stats are
// HttpStats; `records` counts what is handed on, so without duplicates.
[[nodiscard]] Result<std::unique_ptr<Source>> make_http_source(HttpOptions options, Clock& clock,
                                                               io::HttpClient& client, uint64_t seed);

}  // namespace penstock::feed

#include "feed/http/http_source.h"

#include <bit>

#include "base/logging.h"
#include "feed/http/backoff.h"
#include "feed/http/id_memory.h"
#include "feed/http/json_records.h"
#include "market/schema.h"

namespace penstock::feed {
namespace {

using http::Backoff;
using http::IdMemory;

// An answer may be large; what is handed on at once is not, so that processing keeps pace with it.
constexpr size_t kChunkBytes = size_t{1} << 20;

// `too_large` is the accident of one answer, and the next is asked for as soon as after any other failure; `refused`
// will not change by itself.
enum class Verdict : uint8_t { retry, too_large, refused };

struct Failure {
  Verdict verdict;
  std::string what;
  std::optional<Duration> retry_after;
};

bool is_transient(int status) { return status == 408 || status == 429 || status >= 500; }

std::string_view advice(int status) {
  if (status == 401 || status == 403) return "check the key or token in `headers`";
  if (status == 404 || status == 410) return "check `url`";
  return "check `url` and `headers`";
}

Reject make_reject(uint64_t poll, const http::JsonFault& fault) {
  Reject reject;
  reject.position =
      fault.number == 0 ? fmt::format("poll {}", poll) : fmt::format("poll {} record {}", poll, fault.number);
  reject.reason = fault.reason;
  if (fault.raw.size() > kRejectBytesMax)
    reject.reason += fmt::format(" (only the first {} bytes are kept)", kRejectBytesMax);
  reject.raw = fault.raw.substr(0, kRejectBytesMax);
  return reject;
}

class HttpSource final : public Source {
 public:
  HttpSource(HttpOptions options, Clock& clock, io::HttpClient& client, uint64_t seed)
      : options_(std::move(options)),
        clock_(clock),
        client_(client),
        backoff_(options_.backoff_min, options_.backoff_max, seed),
        seen_(kRememberedIdsMax) {}

  std::vector<market::SchemaPtr> outputs() const override { return {market::json_schema()}; }
  bool deterministic() const override { return false; }
  const SourceStats& stats() const override { return stats_; }

  Status run(uint64_t position, Emitter& emitter, std::stop_token stop) override {
    poll_ = position;
    while (!stop.stop_requested()) {
      if (options_.polls_max && poll_ >= static_cast<uint64_t>(*options_.polls_max)) return emit_end(emitter);
      const Timestamp started = clock_.now();
      ++stats_.requests;
      auto answer = client_.fetch(make_call(), stop);
      if (!answer && answer.error().kind == ErrorKind::cancelled) break;
      if (!answer && answer.error().kind == ErrorKind::invalid)
        return with_context(std::move(answer).error(), options_.name);
      if (const auto failure = judge(answer)) {
        clock_.wait_for(pause_after(*failure), stop);
        continue;
      }
      recovered();
      ++poll_;
      if (answer->status == 304)
        ++stats_.not_modified;
      else
        PENSTOCK_TRY(take(*answer, emitter));
      const bool last = options_.polls_max && poll_ >= static_cast<uint64_t>(*options_.polls_max);
      if (!last) clock_.wait_until(std::max(started + options_.interval, clock_.now()), stop);
    }
    return {};
  }

 private:
  [[nodiscard]] io::HttpCall make_call() const {
    io::HttpCall call;
    call.url = options_.url;
    call.timeout = options_.timeout;
    call.connect_timeout = options_.timeout;
    call.response_bytes_max = static_cast<uint64_t>(options_.response_bytes_max);
    for (const auto& [name, value] : options_.headers) call.headers.add(name, value);
    if (!call.headers.find("Accept")) call.headers.add("Accept", "application/json");
    if (!etag_.empty()) call.headers.add("If-None-Match", etag_);
    if (!last_modified_.empty()) call.headers.add("If-Modified-Since", last_modified_);
    return call;
  }

  // What is wrong with an answer, or nothing.
  [[nodiscard]] std::optional<Failure> judge(const Result<io::HttpResponse>& answer) const {
    if (!answer && answer.error().kind == ErrorKind::full)
      return Failure{Verdict::too_large, answer.error().message + ": raise `max_bytes` if it is always so", {}};
    if (!answer) return Failure{Verdict::retry, answer.error().message, {}};
    const int status = answer->status;
    if (status / 100 == 2 || status == 304) return std::nullopt;
    std::optional<Duration> retry_after;
    if (const auto text = answer->headers.find("Retry-After"))
      retry_after = http::parse_retry_after(*text, clock_.now());
    if (is_transient(status)) return Failure{Verdict::retry, fmt::format("the server answers {}", status), retry_after};
    const auto location = answer->headers.find("Location");
    if (status / 100 == 3 && location)
      return Failure{Verdict::refused, fmt::format("the url has moved ({}); write the new one as `url`", status),
                     retry_after};
    return Failure{Verdict::refused, fmt::format("the server answers {}: {}", status, advice(status)), retry_after};
  }

  Duration pause_after(const Failure& failure) {
    ++stats_.retries;
    const bool refused = failure.verdict == Verdict::refused;
    if (refused) ++stats_.refused;
    if (failure.verdict == Verdict::too_large) ++stats_.too_large;
    Duration pause = backoff_.next();
    if (refused) pause = options_.backoff_max;
    if (failure.retry_after) pause = std::max(pause, std::min(*failure.retry_after, kRetryAfterMax));
    // The 1st, 2nd, 4th, 8th ... failure in a row: enough to see it, not so much that it hides the rest.
    if (std::has_single_bit(backoff_.failures()))
      log_message(refused ? LogLevel::error : LogLevel::warning, "feed",
                  fmt::format("{}: {}; failure {} in a row, next try in {} ms", options_.name, failure.what,
                              backoff_.failures(), pause.ns / kMillisecond.ns));
    return pause;
  }

  void recovered() {
    if (backoff_.failures() > 0)
      log_info("feed", "{}: answered again after {} failures", options_.name, backoff_.failures());
    backoff_.reset();
  }

  // Hands on the records of an answer.
  Status take(const io::HttpResponse& answer, Emitter& emitter) {
    etag_ = answer.headers.find("ETag").value_or("");
    last_modified_ = answer.headers.find("Last-Modified").value_or("");
    stats_.bytes += answer.body.size();
    if (answer.status == 204) return {};
    const Timestamp now = clock_.now();
    const http::JsonRecords found = http::take_records(answer.body, options_.records, options_.id);
    Chunk chunk = new_chunk();
    for (const auto& fault : found.faults) chunk.rejects.push_back(make_reject(poll_, fault));
    stats_.rejects += found.faults.size();
    size_t bytes = 0;
    for (const auto& record : found.records) {
      if (!options_.id.empty() && !seen_.remember(record.key)) {
        ++stats_.duplicates;
        continue;
      }
      if (bytes > 0 && bytes + record.value.size() > kChunkBytes) {
        // This poll is not done before its last chunk is.
        chunk.position_end = poll_ - 1;
        PENSTOCK_TRY(emit(std::move(chunk), emitter));
        chunk = new_chunk();
        bytes = 0;
      }
      append(chunk.rows, record, now);
      bytes += record.value.size();
    }
    if (chunk.rows.rows == 0 && chunk.rejects.empty()) return {};
    return emit(std::move(chunk), emitter);
  }

  [[nodiscard]] Chunk new_chunk() const {
    Chunk chunk;
    chunk.rows = market::make_batch(market::json_schema());
    chunk.rows.columns[market::JsonColumn::key].all_null = options_.id.empty();
    chunk.position_end = poll_;
    return chunk;
  }

  void append(market::Batch& rows, const http::JsonRecord& record, Timestamp now) const {
    if (!options_.id.empty()) rows.columns[market::JsonColumn::key].text.append(record.key);
    rows.columns[market::JsonColumn::value].text.append(record.value);
    rows.columns[market::JsonColumn::ts_recv].i64.push_back(now.ns);
    ++rows.rows;
  }

  Status emit(Chunk&& chunk, Emitter& emitter) {
    stats_.records += chunk.rows.rows;
    return emitter.emit(std::move(chunk));
  }

  Status emit_end(Emitter& emitter) {
    Chunk chunk = new_chunk();
    chunk.marks.push_back({Timestamp::max()});
    return emitter.emit(std::move(chunk));
  }

  const HttpOptions options_;
  Clock& clock_;
  io::HttpClient& client_;
  HttpStats stats_;
  // Of the thread that runs.
  Backoff backoff_;
  IdMemory seen_;
  uint64_t poll_ = 0;  // answered polls so far
  std::string etag_;   // of the last 200
  std::string last_modified_;
};

}  // namespace

Result<std::unique_ptr<Source>> make_http_source(HttpOptions options, Clock& clock, io::HttpClient& client,
                                                 uint64_t seed) {
  if (const auto url = io::parse_url(options.url); !url) return with_context(url.error(), options.name);
  const auto out_of_range = [&](std::string_view option, std::string_view rule) {
    return fail(ErrorKind::invalid, "{}: `{}` must be {}", options.name, option, rule);
  };
  if (options.interval <= Duration{}) return out_of_range("interval", "more than 0");
  if (options.timeout <= Duration{}) return out_of_range("timeout", "more than 0");
  if (options.backoff_min <= Duration{}) return out_of_range("backoff_min", "more than 0");
  if (options.backoff_max < options.backoff_min) return out_of_range("backoff_max", "at least backoff_min");
  if (options.response_bytes_max <= 0) return out_of_range("response_bytes_max", "more than 0");
  if (options.polls_max && *options.polls_max < 1) return out_of_range("polls_max", "1 or more");
  return std::make_unique<HttpSource>(std::move(options), clock, client, seed);
}

}  // namespace penstock::feed

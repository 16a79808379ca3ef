#include "serve/query_api.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/logging.h"
#include "serve/responses.h"

namespace penstock::serve {
namespace {

// Up to here a result is held back, so that one that fails is answered with its reason and a proper status, and one
// that does not has its length stated. Beyond, it is streamed, and a failure can only cut it.
constexpr size_t kHeldBytesMax = size_t{1} << 20;
// Smaller pieces are put together: each one sent costs a hop between two threads.
constexpr size_t kPieceBytes = 64 * 1024;

struct FormatName {
  std::string_view name;
  store::Format format;
  std::string_view content_type;
};
constexpr std::array<FormatName, 5> kFormats{{
    {"json", store::Format::json, "application/json"},
    {"jsonl", store::Format::json_lines, "application/x-ndjson"},
    {"csv", store::Format::csv, "text/csv; charset=utf-8"},
    {"table", store::Format::table, "text/plain; charset=utf-8"},
    {"parquet", store::Format::parquet, "application/vnd.apache.parquet"},
}};

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
    case ErrorKind::not_found: return 400;
    case ErrorKind::cancelled: return 504;  // the query's time was up
    case ErrorKind::full: return 413;
    case ErrorKind::closed: return 503;
    case ErrorKind::corrupt:
    case ErrorKind::io: return 500;
  }
  return 500;
}

class ResultWriter {
 public:
  ResultWriter(io::HttpResponder& responder, std::string_view content_type)
      : responder_(responder), content_type_(content_type) {}

  Status take(std::string_view piece) {
    held_.append(piece);
    if (held_.size() < (begun_ ? kPieceBytes : kHeldBytesMax)) return {};
    if (!begun_) {
      begun_ = true;
      PENSTOCK_TRY(peer(responder_.begin(make_response(200, content_type_, ""))));
    }
    return flush();
  }

  Status finish() {
    if (!begun_) return peer(responder_.send(make_response(200, content_type_, std::move(held_))));
    PENSTOCK_TRY(flush());
    return peer(responder_.finish());
  }

  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] bool peer_gone() const { return peer_gone_; }

 private:
  Status flush() {
    const Status written = peer(responder_.write(held_));
    held_.clear();
    return written;
  }
  Status peer(Status status) {
    peer_gone_ = peer_gone_ || !status;
    return status;
  }

  io::HttpResponder& responder_;
  const std::string_view content_type_;
  std::string held_;
  bool begun_ = false;
  bool peer_gone_ = false;
};

void send_error(io::HttpResponder& responder, int status, std::string_view message) {
  const Status sent = responder.send(make_error(status, message));
  static_cast<void>(sent);  // A peer that is gone needs no answer.
}

// The body is the SQL itself, or a form with a field `sql`. Tools send a bare body as a form too (curl -d), so what
// counts is what is in it.
std::string sql_of(const io::HttpRequest& request) {
  if (request.method != "POST" || request.body.empty()) return request.parameter("sql").value_or("");
  if (request.body.starts_with("sql=")) return io::find_form_value(request.body, "sql").value_or("");
  return request.body;
}

}  // namespace

void QueryApi::answer(const io::HttpRequest& request, io::HttpResponder& responder) {
  const std::string sql = sql_of(request);
  if (sql.empty()) return send_error(responder, 400, "no SQL: put it in the body of a POST or in ?sql=");
  if (running_.fetch_add(1) >= concurrent_max_) {
    running_.fetch_sub(1);
    auto response =
        make_error(503, fmt::format("{} queries are running already; try again when one has ended", concurrent_max_));
    response.headers.add("Retry-After", "1");
    const Status sent = responder.send(std::move(response));
    static_cast<void>(sent);
    return;
  }
  run(sql, request.parameter("format").value_or("json"), responder);
}

void QueryApi::run(std::string_view sql, std::string_view format, io::HttpResponder& responder) {
  struct Leave {
    std::atomic<size_t>* running;
    void now() {
      if (running != nullptr) std::exchange(running, nullptr)->fetch_sub(1);
    }
    ~Leave() { now(); }
  } leave{&running_};
  const auto* known = std::find_if(kFormats.begin(), kFormats.end(), [&](const auto& f) { return f.name == format; });
  if (known == kFormats.end()) {
    leave.now();
    return send_error(responder, 400,
                      fmt::format("format '{}' is not one of json, jsonl, csv, table, parquet", format));
  }
  ResultWriter writer(responder, known->content_type);
  const Status done = query_(sql, known->format, limits_, [&](std::string_view piece) { return writer.take(piece); });
  // Before the end of the answer is sent: who has it may ask again at once, and must not find itself in the way.
  leave.now();
  if (done) {
    const Status sent = writer.finish();
    static_cast<void>(sent);
    return;
  }
  if (writer.peer_gone()) return;
  if (!writer.begun()) return send_error(responder, status_of(done.error().kind), done.error().message);
  // Left unfinished, the answer is cut, which every client sees.
  log_warning("serve", "a query failed after part of its result was sent, which is cut: {}", done.error().message);
}

}  // namespace penstock::serve

#include "serve/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/logging.h"
#include "io/http_raw_peer.h"
#include "serve/assets.h"
#include "serve/recording_responder.h"

namespace penstock::serve {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    before_ =
        set_log_sink([this](LogLevel, std::string_view, std::string_view message) { logged_.emplace_back(message); });
  }
  ~ApiTest() override {
    set_log_sink(before_);
    for (const auto& message : logged_)
      EXPECT_NE(std::find(expected_logs_.begin(), expected_logs_.end(), message), expected_logs_.end()) << message;
    EXPECT_EQ(logged_.size(), expected_logs_.size());
  }

  Callbacks callbacks() {
    return {
        .why_not_ready = [this] { return not_ready_; },
        .metrics = [] { return std::string("penstock_up 1\n"); },
        .status =
            [] {
              PipelineStatus status;
              status.name = "demo";
              return status;
            },
        .query =
            [this](std::string_view sql, store::Format format, const store::QueryLimits&, const store::ByteSink& sink) {
              sql_ = sql;
              format_ = format;
              return query_(sink);
            }};
  }

  RecordingResponder ask(std::string method, std::string path, std::string query = "", std::string body = "",
                         io::HttpHeaders headers = {{"Host", "127.0.0.1:8080"}}) {
    Api api(Options{}, callbacks());
    RecordingResponder responder;
    api.answer({std::move(method), std::move(path), std::move(query), std::move(headers), std::move(body)}, responder);
    EXPECT_TRUE(responder.status != 0);
    return responder;
  }

  std::optional<std::string> not_ready_;
  std::function<Status(const store::ByteSink&)> query_ = [](const store::ByteSink& sink) { return sink("a,b\n1,2\n"); };
  std::string sql_;
  store::Format format_{};
  std::vector<std::string> logged_;
  std::vector<std::string> expected_logs_;
  LogSink before_;
};

TEST_F(ApiTest, HealthIsAnsweredWhileReadinessSaysWhyNot) {
  not_ready_ = "the log is being recovered";
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
  const auto waiting = ask("GET", "/readyz");
  EXPECT_EQ(waiting.status, 503);
  EXPECT_EQ(waiting.body, "{\"error\":\"the log is being recovered\"}\n");
  not_ready_.reset();
  EXPECT_EQ(ask("GET", "/readyz").status, 200);
}

TEST_F(ApiTest, MetricsAreGivenAsPrometheusReadsThem) {
  const auto answer = ask("GET", "/metrics");
  EXPECT_EQ(answer.body, "penstock_up 1\n");
  EXPECT_EQ(answer.headers.find("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(ApiTest, UnknownPathsAndWrongMethodsAreJsonErrors) {
  const auto nothing = ask("GET", "/api/nothing\"");
  EXPECT_EQ(nothing.status, 404);
  EXPECT_EQ(nothing.body, "{\"error\":\"there is nothing at /api/nothing\\\"\"}\n");
  const auto wrong = ask("DELETE", "/api/status");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.find("Allow"), "GET, HEAD");
  EXPECT_EQ(ask("PUT", "/api/query").headers.find("Allow"), "GET, POST");
  EXPECT_EQ(ask("HEAD", "/api/query", "sql=select+1").status, 405);
}

TEST_F(ApiTest, ThePageLoadsNothingFromElsewhereAndNothingInline) {
  const auto page = ask("GET", "/");
  EXPECT_THAT(std::string(*page.headers.find("Content-Security-Policy")),
              StartsWith("default-src 'none'; script-src 'self';"));
  EXPECT_THAT(page.body, StartsWith("<!doctype html>"));
  EXPECT_THAT(page.body, testing::Not(HasSubstr("<style")));
  EXPECT_THAT(page.body, testing::Not(HasSubstr("http")));
  EXPECT_THAT(page.body, testing::Not(testing::ContainsRegex(" on[a-z]+=")));
  // Every file that it names is served.
  for (const std::string path : {"/status.css", "/status.js"}) {
    EXPECT_THAT(page.body, HasSubstr("\"" + path + "\""));
    EXPECT_EQ(ask("GET", path).status, 200);
  }
  EXPECT_THAT(ask("GET", "/status.js").body, EndsWith("poll();\n"));
}

TEST_F(ApiTest, SqlIsTakenFromTheQueryTheBodyOrAForm) {
  EXPECT_EQ(ask("GET", "/api/query", "sql=select%20%27a%2Bb%27&format=csv").body, "a,b\n1,2\n");
  EXPECT_EQ(sql_, "select 'a+b'");
  EXPECT_EQ(format_, store::Format::csv);
  EXPECT_EQ(ask("POST", "/api/query", "", "select 1 + 1").status, 200);
  EXPECT_EQ(sql_, "select 1 + 1");
  EXPECT_EQ(format_, store::Format::json);
  EXPECT_EQ(ask("POST", "/api/query", "format=parquet", "sql=select+2%3B").status, 200);
  EXPECT_EQ(sql_, "select 2;");
  EXPECT_EQ(format_, store::Format::parquet);
}

TEST_F(ApiTest, EachFormatHasItsContentType) {
  EXPECT_EQ(ask("GET", "/api/query", "sql=x&format=csv").headers.find("Content-Type"), "text/csv; charset=utf-8");
  EXPECT_EQ(ask("GET", "/api/query", "sql=x&format=json").headers.find("Content-Type"), "application/json");
  EXPECT_EQ(ask("GET", "/api/query", "sql=x&format=jsonl").headers.find("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(ask("GET", "/api/query", "sql=x&format=table").headers.find("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(ask("GET", "/api/query", "sql=x&format=parquet").headers.find("Content-Type"),
            "application/vnd.apache.parquet");
  EXPECT_EQ(ask("GET", "/api/query", "sql=x&format=xml").status, 400);
  EXPECT_EQ(ask("GET", "/api/query").status, 400);
}

TEST_F(ApiTest, AFailedQueryIsAnsweredWithItsReason) {
  const std::vector<std::pair<ErrorKind, int>> statuses{{ErrorKind::invalid, 400},
                                                        {ErrorKind::cancelled, 504},
                                                        {ErrorKind::full, 413},
                                                        {ErrorKind::closed, 503},
                                                        {ErrorKind::corrupt, 500}};
  for (const auto& [kind, status] : statuses) {
    query_ = [kind = kind](const store::ByteSink& sink) -> Status {
      PENSTOCK_TRY(sink("part of a result that must not be sent"));
      return fail(kind, "no column \"pirce\"");
    };
    const auto answer = ask("GET", "/api/query", "sql=x");
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.body, "{\"error\":\"no column \\\"pirce\\\"\"}\n");
  }
}

TEST_F(ApiTest, ASmallResultIsSentWholeAndALargeOneInPieces) {
  EXPECT_TRUE(ask("GET", "/api/query", "sql=x").whole);
  const std::string piece(100'000, 'x');
  query_ = [&](const store::ByteSink& sink) -> Status {
    for (int i = 0; i < 50; ++i) PENSTOCK_TRY(sink(piece));
    return {};
  };
  const auto answer = ask("GET", "/api/query", "sql=x");
  EXPECT_FALSE(answer.whole);
  EXPECT_TRUE(answer.finished);
  EXPECT_EQ(answer.body, std::string(5'000'000, 'x'));
}

TEST_F(ApiTest, AQueryThatFailsMidwayIsCutAndLogged) {
  query_ = [](const store::ByteSink& sink) -> Status {
    PENSTOCK_TRY(sink(std::string(3'000'000, 'x')));
    return fail(ErrorKind::full, "more than 10 rows");
  };
  expected_logs_ = {"a query failed after part of its result was sent, which is cut: more than 10 rows"};
  const auto answer = ask("GET", "/api/query", "sql=x");
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.finished);
}

TEST_F(ApiTest, APeerThatIsGoneStopsTheQueryWithoutAWord) {
  Api api(Options{}, callbacks());
  RecordingResponder responder;
  responder.writes_taken_max = 2;
  int pieces = 0;
  query_ = [&](const store::ByteSink& sink) -> Status {
    for (;; ++pieces) PENSTOCK_TRY(sink(std::string(2'000'000, 'x')));
  };
  api.answer({"GET", "/api/query", "sql=x", {{"Host", "localhost"}}, ""}, responder);
  EXPECT_EQ(pieces, 2);
  EXPECT_FALSE(responder.finished);
}

TEST_F(ApiTest, QueriesBeyondTheMaximumAreAskedToComeAgain) {
  Options options;
  options.queries_max = 1;
  Api api(options, callbacks());
  RecordingResponder inner;
  const io::HttpRequest request{"GET", "/api/query", "sql=x", {{"Host", "localhost"}}, ""};
  query_ = [&](const store::ByteSink& sink) {
    api.answer(request, inner);
    return sink("outer");
  };
  RecordingResponder outer;
  api.answer(request, outer);
  EXPECT_EQ(outer.body, "outer");
  EXPECT_EQ(inner.status, 503);
  EXPECT_EQ(inner.headers.find("Retry-After"), "1");
  // The place is free again.
  query_ = [](const store::ByteSink& sink) { return sink("again"); };
  RecordingResponder again;
  api.answer(request, again);
  EXPECT_EQ(again.body, "again");
}

// A client that asks again as soon as it has its answer, before the thread that gave it is done.
TEST_F(ApiTest, WhoHasItsAnswerMayAskAgainAtOnce) {
  Options options;
  options.queries_max = 1;
  Api api(options, callbacks());
  const io::HttpRequest request{"GET", "/api/query", "sql=x", {{"Host", "localhost"}}, ""};
  struct AsksAgain final : RecordingResponder {
    std::function<void()> on_answer;
    Status send(io::HttpResponse response) override {
      const Status sent = RecordingResponder::send(std::move(response));
      on_answer();
      return sent;
    }
  } first;
  RecordingResponder second;
  first.on_answer = [&] { api.answer(request, second); };
  api.answer(request, first);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(second.status, 200) << second.body;
}

TEST_F(ApiTest, OtherSitesAreRefused) {
  const auto host = [this](std::string name) {
    return ask("GET", "/api/status", "", "", {{"Host", std::move(name)}}).status;
  };
  for (const std::string ours : {"localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080", "[::1]"})
    EXPECT_EQ(host(ours), 200) << ours;
  for (const std::string theirs :
       {"", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example",
        "127.0.0.1:80@evil", "[::1].evil", "192.168.0.1", "127.evil.example"})
    EXPECT_EQ(host(theirs), 403) << theirs;
  EXPECT_EQ(ask("GET", "/healthz", "", "", {}).status, 403);

  const auto post = [this](io::HttpHeaders headers) {
    return ask("POST", "/api/query", "", "select 1", std::move(headers)).status;
  };
  EXPECT_EQ(post({{"Host", "localhost:8080"}, {"Origin", "http://localhost:8080"}, {"Sec-Fetch-Site", "same-origin"}}),
            200);
  EXPECT_EQ(post({{"Host", "localhost:8080"}, {"Origin", "http://evil.example"}}), 403);
  EXPECT_EQ(post({{"Host", "localhost:8080"}, {"Origin", "http://localhost:3000"}}), 403);
  EXPECT_EQ(post({{"Host", "localhost:8080"}, {"Origin", "null"}}), 403);
  EXPECT_EQ(post({{"Host", "localhost:8080"}, {"Sec-Fetch-Site", "cross-site"}}), 403);
  // A link to the page may stand anywhere; one to the numbers may not.
  const io::HttpHeaders link{{"Host", "localhost"}, {"Sec-Fetch-Site", "cross-site"}};
  EXPECT_EQ(ask("GET", "/", "", "", link).status, 200);
  EXPECT_EQ(ask("GET", "/api/status", "", "", link).status, 403);
}

TEST_F(ApiTest, AnswersOverTheNetwork) {
  Options options;
  options.http.listen = "127.0.0.1:0";
  const auto server = Server::start(options, callbacks());
  ASSERT_TRUE(server.has_value());
  query_ = [](const store::ByteSink& sink) -> Status {
    for (int i = 0; i < 3; ++i) PENSTOCK_TRY(sink(std::string(1'000'000, static_cast<char>('a' + i))));
    return {};
  };
  io::RawPeer peer((*server)->address());
  ASSERT_TRUE(peer.say("POST /api/query?format=csv HTTP/1.0\r\nHost: " + (*server)->address() +
                       "\r\nContent-Length: 8\r\n\r\nselect 1"));
  const std::string answer = peer.hear();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  const std::string body = answer.substr(answer.find("\r\n\r\n") + 4);
  EXPECT_EQ(body, std::string(1'000'000, 'a') + std::string(1'000'000, 'b') + std::string(1'000'000, 'c'));
}

TEST(Server, APortInUseIsAnError) {
  Options options;
  options.http.listen = "127.0.0.1:0";
  const auto first = Server::start(options, {});
  ASSERT_TRUE(first.has_value());
  options.http.listen = (*first)->address();
  const auto second = Server::start(options, {});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::io);
}

}  // namespace
}  // namespace penstock::serve

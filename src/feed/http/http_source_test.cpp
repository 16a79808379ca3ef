#include "feed/http/http_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <latch>

#include "base/logging.h"
#include "feed/file/file_testing.h"
#include "io/http_server.h"

namespace penstock::feed {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;

// Time passes only by being waited for, all at once.
class WaitedClock final : public Clock {
 public:
  Timestamp now() override { return now_; }
  bool wait_until(Timestamp deadline, const std::stop_token& stop) override {
    if (stop.stop_requested()) return false;
    waits.push_back(deadline - now_);
    now_ = std::max(now_, deadline);
    return true;
  }
  std::vector<Duration> waits;

 private:
  Timestamp now_{1'000 * kSecond.ns};
};

// Answers what the test says, in order; when that is used up it asks for a stop.
class ScriptedClient final : public io::HttpClient {
 public:
  Result<io::HttpResponse> fetch(const io::HttpCall& call, const io::BodySink&, std::stop_token) override {
    calls.push_back(call);
    if (answers.empty()) {
      stop.request_stop();
      return fail(ErrorKind::cancelled, "stopped");
    }
    auto answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  std::deque<Result<io::HttpResponse>> answers;
  std::vector<io::HttpCall> calls;
  std::stop_source stop;
};

Result<io::HttpResponse> ok(std::string body) { return io::HttpResponse{200, {}, std::move(body)}; }
Result<io::HttpResponse> status(int code, io::HttpHeaders headers = {}) {
  return io::HttpResponse{code, std::move(headers), "an error page"};
}

class HttpSourceTest : public testing::Test {
 protected:
  HttpSourceTest() {
    options_.name = "users";
    options_.url = "http://127.0.0.1:1/api?key=secret";
    options_.id = "id";
    before_ = set_log_sink([this](LogLevel level, std::string_view, std::string_view message) {
      if (level >= LogLevel::warning) logged_.emplace_back(message);
    });
  }
  ~HttpSourceTest() override {
    set_log_sink(before_);
    for (const auto& message : logged_) EXPECT_THAT(message, testing::Not(HasSubstr("secret")));
  }

  // Runs until the script is used up or the source ends.
  Status run(uint64_t position = 0) {
    auto source = make_http_source(options_, clock_, client_, 1);
    EXPECT_TRUE(source.has_value());
    source_ = std::move(*source);
    return source_->run(position, emitter_, client_.stop.get_token());
  }
  const HttpStats& stats() const { return static_cast<const HttpStats&>(source_->stats()); }

  HttpOptions options_;
  WaitedClock clock_;
  ScriptedClient client_;
  market::SymbolTable symbols_;
  file::KeepingEmitter emitter_{symbols_};
  std::unique_ptr<Source> source_;
  std::vector<std::string> logged_;
  LogSink before_;
};

TEST_F(HttpSourceTest, EachRecordIsARowWithItsIdItsTextAndTheTimeOfItsReceipt) {
  client_.answers = {ok(R"([{"id": "a"},{"id": 2}])"), ok(R"([{"id": "c"}])")};
  ASSERT_TRUE(run().has_value());
  EXPECT_THAT(emitter_.rows(),
              ElementsAre(R"(a|{"id": "a"}|1970-01-01T00:16:40Z)", R"(2|{"id": 2}|1970-01-01T00:16:40Z)",
                          R"(c|{"id": "c"}|1970-01-01T00:16:41Z)"));
  EXPECT_THAT(clock_.waits, ElementsAre(kSecond, kSecond));
  EXPECT_EQ(stats().records, 3u);
  EXPECT_EQ(stats().requests, 3u);
  EXPECT_EQ(stats().bytes, 23u + 13u);
  EXPECT_THAT(logged_, IsEmpty());
  EXPECT_FALSE(source_->deterministic());
}

TEST_F(HttpSourceTest, WithoutAnIdThereIsNoKeyAndNothingIsDropped) {
  options_.id = "";
  client_.answers = {ok(R"({"x":1})"), ok(R"({"x":1})")};
  ASSERT_TRUE(run().has_value());
  EXPECT_EQ(emitter_.rows().size(), 2u);
  EXPECT_THAT(emitter_.rows()[0], testing::StartsWith(R"(-|{"x":1}|)"));
}

TEST_F(HttpSourceTest, TheSameIdAgainIsDroppedAndCounted) {
  client_.answers = {ok(R"([{"id":1},{"id":1}])"), ok(R"([{"id":1},{"id":2}])"), ok(R"([{"id":1}])")};
  ASSERT_TRUE(run().has_value());
  EXPECT_EQ(emitter_.rows().size(), 2u);
  // An answer without anything new is not handed on at all.
  EXPECT_EQ(emitter_.chunks.size(), 2u);
  EXPECT_EQ(stats().duplicates, 3u);
  EXPECT_EQ(stats().records, 2u);
}

TEST_F(HttpSourceTest, AsksOnlyForWhatIsNew) {
  client_.answers = {
      io::HttpResponse{200, {{"ETag", "\"v1\""}, {"Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"}}, R"([{"id":1}])"},
      status(304), ok(R"([{"id":2}])")};
  ASSERT_TRUE(run().has_value());
  ASSERT_EQ(client_.calls.size(), 4u);
  EXPECT_EQ(client_.calls[0].headers.find("If-None-Match"), std::nullopt);
  for (const size_t i : {1u, 2u}) {
    EXPECT_EQ(client_.calls[i].headers.find("If-None-Match"), "\"v1\"");
    EXPECT_EQ(client_.calls[i].headers.find("If-Modified-Since"), "Sun, 06 Nov 1994 08:49:37 GMT");
  }
  // The last 200 had neither.
  EXPECT_EQ(client_.calls[3].headers.find("If-None-Match"), std::nullopt);
  EXPECT_EQ(stats().not_modified, 1u);
  EXPECT_EQ(stats().retries, 0u);
  EXPECT_EQ(emitter_.rows().size(), 2u);
}

TEST_F(HttpSourceTest, SendsItsHeaders) {
  options_.headers = {{"X-Api-Key", "k"}, {"accept", "text/json"}};
  options_.timeout = Duration{3 * kSecond.ns};
  options_.response_bytes_max = 77;
  ASSERT_TRUE(run().has_value());
  EXPECT_EQ(client_.calls[0].headers.find("X-Api-Key"), "k");
  EXPECT_EQ(client_.calls[0].headers.find("Accept"), "text/json");
  EXPECT_EQ(client_.calls[0].timeout, Duration{3 * kSecond.ns});
  EXPECT_EQ(client_.calls[0].response_bytes_max, 77u);
}

TEST_F(HttpSourceTest, FailuresArePausedOverAndTriedAgain) {
  client_.answers = {fail(ErrorKind::io, "timed out"), status(500), status(408), status(503), ok(R"([{"id":1}])")};
  ASSERT_TRUE(run().has_value());
  EXPECT_EQ(emitter_.rows().size(), 1u);
  EXPECT_EQ(stats().retries, 4u);
  EXPECT_EQ(stats().refused, 0u);
  ASSERT_EQ(clock_.waits.size(), 5u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_GE(clock_.waits[i], options_.backoff_min);
    EXPECT_LE(clock_.waits[i], Duration{options_.backoff_min.ns << (i + 1)});
  }
  EXPECT_EQ(clock_.waits[4], options_.interval);
  // The 1st, 2nd and 4th in a row.
  ASSERT_EQ(logged_.size(), 3u);
  EXPECT_THAT(logged_[0], HasSubstr("users: timed out; failure 1 in a row"));
  EXPECT_THAT(logged_[2], HasSubstr("users: the server answers 503; failure 4 in a row"));
}

TEST_F(HttpSourceTest, RetryAfterIsHonouredInBothForms) {
  client_.answers = {status(429, {{"Retry-After", "30"}}),
                     status(503, {{"Retry-After", "Thu, 01 Jan 1970 00:17:50 GMT"}}),
                     status(429, {{"Retry-After", "99999"}}), status(429, {{"Retry-After", "0"}})};
  ASSERT_TRUE(run().has_value());
  ASSERT_EQ(clock_.waits.size(), 4u);
  EXPECT_EQ(clock_.waits[0], Duration{30 * kSecond.ns});
  // It is 1030 s now, and the date says 1070 s.
  EXPECT_EQ(clock_.waits[1], Duration{40 * kSecond.ns});
  EXPECT_EQ(clock_.waits[2], kRetryAfterMax);
  EXPECT_GE(clock_.waits[3], options_.backoff_min);
}

TEST_F(HttpSourceTest, ARefusalSaysWhatToDoAndIsTriedAtTheLongestPause) {
  client_.answers = {status(401), status(404), status(301, {{"Location", "http://x/"}}), ok("[]")};
  ASSERT_TRUE(run().has_value());
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(clock_.waits[i], options_.backoff_max);
  EXPECT_EQ(stats().refused, 3u);
  EXPECT_EQ(stats().retries, 3u);
  ASSERT_EQ(logged_.size(), 2u);
  EXPECT_THAT(logged_[0], HasSubstr("401: check the key or token in `headers`"));
  EXPECT_THAT(logged_[1], HasSubstr("404: check `url`"));
}

TEST_F(HttpSourceTest, AnAnswerThatIsTooLargeIsCountedAndAskedForAgainSoon) {
  client_.answers = {fail(ErrorKind::full, "larger than 9 bytes"), fail(ErrorKind::full, "larger than 9 bytes"),
                     ok(R"([{"id":1}])"), fail(ErrorKind::full, "larger than 9 bytes"), ok("[]")};
  ASSERT_TRUE(run().has_value());
  ASSERT_EQ(clock_.waits.size(), 5u);
  EXPECT_LE(clock_.waits[0], Duration{2 * options_.backoff_min.ns});
  EXPECT_LE(clock_.waits[1], Duration{4 * options_.backoff_min.ns});
  EXPECT_LE(clock_.waits[3], Duration{2 * options_.backoff_min.ns});
  EXPECT_EQ(stats().too_large, 3u);
  EXPECT_EQ(stats().retries, 3u);
  EXPECT_EQ(stats().refused, 0u);
  EXPECT_EQ(emitter_.rows().size(), 1u);
  EXPECT_THAT(logged_[0], HasSubstr("larger than 9 bytes: raise `max_bytes`"));
}

TEST_F(HttpSourceTest, AnAnswerThatIsNoJsonIsARejectAndThePollingGoesOn) {
  options_.records = "results";
  client_.answers = {ok("<html>"), ok(R"({"results":[{"id":1},{"no":"id"}]})"), ok(R"({"error":"x"})")};
  ASSERT_TRUE(run().has_value());
  EXPECT_THAT(emitter_.rejects(), ElementsAre("poll 1: the answer is not JSON in UTF-8: <html>",
                                              R"(poll 2 record 2: the record has no id at 'id': {"no":"id"})",
                                              R"(poll 3: the answer has nothing at 'results': {"error":"x"})"));
  EXPECT_EQ(emitter_.rows().size(), 1u);
  EXPECT_EQ(stats().rejects, 3u);
}

TEST_F(HttpSourceTest, ALongRejectIsCutAndSaysSo) {
  client_.answers = {ok(std::string(kRejectBytesMax + 1, 'x'))};
  ASSERT_TRUE(run().has_value());
  EXPECT_THAT(emitter_.rejects()[0], AllOf(HasSubstr("only the first 65536 bytes"),
                                           testing::EndsWith(": " + std::string(kRejectBytesMax, 'x'))));
}

TEST_F(HttpSourceTest, PollsMaxEndsItWithTheEndMark) {
  options_.polls_max = 3;
  client_.answers = {ok(R"([{"id":1}])"), status(500), status(304), ok(R"([{"id":2}])"), ok("never asked for")};
  ASSERT_TRUE(run().has_value());
  EXPECT_EQ(client_.calls.size(), 4u);
  EXPECT_FALSE(client_.stop.stop_requested());
  EXPECT_THAT(emitter_.marks(), ElementsAre(Timestamp::max()));
  EXPECT_EQ(emitter_.chunks.back().position_end, 3u);
}

TEST_F(HttpSourceTest, ResumesCountingAtItsPosition) {
  options_.polls_max = 3;
  client_.answers = {ok("no json")};
  ASSERT_TRUE(run(2).has_value());
  EXPECT_THAT(emitter_.rejects(), ElementsAre(testing::StartsWith("poll 3: ")));
  EXPECT_THAT(emitter_.marks(), ElementsAre(Timestamp::max()));
  // One that was done already only says so.
  emitter_.chunks.clear();
  ASSERT_TRUE(run(3).has_value());
  EXPECT_EQ(client_.calls.size(), 1u);
  EXPECT_THAT(emitter_.marks(), ElementsAre(Timestamp::max()));
}

TEST_F(HttpSourceTest, AStopEndsItWithoutTheEndMark) {
  client_.answers = {ok("[]")};
  ASSERT_TRUE(run().has_value());
  EXPECT_THAT(emitter_.chunks, IsEmpty());
}

TEST_F(HttpSourceTest, ALargeAnswerIsHandedOnInPiecesOfOnePosition) {
  std::string body = "[";
  for (int i = 0; i < 50; ++i)
    body += (i == 0 ? "" : ",") + std::string("{\"id\":") + std::to_string(i) + ",\"x\":\"" +
            std::string(100'000, 'x') + "\"}";
  client_.answers = {ok(body + "]")};
  ASSERT_TRUE(run().has_value());
  ASSERT_EQ(emitter_.chunks.size(), 5u);
  EXPECT_EQ(emitter_.rows().size(), 50u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(emitter_.chunks[i].position_end, 0u);
  EXPECT_EQ(emitter_.chunks[4].position_end, 1u);
}

TEST_F(HttpSourceTest, AFailingPipelineEndsIt) {
  emitter_.fail_publish_at = 0;
  client_.answers = {ok(R"([{"id":1}])")};
  const Status status = run();
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().message, "the disk is full");
}

TEST_F(HttpSourceTest, WrongOptionsAreNamed) {
  const auto reason = [&](auto change) {
    HttpOptions options = options_;
    change(options);
    const auto source = make_http_source(options, clock_, client_, 1);
    return source ? "taken" : source.error().message;
  };
  EXPECT_THAT(reason([](auto& o) { o.url = "ftp://x"; }), HasSubstr("users: url 'ftp://x'"));
  EXPECT_THAT(reason([](auto& o) { o.interval = Duration{}; }), HasSubstr("`interval`"));
  EXPECT_THAT(reason([](auto& o) { o.timeout = Duration{}; }), HasSubstr("`timeout`"));
  EXPECT_THAT(reason([](auto& o) { o.backoff_min = Duration{}; }), HasSubstr("`backoff_min`"));
  EXPECT_THAT(reason([](auto& o) { o.backoff_max = Duration{1}; }), HasSubstr("`backoff_max`"));
  EXPECT_THAT(reason([](auto& o) { o.response_bytes_max = 0; }), HasSubstr("`response_bytes_max`"));
  EXPECT_THAT(reason([](auto& o) { o.polls_max = 0; }), HasSubstr("`polls_max`"));
}

// Against a real server over the real client: every fault in a row, and then the record.
TEST_F(HttpSourceTest, SurvivesARealServersFaults) {
  std::latch release(1);
  std::atomic<int> asked{0};
  io::ServerOptions server_options;
  server_options.listen = "127.0.0.1:0";
  auto server =
      io::HttpServer::start(server_options, [&](const io::HttpRequest& request, io::HttpResponder& responder) {
        const std::string body = "{\"results\":[{\"id\":\"Gr\xC3\xB8n\"}]}";
        const std::string size = std::to_string(body.size());
        switch (asked++) {
          case 0: static_cast<void>(responder.send({500, {}, "broken"})); break;
          case 1: static_cast<void>(responder.send({429, {{"Retry-After", "7"}}, ""})); break;
          case 2:
            static_cast<void>(responder.begin({200, {{"Content-Length", size}}, body.substr(0, 9)}));
            break;  // cut
          case 3: release.wait(); break;  // hangs
          case 4:  // slow: the body never ends
            static_cast<void>(responder.begin({200, {}, body.substr(0, 5)}));
            release.wait();
            break;
          case 5: static_cast<void>(responder.send({200, {}, std::string(5000, ' ') + body})); break;  // too large
          case 6: static_cast<void>(responder.send({200, {{"ETag", "\"1\""}}, body})); break;
          default:
            EXPECT_EQ(request.headers.find("If-None-Match"), "\"1\"");
            static_cast<void>(responder.send({304, {}, ""}));
        }
      });
  ASSERT_TRUE(server.has_value());
  options_.url = "http://" + (*server)->address() + "/";
  options_.records = "results";
  options_.timeout = Duration{200 * kMillisecond.ns};
  options_.response_bytes_max = 4096;
  options_.polls_max = 2;
  const auto client = io::make_http_client();
  const auto source = make_http_source(options_, clock_, *client, 1);
  ASSERT_TRUE(source.has_value());
  const Status status = (*source)->run(0, emitter_, {});
  release.count_down();
  server->reset();  // its handler uses what stands on this frame
  ASSERT_TRUE(status.has_value()) << status.error().message;
  ASSERT_EQ(emitter_.rows().size(), 1u);
  EXPECT_THAT(emitter_.rows()[0], testing::StartsWith("Gr\xC3\xB8n|{\"id\":\"Gr\xC3\xB8n\"}|"));
  const auto& counts = static_cast<const HttpStats&>((*source)->stats());
  EXPECT_EQ(counts.retries, 6u);
  EXPECT_EQ(counts.refused, 0u);
  EXPECT_EQ(counts.too_large, 1u);
  EXPECT_EQ(counts.not_modified, 1u);
  EXPECT_EQ(counts.requests, 8u);
  EXPECT_GE(clock_.waits[1], Duration{7 * kSecond.ns});
  EXPECT_LT(clock_.waits[5], options_.backoff_max);
}

}  // namespace
}  // namespace penstock::feed

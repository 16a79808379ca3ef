#include "io/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>

#include "base/logging.h"
#include "io/http_raw_peer.h"

namespace penstock::io {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

ServerOptions free_port() {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  return options;
}

std::unique_ptr<HttpServer> start(const ServerOptions& options, HttpHandler handler) {
  auto server = HttpServer::start(options, std::move(handler));
  EXPECT_TRUE(server.has_value()) << (server ? "" : server.error().message);
  return server ? std::move(*server) : nullptr;
}

// Answers with what it was asked.
void echo(const HttpRequest& request, HttpResponder& responder) {
  const Status sent =
      responder.send({200,
                      {{"Content-Type", "text/plain"}},
                      request.method + "|" + request.path + "|" + request.query + "|" +
                          std::string(request.headers.find("x-test").value_or("")) + "|" + request.body});
  EXPECT_TRUE(sent.has_value());
}

TEST(HttpServer, HandsTheRequestOnAndSendsTheAnswer) {
  const auto server = start(free_port(), echo);
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say(
      "POST /a%20b?x=%31 HTTP/1.1\r\nHost: h\r\nX-Test: v\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"));
  const std::string answer = peer.hear();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 22\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nPOST|/a b|x=%31|v|body"));
}

TEST(HttpServer, KeepsAConnectionForRequestsSentAtOnceAndInPieces) {
  const auto server = start(free_port(), echo);
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HT"));
  EXPECT_THAT(peer.hear("GET|/2|||"), HasSubstr("GET|/1|||"));
  ASSERT_TRUE(peer.say("TP/1.1\r\nHo"));
  ASSERT_TRUE(peer.say("st: h\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(peer.hear(), EndsWith("GET|/3|||"));
}

TEST(HttpServer, StreamsABodyInChunks) {
  const auto server = start(free_port(), [](const HttpRequest&, HttpResponder& responder) {
    EXPECT_TRUE(responder.begin({200, {}, "first "}).has_value());
    EXPECT_TRUE(responder.write("").has_value());
    EXPECT_TRUE(responder.write("second").has_value());
    EXPECT_TRUE(responder.finish().has_value());
  });
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  const std::string answer = peer.hear();
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n6\r\nfirst \r\n6\r\nsecond\r\n0\r\n\r\n"));
}

TEST(HttpServer, StreamsWithoutChunksToAPeerOfHttp10) {
  const auto server = start(free_port(), [](const HttpRequest&, HttpResponder& responder) {
    EXPECT_TRUE(responder.begin({200, {}, "first "}).has_value());
    EXPECT_TRUE(responder.write("second").has_value());
    EXPECT_TRUE(responder.finish().has_value());
  });
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  const std::string answer = peer.hear();
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nfirst second"));
}

TEST(HttpServer, CutsAnAnswerThatWasNotFinished) {
  const auto server = start(free_port(), [](const HttpRequest&, HttpResponder& responder) {
    EXPECT_TRUE(responder.begin({200, {}, "half"}).has_value());
  });
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  const std::string answer = peer.hear();
  EXPECT_THAT(answer, EndsWith("4\r\nhalf\r\n"));
}

TEST(HttpServer, SendsNoBodyToHead) {
  const auto server = start(free_port(), echo);
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  const std::string answer = peer.hear();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(HttpServer, AsksForTheBodyOfAPeerThatWaitsToBeAsked) {
  const auto server = start(free_port(), echo);
  RawPeer peer(server->address());
  ASSERT_TRUE(
      peer.say("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"));
  EXPECT_EQ(peer.hear("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(peer.say("ok"));
  EXPECT_THAT(peer.hear(), EndsWith("POST|/|||ok"));
}

TEST(HttpServer, RefusesWhatIsNoHttp) {
  const auto server = start(free_port(), echo);
  for (const std::string_view bytes : {std::string_view("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 11),
                                       std::string_view("GET / HTTP/1.1\r\nno colon\r\n\r\n"),
                                       std::string_view("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n")}) {
    RawPeer peer(server->address());
    ASSERT_TRUE(peer.say(bytes));
    EXPECT_THAT(peer.hear(), StartsWith("HTTP/1.1 400 ")) << bytes;
  }
}

TEST(HttpServer, RefusesHeadersBeyondTheMaximum) {
  const auto server = start(free_port(), echo);
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("GET / HTTP/1.1\r\nX-Long: " + std::string(20'000, 'x') + "\r\n\r\n"));
  EXPECT_THAT(peer.hear(), StartsWith("HTTP/1.1 431 "));
}

TEST(HttpServer, RefusesABodyBeyondTheMaximumHoweverItIsSent) {
  auto options = free_port();
  options.body_bytes_max = 1000;
  const auto server = start(options, echo);
  {
    RawPeer peer(server->address());
    ASSERT_TRUE(peer.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x')));
    EXPECT_THAT(peer.hear(), StartsWith("HTTP/1.1 413 "));
  }
  {
    RawPeer peer(server->address());
    ASSERT_TRUE(peer.say("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                         std::string(1001, 'x') + "\r\n0\r\n\r\n"));
    EXPECT_THAT(peer.hear(), StartsWith("HTTP/1.1 413 "));
  }
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n" +
                       std::string(1000, 'x')));
  EXPECT_THAT(peer.hear(), EndsWith("POST|/|||" + std::string(1000, 'x')));
}

TEST(HttpServer, CutsOffARequestThatTricklesIn) {
  auto options = free_port();
  options.read_timeout = Duration{50 * kMillisecond.ns};
  options.idle_timeout = kHour;
  const auto server = start(options, echo);
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("GET / HTTP/1.1\r\nX-Slow: "));
  // It is the server that ends this: the idle time-out is far off, and the peer never does.
  EXPECT_EQ(peer.hear(), "");
}

TEST(HttpServer, CutsOffAConnectionThatSaysNothing) {
  auto options = free_port();
  options.idle_timeout = Duration{50 * kMillisecond.ns};
  const auto server = start(options, echo);
  RawPeer peer(server->address());
  EXPECT_EQ(peer.hear(), "");
}

TEST(HttpServer, GivesUpOnAPeerThatDoesNotTakeTheAnswer) {
  auto options = free_port();
  options.write_timeout = Duration{50 * kMillisecond.ns};
  std::promise<Status> outcome;
  const auto server = start(options, [&](const HttpRequest&, HttpResponder& responder) {
    Status status = responder.begin({200, {}, ""});
    const std::string piece(1 << 20, 'x');
    while (status) status = responder.write(piece);
    outcome.set_value(status);
  });
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  const Status status = outcome.get_future().get();
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().kind, ErrorKind::closed);
}

TEST(HttpServer, AnswersBeyondTheMaximumOfConnectionsWith503) {
  auto options = free_port();
  options.connections_max = 2;
  const auto server = start(options, echo);
  RawPeer first(server->address());
  RawPeer second(server->address());
  for (RawPeer* peer : {&first, &second}) {
    ASSERT_TRUE(peer->say("GET /held HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_THAT(peer->hear("GET|/held|||"), HasSubstr("200 OK"));
  }
  RawPeer third(server->address());
  EXPECT_THAT(third.hear(), StartsWith("HTTP/1.1 503 "));
  // Those that were there are not disturbed.
  ASSERT_TRUE(first.say("GET /again HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(first.hear(), EndsWith("GET|/again|||"));
}

TEST(HttpServer, SlowConnectionsLeaveTheWorkersFree) {
  auto options = free_port();
  options.threads = 1;
  const auto server = start(options, echo);
  std::vector<std::unique_ptr<RawPeer>> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(std::make_unique<RawPeer>(server->address()));
    ASSERT_TRUE(slow.back()->say("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf"));
  }
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(peer.hear(), EndsWith("GET|/ok|||"));
}

TEST(HttpServer, AHandlerThatThrowsIsAnswered500AndLogged) {
  std::vector<std::string> logged;
  const LogSink before =
      set_log_sink([&](LogLevel, std::string_view, std::string_view message) { logged.emplace_back(message); });
  {
    const auto server =
        start(free_port(), [](const HttpRequest&, HttpResponder&) { throw std::runtime_error("no luck"); });
    RawPeer peer(server->address());
    ASSERT_TRUE(peer.say("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    EXPECT_THAT(peer.hear(), StartsWith("HTTP/1.1 500 "));
  }
  set_log_sink(before);
  ASSERT_EQ(logged.size(), 1u);
  EXPECT_THAT(logged[0], EndsWith("GET /x: no luck"));
}

TEST(HttpServer, AHeadersValueCannotEndIt) {
  const auto server = start(free_port(), [](const HttpRequest&, HttpResponder& responder) {
    EXPECT_TRUE(responder.send({200, {{"X-Echo", "a\r\nSet-Cookie: b"}}, ""}).has_value());
  });
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(peer.hear(), HasSubstr("X-Echo: a  Set-Cookie: b\r\n"));
}

TEST(HttpServer, StopsWhileAnAnswerIsBeingWritten) {
  std::latch writing(1);
  Status last;
  auto server = start(free_port(), [&](const HttpRequest&, HttpResponder& responder) {
    last = responder.begin({200, {}, "x"});
    writing.count_down();
    const std::string piece(1 << 20, 'x');
    while (last) last = responder.write(piece);
  });
  RawPeer peer(server->address());
  ASSERT_TRUE(peer.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  writing.wait();
  server.reset();
  EXPECT_FALSE(last.has_value());
}

TEST(HttpServer, APortInUseIsNamedWithTheWayOut) {
  const auto server = start(free_port(), echo);
  ServerOptions options;
  options.listen = server->address();
  const auto second = HttpServer::start(options, echo);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::io);
  EXPECT_THAT(second.error().message, HasSubstr(server->address() + " is in use"));
  EXPECT_THAT(second.error().message, HasSubstr("--listen"));
}

TEST(HttpServer, OnlyLoopbackAddressesAreTaken) {
  for (const std::string address : {"0.0.0.0:8080", "192.168.0.1:80", "[::]:80"}) {
    ServerOptions options;
    options.listen = address;
    const auto server = HttpServer::start(options, echo);
    ASSERT_FALSE(server.has_value()) << address;
    EXPECT_EQ(server.error().kind, ErrorKind::invalid);
    EXPECT_THAT(server.error().message, HasSubstr("token")) << address;
  }
  for (const std::string address :
       {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "example:80"}) {
    ServerOptions options;
    options.listen = address;
    const auto server = HttpServer::start(options, echo);
    ASSERT_FALSE(server.has_value()) << address;
    EXPECT_THAT(server.error().message, HasSubstr("write host:port")) << address;
  }
  ServerOptions options;
  options.listen = "localhost:0";
  EXPECT_THAT(start(options, echo)->address(), StartsWith("127.0.0.1:"));
}

}  // namespace
}  // namespace penstock::io

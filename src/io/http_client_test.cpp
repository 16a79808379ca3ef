#include "io/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <latch>

#include "io/http_raw_peer.h"
#include "io/http_server.h"

namespace penstock::io {
namespace {

using testing::HasSubstr;

std::string gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string in(text);
  std::string out(deflateBound(&stream, in.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class HttpClientTest : public testing::Test {
 protected:
  void serve(HttpHandler handler) {
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    auto server = HttpServer::start(options, std::move(handler));
    ASSERT_TRUE(server.has_value());
    server_ = std::move(*server);
  }
  void serve(HttpResponse response) {
    serve([response](const HttpRequest&, HttpResponder& responder) {
      EXPECT_TRUE(responder.send(response).has_value());
    });
  }
  HttpCall call(std::string_view path = "/") const {
    HttpCall made;
    made.url = "http://" + server_->address() + std::string(path);
    return made;
  }
  const std::unique_ptr<HttpClient> client_ = make_http_client();
  std::unique_ptr<HttpServer> server_;
};

// A server that says fixed bytes to whoever connects, and hangs up.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::string bytes) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(fd_, 1), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    url = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port)) + "/";
    thread_ = std::jthread([this, bytes = std::move(bytes)] {
      const int peer = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      std::string heard;
      char piece[4096];
      // Only after the whole request: closing with bytes unread would reset the connection.
      while (heard.find("\r\n\r\n") == std::string::npos) {
        const ssize_t count = ::recv(peer, piece, sizeof piece, 0);
        if (count <= 0) break;
        heard.append(piece, static_cast<size_t>(count));
      }
      EXPECT_EQ(::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
      ::close(peer);
    });
  }
  ~ScriptedServer() {
    thread_.join();
    ::close(fd_);
  }
  std::string url;

 private:
  int fd_;
  std::jthread thread_;
};

Result<HttpResponse> ask_scripted(HttpClient& client, std::string bytes) {
  ScriptedServer server(std::move(bytes));
  HttpCall call;
  call.url = server.url;
  return client.fetch(call);
}

TEST_F(HttpClientTest, SendsWhatItIsToldAndGivesTheWholeAnswer) {
  serve([](const HttpRequest& request, HttpResponder& responder) {
    EXPECT_EQ(request.headers.find("User-Agent"), "penstock");
    EXPECT_TRUE(responder
                    .send({404,
                           {{"ETag", "\"1\""}},
                           request.method + " " + request.path + " " + request.query + " " +
                               std::string(request.headers.find("X-Key").value_or("")) + " " + request.body})
                    .has_value());
  });
  HttpCall asked = call("/a%20b?c=d");
  asked.method = "POST";
  asked.headers.add("X-Key", "k");
  asked.body = "select 1";
  const auto answer = client_->fetch(asked);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->headers.find("etag"), "\"1\"");
  EXPECT_EQ(answer->body, "POST /a b c=d k select 1");
}

TEST_F(HttpClientTest, ReadsALargeStreamedBodyIntoASink) {
  std::string expected;
  for (int i = 0; i < 200'000; ++i) expected += std::to_string(i) + "\n";
  serve([&](const HttpRequest&, HttpResponder& responder) {
    ASSERT_TRUE(responder.begin({200, {}, ""}).has_value());
    for (size_t at = 0; at < expected.size(); at += 70'001)
      ASSERT_TRUE(responder.write(std::string_view(expected).substr(at, 70'001)).has_value());
    ASSERT_TRUE(responder.finish().has_value());
  });
  std::string got;
  const auto answer = client_->fetch(call(),
                                     [&](std::string_view piece) -> Status {
                                       got += piece;
                                       return {};
                                     },
                                     {});
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->body, "");
  EXPECT_EQ(got, expected);
}

TEST_F(HttpClientTest, AnErrorsBodyIsNotGivenToTheSink) {
  serve({400, {}, "{\"error\": \"no\"}"});
  const auto answer = client_->fetch(call(),
                                     [](std::string_view) -> Status {
                                       ADD_FAILURE();
                                       return {};
                                     },
                                     {});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->body, "{\"error\": \"no\"}");
}

TEST_F(HttpClientTest, ASinkThatFailsEndsTheCallWithItsError) {
  serve({200, {}, "body"});
  const auto answer =
      client_->fetch(call(), [](std::string_view) -> Status { return fail(ErrorKind::full, "disk full"); }, {});
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().message, "disk full");
}

TEST_F(HttpClientTest, ACutAnswerIsAnErrorThatCountsItsBytes) {
  const auto sized = ask_scripted(*client_, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234");
  ASSERT_FALSE(sized.has_value());
  EXPECT_EQ(sized.error().kind, ErrorKind::io);
  EXPECT_THAT(sized.error().message, HasSubstr("cut after 4 of 10 bytes"));
  const auto chunked = ask_scripted(*client_, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n");
  ASSERT_FALSE(chunked.has_value());
  EXPECT_THAT(chunked.error().message, HasSubstr("cut after 4 bytes"));
  const auto none = ask_scripted(*client_, "");
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().message, HasSubstr("without an answer"));
  const auto head = ask_scripted(*client_, "HTTP/1.1 200 OK\r\nContent-Le");
  ASSERT_FALSE(head.has_value());
  EXPECT_THAT(head.error().message, HasSubstr("without an answer"));
}

TEST_F(HttpClientTest, ABodyWithoutALengthEndsWithTheConnection) {
  const auto answer = ask_scripted(*client_, "HTTP/1.0 200 OK\r\n\r\nbody");
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->body, "body");
}

TEST_F(HttpClientTest, InterimAnswersAreSteppedOver) {
  const auto answer = ask_scripted(
      *client_, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "ok");
  EXPECT_EQ(answer->headers.find("Link"), std::nullopt);
}

TEST_F(HttpClientTest, WhatIsNoHttpIsAnError) {
  const auto answer = ask_scripted(*client_, "SSH-2.0-OpenSSH_9.2\r\n");
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::io);
  EXPECT_THAT(answer.error().message, HasSubstr("does not answer in HTTP"));
}

TEST_F(HttpClientTest, ABodyBeyondTheMaximumIsRefusedHoweverItIsSent) {
  HttpCall asked;
  const auto expect_full = [&] {
    const auto answer = client_->fetch(asked);
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().kind, ErrorKind::full) << answer.error().message;
  };
  serve([](const HttpRequest& request, HttpResponder& responder) {
    if (request.path == "/sized") {
      static_cast<void>(responder.send({200, {}, std::string(1001, 'x')}));
    } else if (request.path == "/packed") {
      static_cast<void>(responder.send({200, {{"Content-Encoding", "gzip"}}, gzip(std::string(100'000, 'x'))}));
    } else {
      static_cast<void>(responder.begin({200, {}, std::string(1001, 'x')}));
      static_cast<void>(responder.finish());
    }
  });
  for (const std::string path : {"/sized", "/chunked", "/packed"}) {
    asked = call(path);
    asked.response_bytes_max = 1000;
    expect_full();
  }
  asked = call("/sized");
  asked.response_bytes_max = 1001;
  EXPECT_TRUE(client_->fetch(asked).has_value());
}

TEST_F(HttpClientTest, AGzipBodyIsUnpackedAndACutOneIsAnError) {
  const std::string text = "Gr\xC3\xB8nnegade " + std::string(300'000, 'x');
  const std::string packed = gzip(text);
  serve([&](const HttpRequest& request, HttpResponder& responder) {
    EXPECT_EQ(request.headers.find("Accept-Encoding"), "gzip");
    const size_t size = request.path == "/cut" ? packed.size() - 4 : packed.size();
    EXPECT_TRUE(responder.send({200, {{"Content-Encoding", "gzip"}}, packed.substr(0, size)}).has_value());
  });
  const auto whole = client_->fetch(call());
  ASSERT_TRUE(whole.has_value()) << whole.error().message;
  EXPECT_EQ(whole->body, text);
  const auto cut = client_->fetch(call("/cut"));
  ASSERT_FALSE(cut.has_value());
  EXPECT_THAT(cut.error().message, HasSubstr("cut after"));
}

TEST_F(HttpClientTest, AHangingServerIsGivenUpAfterTheTimeout) {
  std::latch release(1);
  serve([&](const HttpRequest&, HttpResponder& responder) {
    release.wait();
    static_cast<void>(responder.send({}));
  });
  HttpCall asked = call();
  asked.timeout = Duration{50 * kMillisecond.ns};
  const auto answer = client_->fetch(asked);
  release.count_down();
  server_.reset();  // its handler uses what stands on this frame
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::io);
  EXPECT_THAT(answer.error().message, HasSubstr("timed out"));
}

TEST_F(HttpClientTest, AStopEndsACallThatWaits) {
  std::latch release(1);
  std::stop_source stop;
  serve([&](const HttpRequest&, HttpResponder& responder) {
    stop.request_stop();
    release.wait();
    static_cast<void>(responder.send({}));
  });
  HttpCall asked = call();
  asked.timeout = kHour;
  const auto answer = client_->fetch(asked, stop.get_token());
  release.count_down();
  server_.reset();  // its handler uses what stands on this frame
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::cancelled);
}

TEST_F(HttpClientTest, AServerThatIsNotThereIsNamed) {
  serve(HttpResponse{});
  const HttpCall asked = call();
  const std::string address = server_->address();
  server_.reset();
  const auto answer = client_->fetch(asked);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::io);
  EXPECT_THAT(answer.error().message, HasSubstr("cannot connect to " + address));
}

TEST_F(HttpClientTest, FollowsRedirectsButNotWithoutEnd) {
  serve([](const HttpRequest& request, HttpResponder& responder) {
    if (request.path == "/end") {
      EXPECT_EQ(request.headers.find("X-Key"), "k");
      static_cast<void>(responder.send({200, {}, "there"}));
    } else if (request.path == "/start") {
      static_cast<void>(responder.send({302, {{"Location", "/end"}}, "moved"}));
    } else {
      static_cast<void>(responder.send({301, {{"Location", "/loop"}}, ""}));
    }
  });
  HttpCall asked = call("/start");
  asked.headers.add("X-Key", "k");
  const auto answer = client_->fetch(asked);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->body, "there");
  const auto loop = client_->fetch(call("/loop"));
  ASSERT_FALSE(loop.has_value());
  EXPECT_THAT(loop.error().message, HasSubstr("more than 5 redirects"));
}

TEST_F(HttpClientTest, AKeyIsNotToldToTheHostOfARedirect) {
  serve([](const HttpRequest& request, HttpResponder& responder) {
    EXPECT_EQ(request.headers.find("X-Key"), std::nullopt);
    static_cast<void>(responder.send({200, {}, "other"}));
  });
  const auto other = std::move(server_);
  serve({302, {{"Location", "http://" + other->address() + "/"}}, ""});
  HttpCall asked = call();
  asked.headers.add("X-Key", "k");
  const auto answer = client_->fetch(asked);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->body, "other");
}

TEST_F(HttpClientTest, HeadersThatBreakARequestAreRefused) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"X", "a\r\nY: b"}, {"X\nY", "a"}, {"", "a"}, {"X Y", "a"}, {"content-length", "5"}, {"Host", "other"}};
  for (const auto& [name, value] : wrong) {
    HttpCall asked;
    asked.url = "http://127.0.0.1:1/";
    asked.headers.add(name, value);
    const auto answer = client_->fetch(asked);
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().kind, ErrorKind::invalid) << name;
  }
}

TEST_F(HttpClientTest, TheCallerMaySayWhoAsks) {
  serve([](const HttpRequest& request, HttpResponder& responder) {
    std::string agents;
    for (const auto& [name, value] : request.headers.fields())
      if (equal_without_case(name, "User-Agent")) agents += value + ";";
    EXPECT_TRUE(responder.send({200, {}, agents}).has_value());
  });
  HttpCall asked = call();
  asked.headers.add("user-agent", "me@example.com");
  EXPECT_EQ(client_->fetch(asked)->body, "me@example.com;");
}

}  // namespace
}  // namespace penstock::io

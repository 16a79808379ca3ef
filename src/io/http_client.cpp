#include "io/http_client.h"

#include "io/http_asio.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <chrono>

#include "io/http_inflate.h"

namespace penstock::io {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using net::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr size_t kReadBytes = 64 * 1024;
constexpr uint32_t kHeaderBytesMax = 64 * 1024;

bool breaks_a_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

// The headers that the client writes itself: a second one would contradict it.
constexpr std::array<std::string_view, 6> kOwnHeaders{"Host",           "Accept-Encoding",   "Connection",
                                                      "Content-Length", "Transfer-Encoding", "Expect"};

Status check_header(std::string_view name, std::string_view value) {
  if (name.empty() || breaks_a_line(name) || name.find_first_of(": \t") != std::string_view::npos)
    return fail(ErrorKind::invalid, "a header's name is empty or has a space, colon or line break");
  if (breaks_a_line(value)) return fail(ErrorKind::invalid, "header '{}' has a line break in its value", name);
  for (const auto own : kOwnHeaders)
    if (equal_without_case(name, own))
      return fail(ErrorKind::invalid, "header '{}' is written by the client itself", name);
  return {};
}

// One call to one server: a connection of its own, closed afterwards. Each step starts an operation and runs the
// network until it has ended, its time is up, or a stop was asked for.
class Exchange {
 public:
  Exchange(const Url& url, net::ssl::context* tls, const std::stop_token& stop)
      : url_(url), stop_(stop), resolver_(io_), socket_(io_) {
    if (tls) secure_.emplace(socket_, *tls);
  }

  Status connect(Clock::time_point deadline) {
    deadline_ = deadline;
    error_code error;
    std::vector<tcp::endpoint> endpoints;
    const auto address = net::ip::make_address(url_.host, error);
    if (!error) {
      endpoints.emplace_back(address, static_cast<uint16_t>(std::stoi(url_.port)));
    } else {
      error = await([&](auto done) {
        resolver_.async_resolve(url_.host, url_.port, [&endpoints, done](error_code failed, const auto& results) {
          for (const auto& entry : results) endpoints.push_back(entry.endpoint());
          done(failed);
        });
      });
      if (error) return failed("cannot find host", error);
    }
    error = await([&](auto done) {
      net::async_connect(socket_, endpoints, [done](error_code failed, const tcp::endpoint&) { done(failed); });
    });
    if (error) return failed("cannot connect to", error);
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    return secure_ ? handshake() : Status();
  }

  Status write(std::string_view bytes, Clock::time_point deadline) {
    deadline_ = deadline;
    const auto start = [&](auto& stream) {
      return await([&](auto done) {
        net::async_write(stream, net::buffer(bytes.data(), bytes.size()), [done](error_code e, size_t) { done(e); });
      });
    };
    const error_code error = secure_ ? start(*secure_) : start(socket_);
    return error ? failed("cannot send to", error) : Status();
  }

  // Bytes read into `buffer`; `ended` when the peer has closed its side.
  Status read(boost::beast::flat_buffer& buffer, bool& ended) {
    size_t count = 0;
    const auto start = [&](auto& stream) {
      return await([&](auto done) {
        stream.async_read_some(buffer.prepare(kReadBytes), [done, &count](error_code e, size_t n) {
          count = n;
          done(e);
        });
      });
    };
    const error_code error = secure_ ? start(*secure_) : start(socket_);
    buffer.commit(count);
    // A TLS peer that ends without saying so may have been cut by someone else; what that means is the caller's.
    ended =
        error == net::error::eof || error == net::ssl::error::stream_truncated || error == net::error::connection_reset;
    truncated_ = error == net::ssl::error::stream_truncated || error == net::error::connection_reset;
    return error && !ended ? failed("cannot read from", error) : Status();
  }

  [[nodiscard]] bool truncated() const { return truncated_; }

 private:
  Status handshake() {
    SSL* const ssl = secure_->native_handle();
    error_code not_address;
    net::ip::make_address(url_.host, not_address);
    // The name indication is for names alone (RFC 6066); the certificate is checked for addresses too. The call is
    // what SSL_set_tlsext_host_name, a macro with a C cast, stands for.
    std::string name = url_.host;
    if (not_address && SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) != 1)
      return fail(ErrorKind::invalid, "'{}' is no host name for TLS", url_.host);
    secure_->set_verify_mode(net::ssl::verify_peer);
    secure_->set_verify_callback(net::ssl::host_name_verification(url_.host));
    const error_code error = await([&](auto done) { secure_->async_handshake(net::ssl::stream_base::client, done); });
    if (!error) return {};
    const long verdict = SSL_get_verify_result(ssl);
    if (error.category() == net::error::get_ssl_category() && verdict != X509_V_OK)
      return fail(ErrorKind::io, "the certificate of {} is not trusted: {}", url_.host_header(),
                  X509_verify_cert_error_string(verdict));
    return failed("cannot agree on TLS with", error);
  }

  // Runs the operation that `start` begins, giving it the callback to end with.
  template <typename Start>
  error_code await(const Start& start) {
    bool ended = false;
    error_code result;
    const std::stop_callback wake(stop_, [this] { net::post(io_, [] {}); });
    start([&](error_code error) {
      ended = true;
      result = error;
    });
    io_.restart();
    while (!ended && !stop_.stop_requested() && io_.run_one_until(deadline_) > 0) {
    }
    if (ended) return result;
    timed_out_ = !stop_.stop_requested();
    resolver_.cancel();
    error_code ignored;
    socket_.close(ignored);
    // Its callback refers to this frame: it must have run before the frame goes.
    while (!ended && io_.run_one() > 0) {
    }
    return net::error::operation_aborted;
  }

  Status failed(std::string_view what, error_code error) const {
    if (stop_.stop_requested()) return fail(ErrorKind::cancelled, "stopped while asking {}", url_.host_header());
    if (timed_out_) return fail(ErrorKind::io, "{} {}: timed out", what, url_.host_header());
    return fail(ErrorKind::io, "{} {}: {}", what, url_.host_header(), error.message());
  }

  const Url& url_;
  const std::stop_token& stop_;
  net::io_context io_{1};
  tcp::resolver resolver_;
  tcp::socket socket_;
  std::optional<net::ssl::stream<tcp::socket&>> secure_;
  Clock::time_point deadline_;
  bool timed_out_ = false;
  bool truncated_ = false;
};

// Reads one answer. Its body goes to `sink` where there is one and the status is 2xx, else into the response.
class AnswerReader {
 public:
  AnswerReader(const Url& url, const HttpCall& call, const BodySink& sink) : url_(url), call_(call), sink_(sink) {
    renew();
  }

  Result<HttpResponse> run(Exchange& exchange) {
    boost::beast::flat_buffer buffer;
    bool whole = false;
    while (!whole) {
      bool ended = false;
      PENSTOCK_TRY(exchange.read(buffer, ended));
      PENSTOCK_TRY_ASSIGN(whole, parse(buffer));
      if (ended && !whole) {
        error_code error;
        if (parser_->got_some()) parser_->put_eof(error);
        // A body without a stated length ends with the connection, but only if that was ended in order.
        if (!parser_->is_done() || exchange.truncated()) return std::unexpected(cut());
        whole = true;
      }
    }
    if (inflater_ && received_ > 0 && !inflater_->ended()) return std::unexpected(cut());
    return std::move(response_);
  }

 private:
  void renew() {
    parser_.emplace();
    parser_->eager(true);
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(call_.response_bytes_max);
    if (call_.method == "HEAD") parser_->skip(true);
    head_taken_ = false;
  }

  // True when the answer is whole.
  Result<bool> parse(boost::beast::flat_buffer& buffer) {
    while (buffer.size() > 0) {
      auto& body = parser_->get().body();
      body.data = piece_.data();
      body.size = piece_.size();
      body.more = true;
      error_code error;
      const size_t used = parser_->put(buffer.data(), error);
      buffer.consume(used);
      if (parser_->is_header_done() && !head_taken_) PENSTOCK_TRY(take_head());
      const size_t count = piece_.size() - body.size;
      received_ += count;
      if (count > 0) PENSTOCK_TRY(take_body({piece_.data(), count}));
      if (error == http::error::body_limit) return std::unexpected(too_large());
      if (error && error != http::error::need_more && error != http::error::need_buffer)
        return fail(ErrorKind::io, "{} does not answer in HTTP/1.1: {}", url_.host_header(), error.message());
      if (parser_->is_done()) {
        if (parser_->get().result_int() >= 200) return true;
        renew();  // 1xx: the answer itself follows
      } else if (used == 0 && count == 0) {
        break;
      }
    }
    return false;
  }

  Status take_head() {
    if (head_taken_) return {};
    head_taken_ = true;
    const auto& message = parser_->get();
    response_ = {};
    response_.status = static_cast<int>(message.result_int());
    for (const auto& field : message) {
      const auto name = field.name_string();
      const auto value = field.value();
      response_.headers.add(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
    }
    const auto encoding = response_.headers.find("Content-Encoding").value_or("identity");
    if (equal_without_case(encoding, "gzip"))
      inflater_ = std::make_unique<GzipInflater>();
    else if (!equal_without_case(encoding, "identity"))
      return fail(ErrorKind::io, "{} answers with Content-Encoding '{}', which was not asked for", url_.host_header(),
                  encoding);
    return {};
  }

  Status take_body(std::string_view piece) {
    if (!inflater_) return deliver(piece);
    return inflater_->put(piece, [this](std::string_view unpacked) { return deliver(unpacked); });
  }

  Status deliver(std::string_view piece) {
    delivered_ += piece.size();
    if (delivered_ > call_.response_bytes_max) return std::unexpected(too_large());
    if (sink_ && response_.status / 100 == 2) return sink_(piece);
    response_.body.append(piece);
    return {};
  }

  [[nodiscard]] Error too_large() const {
    return {ErrorKind::full, fmt::format("the answer of {} is larger than the maximum of {} bytes", url_.host_header(),
                                         call_.response_bytes_max)};
  }

  [[nodiscard]] Error cut() const {
    if (!parser_->is_header_done())
      return {ErrorKind::io, fmt::format("{} closed the connection without an answer", url_.host_header())};
    const auto length = parser_->content_length();
    return {ErrorKind::io,
            length
                ? fmt::format("the answer of {} is cut after {} of {} bytes", url_.host_header(), received_, *length)
                : fmt::format("the answer of {} is cut after {} bytes, before its end", url_.host_header(), received_)};
  }

  const Url& url_;
  const HttpCall& call_;
  const BodySink& sink_;
  std::optional<http::response_parser<http::buffer_body>> parser_;
  std::array<char, kReadBytes> piece_;
  std::unique_ptr<GzipInflater> inflater_;
  HttpResponse response_;
  bool head_taken_ = false;
  uint64_t received_ = 0;   // of the body, as sent
  uint64_t delivered_ = 0;  // unpacked
};

class NetworkClient final : public HttpClient {
 public:
  explicit NetworkClient(ClientOptions options) : options_(std::move(options)) {}

  Result<HttpResponse> fetch(const HttpCall& call, const BodySink& sink, std::stop_token stop) override {
    for (const auto& [name, value] : call.headers.fields()) PENSTOCK_TRY(check_header(name, value));
    PENSTOCK_TRY_ASSIGN(const Url first, parse_url(call.url));
    const auto deadline = Clock::now() + std::chrono::nanoseconds(call.timeout.ns);
    Url url = first;
    try {
      for (int redirects = 0;; ++redirects) {
        const bool at_home = url.host == first.host && url.port == first.port;
        PENSTOCK_TRY_ASSIGN(HttpResponse response, ask(url, call, at_home, sink, stop, deadline));
        const auto location = response.headers.find("Location");
        const int status = response.status;
        const bool moved = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
        if (!moved || !location || call.method != "GET") return response;
        if (redirects == kRedirectsMax)
          return fail(ErrorKind::io, "{} leads through more than {} redirects", first.host_header(), kRedirectsMax);
        PENSTOCK_TRY_ASSIGN(Url next, resolve_url(url, *location));
        if (url.tls && !next.tls) return response;
        url = std::move(next);
      }
    } catch (const std::exception& e) {
      return fail(ErrorKind::io, "cannot ask {}: {}", url.host_header(), e.what());
    }
  }

 private:
  Result<HttpResponse> ask(const Url& url, const HttpCall& call, bool at_home, const BodySink& sink,
                           const std::stop_token& stop, Clock::time_point deadline) {
    net::ssl::context* tls = nullptr;
    if (url.tls) {
      PENSTOCK_TRY_ASSIGN(tls, tls_context());
    }
    Exchange exchange(url, tls, stop);
    PENSTOCK_TRY(
        exchange.connect(std::min(deadline, Clock::now() + std::chrono::nanoseconds(call.connect_timeout.ns))));
    std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n",
                                   call.method, url.target, url.host_header());
    // Some servers want to be told who asks.
    if (!at_home || !call.headers.find("User-Agent")) text += "User-Agent: penstock\r\n";
    if (!call.body.empty() || call.method == "POST") text += fmt::format("Content-Length: {}\r\n", call.body.size());
    // What a redirect leads to on another host has no business with a key that is meant for the first.
    if (at_home)
      for (const auto& [name, value] : call.headers.fields()) text += fmt::format("{}: {}\r\n", name, value);
    text += "\r\n";
    text += call.body;
    PENSTOCK_TRY(exchange.write(text, deadline));
    return AnswerReader(url, call, sink).run(exchange);
  }

  Result<net::ssl::context*> tls_context() {
    const std::lock_guard lock(mutex_);
    if (tls_) return tls_.get();
    auto context = std::make_unique<net::ssl::context>(net::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    error_code error;
    if (options_.ca_file.empty())
      context->set_default_verify_paths(error);
    else
      context->load_verify_file(options_.ca_file, error);
    if (error)
      return fail(ErrorKind::io, "cannot read the trusted certificates{}: {}; install the system's ca-certificates",
                  options_.ca_file.empty() ? "" : " of " + options_.ca_file, error.message());
    tls_ = std::move(context);
    return tls_.get();
  }

  const ClientOptions options_;
  std::mutex mutex_;
  std::unique_ptr<net::ssl::context> tls_;  // guarded by mutex_; made at the first https call, then constant
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(const ClientOptions& options) {
  return std::make_unique<NetworkClient>(options);
}

}  // namespace penstock::io

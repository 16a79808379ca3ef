#include "io/http_server.h"

#include "io/http_asio.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/logging.h"

namespace penstock::io {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using net::ip::tcp;

constexpr size_t kReadBytes = 64 * 1024;
// A refused peer may still be sending; closing at once would take its answer from it with a reset. So what it sends is
// thrown away for a moment first.
constexpr std::chrono::seconds kLinger{1};
constexpr std::chrono::milliseconds kAcceptRetry{100};

std::chrono::nanoseconds to_chrono(Duration d) { return std::chrono::nanoseconds(d.ns); }

// Nothing that a handler puts in a header may end it.
std::string one_line(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

std::string head_text(const HttpResponse& response, std::string_view framing, bool keep_alive) {
  const auto seconds = std::chrono::system_clock::now().time_since_epoch() / std::chrono::seconds(1);
  const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)));
  std::string text = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                                 std::string_view(reason.data(), reason.size()), format_http_date(seconds));
  for (const auto& [name, value] : response.headers.fields())
    text += fmt::format("{}: {}\r\n", one_line(name), one_line(value));
  text += framing;
  if (!keep_alive) text += "Connection: close\r\n";
  text += "\r\n";
  return text;
}

HttpResponse plain_error(int status, std::string_view message) {
  return {status, {{"Content-Type", "application/json"}}, fmt::format("{{\"error\": \"{}\"}}\n", message)};
}

std::string whole_text(const HttpResponse& response, bool keep_alive) {
  return head_text(response, fmt::format("Content-Length: {}\r\n", response.body.size()), keep_alive) + response.body;
}

Result<tcp::endpoint> parse_listen(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  std::string host = listen.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : listen.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  error_code error;
  const auto address = net::ip::make_address(host, error);
  const bool digits = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (error || !digits || std::stoi(port) > 65535)
    return fail(ErrorKind::invalid, "--listen {}: not an address; write host:port, such as 127.0.0.1:8080", listen);
  if (!address.is_loopback())
    return fail(ErrorKind::invalid,
                "--listen {}: only this machine's own addresses (127.0.0.1, [::1]) can be listened on: elsewhere a "
                "token would have to be asked for, which this version cannot; put a proxy that does in front",
                listen);
  return tcp::endpoint(address, static_cast<uint16_t>(std::stoi(port)));
}

}  // namespace

class HttpServer::Impl {
 public:
  // One connection. Shared because operations in flight, the worker that answers and the table of connections all
  // need it, and which of them lets go last is not known. Everything but `await_write` runs on the network thread,
  // except that the request belongs to the worker while it has it.
  class Session : public std::enable_shared_from_this<Session> {
   public:
    Session(Impl& server, tcp::socket socket, uint64_t id)
        : server_(server),
          stream_(std::move(socket)),
          id_(id),
          buffer_(server.options_.header_bytes_max + kReadBytes) {}

    void next_request() {
      parser_.emplace();
      parser_->eager(true);
      parser_->header_limit(server_.options_.header_bytes_max);
      parser_->body_limit(server_.options_.body_bytes_max);
      continued_ = false;
      deadline_.reset();
      if (buffer_.size() > 0)
        parse();
      else
        read();
    }

    void close() {
      closed_ = true;
      error_code ignored;
      stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
      stream_.close();
      server_.sessions_.erase(id_);
    }

    // By the worker, when the handler has returned.
    void answered(bool whole) {
      net::post(server_.io_, [self = shared_from_this(), whole] {
        if (self->closed_) return;
        if (!whole)
          self->close();
        else if (self->keep_alive)
          self->next_request();
        else
          self->linger();
      });
    }

    // By the worker: hands bytes to the network thread and waits until they are sent.
    Status await_write(std::array<std::string_view, 3> parts) {
      std::mutex mutex;
      std::condition_variable sent;
      std::optional<error_code> result;
      const auto report = [&](error_code error) {
        // Notified under the lock: the waiting thread may destroy all three as soon as it is released.
        const std::lock_guard lock(mutex);
        result = error;
        sent.notify_one();
      };
      net::post(server_.io_, [this, &parts, &report] {
        if (closed_) return report(net::error::operation_aborted);
        write(parts, [&report](error_code error) { report(error); });
      });
      std::unique_lock lock(mutex);
      sent.wait(lock, [&] { return result.has_value(); });
      if (*result) return fail(ErrorKind::closed, "the peer is gone: {}", result->message());
      return {};
    }

    HttpRequest request;
    bool keep_alive = false;
    bool http_1_0 = false;

   private:
    template <typename Then>
    void write(const std::array<std::string_view, 3>& parts, Then then) {
      std::array<net::const_buffer, 3> buffers;
      for (size_t i = 0; i < parts.size(); ++i) buffers[i] = net::const_buffer(parts[i].data(), parts[i].size());
      stream_.expires_after(to_chrono(server_.options_.write_timeout));
      net::async_write(stream_, buffers,
                       [self = shared_from_this(), then = std::function<void(error_code)>(then)](
                           error_code error, size_t) { then(error); });
    }

    void read() {
      // A request must be whole by its deadline, however it trickles in.
      if (deadline_)
        stream_.expires_at(*deadline_);
      else
        stream_.expires_after(to_chrono(server_.options_.idle_timeout));
      stream_.async_read_some(
          buffer_.prepare(std::min(kReadBytes, buffer_.max_size() - buffer_.size())),
          [self = shared_from_this()](error_code error, size_t count) { self->on_read(error, count); });
    }

    void on_read(error_code error, size_t count) {
      if (closed_) return;
      // Too slow or gone: the time-out has closed the socket already, so there is nobody to answer.
      if (error) return close();
      if (!deadline_) deadline_ = std::chrono::steady_clock::now() + to_chrono(server_.options_.read_timeout);
      buffer_.commit(count);
      parse();
    }

    void parse() {
      error_code error;
      buffer_.consume(parser_->put(buffer_.data(), error));
      if (error == http::error::need_more) {
        error = {};
        if (buffer_.size() == buffer_.max_size()) error = http::error::buffer_overflow;
      }
      if (error == http::error::header_limit) return refuse(431, "the request's headers are too large");
      if (error == http::error::body_limit) return refuse(413, "the request's body is too large");
      if (error) return refuse(400, "not an HTTP/1.1 request");
      if (parser_->is_done()) return dispatch();
      const auto expected = parser_->is_header_done() ? parser_->get()[http::field::expect] : beast::string_view();
      if (!continued_ && equal_without_case({expected.data(), expected.size()}, "100-continue")) {
        continued_ = true;
        return write({"HTTP/1.1 100 Continue\r\n\r\n", {}, {}}, [this](error_code failed) {
          if (failed)
            close();
          else
            read();
        });
      }
      read();
    }

    void dispatch() {
      auto& message = parser_->get();
      request = {};
      const auto method = message.method_string();
      const std::string target(message.target());
      const size_t question = target.find('?');
      request.method.assign(method.data(), method.size());
      request.path = decode_percent(std::string_view(target).substr(0, question), false);
      if (question != std::string::npos) request.query = target.substr(question + 1);
      for (const auto& field : message) {
        const auto name = field.name_string();
        const auto value = field.value();
        request.headers.add(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
      }
      request.body = std::move(message.body());
      keep_alive = message.keep_alive();
      http_1_0 = message.version() < 11;
      stream_.expires_never();
      server_.enqueue(shared_from_this());
    }

    void refuse(int status, std::string_view message) {
      refusal_ = whole_text(plain_error(status, message), false);
      write({refusal_, {}, {}}, [this](error_code error) {
        if (error)
          close();
        else
          linger();
      });
    }

    void linger() {
      error_code ignored;
      stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
      deadline_ = std::chrono::steady_clock::now() + kLinger;
      discard();
    }

    void discard() {
      buffer_.clear();
      stream_.expires_at(*deadline_);
      stream_.async_read_some(buffer_.prepare(kReadBytes), [self = shared_from_this()](error_code error, size_t) {
        if (self->closed_) return;
        if (error)
          self->close();
        else
          self->discard();
      });
    }

    Impl& server_;
    beast::tcp_stream stream_;
    const uint64_t id_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    std::optional<std::chrono::steady_clock::time_point> deadline_;  // of the request that has begun to arrive
    std::string refusal_;
    bool continued_ = false;
    bool closed_ = false;
  };

  class Responder final : public HttpResponder {
   public:
    explicit Responder(Session& session) : session_(session), head_only_(session.request.method == "HEAD") {}

    Status send(HttpResponse response) override {
      PENSTOCK_ASSERT(state_ == State::fresh);
      state_ = State::begun;
      const std::string head =
          head_text(response, fmt::format("Content-Length: {}\r\n", response.body.size()), session_.keep_alive);
      PENSTOCK_TRY(session_.await_write({head, head_only_ ? std::string_view() : std::string_view(response.body), {}}));
      state_ = State::finished;
      return {};
    }

    Status begin(HttpResponse head) override {
      PENSTOCK_ASSERT(state_ == State::fresh);
      state_ = State::begun;
      const bool sized = head.headers.find("Content-Length").has_value();
      chunked_ = !sized && !session_.http_1_0;
      // A peer of HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
      if (!sized && session_.http_1_0) session_.keep_alive = false;
      const std::string text = head_text(head, chunked_ ? "Transfer-Encoding: chunked\r\n" : "", session_.keep_alive);
      PENSTOCK_TRY(session_.await_write({text, {}, {}}));
      return write(head.body);
    }

    Status write(std::string_view piece) override {
      PENSTOCK_ASSERT(state_ == State::begun);
      // A chunk of no bytes would end the body.
      if (piece.empty() || head_only_) return {};
      if (!chunked_) return session_.await_write({piece, {}, {}});
      const std::string size = fmt::format("{:x}\r\n", piece.size());
      return session_.await_write({size, piece, "\r\n"});
    }

    Status finish() override {
      PENSTOCK_ASSERT(state_ == State::begun);
      if (chunked_ && !head_only_) PENSTOCK_TRY(session_.await_write({"0\r\n\r\n", {}, {}}));
      state_ = State::finished;
      return {};
    }

    [[nodiscard]] bool untouched() const { return state_ == State::fresh; }
    [[nodiscard]] bool finished() const { return state_ == State::finished; }

   private:
    enum class State : uint8_t { fresh, begun, finished };
    Session& session_;
    const bool head_only_;
    State state_ = State::fresh;
    bool chunked_ = false;
  };

  Impl(const ServerOptions& options, HttpHandler handler) : options_(options), handler_(std::move(handler)) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    net::post(io_, [this] {
      error_code ignored;
      acceptor_.close(ignored);
      retry_.cancel();
      // close() takes the session out of the table.
      while (!sessions_.empty()) std::shared_ptr<Session>(sessions_.begin()->second)->close();
    });
    // The network thread goes on until the workers are gone: it is what fails their writes.
    workers_.clear();
    guard_.reset();
    network_ = {};
  }

  Status open() {
    PENSTOCK_TRY_ASSIGN(const auto endpoint, parse_listen(options_.listen));
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    // So that a restart does not wait for the old connections' TIME_WAIT; it does not allow two listeners.
    if (!error) acceptor_.set_option(net::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(net::socket_base::max_listen_connections, error);
    if (error == net::error::address_in_use)
      return fail(ErrorKind::io,
                  "{} is in use by another program; choose another with --listen 127.0.0.1:PORT (0: a free one)",
                  options_.listen);
    if (error)
      return fail(ErrorKind::io, "cannot listen on {}: {}; choose another address with --listen", options_.listen,
                  error.message());
    const auto bound = acceptor_.local_endpoint(error);
    if (error) return fail(ErrorKind::io, "cannot listen on {}: {}", options_.listen, error.message());
    address_ = bound.address().is_v6() ? fmt::format("[{}]:{}", bound.address().to_string(), bound.port())
                                       : fmt::format("{}:{}", bound.address().to_string(), bound.port());
    accept();
    network_ = std::jthread([this] { run_network(); });
    for (size_t i = 0; i < std::max<size_t>(options_.threads, 1); ++i) workers_.emplace_back([this] { run_worker(); });
    return {};
  }

  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  void run_network() {
    for (;;) {
      try {
        io_.run();
        return;
      } catch (const std::exception& e) {
        // One connection's failure (memory, as a rule) is no reason to stop serving the others.
        log_error("io", "HTTP server at {}: {}", address_, e.what());
      }
    }
  }

  void accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (error) {
        // Out of file descriptors, as a rule: trying again at once would spin.
        log_warning("io", "HTTP server at {}: cannot accept a connection: {}", address_, error.message());
        retry_.expires_after(kAcceptRetry);
        retry_.async_wait([this](error_code cancelled) {
          if (!cancelled) accept();
        });
        return;
      }
      admit(std::move(socket));
      accept();
    });
  }

  void admit(tcp::socket socket) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    if (sessions_.size() >= options_.connections_max) {
      // What the socket's buffer does not take at once is not worth waiting for.
      socket.non_blocking(true, ignored);
      const std::string text = whole_text(plain_error(503, "too many connections"), false);
      socket.write_some(net::buffer(text), ignored);
      socket.close(ignored);
      return;
    }
    const uint64_t id = next_session_++;
    const auto session = std::make_shared<Session>(*this, std::move(socket), id);
    sessions_.emplace(id, session);
    session->next_request();
  }

  // Bounded by connections_max: a connection has one request in work at a time.
  void enqueue(std::shared_ptr<Session> session) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(session));
    }
    work_.notify_one();
  }

  void run_worker() {
    for (;;) {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      const auto session = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      answer(*session);
    }
  }

  void answer(Session& session) {
    Responder responder(session);
    try {
      handler_(session.request, responder);
    } catch (const std::exception& e) {
      log_error("io", "HTTP server at {}: {} {}: {}", address_, session.request.method, session.request.path, e.what());
    }
    if (responder.untouched()) {
      const Status sent = responder.send(plain_error(500, "the server failed to answer; its log says why"));
      static_cast<void>(sent);  // A peer that is gone needs no answer.
    }
    session.answered(responder.finished());
  }

  const ServerOptions options_;
  const HttpHandler handler_;
  std::string address_;  // constant after open()

  net::io_context io_{1};
  net::executor_work_guard<net::io_context::executor_type> guard_{io_.get_executor()};
  // Touched by the network thread alone once it runs.
  tcp::acceptor acceptor_{io_};
  net::steady_timer retry_{io_};
  std::unordered_map<uint64_t, std::shared_ptr<Session>> sessions_;
  uint64_t next_session_ = 0;

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::shared_ptr<Session>> waiting_;  // guarded by mutex_: requests that wait for a worker
  bool stopping_ = false;                         // guarded by mutex_

  std::jthread network_;
  std::vector<std::jthread> workers_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(const ServerOptions& options, HttpHandler handler) {
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  PENSTOCK_TRY(impl->open());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

const std::string& HttpServer::address() const { return impl_->address(); }

}  // namespace penstock::io

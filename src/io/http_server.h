// A small HTTP/1.1 server. Connections cost no thread: one thread does all network input and output, and a few workers
// run the handler. A peer that is slow, silent or sends too much is cut off, so it never holds more than its own
// connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "io/http_message.h"

namespace penstock::io {

struct ServerOptions {
  // `host:port`, `[::1]:port`; port 0 takes a free one. Only this machine's own (loopback) addresses: to listen
  // elsewhere a server needs to ask for a token, which this version does not.
  std::string listen = "127.0.0.1:8080";
  uint32_t header_bytes_max = 16 * 1024;
  uint64_t body_bytes_max = 1024 * 1024;
  size_t connections_max = 128;                // those beyond are answered 503 and closed
  Duration idle_timeout{60 * kSecond.ns};      // between requests of one connection
  Duration read_timeout{10 * kSecond.ns};      // a whole request, from its first byte
  Duration write_timeout{30 * kSecond.ns};     // each piece of an answer
  size_t threads = 4;                          // that run the handler
};

// How a handler answers: either send(), or begin(), write()... and finish(). Used by one thread, only until the handler
// returns. An answer that was begun and not finished is cut: the peer sees that it is not whole.
class HttpResponder {
 public:
  virtual ~HttpResponder() = default;
  // `closed` when the peer is gone; the handler has nothing to do then.
  virtual Status send(HttpResponse response) = 0;
  // Status and headers of a body that follows in pieces (`head.body` is the first): in chunks, or as it is when
  // `head.headers` state a Content-Length.
  virtual Status begin(HttpResponse head) = 0;
  // Blocks until the pieces before are taken. An error means that the rest need not be made.
  virtual Status write(std::string_view piece) = 0;
  virtual Status finish() = 0;
};

// Called by several threads at once. What it throws is logged and answered 500.
using HttpHandler = std::function<void(const HttpRequest&, HttpResponder&)>;

class HttpServer {
 public:
  // `invalid` for an address that is none or is not loopback, `io` when it is in use.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(const ServerOptions& options, HttpHandler handler);
  // Closes every connection, waits for handlers that still run, and joins. Their writes fail at once.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // `host:port` as bound.
  [[nodiscard]] const std::string& address() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::io

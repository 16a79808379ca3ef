// Asks HTTP/1.1 servers. An interface, so that what uses it can be tested without a network.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "io/http_message.h"

namespace penstock::io {

struct HttpCall {
  std::string method = "GET";
  std::string url;       // `http://` or `https://`, host, optional port, path and query
  HttpHeaders headers;   // besides Host, Connection, Accept-Encoding and Content-Length, which the client writes
  std::string body;
  Duration connect_timeout{10 * kSecond.ns};  // to find the host, connect, and agree on TLS
  Duration timeout{60 * kSecond.ns};          // for the whole, redirects included
  uint64_t response_bytes_max = uint64_t{16} << 20;  // of the body, as sent and as unpacked
};

// Takes a body piece by piece; an error stops the call, which returns it.
using BodySink = std::function<Status(std::string_view)>;

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // The answer, whatever its status, its body whole and unpacked. With `sink`, the body of a 2xx answer goes there
  // instead. Follows up to kRedirectsMax redirects of a GET, never from https to http; headers of the call are not
  // told to another host.
  // Errors: `invalid` for a url that is none; `io` for a host that cannot be found, reached or trusted, a time-out, an
  // answer that is no HTTP or is cut (the message says after how many of how many bytes); `full` for a body beyond
  // response_bytes_max; `cancelled` after a stop.
  [[nodiscard]] virtual Result<HttpResponse> fetch(const HttpCall& call, const BodySink& sink,
                                                   std::stop_token stop) = 0;
  [[nodiscard]] Result<HttpResponse> fetch(const HttpCall& call, std::stop_token stop = {}) {
    return fetch(call, {}, std::move(stop));
  }

  static constexpr int kRedirectsMax = 5;
};

struct ClientOptions {
  std::string ca_file;  // PEM certificates to trust instead of the system's
};

// Over the network. Thread-safe. TLS 1.2 or newer; the server's certificate must be valid for its host's name. The one
// wait that a time-out or stop cannot shorten is the system's own look-up of a host's name.
[[nodiscard]] std::unique_ptr<HttpClient> make_http_client(const ClientOptions& options = {});

// The parts of a url, as the client reads them.
struct Url {
  bool tls = false;
  std::string host;  // without the brackets of an IPv6 address
  std::string port;
  std::string target;  // path and query, without a fragment
  // `Host` as the header has it: the port is left out where it is the scheme's own.
  [[nodiscard]] std::string host_header() const;
};
[[nodiscard]] Result<Url> parse_url(std::string_view text);
// `location` as a redirect from `base` gives it: a whole url, `//host/path`, `/path`, or a path beside base's.
[[nodiscard]] Result<Url> resolve_url(const Url& base, std::string_view location);

}  // namespace penstock::io

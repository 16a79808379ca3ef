#include "serve/server.h"

#include <algorithm>

#include "serve/assets.h"
#include "serve/guard.h"
#include "serve/metrics.h"
#include "serve/responses.h"

namespace penstock::serve {
namespace {

io::HttpResponse not_allowed(std::string_view method, const std::string& allowed) {
  auto response = make_error(405, fmt::format("{} is not allowed here; use {}", method, allowed));
  response.headers.add("Allow", allowed);
  return response;
}

void send(io::HttpResponder& responder, io::HttpResponse response) {
  const Status sent = responder.send(std::move(response));
  static_cast<void>(sent);  // A peer that is gone needs no answer.
}

}  // namespace

Api::Api(const Options& options, Callbacks callbacks)
    : callbacks_(std::move(callbacks)), query_(callbacks_.query, options.limits, options.queries_max) {}

void Api::answer(const io::HttpRequest& request, io::HttpResponder& responder) {
  const bool navigation = find_asset(request.path).has_value();
  if (const auto why = why_refused(request, navigation)) return send(responder, make_error(403, *why));
  if (request.path != "/api/query") return send(responder, respond(request));
  if (request.method != "GET" && request.method != "POST")
    return send(responder, not_allowed(request.method, "GET, POST"));
  query_.answer(request, responder);
}

io::HttpResponse Api::respond(const io::HttpRequest& request) {
  const auto& path = request.path;
  const auto asset = find_asset(path);
  const bool known = asset || path == "/healthz" || path == "/readyz" || path == "/metrics" || path == "/api/status";
  if (!known) return make_error(404, fmt::format("there is nothing at {}", path));
  if (request.method != "GET" && request.method != "HEAD") return not_allowed(request.method, "GET, HEAD");
  if (asset) return make_response(200, asset->content_type, std::string(asset->content));
  if (path == "/healthz") return make_response(200, "text/plain; charset=utf-8", "ok\n");
  if (path == "/metrics") return make_response(200, kMetricsContentType, callbacks_.metrics());
  if (path == "/api/status") return make_response(200, "application/json", to_json(callbacks_.status()) + "\n");
  if (const auto why = callbacks_.why_not_ready()) return make_error(503, *why);
  return make_response(200, "text/plain; charset=utf-8", "ready\n");
}

Result<std::unique_ptr<Server>> Server::start(const Options& options, Callbacks callbacks) {
  std::unique_ptr<Server> server(new Server(std::make_unique<Api>(options, std::move(callbacks))));
  PENSTOCK_TRY_ASSIGN(server->http_, io::HttpServer::start(options.http, [api = server->api_.get()](const auto& request,
                                                                                                    auto& responder) {
                        api->answer(request, responder);
                      }));
  return server;
}

}  // namespace penstock::serve

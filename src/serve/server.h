// The pipeline's own HTTP server: health, metrics, queries, status and the status page. It knows a pipeline only
// through callbacks, which are called by several threads at once and must stay valid until it is destroyed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "io/http_server.h"
#include "serve/pipeline_status.h"
#include "serve/query_api.h"

namespace penstock::serve {

struct Options {
  io::ServerOptions http;
  store::QueryLimits limits;
  size_t queries_max = 2;  // at a time; keep it below http.threads, so that health is answered beside them
};

struct Callbacks {
  std::function<std::optional<std::string>()> why_not_ready;  // nothing when the pipeline is ready
  std::function<std::string()> metrics;                       // Prometheus' text: Metrics::text()
  std::function<PipelineStatus()> status;
  QueryFunction query;
};

// What the paths mean, without the network. Thread-safe.
class Api {
 public:
  Api(const Options& options, Callbacks callbacks);
  void answer(const io::HttpRequest& request, io::HttpResponder& responder);

 private:
  [[nodiscard]] io::HttpResponse respond(const io::HttpRequest& request);

  const Callbacks callbacks_;
  QueryApi query_;
};

class Server {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(const Options& options, Callbacks callbacks);
  // `host:port` as bound.
  [[nodiscard]] const std::string& address() const { return http_->address(); }

 private:
  explicit Server(std::unique_ptr<Api> api) : api_(std::move(api)) {}
  std::unique_ptr<Api> api_;
  std::unique_ptr<io::HttpServer> http_;  // destroyed first: its threads use api_
};

}  // namespace penstock::serve

// `/api/query`: a user's SQL, its result streamed. See docs/formats/http-api.md.
#pragma once

#include <atomic>
#include <functional>
#include <string_view>

#include "io/http_server.h"
#include "store/store.h"

namespace penstock::serve {

// store::Store::query, as a rule.
using QueryFunction =
    std::function<Status(std::string_view sql, store::Format, const store::QueryLimits&, const store::ByteSink&)>;

// Thread-safe.
class QueryApi {
 public:
  // At most `concurrent_max` queries at a time: those beyond are answered 503, so that the server's threads never all
  // wait for the store.
  QueryApi(QueryFunction query, const store::QueryLimits& limits, size_t concurrent_max)
      : query_(std::move(query)), limits_(limits), concurrent_max_(concurrent_max) {}
  void answer(const io::HttpRequest& request, io::HttpResponder& responder);

 private:
  void run(std::string_view sql, std::string_view format, io::HttpResponder& responder);

  const QueryFunction query_;
  const store::QueryLimits limits_;
  const size_t concurrent_max_;
  std::atomic<size_t> running_{0};
};

}  // namespace penstock::serve

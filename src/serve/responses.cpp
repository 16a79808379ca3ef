#include "serve/responses.h"

#include "serve/pipeline_status.h"

namespace penstock::serve {

io::HttpResponse make_response(int status, std::string_view content_type, std::string body) {
  return {status,
          {{"Content-Type", std::string(content_type)},
           {"Cache-Control", "no-store"},
           {"Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
           {"Cross-Origin-Resource-Policy", "same-origin"},
           {"Referrer-Policy", "no-referrer"},
           {"X-Content-Type-Options", "nosniff"},
           {"X-Frame-Options", "DENY"}},
          std::move(body)};
}

io::HttpResponse make_error(int status, std::string_view message) {
  return make_response(status, "application/json", error_json(message) + "\n");
}

}  // namespace penstock::serve

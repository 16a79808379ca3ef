// How every answer of this server looks: JSON errors and the headers that browsers need.
#pragma once

#include <string_view>

#include "io/http_server.h"

namespace penstock::serve {

// With the security headers. Never cached: it shows a running pipeline.
[[nodiscard]] io::HttpResponse make_response(int status, std::string_view content_type, std::string body);
[[nodiscard]] io::HttpResponse make_error(int status, std::string_view message);

}  // namespace penstock::serve

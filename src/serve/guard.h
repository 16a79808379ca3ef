// Keeps other web sites from reaching the pipeline through the user's own browser.
#pragma once

#include <optional>
#include <string>

#include "io/http_message.h"

namespace penstock::serve {

// Why a request must not be answered, or nothing. Two doors are shut: a site whose name is made to point at this
// machine (DNS rebinding) is told by its Host, which must name this machine itself; a site that makes the browser send
// a request here is told by Origin and Sec-Fetch-Site, which the browser writes and a page cannot change.
// `navigation`: the request may come from a link on another site (the page itself; nothing that does or tells more).
[[nodiscard]] std::optional<std::string> why_refused(const io::HttpRequest& request, bool navigation);

}  // namespace penstock::serve

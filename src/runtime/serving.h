// What a running pipeline shows over HTTP: health, metrics, status and queries.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "runtime/pipeline.h"

namespace penstock::serve {
class Server;
}

namespace penstock::runtime {

// Serves `pipeline` on `listen` until the server is destroyed, which must be before the pipeline and the store are.
[[nodiscard]] Result<std::unique_ptr<serve::Server>> serve_pipeline(const Pipeline& pipeline, const plan::Plan& plan,
                                                                    store::Store& store, const std::string& listen);

}  // namespace penstock::runtime

// Keeps what a handler answers, for tests.
#pragma once

#include <string>

#include "io/http_server.h"

namespace penstock::serve {

class RecordingResponder : public io::HttpResponder {
 public:
  Status send(io::HttpResponse response) override {
    whole = true;
    finished = true;
    return keep(std::move(response));
  }
  Status begin(io::HttpResponse head) override { return keep(std::move(head)); }
  Status write(std::string_view piece) override {
    if (++writes > writes_taken_max) return fail(ErrorKind::closed, "the peer is gone");
    body += piece;
    return {};
  }
  Status finish() override {
    finished = true;
    return {};
  }

  int status = 0;
  io::HttpHeaders headers;
  std::string body;
  bool whole = false;     // by send()
  bool finished = false;  // by send() or finish()
  int writes = 0;
  int writes_taken_max = 1 << 30;  // then the peer is gone

 private:
  Status keep(io::HttpResponse response) {
    status = response.status;
    headers = std::move(response.headers);
    body = std::move(response.body);
    return {};
  }
};

}  // namespace penstock::serve

// A peer for tests that says exactly the bytes it is told, right or wrong. Blocking; POSIX sockets.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace penstock::io {

class RawPeer {
 public:
  // `127.0.0.1:port`.
  explicit RawPeer(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;
  ~RawPeer() { ::close(fd_); }

  [[nodiscard]] bool connected() const { return connected_; }
  // False when the other side no longer takes anything.
  bool say(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // Everything up to the end of the connection, or up to where `until` is seen.
  std::string hear(std::string_view until = {}) {
    std::string heard;
    char piece[4096];
    while (until.empty() || heard.find(until) == std::string::npos) {
      const ssize_t count = ::recv(fd_, piece, sizeof piece, 0);
      if (count <= 0) break;
      heard.append(piece, static_cast<size_t>(count));
    }
    return heard;
  }
  void hang_up() { ::shutdown(fd_, SHUT_RDWR); }

 private:
  int fd_;
  bool connected_ = false;
};

}  // namespace penstock::io

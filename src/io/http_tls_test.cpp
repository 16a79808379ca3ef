// The client against a TLS server of OpenSSL's own, with certificates made on the spot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <fstream>

#include "io/http_client.h"
#include "io/http_raw_peer.h"

namespace penstock::io {
namespace {

using testing::HasSubstr;

template <typename T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, decltype([](T* p) { Free(p); })>;

// A self-signed certificate for `san` (`IP:127.0.0.1`, `DNS:example.com`), and its key.
struct Certificate {
  Owned<EVP_PKEY, EVP_PKEY_free> key{EVP_EC_gen("P-256")};
  Owned<X509, X509_free> certificate{X509_new()};

  explicit Certificate(const std::string& san, long valid_seconds = 3600) {
    X509* x = certificate.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), valid_seconds);
    X509_set_pubkey(x, key.get());
    X509_NAME* name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("penstock test"), -1,
                               -1, 0);
    X509_set_issuer_name(x, name);
    const Owned<X509_EXTENSION, X509_EXTENSION_free> names(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, san.c_str()));
    X509_add_ext(x, names.get(), -1);
    EXPECT_NE(X509_sign(x, key.get(), EVP_sha256()), 0);
  }

  [[nodiscard]] std::string write_pem(const std::string& file_name) const {
    const Owned<BIO, BIO_free_all> memory(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(memory.get(), certificate.get());
    char* text = nullptr;
    const long size = BIO_ctrl(memory.get(), BIO_CTRL_INFO, 0, &text);
    const std::string path = testing::TempDir() + file_name;
    std::ofstream(path, std::ios::binary) << std::string_view(text, static_cast<size_t>(size));
    return path;
  }
};

// Answers one connection with `ok`, if the client goes through with the handshake.
class TlsServer {
 public:
  TlsServer(const Certificate& certificate, int newest_version = 0)
      : context_(SSL_CTX_new(TLS_server_method())), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    SSL_CTX_use_certificate(context_.get(), certificate.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), certificate.key.get());
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), newest_version);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(fd_, 1), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    url = "https://127.0.0.1:" + std::to_string(ntohs(at.sin_port)) + "/";
    thread_ = std::jthread([this] { answer(); });
  }
  ~TlsServer() {
    thread_.join();
    ::close(fd_);
  }
  std::string url;

 private:
  void answer() {
    const int peer = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    const Owned<SSL, SSL_free> ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), peer);
    if (SSL_accept(ssl.get()) == 1) {
      std::string heard;
      char piece[4096];
      while (heard.find("\r\n\r\n") == std::string::npos) {
        const int count = SSL_read(ssl.get(), piece, sizeof piece);
        if (count <= 0) break;
        heard.append(piece, static_cast<size_t>(count));
      }
      const std::string_view text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      SSL_write(ssl.get(), text.data(), static_cast<int>(text.size()));
      SSL_shutdown(ssl.get());
    }
    ::close(peer);
  }

  Owned<SSL_CTX, SSL_CTX_free> context_;
  int fd_;
  std::jthread thread_;
};

Result<HttpResponse> ask(const TlsServer& server, const std::string& ca_file) {
  HttpCall call;
  call.url = server.url;
  return make_http_client({.ca_file = ca_file})->fetch(call);
}

TEST(HttpTls, ATrustedServerOfTheRightNameIsAsked) {
  const Certificate certificate("IP:127.0.0.1");
  const TlsServer server(certificate);
  const auto answer = ask(server, certificate.write_pem("right_name.pem"));
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->body, "ok");
}

TEST(HttpTls, AServerThatNobodyVouchesForIsRefused) {
  const Certificate certificate("IP:127.0.0.1");
  const TlsServer server(certificate);
  const auto answer = ask(server, "");
  ASSERT_FALSE(answer.has_value());
  EXPECT_THAT(answer.error().message, HasSubstr("is not trusted: self-signed certificate"));
}

TEST(HttpTls, ACertificateForAnotherNameIsRefused) {
  const Certificate certificate("DNS:example.com");
  const TlsServer server(certificate);
  const auto answer = ask(server, certificate.write_pem("other_name.pem"));
  ASSERT_FALSE(answer.has_value());
  EXPECT_THAT(answer.error().message, HasSubstr("is not trusted"));
}

TEST(HttpTls, AnExpiredCertificateIsRefused) {
  const Certificate certificate("IP:127.0.0.1", -3600);
  const TlsServer server(certificate);
  const auto answer = ask(server, certificate.write_pem("expired.pem"));
  ASSERT_FALSE(answer.has_value());
  EXPECT_THAT(answer.error().message, HasSubstr("expired"));
}

TEST(HttpTls, VersionsBefore12AreRefused) {
  const Certificate certificate("IP:127.0.0.1");
  const TlsServer server(certificate, TLS1_1_VERSION);
  const auto answer = ask(server, certificate.write_pem("old_version.pem"));
  ASSERT_FALSE(answer.has_value());
  EXPECT_THAT(answer.error().message, HasSubstr("cannot agree on TLS"));
}

}  // namespace
}  // namespace penstock::io
